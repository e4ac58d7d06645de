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
mod doubts;
mod event;
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
mod plans;
mod print;
mod queue;
mod restore;
mod rewind;
mod samples;
mod scaling;
mod shares;
mod show;
mod state;
mod telling;
mod totals;
mod usage;
mod value;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use litemap::LiteMap;

use super::budget::BudgetKey;
use super::counted::{Counting, Subject};
use super::observed::{Cut, Source, Tag};
use super::rate::Rates;
use super::world::World;
use super::write::{Write, WriteKey};
use crate::api;
use crate::facts::count::Unknown;
use crate::facts::{Name, ObjectId, Seconds};

pub use conditions::{deserves_a_look, is_incomplete};
pub use event::{Event, Fact, Pass, Relist, Trouble};
pub use optional::Unwatched;
pub use restore::FIELD_MANAGER;
pub use show::{BudgetFigures, Shown, ShownStatement};

use state::{BudgetState, Entry, Latch, NamespaceState, Persisted, PlanState, StatementState};

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
    /// Namespaces that are scaled down, or being restored.
    scalings: BTreeMap<Name, scaling::Scaling>,
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
    /// From when to when nothing was recorded of what is replayed.
    holes: Vec<(Seconds, Seconds)>,
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
            scalings: BTreeMap::new(),
            policies: BTreeSet::new(),
            silent: None,
            unknown: BTreeMap::new(),
            cut: Cut::default(),
            seen: Cut::default(),
            listed: BTreeMap::new(),
            unwatched: BTreeMap::new(),
            billed_to: HashMap::new(),
            heard: BTreeMap::new(),
            holes: Vec::new(),
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
                    self.unheard(tag.source, held.last_heard, at);
                }
            }
            Event::Resumed { source, held } => {
                let tag = Tag { source, version: self.seen.get(source).unwrap_or_default() };
                self.miss(tag, &held, at);
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
            Fact::Policy { name, acts: true } => self.apply_policy(name),
            Fact::Policy { name, .. } => self.delete_policy(&name),
            Fact::Budget(budget) => self.apply_budget(tag, id, &budget, at),
            Fact::ClusterBudget(budget) => self.apply_cluster_budget(tag, id, &budget, at),
            Fact::BudgetOverride(grant) => self.apply_override(id, &grant, at),
            Fact::PricePlan(plan) => self.apply_plan(tag, id, &plan, at),
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
            Fact::Node(node) => self.delete_node(tag, id, &node, end, at),
            Fact::Namespace(namespace) => self.delete_namespace(tag, id, &namespace.name, end, at),
            Fact::Owner(_) => {
                self.owners.remove(&id);
            }
            Fact::Scale(scale) => self.delete_scale(&scale),
            Fact::Policy { name, .. } => self.delete_policy(&name),
            Fact::Budget(budget) => self.delete_budget(tag, id, &budget, end, at),
            Fact::ClusterBudget(budget) => self.delete_cluster_budget(tag, id, &budget, end, at),
            Fact::BudgetOverride(grant) => self.delete_override(id, &grant, at),
            Fact::PricePlan(plan) => self.delete_plan(tag, id, &plan, at),
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
