//! The cluster's showback adds up: what namespaces cost and what is idle is what the nodes cost, to the last digit.

use num_rational::BigRational;
use num_traits::Zero;
use serde_json::{Value, json};

use crate::reference::{Change, Event, Input, Seconds, compare};
use crate::traces::text;

/// When it starts, for how long it runs, what it asks for in millicores and MiB, and where it runs.
pub type Pod = (u16, u16, u16, u16, u8);

const NODES: [(&str, Seconds, Option<Seconds>); 2] = [("n1", 0, None), ("n2", 1000, Some(7000))];
const HOURS: Seconds = 3;

/// Pods that fit on two nodes, each with a price of its own; one of them comes and goes.
pub fn input(pods: &[Pod], by: &str) -> Input {
    let from = 1_740_787_200;
    let class = |name: &str, price: &str| json!({"name": name, "selector": {"matchLabels": {"type": name}}, "pricePerNodeHour": price});
    let plan = json!({
        "currency": "EUR", "pricesPerHour": {"cpu": "0.031611", "memory": "0.004237"},
        "nodeClasses": [class("n1", "0.192"), class("n2", "1.7")], "sharing": {"idle": {"by": by}},
    });
    let of = |kind: &str, metadata: Value, spec: Value| {
        let mut object =
            json!({"apiVersion": "billing.opex.dev/v1alpha1", "kind": kind, "metadata": metadata, "spec": spec});
        object["metadata"]["creationTimestamp"] = text(from);
        object
    };
    let mut trace = Vec::new();
    let mut put = |at: Seconds, change: Change, object: Value| {
        trace.push(Event { at: from + at, change, last_seen: None, object });
    };
    put(0, Change::Added, of("PricePlan", json!({"name": "default"}), plan));
    put(0, Change::Added, of("ClusterBudget", json!({"name": "all"}), json!({"includeIdle": true})));
    for name in ["a", "b"] {
        put(0, Change::Added, of("Budget", json!({"namespace": name, "name": name}), json!({})));
    }
    let object = |kind: &str, namespace: &str, name: &str, at: Seconds, rest: &Value| {
        let mut object = json!({"apiVersion": "v1", "kind": kind, "spec": rest["spec"], "status": rest["status"],
            "metadata": {"name": name, "uid": format!("{kind}-{name}"), "labels": {"type": name}, "creationTimestamp": text(from + at)}});
        if !namespace.is_empty() {
            object["metadata"]["namespace"] = json!(namespace);
        }
        object
    };
    for name in ["a", "b"] {
        put(0, Change::Added, object("Namespace", "", name, 0, &Value::Null));
    }
    for (name, begins, ends) in NODES {
        let node = object("Node", "", name, begins, &json!({"status": {"capacity": {"cpu": "5", "memory": "7Gi"}}}));
        put(begins, Change::Added, node.clone());
        if let Some(at) = ends {
            put(at, Change::Deleted, node.clone());
        }
    }
    for (i, (start, runs, cpu, memory, x)) in pods.iter().enumerate() {
        let (at, ends) = (Seconds::from(*start), Seconds::from(*start) + Seconds::from(*runs));
        let (node, namespace) = (NODES[usize::from(x % 2)].0, ["a", "b"][usize::from(x / 2 % 2)]);
        let requests = json!({"cpu": format!("{cpu}m"), "memory": format!("{memory}Mi")});
        let rest = json!({
            "spec": {"nodeName": node, "containers": [{"name": "app", "resources": {"requests": requests}}]},
            "status": {"phase": "Running", "conditions": [{"type": "PodScheduled", "status": "True", "lastTransitionTime": text(from + at)}]},
        });
        // On a node that is there.
        if node == "n1" || (1000..7000).contains(&at) {
            let pod = object("Pod", namespace, &format!("p{i}"), at, &rest);
            put(at, Change::Added, pod.clone());
            put(ends, Change::Deleted, pod);
        }
    }
    trace.sort_by_key(|event| event.at);
    Input { from, to: from + HOURS * 3600, given: Vec::new(), trace }
}

/// In what the printed Statements miss the nodes' price.
pub fn faults(report: &Value, by: &str) -> Vec<String> {
    let number = compare::number;
    let hours = |seconds: Seconds| BigRational::new(seconds.into(), 3600.into());
    let nodes = number("0.192") * hours(HOURS * 3600) + number("1.7") * hours(6000);
    let total = |kind: &str| {
        let statements = report["statements"].as_array().expect("a list").iter();
        let of_kind = statements.filter(|one| one["spec"]["budgetRef"]["kind"] == kind);
        of_kind.map(|one| compare::exact_total(&one["spec"])).fold(BigRational::zero(), |sum, one| sum + one)
    };
    let mut faults = Vec::new();
    let mut check = |what: &str, sum: BigRational| {
        if sum != nodes {
            faults.push(format!("{what} {sum}, the nodes {nodes}"));
        }
    };
    check("namespaces and idle:", total("ClusterBudget"));
    check("usage:", total("PricePlan"));
    if by != "Keep" {
        check("namespaces:", total("Budget"));
    }
    faults
}
