//! What Prometheus counts, over midnight: every window of it is on the Statements, at the price of its first instant,
//! whoever asked for it, and however long nobody was answered.

use std::collections::BTreeMap;

use num_bigint::BigInt;
use opex_operator::engine::counted::{Answer, Counted, Question, Subject};
use opex_operator::facts::count::Unknown;
use serde_json::{Value, json};

use crate::reference::{Change, Event, Seconds};
use crate::simulation::{Fate, Simulation};
use crate::traces::{text, window};

const DAY: Seconds = 86_400;
const WINDOW: Seconds = 60;

/// By namespace and name of the Budget, and unit price: billionths.
type Billed = BTreeMap<(String, String), BigInt>;

/// What a day's end, and what befalls the replicas meanwhile, leave on the Statements.
pub fn billed(fates: &[(Seconds, Fate)], edits: &[Seconds]) -> Vec<String> {
    // An hour before midnight, and some seconds into a window.
    let start = window().0 / DAY * DAY + 23 * 3600 + 13;
    let end = start + 3 * 3600;
    let mut edits: Vec<_> = edits.iter().map(|at| start + at).collect();
    edits.sort_unstable();
    edits.dedup();
    let mut simulation = Simulation::counting(answer);
    for object in objects(start) {
        simulation.happen(&Event { at: start, change: Change::Added, last_seen: None, object });
    }
    simulation.pass_until(start);
    simulation.join();
    simulation.join();
    let mut steps: Vec<_> = fates.iter().map(|(at, fate)| (start + at, Some(*fate))).collect();
    steps.extend(edits.iter().map(|at| (*at, None)));
    steps.sort_by_key(|(at, fate)| (*at, fate.is_some()));
    let mut over = Seconds::MIN;
    for (at, fate) in steps {
        simulation.pass_until(at);
        match fate {
            // Whoever comes second to take over within a minute has not seen it all.
            Some(Fate::Failover) if at < over + 60 => {}
            Some(fate) => {
                over = if matches!(fate, Fate::Failover) { at } else { over };
                simulation.suffer(fate);
            }
            None => {
                let edited = edits.partition_point(|edit| *edit <= at);
                let object = plan(start, edited);
                simulation.happen(&Event { at, change: Change::Modified, last_seen: None, object });
            }
        }
    }
    simulation.pass_until(end);
    let mut without = plan(start, edits.len() + 1);
    without["spec"]["meters"] = json!([]);
    simulation.happen(&Event { at: end, change: Change::Modified, last_seen: None, object: without });
    simulation.pass_until(end + 1800);
    let (found, expected) = (found(&simulation), expected(start, end, &edits));
    let mut faults: Vec<_> = found
        .iter()
        .filter(|(key, quantity)| expected.get(*key) != Some(quantity))
        .map(|(key, quantity)| format!("{key:?}: {quantity}, not {:?}", expected.get(key)))
        .collect();
    faults.extend(expected.keys().filter(|key| !found.contains_key(*key)).map(|key| format!("{key:?} is missing")));
    faults
}

/// Everything that is there from the beginning.
fn objects(start: Seconds) -> Vec<Value> {
    let namespace = |name: &str| {
        json!({"apiVersion": "v1", "kind": "Namespace",
            "metadata": {"name": name, "uid": name, "creationTimestamp": text(start)}})
    };
    let budget = |kind: &str, namespace: Value, every: &str| {
        json!({"apiVersion": "billing.opex.dev/v1alpha1", "kind": kind,
            "metadata": {"namespace": namespace, "name": every.to_lowercase(), "generation": 1,
                "uid": format!("{kind}-{namespace}-{every}"), "creationTimestamp": text(start)},
            "spec": {"period": {"every": every}}})
    };
    vec![
        namespace("a"),
        namespace("b"),
        namespace("opex-system"),
        plan(start, 0),
        budget("Budget", json!("a"), "Day"),
        budget("Budget", json!("b"), "Week"),
        budget("ClusterBudget", Value::Null, "Day"),
    ]
}

/// The plan after so many edits of its price.
fn plan(start: Seconds, edited: usize) -> Value {
    let meter = |name: &str, price: String| json!({"name": name, "unit": "GiB", "price": price, "query": format!("{name}[$window]")});
    let mut meters = vec![meter("egress", (edited + 1).to_string())];
    if edited % 2 == 1 {
        meters.push(meter("lookups", format!("{edited}00")));
    }
    json!({"apiVersion": "billing.opex.dev/v1alpha1", "kind": "PricePlan",
        "metadata": {"name": "default", "uid": "plan", "generation": edited + 1, "creationTimestamp": text(start)},
        "spec": {"currency": "EUR", "meters": meters}})
}

/// Prometheus: what is asked for was counted.
fn answer(question: &Question) -> Answer {
    assert_eq!((question.from % WINDOW, question.to - question.from), (0, WINDOW), "{question:?}");
    let counted = |subject: &Subject| {
        let Subject::Meter { meter, .. } = subject;
        if counted(meter, question.from, "a").is_none() {
            return Err(Unknown::NoSamples);
        }
        let count = |namespace: &str| Some((namespace.into(), Ok(counted(meter, question.from, namespace)?)));
        Ok(Counted::ByNamespace(["a", "b", "elsewhere"].into_iter().filter_map(count).collect()))
    };
    let counts = question.queries.iter().map(|(subject, _)| (subject.clone(), counted(subject))).collect();
    Answer { from: question.from, to: question.to, counts }
}

/// What a namespace used in a window; now and then that is not known.
fn counted(meter: &str, from: Seconds, namespace: &str) -> Option<i128> {
    let seed = i128::from(from / WINDOW) + if meter == "meter/egress" { 0 } else { 7 };
    let of = i128::try_from(namespace.len()).expect("short") + i128::from(namespace == "b");
    (seed % 29 != 0).then(|| seed * 7_919 % 100_003 * of)
}

fn expected(start: Seconds, end: Seconds, edits: &[Seconds]) -> Billed {
    let mut billed = Billed::new();
    let first = (start + WINDOW - 1) / WINDOW * WINDOW;
    for from in (first..end).step_by(60) {
        let edited = edits.partition_point(|edit| *edit <= from);
        let meters = [("meter/egress", (edited + 1).to_string()), ("meter/lookups", format!("{edited}00"))];
        for (meter, price) in &meters[..if edited % 2 == 1 { 2 } else { 1 }] {
            for (budget, namespaces) in [("a/day", &["a"][..]), ("b/week", &["b"]), ("/day", &["a", "b", "elsewhere"])]
            {
                for namespace in namespaces {
                    if let Some(count) = counted(meter, from, namespace) {
                        *billed.entry((budget.to_owned(), format!("{meter} {price}"))).or_default() += count;
                    }
                }
            }
        }
    }
    billed
}

/// What Statements bill.
fn found(simulation: &Simulation) -> Billed {
    let mut billed = Billed::new();
    for statement in simulation.statements()["statements"].as_array().expect("a list") {
        let spec = &statement["spec"];
        let of = &spec["budgetRef"];
        let own = if of["kind"] == "Budget" { statement["metadata"]["namespace"].as_str().expect("one") } else { "" };
        let budget = format!("{own}/{}", of["name"].as_str().expect("a name"));
        for line in spec["lines"].as_array().into_iter().flatten() {
            let text = |field: &str| line[field].as_str().unwrap_or_default();
            assert_eq!((text("unit"), text("factor")), ("nano-GiB", "1000000000"), "{line}");
            let quantity: BigInt = text("quantity").parse().expect("a number");
            *billed.entry((budget.clone(), format!("{} {}", text("rate"), text("unitPrice")))).or_default() += quantity;
        }
    }
    billed
}
