//! What a trace costs, worked out the slow way from the cost model alone, to hold the engine to.
//!
//! Nothing is kept up to date here: for every stretch of time in which nothing changes, every object is looked at
//! anew, as it is known by then, and what it holds is multiplied by the stretch's length. It shares no code with the
//! engine. Meters all that a plan can price but what Prometheus counts, edits of plans and budgets, and everything that
//! is found late, and says what is left of limits and when they were reached; it names no workloads.

mod amounts;
mod categories;
mod children;
pub mod compare;
mod devices;
mod held;
mod idle;
mod ledger;
mod limits;
mod objects;
mod periods;
mod plans;
mod pods;
mod prices;
mod recurring;
mod requests;
#[cfg(test)]
mod rules;
mod samples;
mod selector;
mod sharing;
mod spells;
mod status;
mod tally;
mod tiers;
mod usage;
#[cfg(test)]
mod vectors;
mod world;

use std::collections::{BTreeMap, BTreeSet};

use num_bigint::BigInt;
use num_rational::BigRational;
use serde_json::Value;

pub type Seconds = i64;

/// One event of a trace.
#[derive(Clone, Debug)]
pub struct Event {
    pub at: Seconds,
    pub change: Change,
    pub last_seen: Option<Seconds>,
    pub object: Value,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    Added,
    Modified,
    Deleted,
}

/// What to bill.
#[derive(Clone, Debug)]
pub struct Input {
    pub from: Seconds,
    pub to: Seconds,
    pub given: Vec<Value>,
    pub trace: Vec<Event>,
}

/// A Statement as it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bill {
    pub label: String,
    pub start: Seconds,
    pub end: Seconds,
    pub currency: String,
    pub closed_at: Option<Seconds>,
    pub lines: BTreeMap<Key, BigInt>,
    /// The rates whose tiers several lines share: which of them bears a rest is left to a workload's place.
    pub split: BTreeSet<String>,
    pub charges: BTreeMap<Charge, BigRational>,
}

/// What tells lines apart, workloads left aside.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key {
    pub namespace: String,
    pub plan: Option<String>,
    pub rate: String,
    pub category: String,
    pub unit_price: Option<BigRational>,
    pub unit: String,
    pub factor: BigInt,
    pub correction: bool,
}

/// What tells lines apart whose cost is exact, but need be no price times a quantity.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Charge {
    pub namespace: String,
    pub plan: Option<String>,
    pub rate: String,
    pub category: String,
    pub frequency: String,
    pub correction: bool,
}

/// All bills of a trace, by namespace and name.
pub fn bills(input: &Input) -> BTreeMap<(String, String), Bill> {
    ledger::bills(input)
}

/// What a budget's status should say, the figures as they are shown, in the currency of its limit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    pub label: String,
    pub limit: String,
    pub spent: String,
    pub remaining: String,
    pub used_percent: String,
    pub fixed: String,
    /// Of the actual spend: each percentage, and when it was reached.
    pub crossed: Vec<(String, Option<Seconds>)>,
}

/// The budgets with a limit that can be told, by kind, namespace and name.
pub fn statuses(input: &Input) -> BTreeMap<(String, String, String), Status> {
    status::statuses(input)
}

// === impl Bill ===

impl Bill {
    /// A Statement's name; those of plans are told apart by their time, whichever of two of one label came first.
    fn told_apart(&self, kind: &str, name: &str) -> String {
        let label = self.label.to_lowercase();
        let end = name.rfind(&label).map_or(name.len(), |at| at + label.len());
        if kind == "PricePlan" { format!("{} [{}, {})", &name[..end], self.start, self.end) } else { name.to_owned() }
    }
}
