//! What is known of the cluster after some events of a trace.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use jiff::Timestamp;
use serde_json::Value;

use super::recurring::Costs;
use super::samples::STANDS;
use super::{Change, Input, Seconds};

/// An event whose object is told apart from others.
#[derive(Clone, Debug)]
pub struct Known {
    pub at: Seconds,
    pub kind: String,
    pub id: String,
    pub object: Value,
    /// When the object was gone, if this event tells.
    pub gone: Option<Seconds>,
    pub given: bool,
}

/// An object with all its versions, each with the instant at which it was observed.
#[derive(Clone, Debug)]
pub struct Thing {
    pub versions: Vec<(Seconds, Value)>,
    pub gone: Option<Seconds>,
    pub given: bool,
}

/// Everything that is known.
#[derive(Clone, Debug, Default)]
pub struct World {
    pub things: BTreeMap<String, Vec<Thing>>,
    pub from: Seconds,
    pub to: Seconds,
    /// Every instant that anything names, and those at which a grace period or a sample ends.
    pub instants: BTreeSet<Seconds>,
    /// What was asked for already.
    pub costs: RefCell<HashMap<String, Costs>>,
}

/// The events that count, in order: those of manifests first.
pub fn events(input: &Input) -> Vec<Known> {
    let mut events = Vec::new();
    let mut given = HashMap::new();
    for object in &input.given {
        let Some(kind) = kind(object) else { continue };
        given.insert((kind.clone(), names(object)), id(&kind, object));
        let id = id(&kind, object);
        events.push(Known { at: input.from, kind, id, object: object.clone(), gone: None, given: true });
    }
    let mut replaced = HashSet::new();
    for event in input.trace.iter().filter(|event| event.at <= input.to) {
        let Some(kind) = kind(&event.object) else { continue };
        let mut id = id(&kind, &event.object);
        if let Some(instead) = given.get(&(kind.clone(), names(&event.object))) {
            if event.change == Change::Added {
                replaced.insert(id.clone());
            }
            if replaced.contains(&id) {
                continue;
            }
            id.clone_from(instead);
        }
        let gone = (event.change == Change::Deleted).then(|| event.last_seen.unwrap_or(event.at));
        events.push(Known { at: event.at, kind, id, object: event.object.clone(), gone, given: false });
    }
    events
}

// === impl World ===

impl World {
    pub fn of(events: &[Known], input: &Input) -> Self {
        let mut world = Self { from: input.from, to: input.to, ..Self::default() };
        let mut places: HashMap<(&str, &str), usize> = HashMap::new();
        for event in events {
            let things = world.things.entry(event.kind.clone()).or_default();
            let place = *places.entry((&event.kind, &event.id)).or_insert_with(|| {
                things.push(Thing { versions: Vec::new(), gone: None, given: event.given });
                things.len() - 1
            });
            let thing = &mut things[place];
            thing.versions.push((event.at, event.object.clone()));
            thing.gone = event.gone.or(thing.gone);
            world.instants.extend(event.gone);
            // An edit of a plan counts from ten seconds before it was seen at the earliest.
            world.instants.extend([event.at, event.at - 10]);
            named_instants(&event.object, &mut world.instants);
            world.instants.extend(deletion_limit(&event.object));
            world.instants.extend(time(&event.object["timestamp"]).map(|taken| taken + STANDS));
        }
        world
    }

    /// The parts of a time in which nothing changes.
    pub fn stretches(&self, from: Seconds, to: Seconds) -> Vec<(Seconds, Seconds)> {
        let inner = self.instants.range(from + 1..to.max(from + 1));
        let edges: Vec<_> = std::iter::once(&from).chain(inner).chain([&to]).copied().collect();
        edges.windows(2).map(|edge| (edge[0], edge[1])).collect()
    }

    pub fn all(&self, kind: &str) -> impl Iterator<Item = &Thing> {
        self.things.get(kind).into_iter().flatten()
    }

    pub fn named<'a>(&'a self, kind: &str, name: &str) -> impl Iterator<Item = &'a Thing> {
        self.all(kind).filter(move |thing| thing.name() == name)
    }

    /// The labels of a namespace that is there at an instant.
    pub fn namespace_labels(&self, name: &str, instant: Seconds) -> Option<&Value> {
        let namespace = self.all("Namespace").find(|one| one.name() == name && one.lives_at(instant))?;
        Some(&namespace.at(instant)["metadata"]["labels"])
    }
}

// === impl Thing ===

impl Thing {
    /// The version in force: the first one holds for the time before it was seen.
    pub fn at(&self, instant: Seconds) -> &Value {
        let seen = self.versions.iter().rev().find(|(at, _)| *at <= instant);
        &seen.unwrap_or(&self.versions[0]).1
    }

    pub fn newest(&self) -> &Value {
        &self.versions.last().expect("a version").1
    }

    pub fn name(&self) -> &str {
        self.newest()["metadata"]["name"].as_str().expect("a name")
    }

    pub fn namespace(&self) -> &str {
        self.newest()["metadata"]["namespace"].as_str().unwrap_or("")
    }

    pub fn lives_at(&self, instant: Seconds) -> bool {
        self.gone.is_none_or(|gone| instant < gone)
    }

    /// From when the first version holds, for kinds that hold from their creation.
    pub fn made(&self, from: Seconds) -> Seconds {
        let (at, first) = &self.versions[0];
        if self.given { from } else { time(&first["metadata"]["creationTimestamp"]).unwrap_or(*at) }
    }

    /// A claim that was lost has ended for good.
    pub fn lost_by(&self, instant: Seconds) -> bool {
        self.versions.iter().any(|(at, claim)| *at <= instant && claim["status"]["phase"] == "Lost")
    }

    /// For what is billed while a property holds: from creation if it was first seen so, else from when it was shown.
    pub fn holds_at(&self, instant: Seconds, property: impl Fn(&Value) -> bool) -> bool {
        let (first_seen, first) = &self.versions[0];
        let from = time(&first["metadata"]["creationTimestamp"]).unwrap_or(*first_seen);
        instant >= from && self.lives_at(instant) && property(self.at(instant))
    }
}

/// A time of Kubernetes, cut to the whole second.
pub fn time(value: &Value) -> Option<Seconds> {
    let time: Timestamp = value.as_str()?.parse().ok()?;
    Some(time.as_nanosecond().div_euclid(1_000_000_000).try_into().expect("a year of four digits"))
}

/// Until when an object that is being deleted counts at most.
pub fn deletion_limit(object: &Value) -> Option<Seconds> {
    let metadata = &object["metadata"];
    Some(time(&metadata["deletionTimestamp"])? + metadata["deletionGracePeriodSeconds"].as_i64()?)
}

fn named_instants(value: &Value, instants: &mut BTreeSet<Seconds>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| named_instants(item, instants)),
        Value::Object(fields) => fields.values().for_each(|field| named_instants(field, instants)),
        value => instants.extend(time(value)),
    }
}

/// Kinds are told apart by group as well; those of others are GROUP/KIND.
fn kind(object: &Value) -> Option<String> {
    let group = object["apiVersion"].as_str()?.split_once('/').map_or("", |(group, _)| group);
    let kind = object["kind"].as_str()?;
    let known = match group {
        "billing.opex.dev" => ["Budget", "ClusterBudget", "BudgetOverride", "PricePlan"].contains(&kind),
        "" => ["Pod", "Node", "Namespace", "PersistentVolumeClaim", "Service"].contains(&kind),
        "resource.k8s.io" => kind == "ResourceClaim",
        "metrics.k8s.io" => kind == "PodMetrics",
        _ => false,
    };
    Some(if known { kind.to_owned() } else { format!("{group}/{kind}") })
}

fn names(object: &Value) -> (String, String) {
    let of = |field: &str| object["metadata"][field].as_str().unwrap_or("").to_owned();
    (of("namespace"), of("name"))
}

fn id(kind: &str, object: &Value) -> String {
    let (namespace, name) = names(object);
    object["metadata"]["uid"].as_str().map_or_else(|| format!("{kind}/{namespace}/{name}"), ToOwned::to_owned)
}
