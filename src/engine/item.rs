//! One metered object's life: from when, to when, holding what.
//!
//! Pods, claims of storage or devices, and load balancers differ in what they hold; how they are metered is the same. An
//! item keeps the few versions that differ, so that a fact learned late can be netted exactly. What a new version of the
//! object makes of it is worked out on the item as it is [now](Item::now), so that it costs the same however much went
//! before.

use std::sync::{Arc, LazyLock};

use super::history::History;
use super::observed::{Source, Tag};
use super::rate::{self, PriceList};
use crate::facts::{
    Amounts, ClaimFact, DeviceClaimFact, Labels, Name, ObjectFact, ObjectId, PodFact, Seconds, ServiceFact, UNDATED,
    no_amounts, no_labels,
};

/// The end of what has not ended.
pub const NEVER: Seconds = Seconds::MAX;

/// What no sample tells of.
const NAMELESS: ObjectId = ObjectId::new(0);

/// Resources under which what is no Pod holds its amount.
pub const STORAGE: &str = "storage";
pub const LOAD_BALANCER: &str = "load-balancer";
const OBJECT: &str = "object";

/// A metered object, for as long as it is metered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    pub source: Source,
    pub namespace: Name,
    /// `Deployment/web`; of Pods alone.
    pub workload: Option<Name>,
    /// The Node of a Pod, the StorageClass of a claim.
    pub site: Option<Name>,
    /// Of a Pod: who it is by name, as samples of what it uses know it.
    pub called: ObjectId,
    pub start: Seconds,
    /// [`NEVER`] while it runs.
    pub end: Seconds,
    /// A Pod was seen in a terminal phase; the first such version decides its end (COST_RULES 7).
    pub terminal: bool,
    /// Of a ResourceClaim: something is allocated to it, be it nothing that is billed.
    pub allocated: bool,
    /// It bears no time of its own: it starts when it was first observed.
    pub undated: bool,
    pub version: u64,
    /// When the status was written last, or [`NEVER`]: tells whether the end was known before anyone looked again after a
    /// cold start.
    pub status_written: Seconds,
    pub held: Held,
}

/// What it holds, by instant. Nearly always one version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Held {
    Always(Holding),
    Since(Box<History<Holding>>),
}

/// Labels and amounts at one time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holding {
    pub labels: Labels,
    pub amounts: Amounts,
}

// === impl Item ===

impl Item {
    pub fn tag(&self) -> Tag {
        Tag { source: self.source, version: self.version }
    }

    /// What begins at `start`, or where that bears no time when it was first seen, at `at`; it holds nothing yet.
    fn begin(source: Source, namespace: &Name, start: Seconds, at: Seconds) -> Self {
        Self {
            source,
            namespace: namespace.clone(),
            workload: None,
            site: None,
            called: NAMELESS,
            start: dated(start, at),
            end: NEVER,
            terminal: false,
            allocated: false,
            undated: start == UNDATED,
            version: 0,
            status_written: NEVER,
            held: Held::Always(Holding::nothing()),
        }
    }

    /// The Node of a Pod.
    pub fn node(&self) -> Option<&Name> {
        self.site.as_ref().filter(|_| self.source == Source::Pods)
    }

    /// A Pod as first seen at `at`, once it is bound to a Node.
    pub fn of_pod(pod: &PodFact, version: u64, at: Seconds) -> Option<Self> {
        let site = pod.node.clone()?;
        let mut item = Self {
            site: Some(site),
            called: ObjectId::named("Pod", &pod.namespace, &pod.name),
            ..Self::begin(Source::Pods, &pod.namespace, pod.start, at)
        };
        item.follow_pod(pod, version, at);
        Some(item)
    }

    /// A later version of the same Pod, as seen at `at`.
    pub fn follow_pod(&mut self, pod: &PodFact, version: u64, at: Seconds) {
        self.version = version;
        self.status_written = pod.status_written.unwrap_or(NEVER);
        self.start = dated(pod.start, self.start);
        if !self.terminal {
            let finished = if pod.terminal { pod.finished.unwrap_or(at) } else { NEVER };
            self.end = finished.min(self.deadline(pod, at));
            self.terminal = pod.terminal;
        }
        self.held = Held::Always(Holding { labels: pod.labels.clone(), amounts: pod.requests.clone() });
    }

    /// No later than this it ends. A grace period that is cut short is so from when that is seen: once the kubelet is
    /// done the API server sets it to 0, and the deletionTimestamp back to the request.
    fn deadline(&self, pod: &PodFact, at: Seconds) -> Seconds {
        let deadline = pod.deadline.unwrap_or(NEVER);
        if self.end == NEVER { deadline } else { self.end.min(deadline.max(at)) }
    }

    /// A claim as seen at `at`; before, there was `first`: none if this is the first sight of it.
    pub fn of_claim(claim: &ClaimFact, version: u64, at: Seconds) -> Self {
        let begun = Self::begin(Source::Claims, &claim.namespace, claim.created, at);
        let mut item = Self { site: Some(claim.class.clone()), ..begun };
        item.follow_claim(claim, version, at);
        item
    }

    pub fn follow_claim(&mut self, claim: &ClaimFact, version: u64, at: Seconds) {
        self.version = version;
        if claim.lost && self.end == NEVER {
            self.end = at;
        }
        self.held = Held::Always(Self::claimed(claim));
    }

    pub fn of_service(service: &ServiceFact, version: u64, at: Seconds) -> Self {
        let mut item = Self::begin(Source::Services, &service.namespace, service.created, at);
        item.follow_service(service, version);
        item
    }

    pub fn follow_service(&mut self, service: &ServiceFact, version: u64) {
        self.version = version;
        self.held = Held::Always(Self::served(service));
    }

    /// A ResourceClaim as first seen at `at`.
    pub fn of_device_claim(claim: &DeviceClaimFact, version: u64, at: Seconds) -> Self {
        let since = claim.allocated.as_ref().and_then(|allocated| allocated.since);
        let mut item = Self {
            undated: claim.allocated.is_some() && since.is_none(),
            ..Self::begin(Source::ResourceClaims, &claim.namespace, since.unwrap_or(at).min(at), at)
        };
        item.follow_device_claim(claim, version);
        item
    }

    pub fn follow_device_claim(&mut self, claim: &DeviceClaimFact, version: u64) {
        self.version = version;
        self.allocated = claim.allocated.is_some();
        let amounts = claim.allocated.as_ref().map_or_else(no_amounts, |allocated| allocated.devices.clone());
        self.held = Held::Always(Holding { labels: no_labels(), amounts });
    }

    /// From when on it holds what a version of its ResourceClaim says that is seen at `at`: an allocation from its
    /// own time, but not from before it was last seen without one (COST_RULES 41).
    pub fn holds_devices_from(&self, claim: &DeviceClaimFact, at: Seconds) -> Seconds {
        let known = self.held.since().unwrap_or(self.start);
        match &claim.allocated {
            Some(allocated) if !self.allocated => allocated.since.unwrap_or(at).max(known),
            Some(_) => at.max(known),
            None => at,
        }
    }

    /// An object of a kind that a plan may name, as it is billed to a namespace.
    pub fn of_object(object: &ObjectFact, billed_to: &Name, version: u64, at: Seconds) -> Self {
        let mut item = Self::begin(Source::Objects(object.kind), billed_to, object.created, at);
        item.follow_object(object, version);
        item
    }

    pub fn follow_object(&mut self, object: &ObjectFact, version: u64) {
        self.version = version;
        self.held = Held::Always(Holding { labels: object.labels.clone(), amounts: ONE_OBJECT.clone() });
    }

    /// It is billed to another namespace.
    pub fn leave(&mut self, version: u64) {
        self.version = version;
        self.held = Held::Always(Holding::nothing());
    }

    /// What a list prices of what is no Pod's; none where it does not bill it.
    pub fn priced_as<'a>(
        &'a self,
        resource: &'a str,
        labels: &Labels,
        list: Option<&'a PriceList>,
    ) -> Option<rate::Held<'a>> {
        match self.source {
            Source::Claims => Some(rate::Held::Storage { class: self.site.as_deref().unwrap_or_default() }),
            Source::Services => Some(rate::Held::LoadBalancer),
            Source::ResourceClaims => Some(rate::Held::Devices { class: resource }),
            Source::Objects(kind) => Some(rate::Held::Object(list?.object(kind, labels)?)),
            _ => None,
        }
    }

    /// Whether its labels choose a category (COST_RULES 43).
    pub fn is_categorized(&self) -> bool {
        matches!(self.source, Source::Pods | Source::Claims)
    }

    /// The item without its past.
    #[must_use]
    pub fn now(&self) -> Self {
        Self {
            source: self.source,
            namespace: self.namespace.clone(),
            workload: self.workload.clone(),
            site: self.site.clone(),
            called: self.called,
            start: self.start,
            end: self.end,
            terminal: self.terminal,
            allocated: self.allocated,
            undated: self.undated,
            version: self.version,
            status_written: self.status_written,
            held: Held::Always(self.held.last().clone()),
        }
    }

    /// The first instant at which it would add something else to a ledger, held what `now` holds from `from` on.
    pub fn differs(&self, now: &Self, from: Seconds) -> Option<Seconds> {
        if self.workload != now.workload || self.site != now.site {
            return Some(Seconds::MIN);
        }
        self.holds_otherwise(now, from)
    }

    /// The first instant at which it would hold something else.
    pub fn holds_otherwise(&self, now: &Self, from: Seconds) -> Option<Seconds> {
        let start = (self.start != now.start).then(|| self.start.min(now.start));
        let end = (self.end != now.end).then(|| self.end.min(now.end));
        let held = (!self.held.is_from(from, now.held.last())).then_some(from);
        [start, end, held].into_iter().flatten().min()
    }

    /// Follows a version that meters as this one does.
    pub fn renew(&mut self, same: &Self) {
        (self.version, self.terminal, self.allocated) = (same.version, same.terminal, same.allocated);
        self.status_written = same.status_written;
    }

    /// Goes on as `now`, which holds what it holds from `from` on.
    pub fn go_on(&mut self, now: Self, from: Seconds) {
        let mut held = std::mem::replace(&mut self.held, now.held.clone());
        held.set(from, now.held.last());
        *self = Self { held, ..now };
    }

    /// Forgets what it held before `t`.
    pub fn forget_before(&mut self, t: Seconds) {
        if let Held::Since(history) = &mut self.held {
            history.forget_before(t);
            if let Some(only) = history.only() {
                self.held = Held::Always(only.clone());
            }
        }
    }

    /// It is gone: nothing is held from `at` on.
    pub fn end_at(&mut self, at: Seconds) {
        self.end = self.end.min(at);
    }

    fn claimed(claim: &ClaimFact) -> Holding {
        let bytes = if claim.bound { claim.bytes } else { 0 };
        Holding { labels: claim.labels.clone(), amounts: single(&STORAGE_NAME, bytes) }
    }

    fn served(service: &ServiceFact) -> Holding {
        let one = i128::from(service.load_balancer);
        Holding { labels: service.labels.clone(), amounts: single(&LOAD_BALANCER_NAME, one) }
    }
}

// === impl Holding ===

impl Holding {
    pub fn nothing() -> Self {
        Self { labels: no_labels(), amounts: no_amounts() }
    }
}

// === impl Held ===

impl Held {
    /// Held from `from` on, and nothing before.
    pub fn starting(from: Seconds, holding: &Holding) -> Self {
        let mut held = Self::Always(Holding::nothing());
        held.set(from, holding);
        held
    }

    /// When what is held now began to be, where it was not always.
    fn since(&self) -> Option<Seconds> {
        match self {
            Self::Always(_) => None,
            Self::Since(history) => history.since(),
        }
    }

    pub fn at(&self, t: Seconds) -> Option<&Holding> {
        match self {
            Self::Always(holding) => Some(holding),
            Self::Since(history) => history.at(t),
        }
    }

    pub fn last(&self) -> &Holding {
        match self {
            Self::Always(holding) => holding,
            Self::Since(history) => history.last().expect("it begins with a version"),
        }
    }

    /// Whether from `from` on nothing else is held.
    fn is_from(&self, from: Seconds, holding: &Holding) -> bool {
        match self {
            Self::Always(always) => always == holding,
            Self::Since(history) => history.is_from(from, holding),
        }
    }

    fn set(&mut self, from: Seconds, holding: &Holding) {
        match self {
            Self::Always(now) if now == holding => {}
            Self::Always(now) => {
                let mut history = History::starting(Seconds::MIN, now.clone());
                history.set(from, holding.clone());
                *self = Self::Since(Box::new(history));
            }
            Self::Since(history) => history.set(from, holding.clone()),
        }
    }

    /// Instants of change within `(from, to)`.
    pub fn changes(&self, from: Seconds, to: Seconds) -> impl Iterator<Item = Seconds> + '_ {
        let history = match self {
            Self::Always(_) => None,
            Self::Since(history) => Some(history),
        };
        history.into_iter().flat_map(move |h| h.changes(from, to))
    }
}

static STORAGE_NAME: LazyLock<Name> = LazyLock::new(|| STORAGE.into());
static LOAD_BALANCER_NAME: LazyLock<Name> = LazyLock::new(|| LOAD_BALANCER.into());
static ONE_OBJECT: LazyLock<Amounts> = LazyLock::new(|| Arc::new([(OBJECT.into(), 1)]));
static ONE_LOAD_BALANCER: LazyLock<Amounts> = LazyLock::new(|| Arc::new([(LOAD_BALANCER_NAME.clone(), 1)]));

/// What bears no time of its own begins when it was first observed.
fn dated(start: Seconds, observed: Seconds) -> Seconds {
    if start == UNDATED { observed } else { start }
}

fn single(name: &Name, amount: i128) -> Amounts {
    match amount {
        0 => no_amounts(),
        1 if **name == *LOAD_BALANCER => ONE_LOAD_BALANCER.clone(),
        _ => Arc::new([(name.clone(), amount)]),
    }
}
