//! The operator holds no right that it never uses: it does all that it does, and the API server's audit log tells which
//! rights of the chart's roles that took.

use std::collections::BTreeSet;
use std::fs;

use jiff::SignedDuration;
use opex_cluster::{Cluster, Options, needs_own_cluster, wait_for, wait_until};
use serde_json::{Value, json};

use crate::budgets::{BLOCK_SCALE_UP, PLAN, WARN, budget, budget_of};
use crate::case::Want::{Allowed, Denied};
use crate::case::{case, check};
use crate::ground::{Ground, PATIENCE};
use crate::installed::{DATABASES, OPERATOR, RELEASE_NAMESPACE, prepared_on};
use crate::manifests::{database, deployment};
use crate::replicas::{pair, start};

/// A verb on a resource: `patch namespaces`, `patch budgets/status.billing.opex.dev`.
type Rights = BTreeSet<String>;

#[test]
fn every_right_is_used() {
    if needs_own_cluster() {
        return;
    }
    let cluster = prepared_on(&Options::new("rights").nodes(1).audited(OPERATOR), &DATABASES);
    let objects =
        "pricesPerHour: {cpu: '360000'}, objects: [{name: db, group: example.com, kind: Database, pricePerHour: 1}]";
    cluster.apply(&PLAN.replace("pricesPerHour: {cpu: '360000'}", objects)).expect();
    let ground = Ground::on(&cluster, "opex-used", &[deployment("web", 1), database("db", 4)]);
    ground.runs("web", 1);
    for month in 1..=14 {
        ground.make(&closed_statement(month));
    }
    let [leader, standby] = pair(&cluster);
    let other = start(&cluster, "operator-c");
    leader.terminate().unwrap();

    ground.close(&budget("team", 1, BLOCK_SCALE_UP), "block-scale-up");
    // A custom resource has a ceiling too, where a plan names its kind.
    let ceilings = "databases.example.com/db=4 deployments.apps/web=1";
    wait_for("the ceilings", PATIENCE, || ground.annotation("ceilings") == ceilings).unwrap();
    ground.kubectl("scale database/db --replicas=2").expect();
    check(
        &ground,
        &[
            case("scale database/db --replicas=4", Allowed),
            case(
                r#"patch database db --type=merge -p {"spec":{"replicas":5}}"#,
                Denied("Up to 4 replicas are allowed."),
            ),
        ],
    );
    let until = ground.now() + SignedDuration::from_hours(1);
    ground.make(&format!(
        "{{apiVersion: billing.opex.dev/v1alpha1, kind: BudgetOverride, metadata: {{name: once}}, spec: {{budgetRef: {{kind: Budget, \
         name: team}}, until: '{until}', reason: test, grantedBy: {}}}}}",
        ground.user()
    ));
    ground.opened();
    ground.make(&budget("used", 1_000_000, &format!("basis: Usage, {WARN}")));
    has_a_budget_for_a_while(&ground);
    wait_for("the oldest Statement to go", PATIENCE * 4, || {
        ground.kubectl("get stmt old-2024-01 --ignore-not-found -oname").expect().is_empty()
    })
    .unwrap();

    assert!(are_used(&cluster, "opex-operator") > 30);
    drop((standby, other));
}

/// Waits until every right of the roles of this name was used, and says how many there are.
pub fn are_used(cluster: &Cluster, roles: &str) -> usize {
    let held = held(cluster, roles);
    wait_until("every right to be used", PATIENCE * 2, || {
        let used = used(cluster);
        let unused: Vec<_> = held.difference(&used).collect();
        anyhow::ensure!(unused.is_empty(), "never used: {unused:?}");
        Ok(())
    })
    .unwrap_or_else(|error| panic!("{error:#}"));
    held.len()
}

/// One of a ClusterBudget is made, edited by hand and put back, and goes.
fn has_a_budget_for_a_while(ground: &Ground<'_>) {
    let spec = "mode: PerNamespace, namespaceSelector: {matchLabels: {each: used}}, limit: {amount: 1000000, currency: EUR}, \
                period: {every: Year}";
    ground.cluster.apply(&budget_of("ClusterBudget", "each", spec)).expect();
    ground.kubectl("label namespace opex-used each=used").expect();
    let there = || ground.kubectl("get bgt each -ojsonpath={.spec.limit.amount}").stdout;
    wait_for("a Budget", PATIENCE, || there() == "1000000").unwrap();
    ground.patch("bgt/each", r#"{"spec":{"limit":{"amount":5}}}"#);
    wait_for("the Budget as it was", PATIENCE, || there() == "1000000").unwrap();
    ground.kubectl("label namespace opex-used each-").expect();
    wait_for("no Budget", PATIENCE, || there().is_empty()).unwrap();
}

fn closed_statement(month: i32) -> String {
    let (year, month) = (2024 + (month - 1) / 12, (month - 1) % 12 + 1);
    let (next_year, next) = if month == 12 { (year + 1, 1) } else { (year, month + 1) };
    let end = format!("{next_year}-{next:02}-01T00:00:00Z");
    json!({
        "apiVersion": "billing.opex.dev/v1alpha1", "kind": "Statement",
        "metadata": {
            "name": format!("old-{year}-{month:02}"),
            "labels": {"opex.dev/budget": "old", "opex.dev/budget-kind": "Budget"},
        },
        "spec": {
            "cluster": "test", "budgetRef": {"kind": "Budget", "name": "old"}, "currency": "EUR", "phase": "Closed",
            "closedAt": end, "watermark": end, "total": "1.0000000000",
            "period": {"label": format!("{year}-{month:02}"), "start": format!("{year}-{month:02}-01T00:00:00Z"), "end": end},
        },
    })
    .to_string()
}

/// Everything that the roles of this name allow. What is watched is listed where the API server streams no lists.
fn held(cluster: &Cluster, name: &str) -> Rights {
    let found =
        [cluster.get(["clusterrole", name]).unwrap(), cluster.get(["-n", RELEASE_NAMESPACE, "role", name]).unwrap()];
    let rules = found.iter().flat_map(|role| role["rules"].as_array().unwrap());
    let mut held = Rights::new();
    for rule in rules {
        let texts = |field: &str| rule[field].as_array().unwrap().iter().map(|text| text.as_str().unwrap().to_owned());
        let verbs: Vec<_> = texts("verbs").collect();
        for group in texts("apiGroups") {
            for resource in texts("resources") {
                let needed = verbs.iter().filter(|verb| *verb != "list" || !verbs.contains(&"watch".to_owned()));
                held.extend(needed.map(|verb| right(verb, &resource, &group)));
            }
        }
    }
    held
}

/// Everything that its account asked for and got, or that there was none of.
fn used(cluster: &Cluster) -> Rights {
    let log = fs::read_to_string(cluster.audit_log()).unwrap();
    let asked = log
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .filter(|event| event["responseStatus"]["code"].as_u64().is_some_and(|code| code != 403));
    asked
        .map(|event| {
            let text = |field: &str| event["objectRef"][field].as_str().unwrap_or_default();
            let resource = [text("resource"), text("subresource")].join("/");
            right(event["verb"].as_str().unwrap_or_default(), resource.trim_end_matches('/'), text("apiGroup"))
        })
        .collect()
}

fn right(verb: &str, resource: &str, group: &str) -> String {
    if group.is_empty() { format!("{verb} {resource}") } else { format!("{verb} {resource}.{group}") }
}
