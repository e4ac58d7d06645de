//! What the machine wants written, and what became of it.

use std::sync::Arc;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use super::budget::BudgetKey;
use crate::api::{BudgetOverrideStatus, BudgetSpec, BudgetStatus, Gate, Measure, PricePlanStatus, StatementSpec};
use crate::facts::{Name, Seconds};

/// One write to the API server.
#[derive(Clone, Debug)]
pub enum Write {
    /// Create (`version` absent) or replace, bound to the version it was computed from.
    Statement {
        namespace: Name,
        name: Name,
        budget: BudgetKey,
        version: Option<String>,
        spec: Arc<StatementSpec>,
    },
    /// A closed Statement, as it is, under another name; read where it was unless `spec` is known.
    Copy {
        original: (Name, Name),
        namespace: Name,
        name: Name,
        budget: BudgetKey,
        spec: Option<Arc<StatementSpec>>,
    },
    RemoveStatement {
        namespace: Name,
        name: Name,
    },
    BudgetStatus {
        budget: BudgetKey,
        status: Arc<BudgetStatus>,
        namespaces: Option<i64>,
    },
    PlanStatus {
        name: Name,
        status: Box<PricePlanStatus>,
    },
    OverrideStatus {
        namespace: Name,
        name: Name,
        status: Box<BudgetOverrideStatus>,
    },
    /// The Budget of a ClusterBudget in one of its namespaces.
    Child {
        key: BudgetKey,
        write: ChildWrite,
    },
    /// The label and the annotations of a Namespace, in one patch. `Open` removes the label, the message and the ceilings.
    Gate {
        namespace: Name,
        gate: Gate,
        message: Option<String>,
        ceilings: Option<String>,
        /// Stays while there is something to restore.
        scaled_down: Option<String>,
    },
    /// The workloads of a Namespace, scaled down or put back.
    Scale {
        namespace: Name,
        scale: Scale,
    },
    Event {
        key: EventKey,
        about: About,
        warning: bool,
        note: String,
    },
}

/// How far workloads are scaled down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scale {
    Down {
        floor: i64,
    },
    /// Says what that would change, and changes nothing.
    DryRun {
        floor: i64,
    },
    Back,
}

/// What became of workloads, in words.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scaled {
    pub changed: Vec<String>,
    /// Not to be changed, and why.
    pub left: Vec<String>,
    /// To be tried again, and why.
    pub failed: Vec<String>,
}

/// What is to become of a ClusterBudget's Budget. Its metadata are labels and owners.
#[derive(Clone, Debug)]
pub enum ChildWrite {
    Create {
        meta: Box<ObjectMeta>,
        spec: Arc<BudgetSpec>,
    },
    /// Bound to the version it was computed from.
    Replace {
        meta: Box<ObjectMeta>,
        spec: Arc<BudgetSpec>,
    },
    Remove {
        uid: Option<String>,
    },
}

/// What an event is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct About {
    pub kind: &'static str,
    pub namespace: Option<Name>,
    pub name: Name,
    pub uid: Option<String>,
}

/// Which edge an event tells of, and when that was: each is told once.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum EventKey {
    Crossed {
        budget: BudgetKey,
        percent: i32,
        of: Measure,
        at: Seconds,
    },
    /// `of`: the Statement or BudgetOverride that it is about, if it is about one.
    Changed {
        budget: BudgetKey,
        reason: &'static str,
        of: Name,
        at: Seconds,
    },
}

/// What a write is to. One at a time is under way.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum WriteKey {
    Statement(Name, Name),
    /// Of the Statement of that namespace and name.
    Copy(Name, Name),
    Status(BudgetKey),
    Plan(Name),
    Override(Name, Name),
    Child(BudgetKey),
    Gate(Name),
    /// Of the workloads of a Namespace.
    Scale(Name),
    Event(EventKey),
}

/// What became of a write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Done; the object's new resourceVersion.
    Written { version: Option<String> },
    /// Someone else wrote in between, or it exists already.
    Conflict,
    /// The object is gone.
    Gone,
    /// Of workloads.
    Scaled(Scaled),
    /// The operator was not given the right to it.
    Forbidden,
    /// It may or may not have happened, or was refused: try again later.
    Failed,
}

// === impl EventKey ===

impl EventKey {
    /// The event's reason.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Crossed { .. } => "ThresholdCrossed",
            Self::Changed { reason, .. } => reason,
        }
    }
}

// === impl Write ===

impl Write {
    pub fn key(&self) -> WriteKey {
        match self {
            Self::Statement { namespace, name, .. } | Self::RemoveStatement { namespace, name } => {
                WriteKey::Statement(namespace.clone(), name.clone())
            }
            Self::Copy { original: (namespace, name), .. } => WriteKey::Copy(namespace.clone(), name.clone()),
            Self::BudgetStatus { budget, .. } => WriteKey::Status(budget.clone()),
            Self::PlanStatus { name, .. } => WriteKey::Plan(name.clone()),
            Self::OverrideStatus { namespace, name, .. } => WriteKey::Override(namespace.clone(), name.clone()),
            Self::Child { key, .. } => WriteKey::Child(key.clone()),
            Self::Gate { namespace, .. } => WriteKey::Gate(namespace.clone()),
            Self::Scale { namespace, .. } => WriteKey::Scale(namespace.clone()),
            Self::Event { key, .. } => WriteKey::Event(key.clone()),
        }
    }

    /// The kind it writes, for the metric and the log.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Statement { .. } | Self::Copy { .. } | Self::RemoveStatement { .. } => "Statement",
            Self::BudgetStatus { budget, .. } => budget.kind(),
            Self::PlanStatus { .. } => "PricePlan",
            Self::OverrideStatus { .. } => "BudgetOverride",
            Self::Child { .. } => "Budget",
            Self::Gate { .. } => "Namespace",
            Self::Scale { .. } => "Scale",
            Self::Event { .. } => "Event",
        }
    }
}
