//! Workloads are scaled down while a budget asks for it, and are what people last made of them when it does not: whatever
//! befalls the replicas in between, and however often it is asked.

use std::collections::{BTreeMap, BTreeSet};

use opex_operator::engine::observed::Source;
use opex_operator::engine::scale_down::{Kind, Plan, Record, Workload};
use opex_operator::engine::write::{Outcome, Scale, Scaled};
use serde_json::{Value, json};

use crate::features::Dice;
use crate::leaving::contents;
use crate::reference::{Change, Event, Seconds};
use crate::simulation::{Fate, Simulation};
use crate::traces::{text, window};

const DAY: Seconds = 86_400;

/// Long enough for every write to have been tried again.
const SETTLED: Seconds = 400;

/// Workloads of a namespace, as an API server holds them, and what is recorded of them.
#[derive(Default)]
pub struct Scales {
    pub found: Vec<Workload>,
    pub record: Record,
    /// How often it is done by half, and fails.
    torn: u64,
}

/// What there is to do to a budget, and to what it scales down.
struct Life {
    simulation: Simulation,
    dice: Dice,
    at: Seconds,
    /// What asks for it: a Budget, or a ClusterBudget in one of its modes.
    mode: Option<&'static str>,
    generation: i64,
    /// Whether the ClusterBudget selects the namespace.
    selected: bool,
    /// Its floor, while it scales down in earnest.
    floor: Option<i64>,
    /// What each workload was last made by people, and those that were changed since nothing was scaled down.
    made: BTreeMap<String, i64>,
    changed: BTreeSet<String>,
    serial: usize,
    /// What happened, and what was wrong.
    log: Vec<String>,
    faults: Vec<String>,
}

// === impl Scales ===

impl Scales {
    /// As the writer of the operator does it, or only the first half of it.
    pub fn carry_out(&mut self, scale: Scale, whole: bool) -> Outcome {
        let whole = whole && self.torn == 0;
        self.torn = self.torn.saturating_sub(1);
        let floor = match scale {
            Scale::Down { floor } => Some(floor),
            Scale::Back => None,
            Scale::DryRun { floor } => {
                let plan = Plan::of(&self.record, &self.found, Some(floor));
                let changed = plan.steps.iter().map(ToString::to_string).collect();
                return Outcome::Scaled(Scaled { changed, ..Scaled::default() });
            }
        };
        let plan = Plan::of(&self.record, &self.found, floor);
        if !plan.steps.is_empty() {
            self.record = plan.record.clone();
        }
        let (mut record, mut report) = (plan.record.clone(), Scaled::default());
        let taken = if whole { plan.steps.len() } else { plan.steps.len() / 2 };
        for step in &plan.steps[..taken] {
            let workload = self.found.iter_mut().find(|workload| workload.uid == step.uid).expect("found");
            workload.value = step.to;
            step.settle(&mut record, floor);
            report.changed.push(step.to_string());
        }
        if !whole {
            return Outcome::Failed;
        }
        self.record = record;
        Outcome::Scaled(report)
    }
}

// === impl Life ===

impl Life {
    fn new(seed: u64) -> Self {
        let at = window().0 / DAY * DAY + 3600;
        let mut simulation = Simulation::new();
        let values = [("web", 5), ("api", 3), ("idle", 1), ("off", 0)];
        let found = values.map(|(name, value)| workload(Kind::Deployments, name, value)).into_iter();
        let found = found.chain([workload(Kind::CronJobs, "nightly", 1)]).collect();
        simulation.scales = Some(Scales { found, ..Scales::default() });
        let [namespace, _, _, plan, pod] = contents(at);
        for object in [namespace, plan, pod] {
            simulation.happen(&Event { at, change: Change::Added, last_seen: None, object });
        }
        let mode = [None, Some("Shared"), Some("PerNamespace")][usize::try_from(seed % 3).expect("few")];
        let first = values.iter().map(|(name, value)| ((*name).to_owned(), *value));
        let mut life = Self {
            simulation,
            dice: Dice::new(&seed.to_le_bytes()),
            at,
            mode,
            generation: 0,
            selected: true,
            floor: None,
            made: first.chain([("nightly".to_owned(), 1)]).collect(),
            changed: BTreeSet::new(),
            serial: 0,
            log: Vec::new(),
            faults: Vec::new(),
        };
        life.select(true);
        life.set_budget("1000", None);
        life.simulation.join();
        life.simulation.join();
        // Until some of the smaller limit is spent.
        life.pass(600);
        life
    }

    fn pass(&mut self, seconds: Seconds) {
        self.at += seconds;
        self.simulation.pass_until(self.at);
    }

    fn set_budget(&mut self, limit: &str, scale_down: Option<(i64, bool)>) {
        self.generation += 1;
        let scale_down = scale_down.map(|(floor, dry_run)| json!({"floor": floor, "dryRun": dry_run}));
        let kind = if self.mode.is_some() { "ClusterBudget" } else { "Budget" };
        let mut object = json!({"apiVersion": "billing.opex.dev/v1alpha1", "kind": kind,
            "metadata": {"name": "team", "uid": "team", "generation": self.generation,
                "creationTimestamp": text(window().0 / DAY * DAY + 3600)},
            "spec": {"limit": {"amount": limit, "currency": "EUR"}, "period": {"every": "Day"}, "scaleDown": scale_down,
                "thresholds": [{"percent": 50, "action": "BlockScaleUp"}, {"percent": 100, "action": "ScaleDown"}]}});
        match self.mode {
            None => object["metadata"]["namespace"] = json!("a"),
            Some(mode) => {
                object["spec"]["mode"] = json!(mode);
                object["spec"]["namespaceSelector"] = json!({"matchLabels": {"team": "x"}});
            }
        }
        self.simulation.happen(&Event { at: self.at, change: Change::Modified, last_seen: None, object });
    }

    fn select(&mut self, selected: bool) {
        let mut object = self.simulation.server.objects[&(Source::Namespaces, "/a".to_owned())].clone();
        object["metadata"]["labels"]["team"] = json!(if selected { "x" } else { "y" });
        self.simulation.happen(&Event { at: self.at, change: Change::Modified, last_seen: None, object });
        self.selected = selected || self.mode.is_none();
    }

    /// To what floor the namespace is to be scaled down.
    fn asked(&self) -> Option<i64> {
        self.floor.filter(|_| self.selected)
    }

    /// Something happens.
    fn happen(&mut self) {
        let what = self.dice.roll(15);
        self.log.push(format!("{} {what}, floor {:?}, {}", self.at, self.floor, self.selected));
        match what {
            0 | 1 => {
                self.set_budget("1000", None);
                self.floor = None;
            }
            2..5 => {
                let floor = i64::try_from(self.dice.roll(4)).expect("few");
                self.set_budget("0.001", Some((floor, false)));
                self.floor = Some(floor);
            }
            5 => {
                self.set_budget("0.001", Some((0, true)));
                self.floor = None;
            }
            6 => self.somebody_changes(),
            7 => self.somebody_makes_anew(),
            8 => self.simulation.suffer(Fate::Failover),
            9 => self.simulation.suffer(Fate::ColdStart),
            10 | 11 => self.simulation.scales.as_mut().expect("there").torn = 1 + self.dice.roll(3),
            12 => self.select(!self.selected || self.mode.is_none()),
            13 => self.simulation.suffer(Fate::Lost),
            _ => self.simulation.suffer(Fate::Unanswered),
        }
    }

    /// To something that nobody else had in mind.
    fn somebody_changes(&mut self) {
        let Scales { found, record, .. } = self.simulation.scales.as_mut().expect("there");
        let i = usize::try_from(self.dice.roll(4)).expect("few");
        let workload = &mut found[i];
        let known = record.entries.get(&workload.uid).map(|entry| [entry.set, entry.from]);
        let value = i64::try_from(self.dice.roll(8)).expect("few");
        if workload.value != value && known.is_none_or(|known| !known.contains(&value)) {
            workload.value = value;
            self.made.insert(workload.name.clone(), value);
            self.changed.insert(workload.name.clone());
        }
    }

    fn somebody_makes_anew(&mut self) {
        let found = &mut self.simulation.scales.as_mut().expect("there").found;
        let i = usize::try_from(self.dice.roll(4)).expect("few");
        self.serial += 1;
        let value = i64::try_from(self.dice.roll(8)).expect("few");
        found[i].value = value;
        found[i].uid = format!("{}-{}", found[i].name, self.serial);
        self.made.insert(found[i].name.clone(), value);
        self.changed.insert(found[i].name.clone());
    }

    /// Nothing happens for a while, and all must be as it is asked for.
    fn settle(&mut self) {
        self.pass(SETTLED);
        let asked = self.asked();
        let Scales { found, record, .. } = self.simulation.scales.as_ref().expect("there");
        let namespace = &self.simulation.server.objects[&(Source::Namespaces, "/a".to_owned())];
        let annotation = namespace["metadata"]["annotations"]["opex.dev/scaled-down"].clone();
        let mut faults = Vec::new();
        if annotation != asked.map_or(Value::Null, |floor| json!(floor.to_string())) {
            faults.push(format!("annotation {annotation}"));
        }
        if asked.is_none() && !record.is_empty() {
            faults.push(format!("{record:?} is left"));
        }
        for workload in found {
            let made = self.made[&workload.name];
            let lowest = asked.map_or(i64::MAX, |floor| if workload.kind == Kind::CronJobs { 0 } else { floor });
            let down = made.min(lowest);
            let stays = self.changed.contains(&workload.name) && workload.value == made;
            if workload.value != down && !stays {
                faults.push(format!("{workload} is {} and was made {made}", workload.value));
            }
        }
        if asked.is_none() {
            self.changed.clear();
        }
        let about = format!("{:?}, floor {asked:?} at {}", self.mode, text(self.at));
        self.faults.extend(faults.into_iter().map(|fault| format!("{about}: {fault}")));
    }
}

fn workload(kind: Kind, name: &str, value: i64) -> Workload {
    let (name, uid, version) = (name.to_owned(), format!("{name}-0"), String::new());
    Workload { kind, name, uid, version, value, owner: None, floor: None, paused: None }
}

#[test]
fn what_is_scaled_down_comes_back_whatever_happens() {
    for seed in 0..60 {
        let mut life = Life::new(seed);
        for _ in 0..8 {
            for _ in 0..=life.dice.roll(4) {
                life.happen();
                let pause = i64::try_from(life.dice.roll(40)).expect("few");
                life.pass(pause);
            }
            life.settle();
        }
        assert!(life.faults.is_empty(), "seed {seed}:\n{}\n{}", life.log.join("\n"), life.faults.join("\n"));
    }
}

/// Each edge is told once, however often a write is tried again.
#[test]
fn each_time_is_told() {
    let mut life = Life::new(0);
    for (limit, scale_down, fate) in [
        ("0.001", Some((0, true)), Fate::Unanswered),
        ("0.001", Some((1, false)), Fate::Lost),
        ("0.001", Some((0, false)), Fate::Unanswered),
        ("1000", None, Fate::Lost),
    ] {
        life.simulation.suffer(fate);
        life.set_budget(limit, scale_down);
        life.pass(SETTLED);
    }
    let told = |reason: &str| {
        let notes = life.simulation.events().filter(|(of, _)| *of == reason).map(|(_, note)| note.clone());
        let mut notes: Vec<_> = notes.collect();
        notes.sort();
        notes.join("; ")
    };
    let down = "namespace a, would be scaled down: CronJob/nightly suspended, Deployment/api from 3 to 0, Deployment/idle from 1 to 0, Deployment/web from 5 to 0";
    assert_eq!(told("ScaleDownDryRun"), down);
    assert!(told("ScaledDown").contains("namespace a, scaled down: "), "{}", told("ScaledDown"));
    assert!(told("Restored").contains("namespace a, put back: "), "{}", told("Restored"));
    assert_eq!((told("LeftAlone"), told("ScaleFailed")), (String::new(), String::new()));
}
