//! What a change costs does not grow with how often the same thing changed before.

use opex_operator::engine::machine::Machine;
use serde_json::{Value, json};

use crate::reference::Seconds;
use crate::server::{applied, lonely, place};
use crate::traces::{text, window};

/// Something that flaps: what it is before and after, in turn.
struct Flapping {
    what: &'static str,
    versions: [Value; 2],
}

#[test]
fn a_change_costs_the_same_however_often_it_flapped() {
    for Flapping { what, versions } in flapping() {
        let (mut machine, mut at) = (started(), window().0);
        let mut flap = |times: usize| -> u64 {
            let mut last = 0;
            for object in versions.iter().cycle().take(times) {
                at += 1;
                let before = machine.metered();
                see(&mut machine, object, at);
                last = machine.metered() - before;
            }
            last
        };
        let few = flap(10);
        assert!(few > 0, "a change of {what} changes what is metered");
        assert_eq!(flap(2000), few, "{what}");
    }
}

#[test]
fn a_fact_found_late_costs_what_changed_since() {
    let (mut machine, start) = (started(), window().0);
    let [web, db] = pods();
    for (i, object) in [&db, &web].into_iter().cycle().take(1000).enumerate() {
        see(&mut machine, object, start + 1 + Seconds::try_from(i).expect("few"));
    }
    let mut ended = web.clone();
    ended["status"]["phase"] = json!("Succeeded");
    ended["status"]["containerStatuses"] =
        json!([{"name": "app", "state": {"terminated": {"finishedAt": text(start + 991)}}}]);
    let before = machine.metered();
    see(&mut machine, &ended, start + 1001);
    // Ten seconds, in two ledgers.
    assert_eq!(machine.metered() - before, 20);
}

fn flapping() -> [Flapping; 5] {
    let node = |spot: &str| object("v1", "Node", json!({"name": "n", "labels": {"spot": spot}}), &json!({}));
    let budget = |app: &str| budget(&json!({"matchLabels": {"app": app}}));
    [
        Flapping { what: "a Pod's labels", versions: pods() },
        Flapping { what: "a Node's labels", versions: [node("true"), node("false")] },
        Flapping { what: "a Namespace's labels", versions: [namespace("lab"), namespace("shop")] },
        Flapping { what: "a plan's prices", versions: [plan("0.05"), plan("0.04")] },
        Flapping { what: "a budget's selector", versions: [budget("db"), budget("web")] },
    ]
}

/// A machine that has metered a Pod for a second, for a Budget that counts some Pods, and one over some namespaces.
fn started() -> Machine {
    let start = window().0;
    let mut machine = lonely(start);
    let shop = json!({"namespaceSelector": {"matchLabels": {"team": "shop"}}, "period": {"every": "Week"}});
    let wide = object("billing.opex.dev/v1alpha1", "ClusterBudget", json!({"name": "shop"}), &shop);
    let [web, _] = pods();
    for object in [namespace("shop"), plan("0.04"), budget(&json!({"matchLabels": {"app": "web"}})), wide, web] {
        see(&mut machine, &object, start);
    }
    machine
}

fn see(machine: &mut Machine, object: &Value, at: Seconds) {
    let (source, _) = place(object).expect("a kind that is watched");
    for event in applied(source, object) {
        machine.ingest(event, at);
    }
}

fn object(version: &str, kind: &str, mut metadata: Value, spec: &Value) -> Value {
    metadata["uid"] = json!(kind);
    metadata["creationTimestamp"] = text(window().0);
    json!({"apiVersion": version, "kind": kind, "metadata": metadata, "spec": spec})
}

fn namespace(team: &str) -> Value {
    object("v1", "Namespace", json!({"name": "a", "labels": {"team": team}}), &json!({}))
}

fn plan(cpu: &str) -> Value {
    let classes =
        json!([{"name": "spot", "selector": {"matchLabels": {"spot": "true"}}, "pricesPerHour": {"cpu": "0.01"}}]);
    let spec = json!({"currency": "EUR", "pricesPerHour": {"cpu": cpu}, "nodeClasses": classes});
    object("billing.opex.dev/v1alpha1", "PricePlan", json!({"name": "default"}), &spec)
}

fn budget(pods: &Value) -> Value {
    let spec = json!({"podSelector": pods, "period": {"every": "Month"}});
    object("billing.opex.dev/v1alpha1", "Budget", json!({"namespace": "a", "name": "team"}), &spec)
}

/// One that the Budget counts, and the same with other labels.
fn pods() -> [Value; 2] {
    ["web", "db"].map(|app| {
        let scheduled = json!({"type": "PodScheduled", "status": "True", "lastTransitionTime": text(window().0)});
        let containers = json!([{"name": "app", "resources": {"requests": {"cpu": "1"}}}]);
        let metadata = json!({"namespace": "a", "name": "p", "labels": {"app": app}});
        let mut pod = object("v1", "Pod", metadata, &json!({"nodeName": "n", "containers": containers}));
        pod["status"] = json!({"phase": "Running", "conditions": [scheduled]});
        pod
    })
}
