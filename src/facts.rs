//! What is kept of a Kubernetes object: a few integers and names. Pure.
//!
//! A fact is one *version* of an object, projected as it arrives and small from then on.
//! How versions join into a history is the engine's business.

use std::sync::{Arc, LazyLock};

pub mod binding;
pub mod count;
pub mod devices;
pub mod identity;
pub mod kind;
pub mod labels;
pub mod metadata;
pub mod nullable;
pub mod objects;
pub mod pod;
pub mod quantity;
pub mod requests;
pub mod resources;
pub mod time;
pub mod usage;
pub mod workload;

pub use kind::Kind;
pub use labels::LabelSet;

#[cfg(test)]
mod testing;

/// Whole seconds since 1970-01-01T00:00:00Z; a fraction is cut off.
pub type Seconds = i64;

/// A name or another short text, shared by all facts that bear it: a pointer long.
pub type Name = arcstr::ArcStr;

/// Labels of an object, shared likewise.
pub type Labels = Arc<LabelSet>;

/// No labels, without allocating.
pub fn no_labels() -> Labels {
    static EMPTY: LazyLock<Labels> = LazyLock::new(Labels::default);
    Labels::clone(&EMPTY)
}

/// Who an object is: its UID, or where it has none a digest of kind, namespace and name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ObjectId([u8; 16]);

/// Amounts by resource name in ledger units: millicores for `cpu`, bytes for `memory`, `ephemeral-storage` and
/// `hugepages-*`, whole devices for everything else. Never negative; zero entries are left out. Sorted by name.
pub type Amounts = Arc<[(Name, i128)]>;

/// No amounts, without allocating.
pub fn no_amounts() -> Amounts {
    static EMPTY: LazyLock<Amounts> = LazyLock::new(|| Amounts::from([]));
    Amounts::clone(&EMPTY)
}

/// Stands for the start of an object that bears no time at all, which no API server hands out but a trace may hold:
/// earlier than everything. It then counts from when it was first observed, which only the engine knows.
pub const UNDATED: Seconds = Seconds::MIN;

/// The controller an object belongs to.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub struct OwnerRef {
    pub kind: Name,
    pub name: Name,
    pub id: ObjectId,
}

/// What was wrong with one field of an object that could still be used otherwise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The field's path, such as `spec.containers[0].resources.requests.cpu`.
    pub field: String,
    /// What is wrong with it, and what is expected.
    pub message: String,
}

/// A Pod, as far as it costs something.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct PodFact {
    pub namespace: Name,
    pub name: Name,
    pub labels: Labels,
    /// The controller owner, if any (a ReplicaSet, Job, StatefulSet …).
    pub owner: Option<OwnerRef>,
    /// `spec.nodeName`; a Pod without one costs nothing.
    pub node: Option<Name>,
    /// PodScheduled=True transition, else `status.startTime`, else creation.
    pub start: Seconds,
    /// Largest `state.terminated.finishedAt` of all containers where the phase is terminal.
    pub finished: Option<Seconds>,
    /// Whether the phase is Succeeded or Failed. Without `finished`, the end is when this was observed.
    pub terminal: bool,
    /// `deletionTimestamp + deletionGracePeriodSeconds`: billed no later than this.
    pub deadline: Option<Seconds>,
    /// Newest `managedFields` time of the status: on a cold start it tells whether an end was known before.
    pub status_written: Option<Seconds>,
    /// Effective requests: the scheduler's rule, the largest of spec, status and allocated (COST_RULES 18, 25, 26).
    pub requests: Amounts,
    pub problems: Vec<Problem>,
}

/// A Node: prices depend on its labels.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct NodeFact {
    pub name: Name,
    pub labels: Labels,
    /// `status.capacity`, in ledger units.
    pub capacity: Amounts,
    pub created: Seconds,
    pub problems: Vec<Problem>,
}

/// A Namespace: its labels choose ClusterBudgets, its gate is what admission reads.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct NamespaceFact {
    pub name: Name,
    pub labels: Labels,
    pub created: Seconds,
    /// `opex.dev/gate-message`, `opex.dev/ceilings` and `opex.dev/scaled-down`, as they stand.
    pub gate_message: Option<String>,
    pub ceilings: Option<String>,
    pub scaled_down: Option<String>,
    pub deleting: bool,
}

/// A PersistentVolumeClaim.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct ClaimFact {
    pub namespace: Name,
    pub name: Name,
    pub labels: Labels,
    /// `spec.storageClassName`, absent = "".
    pub class: Name,
    pub created: Seconds,
    /// `status.phase` is Bound.
    pub bound: bool,
    /// `status.phase` is Lost: ends for good.
    pub lost: bool,
    /// `spec.resources.requests.storage`, rounded up to a byte.
    pub bytes: i128,
    pub problems: Vec<Problem>,
}

/// A Service, as far as it is a load balancer.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct ServiceFact {
    pub namespace: Name,
    pub name: Name,
    pub labels: Labels,
    pub created: Seconds,
    pub load_balancer: bool,
}

/// A ResourceClaim, as far as devices are allocated to it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct DeviceClaimFact {
    pub namespace: Name,
    pub name: Name,
    /// Absent while nothing is.
    pub allocated: Option<Allocated>,
    pub problems: Vec<Problem>,
}

/// What is allocated to a ResourceClaim.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Allocated {
    /// `allocationTimestamp`; absent, it counts from when it was first observed.
    pub since: Option<Seconds>,
    /// How many devices of each DeviceClass are billed.
    pub devices: Amounts,
}

/// An object of a kind that only a plan knows.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct ObjectFact {
    pub kind: Kind,
    /// Absent where it is in none.
    pub namespace: Option<Name>,
    pub name: Name,
    pub labels: Labels,
    pub created: Seconds,
    pub problems: Vec<Problem>,
}

/// A ReplicaSet or Job: leads from a Pod to the controller at the top.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct OwnerFact {
    pub namespace: Name,
    /// Its own workload name, `ReplicaSet/web-5d8f`: what its Pods bear until its owner is known.
    pub workload: Name,
    pub owner: Option<OwnerRef>,
}

/// A scalable workload: how many replicas it asks for, which is what ceilings remember.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct ScaleFact {
    pub namespace: Name,
    /// `deployments.apps/web`, as the scale gate looks it up.
    pub target: Name,
    pub replicas: i64,
}

/// What a Pod used when it was sampled.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct UsageFact {
    pub namespace: Name,
    /// The Pod's name: a sample bears no UID.
    pub pod: Name,
    /// None where it cannot be read.
    pub sample: Option<Sample>,
    pub problems: Vec<Problem>,
}

/// Use of the two resources that are sampled, in ledger units.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sample {
    /// When it was taken.
    pub taken: Seconds,
    /// Millicores, of all containers together.
    pub cpu: u64,
    /// Bytes, likewise.
    pub memory: u64,
}
