//! The operator's rights are those that its code uses, each with its reason: one more fails here, one less in the
//! scenarios.

use std::collections::BTreeSet;

use opex_operator::engine::observed::Source;
use opex_operator::observe::resource::Resource;
use serde_json::Value;

use crate::render::{render, renders_nothing, strings};

const OPERATOR: &str = "templates/rbac/operator.yaml";
const OWN: &str = "billing.opex.dev";

/// What it does beside watching: the verb, the API group, the resource (`=NAME` where it is this object alone), and why.
const DONE: &[(&str, &str, &str, &str)] = &[
    ("list", "metrics.k8s.io", "pods", "what Pods use cannot be watched: cluster/sample.rs"),
    ("get", "", "namespaces=kube-system", "its UID is the default of clusterName: cluster/connect.rs"),
    ("patch", "", "namespaces", "gates: cluster/write/gate.rs"),
    ("patch", OWN, "budgets/status", "server-side apply: cluster/write/status.rs"),
    ("patch", OWN, "clusterbudgets/status", "the same"),
    ("patch", OWN, "priceplans/status", "the same"),
    ("patch", OWN, "budgetoverrides/status", "the same"),
    ("create", OWN, "budgets", "a ClusterBudget's in each namespace: cluster/write/child.rs"),
    ("patch", OWN, "budgets", "one that was edited by hand: the same"),
    ("delete", OWN, "budgets", "its namespace is selected no more: the same"),
    ("create", OWN, "statements", "a period opens: cluster/write/statement.rs"),
    ("patch", OWN, "statements", "a commit, which compares and swaps: the same"),
    ("delete", OWN, "statements", "retention: the same"),
    ("create", "events.k8s.io", "events", "an edge is told: cluster/write/event.rs"),
];

/// What it creates where it is absent, and the value that asks for it: cluster/defaults.rs.
const DEFAULTS: &[(&str, &str)] = &[("defaultPricePlan", "priceplans"), ("showback", "clusterbudgets")];

/// What it does in its own namespace: cluster/lease.rs.
const LEASE: &[(&str, &str, &str, &str)] = &[
    ("create", "coordination.k8s.io", "leases", "the first replica of all"),
    ("get", "coordination.k8s.io", "leases=opex-operator", "who leads"),
    ("update", "coordination.k8s.io", "leases=opex-operator", "taken, renewed, given up"),
    ("patch", "coordination.k8s.io", "leases=opex-operator", "a standby asks for a checkpoint"),
];

#[test]
fn the_operator_may_do_what_it_does_and_no_more() {
    for off in [&[][..], &["defaultPricePlan"], &["showback"], &["defaultPricePlan", "showback"]] {
        let values: Vec<_> = off.iter().map(|value| format!("{value}.enabled=false")).collect();
        let values: Vec<_> = values.iter().map(String::as_str).collect();
        let objects = render(OPERATOR, &values);
        let mut expected = rows(DONE);
        for source in Source::ALL {
            let api_version = Resource::of(source).api_version;
            let group = api_version.split_once('/').map_or("", |(group, _)| group);
            expected.extend(["list", "watch"].map(|verb| row(verb, group, &source.to_string())));
        }
        let made = DEFAULTS.iter().filter(|(value, _)| !off.contains(value));
        expected.extend(made.map(|(_, resource)| row("create", OWN, resource)));
        assert_eq!(granted(&objects, "ClusterRole"), expected, "without {off:?}");
        assert_eq!(granted(&objects, "Role"), rows(LEASE));
    }
}

/// What plans name it may see where the values say so.
#[test]
fn the_operator_may_see_what_the_values_name() {
    let plain = granted(&render(OPERATOR, &[]), "ClusterRole");
    let values = [
        "rbac.objects[0].group=rds.aws.upbound.io",
        "rbac.objects[0].resources={instances,clusters}",
        "rbac.objects[1].resources={configmaps}",
    ];
    let more: Vec<_> = granted(&render(OPERATOR, &values), "ClusterRole").difference(&plain).cloned().collect();
    let mut expected = Vec::new();
    for verb in ["list", "watch"] {
        expected.push(row(verb, "rds.aws.upbound.io", "clusters"));
        expected.push(row(verb, "", "configmaps"));
        expected.push(row(verb, "rds.aws.upbound.io", "instances"));
    }
    expected.sort();
    assert_eq!(more, expected);
}

/// What it does where the value scaleDown.enabled lets it: cluster/write/scale.rs, and cluster/write/record.rs in its
/// own namespace.
const SCALE_DOWN: &[(&str, &str, &str, &str)] = &[
    ("patch", "", "replicationcontrollers/scale", "replicas, and nothing else of them"),
    ("patch", "apps", "deployments/scale", "the same"),
    ("patch", "apps", "replicasets/scale", "the same"),
    ("patch", "apps", "statefulsets/scale", "the same"),
    ("list", "batch", "cronjobs", "they are not watched"),
    ("patch", "batch", "cronjobs", "suspended, resumed: opex-scale-guard lets nothing else pass"),
    ("list", "keda.sh", "scaledobjects", "they are not watched"),
    ("patch", "keda.sh", "scaledobjects", "paused, resumed: the same"),
];
const RECORDS: &[(&str, &str, &str, &str)] = &[
    ("get", "", "configmaps", "what was recorded before goes on"),
    ("create", "", "configmaps", "a record"),
    ("update", "", "configmaps", "more workloads, or fewer, compared and swapped"),
    ("delete", "", "configmaps", "all is put back"),
];

/// Scaling down is asked for by a value of its own.
#[test]
fn the_operator_may_scale_where_the_value_says_so() {
    const TEMPLATE: &str = "templates/rbac/scale-down.yaml";
    let objects = render(TEMPLATE, &["scaleDown.enabled=true"]);
    assert_eq!(granted(&objects, "ClusterRole"), rows(SCALE_DOWN));
    assert_eq!(granted(&objects, "Role"), rows(RECORDS));
    bound_to_the_operator(&objects);
    let guard = render("templates/guards/scale-guard.yaml", &["scaleDown.enabled=true"]);
    assert_eq!(guard.len(), 2);
    for template in [TEMPLATE, "templates/guards/scale-guard.yaml"] {
        assert!(renders_nothing(template), "{template}");
    }
}

/// The account has these two roles, and they are bound to nobody else.
#[test]
fn the_operator_alone_has_its_rights() {
    bound_to_the_operator(&render(OPERATOR, &[]));
}

fn bound_to_the_operator(objects: &[Value]) {
    let bindings: Vec<_> = objects.iter().filter(|object| object["roleRef"].is_object()).collect();
    assert_eq!(bindings.len(), 2);
    for binding in bindings {
        let subjects = serde_json::json!([
            {"kind": "ServiceAccount", "name": "opex-operator", "namespace": "opex-system"},
        ]);
        assert_eq!(binding["subjects"], subjects);
        assert_eq!(binding["kind"], format!("{}Binding", binding["roleRef"]["kind"].as_str().unwrap()));
    }
}

fn row(verb: &str, group: &str, resource: &str) -> String {
    format!("{verb} {resource} of {group:?}")
}

fn rows(table: &[(&str, &str, &str, &str)]) -> BTreeSet<String> {
    table.iter().map(|(verb, group, resource, _)| row(verb, group, resource)).collect()
}

/// Every right of the role of this kind, one by one.
fn granted(objects: &[Value], kind: &str) -> BTreeSet<String> {
    let roles: Vec<_> = objects.iter().filter(|object| object["kind"] == kind).collect();
    assert_eq!(roles.len(), 1, "{kind}");
    let mut granted = BTreeSet::new();
    for rule in roles[0]["rules"].as_array().unwrap() {
        let names: Vec<_> = strings(&rule["resourceNames"]).map(|name| format!("={name}")).collect();
        let names = if names.is_empty() { vec![String::new()] } else { names };
        for group in strings(&rule["apiGroups"]) {
            for resource in strings(&rule["resources"]) {
                for verb in strings(&rule["verbs"]) {
                    granted.extend(names.iter().map(|name| row(verb, group, &format!("{resource}{name}"))));
                }
            }
        }
    }
    granted
}
