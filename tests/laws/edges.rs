//! A budget is crossed, closes the gate, and is raised; what befalls the replicas meanwhile is chosen.

use std::collections::BTreeMap;

use opex_operator::engine::observed::Source;
use serde_json::{Value, json};

use crate::leaving::{contents, lived};
use crate::reference::{Change, Event, Seconds};
use crate::simulation::{Fate, Simulation};
use crate::traces::{text, window};

const DAY: Seconds = 86_400;

/// When the limit is raised, after both thresholds were crossed, in seconds from the beginning.
const RAISED: Seconds = 1500;

/// What is told of a budget that is crossed at 720 s and 900 s, and whose forecast is above the limit at once.
pub fn told(fates: &[(Seconds, Fate)]) -> Vec<String> {
    let start = window().0 / DAY * DAY + 3600;
    let mut simulation = Simulation::new();
    let [namespace, _, _, plan, pod] = contents(start);
    for object in [namespace, plan, pod, budget("0.01")] {
        simulation.happen(&Event { at: start, change: Change::Added, last_seen: None, object });
    }
    simulation.join();
    simulation.join();
    let mut fates: Vec<_> = fates.iter().map(|(at, fate)| (start + at, *fate)).collect();
    fates.sort_by_key(|(at, _)| *at);
    let (mut raised, mut over) = (false, Seconds::MIN);
    let mut faults = Vec::new();
    for (at, fate) in fates.iter().copied().map(|(at, fate)| (at, Some(fate))).chain([(start + 2400, None)]) {
        if !raised && at >= start + RAISED {
            raised = true;
            simulation.pass_until(start + RAISED);
            let status = simulation.status(Source::Budgets, "a/team");
            if status["thresholds"].as_array().is_none_or(|all| all.iter().any(|one| one["notifiedAt"].is_null())) {
                faults.push(format!("not notified: {}", status["thresholds"]));
            }
            let object = budget("1000");
            simulation.happen(&Event { at: start + RAISED, change: Change::Modified, last_seen: None, object });
        }
        simulation.pass_until(at);
        // Whoever comes second to take over within a minute has not seen it all.
        let early = matches!(fate, Some(Fate::Failover)) && at < over + 60;
        if let Some(fate) = fate.filter(|_| !early) {
            over = if matches!(fate, Fate::Failover) { at } else { over };
            simulation.suffer(fate);
        }
    }
    let mut counts: BTreeMap<_, u32> = BTreeMap::new();
    for (reason, note) in simulation.events() {
        let about = if *reason == "ThresholdCrossed" { note.split(" %").next().unwrap_or_default() } else { "" };
        let forecast = if note.contains(": forecast") { " forecast" } else { "" };
        *counts.entry(format!("{reason} {about}{forecast}")).or_default() += 1;
    }
    let once = [
        "GateChanged ",
        "GateClosed ",
        "GateOpened ",
        "ThresholdCrossed 100",
        "ThresholdCrossed 100 forecast",
        "ThresholdCrossed 80",
    ];
    let expected = once.map(|event| (event.to_owned(), 1)).into();
    if counts != expected {
        faults.push(format!("{counts:?}"));
    }
    faults
}

fn budget(limit: &str) -> Value {
    let thresholds = json!([
        {"percent": 80, "of": "Actual", "action": "Warn"},
        {"percent": 100, "of": "Actual", "action": "BlockScaleUp"},
        {"percent": 100, "of": "Forecast", "action": "Notify"},
    ]);
    let spec =
        json!({"limit": {"amount": limit, "currency": "EUR"}, "period": {"every": "Day"}, "thresholds": thresholds});
    let generation = if limit == "0.01" { 1 } else { 2 };
    let created = text(window().0 / DAY * DAY + 3600);
    json!({"apiVersion": "billing.opex.dev/v1alpha1", "kind": "Budget", "spec": spec,
        "metadata": {"namespace": "a", "name": "team", "uid": "team", "generation": generation, "creationTimestamp": created}})
}

#[test]
fn what_a_status_shows_was_told_before() {
    let gone_before_the_retry = [(RAISED - 4, Fate::Lost), (RAISED + 18, Fate::Failover)];
    assert_eq!(told(&gone_before_the_retry), Vec::<String>::new());
}

#[test]
fn a_late_fact_that_no_statement_takes_is_told() {
    let start = window().0 / DAY * DAY + 3600;
    let mut simulation = lived(start, start + 1300, Vec::new());
    let [.., mut object] = contents(start);
    object["status"]["phase"] = json!("Succeeded");
    let ended = json!({"terminated": {"finishedAt": text(start + 300)}});
    object["status"]["containerStatuses"] = json!([{"name": "app", "state": ended}]);
    simulation.happen(&Event { at: start + 1300, change: Change::Modified, last_seen: None, object });
    simulation.pass_until(start + 1310);
    let late: Vec<_> = simulation.events().filter(|(reason, _)| *reason == "LateFact").collect();
    assert_eq!(late.len(), 1, "{late:?}");
    assert!(late[0].1.starts_with("Statement short-2025-03-29 is closed"), "{late:?}");
}
