//! The one deterministic state machine: events in, wanted writes out.
//!
//! `opex-operator run` drives it with watches and the wall clock, `kubectl opex replay` with a trace and a virtual
//! one. It holds no client, no clock and no task: [`Machine::ingest`] takes what was observed and when,
//! [`Machine::pass`] says what should be written now and when to ask again. The ledger depends on the events alone.

mod budgets;
mod change;
mod children;
mod conditions;
mod counting;
mod decide;
mod forget;
mod gates;
mod leaving;
mod limits;
mod metered;
mod objects;
mod openings;
mod optional;
mod overrides;
mod persist;
mod queue;
mod restore;
mod rewind;
mod samples;
mod shares;
mod show;
mod telling;
mod totals;
mod usage;
mod value;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use litemap::LiteMap;

use super::budget::{Budget, BudgetKey};
use super::counted::{Answer, Counting, Subject};
use super::history::History;
use super::ledger::{Gap, Ledger, LineKey};
use super::observed::{Cut, Source, Tag};
use super::rate::{RateId, Rates};
use super::world::World;
use super::worth::Worth;
use super::write::{Outcome, Write, WriteKey};
use crate::api::{self, BudgetStatus, Measure};
use crate::facts::count::Unknown;
use crate::facts::{
    ClaimFact, DeviceClaimFact, Name, NamespaceFact, NodeFact, ObjectFact, ObjectId, OwnerFact, PodFact, ScaleFact,
    Seconds, ServiceFact, UsageFact,
};

pub use optional::Unwatched;
pub use restore::FIELD_MANAGER;
pub use show::{BudgetFigures, Shown, ShownStatement};

/// How long after its period a statement takes late facts in before it closes (COST_RULES 2).
pub const CLOSING: Seconds = 600;

/// How far back a replay can tell when exactly something happened.
const REPLAYED_HISTORY: Seconds = 7200;

/// How the machine is set up.
#[derive(Clone, Debug)]
pub struct Settings {
    /// `spec.cluster` of every Statement.
    pub cluster: String,
    /// The operator's namespace: where Statements of ClusterBudgets live.
    pub namespace: Name,
    /// What is persisted stops this long before now.
    pub lag: Seconds,
    /// Nothing earlier is metered: `--from` of a replay.
    pub from: Option<Seconds>,
    /// Nobody writes: a replay takes for written what would have been.
    pub replay: bool,
    /// Most writes a second, gates apart.
    pub writes_per_second: i64,
    /// Absent: there is no Prometheus to ask.
    pub counting: Option<Counting>,
    /// Statements closed longest ago are removed beyond this many of a budget.
    pub retained: usize,
}

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
    /// A ValidatingAdmissionPolicy or its binding, by name.
    Policy(Name),
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

/// See the module's documentation.
#[derive(Debug)]
pub struct Machine {
    settings: Settings,
    world: World,
    rates: Rates,
    /// ReplicaSets and Jobs: the workload at their top.
    owners: HashMap<ObjectId, Name>,
    budgets: BTreeMap<BudgetKey, Box<BudgetState>>,
    family: children::Family,
    /// In order of creation.
    overrides: BTreeMap<BudgetKey, Vec<overrides::OverrideState>>,
    plans: BTreeMap<Name, PlanState>,
    ledgers: BTreeMap<LedgerId, Box<Entry>>,
    next_ledger: u32,
    sampler: samples::Sampler,
    /// Plans whose usage is kept, by the number in the key.
    usages: Vec<usage::Usage>,
    /// Ledgers by budget, oldest first, and by the namespace and name of their Statement.
    billing: HashMap<BudgetKey, Vec<LedgerId>>,
    named: HashMap<(Name, Name), LedgerId>,
    /// Ledgers by the Namespace they cover, and those that cover several.
    covering: HashMap<Name, Vec<LedgerId>>,
    wide: Vec<LedgerId>,
    /// Names of Statements in existence, by namespace and name.
    statements: BTreeMap<(Name, Name), StatementState>,
    /// Closed ones of Namespaces that go, by where they were.
    leaving: BTreeMap<(Name, Name), leaving::Leaving>,
    namespaces: BTreeMap<Name, NamespaceState>,
    scales: HashMap<Name, LiteMap<Name, gates::Peak>>,
    policies: BTreeSet<Name>,
    /// Since when, and why, Prometheus does not answer.
    silent: Option<(Seconds, Name)>,
    /// What was not known of the newest window.
    unknown: BTreeMap<Subject, Unknown>,
    /// What went into the ledgers, and what is known not to have changed since: bookmarks.
    cut: Cut,
    seen: Cut,
    listed: BTreeMap<Source, Seconds>,
    unwatched: BTreeMap<Source, Unwatched>,
    /// Objects that are in no Namespace: those that they were billed to.
    billed_to: HashMap<ObjectId, Vec<Name>>,
    heard: BTreeMap<Source, Seconds>,
    running: bool,
    leading: bool,
    now: Seconds,
    /// The next instant at which a period begins, or a statement closes.
    boundary: Seconds,
    due: BTreeSet<(Seconds, BudgetKey)>,
    /// Budgets whose statement or status may be due for writing.
    waiting_for_writes: queue::Queue,
    /// Objects that are gone, and when to forget them.
    gone: BTreeSet<(Seconds, metered::Which)>,
    /// Statements seen before the first lists were complete.
    unrestored: BTreeMap<(Name, Name), api::Statement>,
    /// Gates that could not be written, and when to try again.
    failed_gates: BTreeMap<Name, Seconds>,
    folded: Seconds,
    /// Pieces of time worked out so far.
    metered: u64,
    dirty_gates: BTreeSet<Name>,
    /// Whether the status of a plan may have to be written.
    dirty_plans: bool,
    failed_plans: u32,
    retry_plans: Seconds,
    inflight: HashSet<WriteKey>,
    outbox: Vec<Write>,
    tokens: i64,
    refilled: Seconds,
    troubles: Vec<Trouble>,
}

/// A ledger among the machine's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct LedgerId(u32);

#[derive(Debug)]
struct Entry {
    budget: BudgetKey,
    /// Namespace and name of its Statement.
    namespace: Name,
    name: Name,
    ledger: Ledger,
    gaps: Vec<Gap>,
    /// The instant up to which it has what Prometheus counted.
    counted: Seconds,
    /// Of a budget with a value.
    worth: Option<Worth>,
    closed_at: Option<Seconds>,
    persisted: Option<Persisted>,
    /// A transition, so that it is written at once.
    urgent: bool,
    attempted: Option<Persisted>,
    /// Learned while it was being closed.
    late: Vec<(LineKey, i128, Tag)>,
    /// What was learned since it was closed, which its lines do not hold.
    corrected: HashMap<RateId, i128>,
    /// Of what is not watched here and was when the Statement was written: up to when it is metered as that says.
    resumes: BTreeMap<Source, Seconds>,
    /// Writes that failed in a row, and when to try again.
    failures: u32,
    retry_at: Seconds,
}

/// What the API server holds of a ledger.
#[derive(Clone, Debug)]
struct Persisted {
    version: String,
    watermark: Seconds,
    cut: Cut,
    /// Where another replica wrote it that had seen more: what this one had seen by then.
    behind: Option<Cut>,
    /// To tell a hand's edit from our own write.
    digest: u64,
    closed: bool,
    at: Seconds,
}

#[derive(Debug)]
struct StatementState {
    budget: BudgetKey,
    closed: bool,
    period_end: Seconds,
    /// Of a closed one: see [`leaving::seal`].
    seal: u64,
    /// Of one that is closed, and not long ago.
    spent: Option<limits::Spent>,
}

#[derive(Debug)]
struct BudgetState {
    id: ObjectId,
    uid: Option<String>,
    generation: i64,
    exists: bool,
    /// A ClusterBudget's in one of its namespaces.
    is_child: bool,
    /// Since when it is metered.
    since: Seconds,
    specs: History<Option<Arc<Budget>>>,
    invalid: Option<String>,
    /// The spec as it was written.
    manifest: Arc<api::BudgetSpec>,
    mode: api::Mode,
    namespace_selector: Option<LabelSelector>,
    /// As written last, and as seen last.
    status: Arc<BudgetStatus>,
    seen_status: Arc<BudgetStatus>,
    namespaces: Option<i64>,
    latches: LiteMap<(i32, Measure), Latch>,
    told: telling::Told,
    untold: Vec<telling::Untold>,
    /// What the latches were computed for.
    fingerprint: u64,
    /// The ledger that the latches are of.
    latched: Option<LedgerId>,
    evaluated: Seconds,
    decision: decide::Decision,
    shown_at: Seconds,
    due: Seconds,
}

/// A crossed threshold, or one that was.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Latch {
    crossed_at: Option<Seconds>,
    notified_at: Option<Seconds>,
    /// Of a forecast: since when it is 2 points below.
    below_since: Option<Seconds>,
}

#[derive(Debug, Default)]
struct PlanState {
    uid: Option<String>,
    generation: i64,
    written: Option<Seconds>,
    versions: Vec<api::PlanVersion>,
    status: api::PricePlanStatus,
    exists: bool,
    invalid: Option<String>,
}

#[derive(Debug)]
struct NamespaceState {
    fact: NamespaceFact,
}

// === impl Machine ===

impl Machine {
    pub fn new(settings: Settings) -> Self {
        Self {
            settings,
            world: World::default(),
            rates: Rates::default(),
            owners: HashMap::new(),
            budgets: BTreeMap::new(),
            family: children::Family::default(),
            overrides: BTreeMap::new(),
            plans: BTreeMap::new(),
            ledgers: BTreeMap::new(),
            next_ledger: 0,
            sampler: samples::Sampler::default(),
            usages: Vec::new(),
            billing: HashMap::new(),
            named: HashMap::new(),
            covering: HashMap::new(),
            wide: Vec::new(),
            statements: BTreeMap::new(),
            leaving: BTreeMap::new(),
            namespaces: BTreeMap::new(),
            scales: HashMap::new(),
            policies: BTreeSet::new(),
            silent: None,
            unknown: BTreeMap::new(),
            cut: Cut::default(),
            seen: Cut::default(),
            listed: BTreeMap::new(),
            unwatched: BTreeMap::new(),
            billed_to: HashMap::new(),
            heard: BTreeMap::new(),
            running: false,
            leading: false,
            now: Seconds::MIN,
            boundary: Seconds::MAX,
            due: BTreeSet::new(),
            waiting_for_writes: queue::Queue::default(),
            gone: BTreeSet::new(),
            unrestored: BTreeMap::new(),
            failed_gates: BTreeMap::new(),
            folded: 0,
            metered: 0,
            dirty_gates: BTreeSet::new(),
            dirty_plans: false,
            failed_plans: 0,
            retry_plans: Seconds::MIN,
            inflight: HashSet::new(),
            outbox: Vec::new(),
            tokens: 0,
            refilled: Seconds::MIN,
            troubles: Vec::new(),
        }
    }

    /// Takes in what was observed at `at`. Times never go back: an earlier `at` counts as the newest so far.
    pub fn ingest(&mut self, event: Event, at: Seconds) {
        let at = at.max(self.now);
        self.now = at;
        self.advance(at);
        match event {
            Event::Applied { tag, id, fact } => {
                self.hear(tag, at);
                self.apply(tag, id, fact, at);
            }
            Event::Deleted { tag, id, fact, last_seen } => {
                self.hear(tag, at);
                self.delete(tag, id, fact, last_seen, at);
                self.unheard(tag.source, last_seen.map_or(at, |seen| seen.min(at)), at);
            }
            Event::Listed { tag, held } => {
                if let Some(held) = held.as_ref().filter(|_| self.seen.get(tag.source) > Some(tag.version)) {
                    self.go_back(tag, held.last_heard, at);
                }
                self.hear(tag, at);
                self.listed.entry(tag.source).or_insert(at);
                self.first_list(tag.source, at);
                if let Some(held) = held {
                    self.miss(tag, &held, at);
                }
            }
            Event::Heard { tag } if tag.source == Source::PodMetrics => self.samples_read(at),
            Event::Heard { tag } => {
                self.seen.see(tag);
                self.heard.insert(tag.source, at);
            }
            Event::Unsampled { why } => self.samples_unread(why, at),
            Event::Unwatched { source, why } => self.not_watched(source, why, at),
            Event::Done { key, outcome } => self.done(&key, outcome, at),
            Event::Answered(answer) => self.count(&answer, at),
            Event::Silent(why) => self.keep_silent(why, at),
            Event::Leading(leading) => self.lead(leading, at),
        }
    }

    /// Everything that exists is known: opens the ledgers. Before, nothing is metered, decided or written.
    pub fn start(&mut self, at: Seconds) {
        if self.running {
            return;
        }
        self.now = at.max(self.now);
        self.raise_all();
        self.running = true;
        self.begin(self.now);
    }

    pub fn is_running(&self) -> bool {
        self.running
    }

    /// How many pieces of time were worked out so far, in which what an object adds to a ledger stands still: the work
    /// that changes cost.
    pub fn metered(&self) -> u64 {
        self.metered
    }

    /// What went wrong since it was last asked.
    pub fn troubles(&mut self) -> Vec<Trouble> {
        std::mem::take(&mut self.troubles)
    }

    /// What should be written at `now`.
    pub fn pass(&mut self, now: Seconds) -> Pass {
        let now = now.max(self.now);
        self.now = now;
        if !self.running {
            return Pass::default();
        }
        self.advance(now);
        self.want_samples(now);
        self.decide(now);
        let writes = self.wanted(now);
        if self.settings.replay {
            self.fold(now - REPLAYED_HISTORY);
        }
        Pass { writes, wake: self.wake().map(|t| t.max(now + 1)) }
    }

    fn hear(&mut self, tag: Tag, at: Seconds) {
        self.cut.see(tag);
        self.seen.see(tag);
        if tag.source.is_watched() {
            self.heard.insert(tag.source, at);
        }
    }

    fn apply(&mut self, tag: Tag, id: ObjectId, fact: Fact, at: Seconds) {
        match fact {
            Fact::Pod(pod) => self.apply_pod(tag, id, &pod, at),
            Fact::Usage(usage) => self.apply_usage(tag, &usage, at),
            Fact::Claim(claim) => self.apply_claim(tag, id, &claim, at),
            Fact::Service(service) => self.apply_service(tag, id, &service, at),
            Fact::DeviceClaim(claim) => self.apply_device_claim(tag, id, &claim, at),
            Fact::Object(object) => self.apply_object(tag, id, &object, at),
            Fact::Node(node) => self.apply_node(tag, id, &node, at),
            Fact::Namespace(namespace) => self.apply_namespace(tag, id, namespace, at),
            Fact::Owner(owner) => self.apply_owner(id, &owner, at),
            Fact::Scale(scale) => self.apply_scale(&scale, at),
            Fact::Policy(name) => self.apply_policy(name),
            Fact::Budget(budget) => self.apply_budget(tag, id, &budget, at),
            Fact::ClusterBudget(budget) => self.apply_cluster_budget(tag, id, &budget, at),
            Fact::BudgetOverride(grant) => self.apply_override(&grant, at),
            Fact::PricePlan(plan) => self.apply_plan(tag, &plan, at),
            Fact::Statement(statement) => self.apply_statement(*statement, at),
        }
    }

    fn delete(&mut self, tag: Tag, id: ObjectId, fact: Fact, last_seen: Option<Seconds>, at: Seconds) {
        let end = last_seen.map_or(at, |seen| seen.min(at));
        match fact {
            Fact::Pod(pod) => {
                self.apply_pod(tag, id, &pod, end);
                self.end_item(tag, &pod.namespace, id, end, at);
            }
            Fact::Claim(claim) => {
                self.apply_claim(tag, id, &claim, end);
                self.end_item(tag, &claim.namespace, id, end, at);
            }
            Fact::Service(service) => {
                self.apply_service(tag, id, &service, end);
                self.end_item(tag, &service.namespace, id, end, at);
            }
            // What was sampled was.
            Fact::Usage(usage) => self.apply_usage(tag, &usage, at),
            Fact::DeviceClaim(claim) => {
                self.apply_device_claim(tag, id, &claim, end);
                self.end_item(tag, &claim.namespace, id, end, at);
            }
            Fact::Object(object) => {
                self.apply_object(tag, id, &object, end);
                self.end_object(tag, id, &object, end, at);
            }
            Fact::Node(node) => self.delete_node(tag, id, &node, end),
            Fact::Namespace(namespace) => self.delete_namespace(tag, &namespace.name, at),
            Fact::Owner(_) => {
                self.owners.remove(&id);
            }
            Fact::Scale(scale) => self.delete_scale(&scale),
            Fact::Policy(name) => self.delete_policy(&name),
            Fact::Budget(budget) => self.delete_budget(tag, id, &budget, at),
            Fact::ClusterBudget(budget) => self.delete_cluster_budget(tag, id, &budget, at),
            Fact::BudgetOverride(grant) => self.delete_override(&grant, at),
            Fact::PricePlan(plan) => self.delete_plan(tag, &plan, at),
            Fact::Statement(statement) => self.delete_statement(&statement, last_seen.is_some(), at),
        }
    }

    fn trouble(&mut self, class: &'static str, about: impl Into<String>, message: impl Into<String>) {
        self.troubles.push(Trouble { class, about: about.into(), message: message.into() });
    }

    /// Has a budget looked at no later than `t`.
    fn wake_budget(&mut self, key: &BudgetKey, t: Seconds) {
        if let Some(state) = self.budgets.get_mut(key)
            && t < state.due
        {
            self.due.remove(&(state.due, key.clone()));
            state.due = t;
            self.due.insert((t, key.clone()));
        }
    }
}

// === impl BudgetState ===

impl BudgetState {
    fn new(since: Seconds) -> Self {
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
            told: telling::Told::default(),
            untold: Vec::new(),
            fingerprint: 0,
            latched: None,
            evaluated: Seconds::MIN,
            decision: decide::Decision::default(),
            shown_at: Seconds::MIN,
            due: Seconds::MAX,
        }
    }
}
