//! What the machine knows of each budget, plan, ledger and Statement.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use litemap::LiteMap;

use super::{LedgerId, decide, limits, telling};
use crate::api::{self, BudgetStatus, Measure};
use crate::engine::budget::{Budget, BudgetKey};
use crate::engine::history::History;
use crate::engine::ledger::{Gap, Ledger, LineKey};
use crate::engine::observed::{Cut, Source, Tag};
use crate::engine::rate::RateId;
use crate::engine::worth::Worth;
use crate::facts::{Name, NamespaceFact, ObjectId, Seconds};

#[derive(Debug)]
pub(super) struct Entry {
    pub(super) budget: BudgetKey,
    /// Namespace and name of its Statement.
    pub(super) namespace: Name,
    pub(super) name: Name,
    pub(super) ledger: Ledger,
    pub(super) gaps: Vec<Gap>,
    /// The instant up to which it has what Prometheus counted.
    pub(super) counted: Seconds,
    /// Of a budget with a value.
    pub(super) worth: Option<Worth>,
    pub(super) closed_at: Option<Seconds>,
    pub(super) persisted: Option<Persisted>,
    /// A transition, so that it is written at once.
    pub(super) urgent: bool,
    pub(super) attempted: Option<Persisted>,
    /// Learned while it was being closed.
    pub(super) late: Vec<(LineKey, i128, Tag)>,
    /// What was learned since it was closed, which its lines do not hold.
    pub(super) corrected: HashMap<RateId, i128>,
    /// Of what is not watched here and was when the Statement was written: up to when it is metered as that says.
    pub(super) resumes: BTreeMap<Source, Seconds>,
    /// Writes that failed in a row, and when to try again.
    pub(super) failures: u32,
    pub(super) retry_at: Seconds,
}

/// What the API server holds of a ledger.
#[derive(Clone, Debug)]
pub(super) struct Persisted {
    pub(super) version: String,
    pub(super) watermark: Seconds,
    pub(super) cut: Cut,
    /// Where another replica wrote it that had seen more: what this one had seen by then.
    pub(super) behind: Option<Cut>,
    /// To tell a hand's edit from our own write.
    pub(super) digest: u64,
    pub(super) closed: bool,
    pub(super) at: Seconds,
}

#[derive(Debug)]
pub(super) struct StatementState {
    pub(super) budget: BudgetKey,
    pub(super) closed: bool,
    pub(super) period_end: Seconds,
    /// Of a closed one: see [`leaving::seal`].
    pub(super) seal: u64,
    /// Of one that is closed, and not long ago.
    pub(super) spent: Option<limits::Spent>,
}

#[derive(Debug)]
pub(super) struct BudgetState {
    pub(super) id: ObjectId,
    pub(super) uid: Option<String>,
    pub(super) generation: i64,
    pub(super) exists: bool,
    /// A ClusterBudget's in one of its namespaces.
    pub(super) is_child: bool,
    /// Since when it is metered.
    pub(super) since: Seconds,
    pub(super) specs: History<Option<Arc<Budget>>>,
    pub(super) invalid: Option<String>,
    /// The spec as it was written.
    pub(super) manifest: Arc<api::BudgetSpec>,
    pub(super) mode: api::Mode,
    pub(super) namespace_selector: Option<LabelSelector>,
    /// As written last, and as seen last.
    pub(super) status: Arc<BudgetStatus>,
    pub(super) seen_status: Arc<BudgetStatus>,
    pub(super) namespaces: Option<i64>,
    pub(super) latches: LiteMap<(i32, Measure), Latch>,
    /// When the limit was reached, whether or not a threshold tells of it.
    pub(super) used_up: Option<Seconds>,
    pub(super) told: telling::Told,
    pub(super) untold: Vec<telling::Untold>,
    /// What the latches were computed for.
    pub(super) fingerprint: u64,
    /// The ledger that the latches are of.
    pub(super) latched: Option<LedgerId>,
    pub(super) evaluated: Seconds,
    /// Until when it was looked for crossings.
    pub(super) searched: Seconds,
    pub(super) decision: decide::Decision,
    pub(super) shown_at: Seconds,
    pub(super) due: Seconds,
}

/// A crossed threshold, or one that was.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Latch {
    pub(super) crossed_at: Option<Seconds>,
    pub(super) notified_at: Option<Seconds>,
    /// Of a forecast: since when it is 2 points below.
    pub(super) below_since: Option<Seconds>,
}

#[derive(Debug, Default)]
pub(super) struct PlanState {
    pub(super) id: Option<ObjectId>,
    pub(super) uid: Option<String>,
    pub(super) generation: i64,
    pub(super) written: Option<Seconds>,
    pub(super) versions: Vec<api::PlanVersion>,
    pub(super) status: api::PricePlanStatus,
    pub(super) exists: bool,
    pub(super) invalid: Option<String>,
}

#[derive(Debug)]
pub(super) struct NamespaceState {
    pub(super) fact: NamespaceFact,
}

// === impl BudgetState ===

impl BudgetState {
    pub(super) fn new(since: Seconds) -> Self {
        Self {
            id: ObjectId::new(0),
            uid: None,
            generation: 0,
            exists: true,
            is_child: false,
            since,
            specs: History::default(),
            invalid: None,
            manifest: Arc::default(),
            mode: api::Mode::Shared,
            namespace_selector: None,
            status: Arc::default(),
            seen_status: Arc::default(),
            namespaces: None,
            latches: LiteMap::new(),
            used_up: None,
            told: telling::Told::default(),
            untold: Vec::new(),
            fingerprint: 0,
            latched: None,
            evaluated: Seconds::MIN,
            searched: Seconds::MIN,
            decision: decide::Decision::default(),
            shown_at: Seconds::MIN,
            due: Seconds::MAX,
        }
    }
}
