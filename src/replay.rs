//! The engine driven by a trace and a virtual clock: how history is priced again, and how the engine is tested.

pub mod manifest;
mod recordings;
pub mod report;
mod strict;
pub mod trace;
pub mod unpack;

use std::collections::{HashMap, HashSet};
use std::io::BufRead;

use jiff::Timestamp;

use crate::engine::machine::{Event, Fact, Machine, Settings};
use crate::facts::ObjectId;
use crate::observe::{Names, Observed, TypeMeta};
use manifest::Manifest;
use recordings::{Missed, Recordings};
use report::{Report, Troubles};
use trace::{Change, Trace, TraceError, TraceEvent};

/// Events after which what nothing refers to any more is forgotten.
const SWEEP: u64 = 1 << 16;

/// What to replay.
#[derive(Clone, Debug)]
pub struct Options {
    pub from: Timestamp,
    pub to: Timestamp,
    /// The operator's namespace.
    pub namespace: String,
    /// `spec.cluster` of the Statements.
    pub cluster: String,
}

/// A trace being replayed.
#[derive(Debug)]
pub struct Replay {
    machine: Machine,
    options: Options,
    /// Objects of manifests, by kind and name: they stand for the trace's own.
    given: HashMap<TypeMeta, HashMap<Names, ObjectId>>,
    replaced: HashSet<ObjectId>,
    wake: Option<i64>,
    recordings: Recordings,
    troubles: Troubles,
    /// Events taken in.
    taken: u64,
}

// === impl Replay ===

impl Replay {
    pub fn new(options: Options, manifests: Vec<Manifest>) -> Self {
        let settings = Settings {
            cluster: options.cluster.clone(),
            namespace: options.namespace.as_str().into(),
            lag: 0,
            from: Some(options.from.as_second()),
            replay: true,
            writes_per_second: i64::MAX,
            counting: None,
            retained: usize::MAX,
        };
        let mut replay = Self {
            machine: Machine::new(settings),
            recordings: Recordings::new(options.from),
            options,
            given: HashMap::new(),
            replaced: HashSet::new(),
            wake: None,
            troubles: Troubles::default(),
            taken: 0,
        };
        let from = replay.options.from.as_second();
        for manifest in manifests {
            let Observed { id, names, .. } = &manifest.observed;
            replay.given.entry(manifest.kind).or_default().insert(names.clone(), *id);
            replay.apply(manifest.observed, from);
        }
        replay
    }

    /// Replays all events up to `--to`, and lets time pass until then.
    pub fn run<R: BufRead>(mut self, trace: &mut Trace<R>) -> Result<Report, TraceError> {
        let next = loop {
            let Some(event) = trace.next_event()? else { break None };
            if event.at > self.options.to {
                break Some(event);
            }
            if let Some((from, to)) = self.recordings.begin(&event) {
                self.machine.unrecorded(from, to);
            }
            match self.recordings.note(&event) {
                Some(missed) => self.miss(missed, event.at),
                None => self.take(event),
            }
        };
        if let Some((from, to)) = self.recordings.rest(next.as_ref(), self.options.to) {
            self.machine.unrecorded(from, to);
        }
        let to = self.options.to.as_second();
        self.start();
        self.pass_until(to);
        self.machine.pass(to);
        self.troubles.note(self.machine.troubles());
        Ok(Report::of(&self.machine, to, self.troubles))
    }

    /// What a recording's first list did not hold is gone; manifests stand for what they replace.
    fn miss(&mut self, Missed { source, mut held, gone }: Missed, at: Timestamp) {
        held.ids.extend(self.given.values().flat_map(HashMap::values));
        self.reach(at);
        self.machine.ingest(Event::Resumed { source, held }, at.as_second());
        for event in gone {
            if event.observed.as_ref().is_some_and(|observed| self.given(&event.kind, &observed.names).is_none()) {
                self.take(event);
            }
        }
    }

    /// The object of a manifest that stands for the trace's own of this kind and name.
    fn given(&self, kind: &TypeMeta, names: &Names) -> Option<ObjectId> {
        self.given.get(kind)?.get(names).copied()
    }

    /// Lets time pass until `at`.
    fn reach(&mut self, at: Timestamp) {
        if at >= self.options.from {
            self.start();
        }
        if self.machine.is_running() {
            self.pass_until(at.as_second());
        }
    }

    fn take(&mut self, event: TraceEvent) {
        let at = event.at.as_second();
        self.reach(event.at);
        let Some(mut observed) = event.observed else { return };
        if let Some(given) = self.given(&event.kind, &observed.names) {
            // What a manifest gives replaces the trace's own; an object that was never added is edited (COST_RULES 34).
            if event.change == Change::Added {
                self.replaced.insert(observed.id);
            }
            let ignored = match event.change {
                // Nothing follows.
                Change::Deleted => self.replaced.remove(&observed.id),
                Change::Added | Change::Modified => self.replaced.contains(&observed.id),
            };
            if ignored {
                return;
            }
            observed.id = given;
        }
        match event.change {
            Change::Added | Change::Modified => self.apply(observed, at),
            Change::Deleted => {
                let Observed { id, tag, fact, also, .. } = observed;
                let last_seen = event.last_seen.map(Timestamp::as_second);
                for fact in std::iter::once(fact).chain(also) {
                    self.machine.ingest(Event::Deleted { tag, id, fact, last_seen }, at);
                }
            }
        }
        self.wake = self.machine.wake();
        self.troubles.note(self.machine.troubles());
        self.taken += 1;
        if self.taken.is_multiple_of(SWEEP) {
            self.machine.sweep();
        }
    }

    fn apply(&mut self, observed: Observed, at: i64) {
        let Observed { id, tag, fact, also, .. } = observed;
        for fact in std::iter::once(fact).chain(also).filter_map(unrecorded) {
            self.machine.ingest(Event::Applied { tag, id, fact }, at);
        }
    }

    fn start(&mut self) {
        if !self.machine.is_running() {
            let from = self.options.from.as_second();
            self.machine.start(from);
            self.wake = Some(from);
        }
    }

    /// Wakes the machine whenever it asked to be, before `at`.
    fn pass_until(&mut self, at: i64) {
        while let Some(wake) = self.wake.filter(|wake| *wake < at) {
            self.wake = self.machine.pass(wake).wake;
        }
    }
}

/// Without what an operator wrote at the time: a replay computes it anew.
fn unrecorded(fact: Fact) -> Option<Fact> {
    match fact {
        Fact::Statement(_) => None,
        Fact::Budget(mut budget) => {
            budget.status = None;
            Some(Fact::Budget(budget))
        }
        Fact::ClusterBudget(mut budget) => {
            budget.status = None;
            Some(Fact::ClusterBudget(budget))
        }
        fact => Some(fact),
    }
}
