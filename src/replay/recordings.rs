//! Recordings in a trace: where each begins, what was gone by then, and when nothing was recorded.
//!
//! The lines of a recording's first list say when it began. What an earlier recording knew and the list does not hold
//! ended when it was last known to exist, as in a relist after a broken watch (COST_RULES 46).

use std::collections::{HashMap, HashSet};

use jiff::{SignedDuration, Timestamp};

use super::trace::{Change, TraceEvent};
use crate::engine::machine::Relist;
use crate::engine::observed::Source;
use crate::facts::{ObjectId, Seconds};
use crate::observe::known::Known;
use crate::observe::{Observed, TypeMeta};

/// Two lines of a first list are no farther apart.
const LISTED: SignedDuration = SignedDuration::from_secs(60);

/// Shorter, nothing is missing: a relist may take as long (COST_RULES 46).
const BROKEN: SignedDuration = SignedDuration::from_secs(60);

/// A recording of a cluster with Nodes is not silent for so long: each tells of itself every five minutes.
const SILENT: SignedDuration = SignedDuration::from_mins(10);

/// The recordings of a trace, as far as it is read.
#[derive(Debug)]
pub struct Recordings {
    /// When metering begins.
    from: Timestamp,
    /// When the current one began; none where nothing says so.
    current: Option<Timestamp>,
    last: Option<Timestamp>,
    listing: Option<Listing>,
    /// What no item of the engine stands for: names, to tell of their end.
    known: HashMap<ObjectId, (TypeMeta, Known)>,
}

/// The first list of another recording, under way.
#[derive(Debug)]
struct Listing {
    /// The last line of the recording before.
    last_heard: Timestamp,
    /// Its own newest line.
    newest: Timestamp,
    ids: HashSet<ObjectId>,
}

/// What a first list did not hold.
#[derive(Debug)]
pub struct Missed {
    /// What there is of what the engine itself can tell to be gone.
    pub held: Relist,
    /// The end of all else.
    pub gone: Vec<TraceEvent>,
}

// === impl Recordings ===

impl Recordings {
    pub fn new(from: Timestamp) -> Self {
        Self { from, current: None, last: None, listing: None, known: HashMap::new() }
    }

    /// Before `event` is taken in: what the first list did not hold that is over by then.
    pub fn over(&mut self, event: &TraceEvent) -> Option<Missed> {
        let listing = self.listing.as_ref()?;
        let another = event.recording.is_some_and(|begun| Some(begun) > self.current);
        let over = another || event.at.duration_since(listing.newest) > LISTED;
        if over { self.end(event.at) } else { None }
    }

    /// The same at the end of the trace, which is read up to `at`.
    pub fn end(&mut self, at: Timestamp) -> Option<Missed> {
        let Listing { last_heard, ids, .. } = self.listing.take()?;
        let gone = self.known.extract_if(|id, _| !ids.contains(id));
        let gone = gone.map(|(id, (kind, known))| TraceEvent {
            at,
            change: Change::Deleted,
            last_seen: Some(last_heard),
            recording: None,
            observed: kind.source().and_then(|source| known.observed(source, id, known.version)),
            kind,
        });
        let gone = gone.collect();
        Some(Missed { held: Relist { ids, last_heard: last_heard.as_second() }, gone })
    }

    /// Takes note of `event`: from when to when nothing was recorded before it, if it begins another recording.
    pub fn note(&mut self, event: &TraceEvent) -> Option<(Seconds, Seconds)> {
        let begun = event.recording.filter(|begun| Some(*begun) > self.current);
        let mut hole = None;
        if let Some(begun) = begun {
            self.current = Some(begun);
            // Its list may begin a little after its first event.
            let before = self.last.filter(|last| *last < begun);
            if let Some(last_heard) = before {
                self.listing = Some(Listing { last_heard, newest: event.at, ids: HashSet::new() });
            }
            if before.is_some() || self.last.is_none() {
                hole = self.hole(before.unwrap_or(self.from), begun, BROKEN);
            }
        }
        self.last = Some(event.at);
        self.keep(event);
        hole
    }

    /// From when to when nothing was recorded before the end of the replay.
    pub fn rest(&self, to: Timestamp) -> Option<(Seconds, Seconds)> {
        self.current?;
        self.hole(self.last?, to, SILENT)
    }

    fn hole(&self, from: Timestamp, to: Timestamp, longer: SignedDuration) -> Option<(Seconds, Seconds)> {
        let is_hole = to.duration_since(from) > longer && to > self.from;
        is_hole.then(|| (from.max(self.from).as_second(), to.as_second()))
    }

    fn keep(&mut self, event: &TraceEvent) {
        let Some(observed) = &event.observed else { return };
        let Observed { id, tag, .. } = observed;
        if let Some(listing) = &mut self.listing {
            listing.ids.insert(*id);
            if event.recording.is_some() {
                listing.newest = event.at;
            }
        }
        match event.change {
            _ if !is_told(tag.source) => {}
            Change::Added | Change::Modified => {
                self.known.insert(*id, (event.kind.clone(), Known::of(observed)));
            }
            Change::Deleted => {
                self.known.remove(id);
            }
        }
    }
}

/// Whether the engine has to be told of each that is gone, and bills otherwise by it.
fn is_told(source: Source) -> bool {
    use Source::{BudgetOverrides, Budgets, ClusterBudgets, Namespaces, PricePlans};
    matches!(source, BudgetOverrides | Budgets | ClusterBudgets | Namespaces | PricePlans)
}
