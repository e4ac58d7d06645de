//! One metered object's life: from when, to when, holding what.
//!
//! A Pod, a claim and a load balancer differ in what they hold; how they are metered is the same. An item keeps the
//! few versions that differ, so that a fact learned late can be netted exactly.

use std::sync::{Arc, LazyLock};

use super::history::History;
use super::observed::{Source, Tag};
use crate::facts::{Amounts, ClaimFact, Labels, Name, PodFact, Seconds, ServiceFact, UNDATED};

/// The end of what has not ended.
pub const NEVER: Seconds = Seconds::MAX;

/// Resources under which what is no Pod holds its amount.
pub const STORAGE: &str = "storage";
pub const LOAD_BALANCER: &str = "load-balancer";

/// A Pod, claim or load balancer, for as long as it is metered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    pub source: Source,
    pub namespace: Name,
    /// `Deployment/web`; of Pods alone.
    pub workload: Option<Name>,
    /// The Node of a Pod, the StorageClass of a claim.
    pub site: Option<Name>,
    pub start: Seconds,
    /// [`NEVER`] while it runs.
    pub end: Seconds,
    /// A Pod was seen in a terminal phase; the first such version decides its end (COST_RULES 7).
    pub terminal: bool,
    pub version: u64,
    /// Whether the end was known before anyone looked again after a cold start.
    pub status_written: Option<Seconds>,
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

    /// A Pod as first seen at `at`, once it is bound to a Node.
    pub fn of_pod(pod: &PodFact, version: u64, at: Seconds) -> Option<Self> {
        let site = pod.node.clone()?;
        let mut item = Self {
            source: Source::Pods,
            namespace: pod.namespace.clone(),
            workload: None,
            site: Some(site),
            start: dated(pod.start, at),
            end: NEVER,
            terminal: false,
            version,
            status_written: pod.status_written,
            held: Held::Always(Holding { labels: pod.labels.clone(), amounts: pod.requests.clone() }),
        };
        item.follow_pod(pod, version, at);
        Some(item)
    }

    /// A later version of the same Pod.
    pub fn follow_pod(&mut self, pod: &PodFact, version: u64, at: Seconds) {
        self.version = version;
        self.status_written = pod.status_written;
        self.start = dated(pod.start, self.start);
        if !self.terminal {
            let finished = if pod.terminal { pod.finished.unwrap_or(at) } else { NEVER };
            self.end = finished.min(self.deadline(pod, at));
            self.terminal = pod.terminal;
        }
        self.hold(at, Holding { labels: pod.labels.clone(), amounts: pod.requests.clone() });
    }

    /// No later than this it ends. A grace period that is cut short is so from when that is seen: once the kubelet is
    /// done the API server sets it to 0, and the deletionTimestamp back to the request.
    fn deadline(&self, pod: &PodFact, at: Seconds) -> Seconds {
        let deadline = pod.deadline.unwrap_or(NEVER);
        if self.end == NEVER { deadline } else { self.end.min(deadline.max(at)) }
    }

    /// A claim as seen at `at`; before, there was `first`: none if this is the first sight of it.
    pub fn of_claim(claim: &ClaimFact, version: u64, at: Seconds) -> Self {
        let mut item = Self {
            source: Source::Claims,
            namespace: claim.namespace.clone(),
            workload: None,
            site: Some(claim.class.clone()),
            start: dated(claim.created, at),
            end: NEVER,
            terminal: false,
            version,
            status_written: None,
            held: Held::Always(Self::claimed(claim)),
        };
        if claim.lost {
            item.end = at;
        }
        item
    }

    pub fn follow_claim(&mut self, claim: &ClaimFact, version: u64, at: Seconds) {
        self.version = version;
        if claim.lost && self.end == NEVER {
            self.end = at;
        }
        self.hold(at, Self::claimed(claim));
    }

    pub fn of_service(service: &ServiceFact, version: u64, at: Seconds) -> Self {
        Self {
            source: Source::Services,
            namespace: service.namespace.clone(),
            workload: None,
            site: None,
            start: dated(service.created, at),
            end: NEVER,
            terminal: false,
            version,
            status_written: None,
            held: Held::Always(Self::served(service)),
        }
    }

    pub fn follow_service(&mut self, service: &ServiceFact, version: u64, at: Seconds) {
        self.version = version;
        self.hold(at, Self::served(service));
    }

    /// Whether it adds the same to every ledger.
    pub fn meters_as(&self, other: &Self) -> bool {
        let life = |item: &Self| (item.start, item.end);
        life(self) == life(other)
            && self.held == other.held
            && self.workload == other.workload
            && self.site == other.site
    }

    /// Follows a version that meters as this one does.
    pub fn renew(&mut self, same: &Self) {
        (self.version, self.terminal, self.status_written) = (same.version, same.terminal, same.status_written);
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

    fn hold(&mut self, from: Seconds, holding: Holding) {
        match &mut self.held {
            Held::Always(now) if *now == holding => {}
            Held::Always(now) => {
                let mut history = History::starting(Seconds::MIN, now.clone());
                history.set(from, holding);
                self.held = Held::Since(Box::new(history));
            }
            Held::Since(history) => history.set(from, holding),
        }
    }
}

// === impl Held ===

impl Held {
    pub fn at(&self, t: Seconds) -> Option<&Holding> {
        match self {
            Self::Always(holding) => Some(holding),
            Self::Since(history) => history.at(t),
        }
    }

    /// Has each version replaced by its shared copy.
    pub fn share(&mut self, mut share: impl FnMut(&mut Holding)) {
        match self {
            Self::Always(holding) => share(holding),
            Self::Since(history) => history.values_mut().for_each(share),
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
static ONE_LOAD_BALANCER: LazyLock<Amounts> = LazyLock::new(|| Arc::new([(LOAD_BALANCER_NAME.clone(), 1)]));
static NOTHING: LazyLock<Amounts> = LazyLock::new(|| Arc::new([]));

/// What bears no time of its own begins when it was first observed.
fn dated(start: Seconds, observed: Seconds) -> Seconds {
    if start == UNDATED { observed } else { start }
}

fn single(name: &Name, amount: i128) -> Amounts {
    match amount {
        0 => NOTHING.clone(),
        1 if **name == *LOAD_BALANCER => ONE_LOAD_BALANCER.clone(),
        _ => Arc::new([(name.clone(), amount)]),
    }
}
