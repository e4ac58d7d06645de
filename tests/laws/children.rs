//! What the API server makes of the writes to a ClusterBudget's Budgets.

use opex_operator::engine::budget::BudgetKey;
use opex_operator::engine::observed::Source;
use opex_operator::engine::write::{ChildWrite, Outcome};
use serde_json::{Value, json};

use crate::reference::{Change, Event, Seconds};
use crate::server::Server;
use crate::simulation::{Fate, Simulation};
use crate::traces::{text, window};

/// The Budget as it is after a write; none where it is removed.
pub fn written(server: &Server, key: &BudgetKey, write: &ChildWrite, now: Seconds) -> Result<Option<Value>, Outcome> {
    let namespace = key.namespace.as_deref().expect("a child's");
    let there = server.objects.get(&(Source::Budgets, format!("{namespace}/{}", key.name)));
    let (meta, spec) = match write {
        ChildWrite::Remove { uid } if there.is_some_and(|there| there["metadata"]["uid"] == json!(uid)) => {
            return Ok(None);
        }
        ChildWrite::Remove { .. } => return Err(Outcome::Conflict),
        ChildWrite::Create { meta, spec } | ChildWrite::Replace { meta, spec } => (meta, spec),
    };
    let mut budget = match (write, there) {
        (ChildWrite::Create { .. }, Some(_)) => return Err(Outcome::Conflict),
        (ChildWrite::Create { .. }, None) => json!({
            "apiVersion": "billing.opex.dev/v1alpha1",
            "kind": "Budget",
            "metadata": {
                "namespace": namespace,
                "name": &*key.name,
                "uid": format!("child-{}", server.version),
                "creationTimestamp": text(now),
            },
        }),
        (_, Some(there)) if there["metadata"]["resourceVersion"] == json!(meta.resource_version) => there.clone(),
        (_, Some(_)) => return Err(Outcome::Conflict),
        (_, None) => return Err(Outcome::Gone),
    };
    budget["metadata"]["labels"] = json!(meta.labels);
    budget["metadata"]["ownerReferences"] = json!(meta.owner_references);
    budget["spec"] = json!(&**spec);
    Ok(Some(budget))
}

/// What a hand does to a child is put back, and neither figures nor Statements know of it; what is someone else's stays.
#[test]
fn what_a_hand_does_to_a_child_changes_no_figure() {
    let start = window().0;
    let mut simulation = Simulation::new();
    let happen = |simulation: &mut Simulation, at: Seconds, change: Change, object: &Value| {
        simulation.pass_until(at);
        simulation.happen(&Event { at, change, last_seen: None, object: object.clone() });
    };
    for object in scene(start) {
        happen(&mut simulation, start, Change::Added, &object);
    }
    simulation.join();
    simulation.pass_until(start + 30);
    let child = |simulation: &Simulation, namespace: &str| {
        simulation.server.objects[&(Source::Budgets, format!("{namespace}/each"))].clone()
    };
    let made = child(&simulation, "a");
    assert_eq!(made["metadata"]["ownerReferences"][0]["uid"], "each");
    let mut edited = made.clone();
    edited["spec"] = json!({"period": {"every": "Day"}, "limit": {"amount": "0.000001", "currency": "EUR"}});
    edited["metadata"]["labels"] = json!({});
    happen(&mut simulation, start + 600, Change::Modified, &edited);
    simulation.pass_until(start + 620);
    assert_eq!(child(&simulation, "a")["spec"], made["spec"]);
    assert_eq!(child(&simulation, "a")["metadata"]["labels"], made["metadata"]["labels"]);
    let there = child(&simulation, "a");
    happen(&mut simulation, start + 1200, Change::Deleted, &there);
    simulation.pass_until(start + 1220);
    assert_eq!(child(&simulation, "a")["spec"], made["spec"]);
    assert_eq!(child(&simulation, "b")["spec"]["limit"]["amount"], "7", "someone else's");
    simulation.pass_until(start + 2400);
    simulation.suffer(Fate::ColdStart);
    simulation.pass_until(start + 3600);
    // One core at 0.04, metered up to ten seconds ago and written a minute ago at most.
    let statements = simulation.statements();
    let own: Vec<_> = statements["statements"].as_array().expect("a list").iter().collect();
    let of = |namespace: &str| own.iter().filter(|one| one["metadata"]["namespace"] == namespace).count();
    assert_eq!((of("a"), of("b")), (1, 1), "{own:#?}");
    let spec = &own[0]["spec"];
    let metered = |instant: &Value| instant.as_str().expect("a time").parse::<jiff::Timestamp>().expect("a time");
    let passed = metered(&spec["watermark"]).as_second() - start;
    assert!(passed > 3500 && spec["gaps"].is_null(), "{spec:#}");
    assert_eq!(spec["lines"][0]["quantity"], (passed * 1000).to_string());
}

fn scene(at: Seconds) -> Vec<Value> {
    let object = |kind: &str, namespace: Option<&str>, name: &str, spec: Value| {
        let version = if ["Pod", "Namespace"].contains(&kind) { "v1" } else { "billing.opex.dev/v1alpha1" };
        json!({"apiVersion": version, "kind": kind, "spec": spec, "metadata": {"name": name, "namespace": namespace,
            "uid": namespace.map_or(name.to_owned(), |of| format!("{of}-{name}")), "creationTimestamp": text(at)}})
    };
    let limit = |amount: &str| json!({"limit": {"amount": amount, "currency": "EUR"}});
    let mut each = limit("100");
    each["mode"] = json!("PerNamespace");
    let containers = json!([{"name": "app", "resources": {"requests": {"cpu": "1"}}}]);
    let mut pod = object("Pod", Some("a"), "web", json!({"nodeName": "n1", "containers": containers}));
    let scheduled = json!({"type": "PodScheduled", "status": "True", "lastTransitionTime": text(at)});
    pod["status"] = json!({"phase": "Running", "conditions": [scheduled]});
    vec![
        object("Namespace", None, "a", json!({})),
        object("Namespace", None, "b", json!({})),
        object("PricePlan", None, "default", json!({"currency": "EUR", "pricesPerHour": {"cpu": "0.04"}})),
        object("Budget", Some("b"), "each", limit("7")),
        object("ClusterBudget", None, "each", each),
        pod,
    ]
}
