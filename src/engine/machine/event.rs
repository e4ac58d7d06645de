//! What happens to the machine, and what it answers.

use std::collections::HashSet;

use super::optional::Unwatched;
use crate::api;
use crate::engine::counted::Answer;
use crate::engine::observed::{Source, Tag};
use crate::engine::write::{Outcome, Write, WriteKey};
use crate::facts::{
    ClaimFact, DeviceClaimFact, Name, NamespaceFact, NodeFact, ObjectFact, ObjectId, OwnerFact, PodFact, ScaleFact,
    Seconds, ServiceFact, UsageFact,
};

/// One object as observed.
#[derive(Clone, Debug)]
pub enum Fact {
    Pod(PodFact),
    Usage(UsageFact),
    Node(NodeFact),
    Namespace(NamespaceFact),
    Claim(ClaimFact),
    Service(ServiceFact),
    DeviceClaim(DeviceClaimFact),
    Object(ObjectFact),
    Owner(OwnerFact),
    Scale(ScaleFact),
    /// A ValidatingAdmissionPolicy or a binding, by name, and whether it still does what the chart had it do.
    Policy {
        name: Name,
        acts: bool,
    },
    Budget(Box<api::Budget>),
    ClusterBudget(Box<api::ClusterBudget>),
    BudgetOverride(Box<api::BudgetOverride>),
    PricePlan(Box<api::PricePlan>),
    Statement(Box<api::Statement>),
}

/// What happened to an object, or to a watch.
#[derive(Clone, Debug)]
pub enum Event {
    /// A version of an object, new or changed.
    Applied { tag: Tag, id: ObjectId, fact: Fact },
    /// It is gone. `last_seen`: it was missed in a relist, and was last known to exist then (COST_RULES 46).
    Deleted { tag: Tag, id: ObjectId, fact: Fact, last_seen: Option<Seconds> },
    /// A list is complete. Of a relist, `held` is everything that still exists, and `last_heard` when the broken watch
    /// was last heard.
    Listed { tag: Tag, held: Option<Relist> },
    /// Another recording goes on where one ended, and holds this.
    Resumed { source: Source, held: Relist },
    /// A bookmark, or the end of a list of samples.
    Heard { tag: Tag },
    /// Samples cannot be had.
    Unsampled { why: String },
    /// An optional resource cannot be watched.
    Unwatched { source: Source, why: Unwatched },
    /// What became of a write.
    Done { key: WriteKey, outcome: Outcome },
    /// What Prometheus counted.
    Answered(Answer),
    /// Prometheus does not answer, and why.
    Silent(Name),
    /// Whether this replica is the one that writes.
    Leading(bool),
}

/// What a relist found.
#[derive(Clone, Debug)]
pub struct Relist {
    pub ids: HashSet<ObjectId>,
    pub last_heard: Seconds,
}

/// What a pass wants.
#[derive(Debug, Default)]
pub struct Pass {
    /// In the order in which they matter.
    pub writes: Vec<Write>,
    /// When to pass again at the latest, if nothing happens before.
    pub wake: Option<Seconds>,
}

/// Something that was wrong and did not stop the rest.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Trouble {
    /// For the metric and the log: `Quantity`, `LateFact`, `Budget` …
    pub class: &'static str,
    pub about: String,
    pub message: String,
}
