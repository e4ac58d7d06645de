//! A limit that changes by itself: a season, what is left over, an override that is capped. What befalls the replicas
//! meanwhile is chosen.

use jiff::Timestamp;
use opex_operator::engine::observed::Source;
use serde_json::{Value, json};

use crate::leaving::contents;
use crate::reference::{self, Change, Event, Input, Seconds, compare};
use crate::simulation::{Fate, Simulation};
use crate::traces::{text, window};

const MINUTE: Seconds = 60;
const DAY: Seconds = 24 * 60 * MINUTE;

/// When anybody looks, from an hour before midnight on: after what was left over came in, under an override, when the
/// limit is reached, and when the override has ended and another is one too many.
pub const LOOKS: [Seconds; 4] = [80 * MINUTE, 150 * MINUTE, 200 * MINUTE, 220 * MINUTE];

/// What stands then, otherwise than the reference has it.
pub fn differ(look: Seconds, fates: &[(Seconds, Fate)]) -> Vec<String> {
    let start = beginning();
    let trace = trace(start);
    let mut simulation = Simulation::new();
    let (first, later) = trace.split_at(4);
    for event in first {
        simulation.happen(event);
    }
    simulation.join();
    simulation.join();
    let mut fates: Vec<_> = fates.iter().map(|(at, fate)| (start + at, *fate)).collect();
    fates.sort_by_key(|(at, _)| *at);
    let mut fates = fates.into_iter().peekable();
    let to = start + look;
    let mut later = later.iter().filter(|event| event.at < to).peekable();
    let mut over = Seconds::MIN;
    loop {
        let (event, fate) = (later.peek().map_or(to, |event| event.at), fates.peek().map_or(to, |(at, _)| *at));
        simulation.pass_until(event.min(fate).min(to));
        match (event < to && event <= fate, fate < to) {
            (true, _) => simulation.happen(later.next().expect("peeked")),
            (_, true) => {
                let (at, fate) = fates.next().expect("peeked");
                // Whoever comes second to take over within a minute has not seen it all.
                if !matches!(fate, Fate::Failover) || at >= over + 60 {
                    over = if matches!(fate, Fate::Failover) { at } else { over };
                    simulation.suffer(fate);
                }
            }
            _ => break,
        }
    }
    let status = simulation.status(Source::Budgets, "a/day").clone();
    let report = json!({"budgets": [{"metadata": {"namespace": "a", "name": "day"}, "status": status}]});
    let mut expected = reference::statuses(&Input { from: start, to, given: Vec::new(), trace });
    // Figures are shown now and then; the limit and its crossings at once.
    for (name, status) in &mut expected {
        let shown = compare::status(&report["budgets"][0]["status"]);
        assert_eq!(name.2, "day");
        (status.spent, status.remaining, status.used_percent) = (shown.spent, shown.remaining, shown.used_percent);
    }
    let mut faults = compare::differing_statuses(&report, &expected);
    let told = simulation.events().filter(|(reason, _)| reason.starts_with("Override")).count();
    let due = [0, 1, 1, 3][LOOKS.iter().position(|one| *one == look).expect("a look")];
    if told != due {
        faults.push(format!("{told} edges of overrides were told, not {due}"));
    }
    faults
}

fn beginning() -> Seconds {
    (window().0 / DAY + 1) * DAY - 60 * MINUTE
}

/// A core at 0.04 an hour: 0.04 of 0.10 on the first day, so that 0.03 are added to 0.05. All of that is spent after two
/// hours, and a tenth more after 2 h 12 min.
fn trace(start: Seconds) -> Vec<Event> {
    let [namespace, mut budget, _, plan, pod] = contents(start);
    budget["spec"] = json!({
        "limit": {"amount": "0.1", "currency": "EUR"}, "period": {"every": "Day"},
        "plannedLimits": [{"period": "2025-03-30", "amount": "0.05"}],
        "rollover": {"unspentPercent": 50}, "overrides": {"maxPercent": 10, "maxPerPeriod": 1},
        "thresholds": [
            {"percent": 50, "of": "Actual", "action": "Warn"}, {"percent": 100, "of": "Actual", "action": "BlockScaleUp"},
        ],
    });
    let added = |at, object| Event { at, change: Change::Added, last_seen: None, object };
    let first = [namespace, plan, budget, pod].into_iter().map(|object| added(start, object));
    let grants = [("most", 90, 210), ("surplus", 205, 400)].into_iter().map(|(name, from, until)| {
        added(start + from * MINUTE, grant(name, start + from * MINUTE, start + until * MINUTE))
    });
    first.chain(grants).collect()
}

fn grant(name: &str, at: Seconds, until: Seconds) -> Value {
    json!({"apiVersion": "billing.opex.dev/v1alpha1", "kind": "BudgetOverride",
        "metadata": {"namespace": "a", "name": name, "uid": name, "creationTimestamp": text(at)},
        "spec": {"budgetRef": {"kind": "Budget", "name": "day"}, "until": text(until), "extraAmount": "0.2",
            "reason": "CHG-4711", "grantedBy": "alice"}})
}

#[test]
fn an_override_says_what_became_of_it() {
    let start = beginning();
    let mut simulation = Simulation::new();
    for event in trace(start) {
        simulation.pass_until(event.at);
        simulation.happen(&event);
        if event.at == start && event.object["kind"] == "Pod" {
            simulation.join();
        }
    }
    let active = |simulation: &Simulation, name: &str| {
        let condition = simulation.status(Source::BudgetOverrides, &format!("a/{name}"))["conditions"][0].clone();
        (
            condition["status"] == "True",
            condition["reason"].clone(),
            condition["message"].as_str().expect("a text").to_owned(),
        )
    };
    simulation.pass_until(start + 206 * MINUTE);
    let (holds, reason, message) = active(&simulation, "most");
    assert_eq!((holds, reason), (true, json!("LimitRaisedInPart")));
    assert_eq!(
        message,
        "the limit is raised by 0.01 EUR of 0.20 EUR: the budget's overrides.maxPercent allows 10 % in all"
    );
    let (holds, reason, message) = active(&simulation, "surplus");
    assert_eq!((holds, reason), (false, json!("Capped")));
    assert!(
        message.starts_with("it has no effect: the budget's overrides.maxPerPeriod is 1, and earlier ones"),
        "{message}"
    );
    // What is gone counts no more.
    simulation.remove(Source::BudgetOverrides, "a/most");
    simulation.pass_until(start + 208 * MINUTE);
    let (holds, reason, _) = active(&simulation, "surplus");
    assert_eq!((holds, reason), (true, json!("LimitRaisedInPart")));
    simulation.pass_until(start + 401 * MINUTE);
    assert_eq!(active(&simulation, "surplus").1, json!("Expired"));
}

#[test]
fn what_is_stale_closes_no_gate() {
    let start = beginning();
    let mut simulation = Simulation::new();
    for event in &trace(start)[..4] {
        simulation.happen(event);
    }
    simulation.join();
    let gate = |simulation: &Simulation| simulation.status(Source::Budgets, "a/day")["gate"].clone();
    simulation.pass_until(start + 165 * MINUTE);
    assert_eq!(gate(&simulation), json!("Warn"));
    simulation.mute = Some(Source::Pods);
    simulation.pass_until(start + 190 * MINUTE);
    let status = simulation.status(Source::Budgets, "a/day");
    assert_eq!((&status["gate"], &status["thresholds"][1]["crossedAt"]), (&json!("Warn"), &Value::Null));
    assert!(status["conditions"].to_string().contains("not heard for more than 2 minutes: pods"), "{status:#}");
    simulation.mute = None;
    simulation.pass_until(start + 192 * MINUTE);
    let status = simulation.status(Source::Budgets, "a/day");
    let crossed: Timestamp = status["thresholds"][1]["crossedAt"].as_str().expect("crossed").parse().expect("a time");
    let meanwhile = start + 180 * MINUTE..=start + 190 * MINUTE;
    assert!(status["gate"] == "BlockScaleUp" && meanwhile.contains(&crossed.as_second()), "{status:#}");

    // What is closed stays so.
    simulation.mute = Some(Source::Pods);
    simulation.pass_until(start + 210 * MINUTE);
    assert_eq!(gate(&simulation), json!("BlockScaleUp"));
}
