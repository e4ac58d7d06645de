//! A Namespace goes, with everything in it, one object after the other; what befalls the replicas meanwhile is chosen.

use std::collections::BTreeMap;

use jiff::Timestamp;
use opex_operator::engine::observed::Source;
use serde_json::{Value, json};

use crate::reference::{Change, Event, Seconds};
use crate::server::RETAINED;
use crate::simulation::{Fate, Simulation};
use crate::traces::{text, window};

const DAY: Seconds = 86_400;

/// A Statement is persisted every 5 minutes where nothing accrues, 10 s behind; a write that fails is tried again within
/// a minute.
const BEHIND: Seconds = 400;

/// What is removed next, after how many seconds, and what befalls whom before.
pub type Step = (u8, u16, Option<Fate>);

/// Statements by namespace and name.
pub type Statements = BTreeMap<(String, String), Value>;

/// How it went.
pub struct Left {
    /// When it began to go, and long after it was gone.
    pub before: Statements,
    pub after: Statements,
    /// For how many seconds the Pod is to be billed by the day.
    pub billed: Seconds,
    /// A replica that had seen it all ended, and what it had not persisted may be missing.
    pub forgetful: bool,
    /// A Statement was not kept up to date.
    pub behind: Option<String>,
}

/// A Namespace with a Pod, a Budget by the day and one for ten minutes lives until so many seconds after midnight, and
/// goes.
pub fn leave(after_midnight: Seconds, steps: &[Step]) -> Left {
    let start = window().0 / DAY * DAY + DAY - 1200;
    let mut at = start + 1200 + after_midnight;
    let mut simulation = lived(start, at, Vec::new());
    let before = statements(&simulation);

    let (mut forgetful, mut behind) = (false, None);
    let mut steps = steps.iter().cycle();
    let mut wait = |simulation: &mut Simulation| {
        let (which, wait, fate) = steps.next().expect("a cycle");
        at += Seconds::from(*wait);
        simulation.pass_until(at);
        behind = behind.take().or_else(|| stale(simulation, at));
        if Seconds::from(*wait) > BEHIND && !holds_all(simulation, &before) {
            behind = Some(format!("a Statement is nowhere at {}", text(at)));
        }
        let ends = matches!(fate, Some(Fate::Failover | Fate::ColdStart));
        // What nobody alive remembers and the API server does not hold is lost, and nobody could help it.
        if let Some(fate) = fate.filter(|_| !ends || holds_all(simulation, &before)) {
            forgetful |= ends;
            simulation.suffer(fate);
        }
        (usize::from(*which), at)
    };
    let (_, now) = wait(&mut simulation);
    begin(&mut simulation, now);
    let mut billed = Seconds::MAX;
    loop {
        let left = simulation.held("a/");
        if left.is_empty() {
            break;
        }
        let (which, now) = wait(&mut simulation);
        let (source, key) = &left[which % left.len()];
        simulation.remove(*source, key);
        if *source == Source::Pods || key == "a/day" {
            billed = billed.min(now - start);
        }
    }
    wait(&mut simulation);
    simulation.remove(Source::Namespaces, "/a");
    let (_, now) = wait(&mut simulation);
    simulation.pass_until(now + 900);
    let after = statements(&simulation);
    Left { before, after, billed, forgetful, behind }
}

/// Two replicas that have seen the Namespace live, and what else there was.
pub fn lived(start: Seconds, until: Seconds, more: Vec<Value>) -> Simulation {
    let mut simulation = Simulation::new();
    for object in contents(start).into_iter().chain(more) {
        simulation.happen(&Event { at: start, change: Change::Added, last_seen: None, object });
    }
    simulation.join();
    simulation.join();
    simulation.pass_until(until);
    simulation
}

fn begin(simulation: &mut Simulation, at: Seconds) {
    let mut going = namespace(at);
    going["metadata"]["deletionTimestamp"] = text(at);
    simulation.happen(&Event { at, change: Change::Modified, last_seen: None, object: going });
}

/// Where a Statement is kept that was once there.
fn kept(namespace: &str, name: &str) -> (String, String) {
    ("opex-system".to_owned(), format!("{namespace}.{name}"))
}

fn holds_all(simulation: &Simulation, before: &Statements) -> bool {
    let now = statements(simulation);
    before.keys().all(|name| now.contains_key(name) || now.contains_key(&kept(&name.0, &name.1)))
}

/// An open Statement whose watermark is far behind.
fn stale(simulation: &Simulation, now: Seconds) -> Option<String> {
    let mut open = statements(simulation).into_iter().filter(|(_, spec)| spec["phase"] == "Open");
    let stale = open.find(|(_, spec)| {
        let watermark = spec["watermark"].as_str().expect("a time").parse::<Timestamp>().expect("a time").as_second();
        let end = spec["period"]["end"].as_str().expect("a time").parse::<Timestamp>().expect("a time").as_second();
        watermark < end && watermark < now - BEHIND
    });
    stale
        .map(|((namespace, name), spec)| format!("{namespace}/{name} stands at {} at {}", spec["watermark"], text(now)))
}

pub fn contents(at: Seconds) -> [Value; 5] {
    let budget = |name: &str, period: Value| {
        json!({"metadata": {"namespace": "a", "name": name, "uid": name, "creationTimestamp": text(at)},
            "apiVersion": "billing.opex.dev/v1alpha1", "kind": "Budget", "spec": {"period": period}})
    };
    let (day, short) = (json!({"every": "Day"}), json!({"start": text(at), "end": text(at + 600)}));
    let plan = json!({"metadata": {"name": "default", "uid": "plan", "generation": 1, "creationTimestamp": text(at)},
        "apiVersion": "billing.opex.dev/v1alpha1", "kind": "PricePlan",
        "spec": {"currency": "EUR", "pricesPerHour": {"cpu": "0.04"}}});
    let scheduled = json!({"type": "PodScheduled", "status": "True", "lastTransitionTime": text(at)});
    let pod = json!({"metadata": {"namespace": "a", "name": "p", "uid": "pod", "creationTimestamp": text(at)},
        "apiVersion": "v1", "kind": "Pod",
        "spec": {"nodeName": "n", "containers": [{"name": "app", "resources": {"requests": {"cpu": "1"}}}]},
        "status": {"phase": "Running", "conditions": [scheduled]}});
    [namespace(at), budget("day", day), budget("short", short), plan, pod]
}

fn namespace(at: Seconds) -> Value {
    json!({"apiVersion": "v1", "kind": "Namespace",
        "metadata": {"name": "a", "uid": "namespace", "creationTimestamp": text(at)}})
}

pub fn statements(simulation: &Simulation) -> Statements {
    let all = simulation.statements();
    let named = all["statements"].as_array().expect("a list").iter().map(|statement| {
        let of = |field: &str| statement["metadata"][field].as_str().expect("a name").to_owned();
        ((of("namespace"), of("name")), statement["spec"].clone())
    });
    named.collect()
}

// === impl Left ===

impl Left {
    /// What is not as it should be.
    pub fn faults(&self) -> Vec<String> {
        let mut faults: Vec<String> = Vec::new();
        if self.after.len() != self.before.len() {
            faults.push(format!("{} Statements became {}", self.before.len(), self.after.len()));
        }
        for ((namespace, name), spec) in &self.before {
            match self.after.get(&kept(namespace, name)) {
                None => faults.push(format!("{name} was lost")),
                Some(kept) if spec["phase"] == "Closed" && kept != spec => faults.push(format!("{name} was changed")),
                Some(kept) if kept["phase"] != "Closed" => faults.push(format!("{name} was not closed")),
                Some(_) => {}
            }
        }
        let daily = self.after.values().filter(|spec| spec["budgetRef"]["name"] == "day");
        let lines = daily.flat_map(|spec| spec["lines"].as_array().into_iter().flatten());
        let quantities = lines.map(|line| line["quantity"].as_str().expect("a quantity").parse::<Seconds>());
        let billed: Seconds = quantities.map(|quantity| quantity.expect("a number")).sum();
        let least = if self.forgetful { self.billed - BEHIND } else { self.billed };
        if !(1000 * least..=1000 * self.billed).contains(&billed) {
            faults.push(format!("{billed} millicore-seconds, not {}", 1000 * self.billed));
        }
        faults.extend(self.behind.clone());
        faults
    }
}

#[test]
fn copies_are_made_while_it_can_still_be_read() {
    let start = window().0;
    let mut simulation = lived(start, start + 3600, Vec::new());
    begin(&mut simulation, start + 3600);
    simulation.pass_until(start + 3605);
    let there = statements(&simulation);
    let short =
        |namespace: &str| there.iter().find(|((of, _), spec)| of == namespace && spec["budgetRef"]["name"] == "short");
    assert_eq!(short("opex-system").expect("a copy").1, short("a").expect("the Statement").1);
}

#[test]
fn what_was_moved_is_closed_by_whoever_comes_when_the_namespace_is_gone() {
    let mut steps: Vec<Step> = vec![(0, 30, None); 9];
    steps[7].2 = Some(Fate::Lost);
    steps[8] = (0, 5, Some(Fate::ColdStart));
    let left = leave(1800, &steps);
    assert_eq!(left.faults(), Vec::<String>::new());
    assert!(left.forgetful);
}

/// A closed Statement of the day that began so long ago.
pub fn closed(namespace: &str, before: &str, begins: Seconds) -> Value {
    let label = text(begins).as_str().expect("a time")[..10].to_owned();
    json!({"apiVersion": "billing.opex.dev/v1alpha1", "kind": "Statement",
        "metadata": {"namespace": namespace, "name": format!("{before}day-{label}")},
        "spec": {"cluster": "laws", "budgetRef": {"kind": "Budget", "name": "day"}, "currency": "EUR",
            "period": {"label": label, "start": text(begins), "end": text(begins + DAY)}, "phase": "Closed",
            "closedAt": text(begins + DAY + 600), "watermark": text(begins + DAY), "observed": {},
            "total": "0.0000000000", "lines": []}})
}

#[test]
fn no_more_are_kept_than_of_any_budget() {
    let start = window().0 / DAY * DAY;
    let closed = |ago| closed("a", "", start - ago * DAY);
    let mut simulation = lived(start, start + 3600, (1..=14).map(closed).collect());
    let newest: Vec<_> = (1..=13).map(|ago| closed(ago)["spec"].clone()).collect();
    begin(&mut simulation, start + 3600);
    simulation.pass_until(start + 3700);
    for (source, key) in simulation.held("a/") {
        simulation.remove(source, &key);
    }
    simulation.remove(Source::Namespaces, "/a");
    simulation.pass_until(start + 3900);
    let kept: Vec<_> =
        statements(&simulation).into_values().filter(|spec| spec["budgetRef"]["name"] == "day").collect();
    assert_eq!(kept.len(), RETAINED);
    assert!(newest.iter().all(|spec| kept.contains(spec)), "{kept:#?}");
}

#[test]
fn of_a_namespace_long_gone_the_newest_are_kept() {
    let start = window().0 / DAY * DAY;
    let closed = |ago| closed("opex-system", "gone.", start - ago * DAY);
    let mut simulation = lived(start, start + 60, (2..=17).map(closed).collect());
    let kept = |simulation: &Simulation| {
        let names = statements(simulation).into_keys().map(|(_, name)| name);
        names.filter(|name| name.starts_with("gone.")).collect::<Vec<_>>()
    };
    let names = |oldest: Seconds| -> Vec<_> {
        let named = |ago| closed(ago)["metadata"]["name"].as_str().expect("a name").to_owned();
        (oldest - 13..=oldest).rev().map(named).collect()
    };
    assert_eq!(kept(&simulation), names(15));
    let object = closed(1);
    simulation.happen(&Event { at: start + 60, change: Change::Added, last_seen: None, object });
    simulation.pass_until(start + 120);
    assert_eq!(kept(&simulation), names(14));
}
