//! Recordings in a trace: where each begins, what was gone by then, and when nothing was recorded.
//!
//! Each line says when its recording began, and one for each kind that its first list is complete. What an earlier
//! recording knew and that list does not hold ended when it was last known to exist, as in a relist after a broken watch
//! (COST_RULES 46).

use std::collections::{HashMap, HashSet};

use jiff::{SignedDuration, Timestamp};

use super::trace::{Change, TraceEvent};
use crate::engine::machine::Relist;
use crate::engine::observed::Source;
use crate::facts::{ObjectId, Seconds};
use crate::observe::known::Known;
use crate::observe::{Observed, TypeMeta};

/// Shorter, nothing is missing: a relist may take as long (COST_RULES 46).
const BROKEN: SignedDuration = SignedDuration::from_secs(60);

/// A recording of a cluster with Nodes is not silent for so long: each tells of itself every five minutes.
const SILENT: SignedDuration = SignedDuration::from_mins(10);

/// The recordings of a trace, as far as it is read.
#[derive(Debug)]
pub struct Recordings {
    /// When metering begins.
    from: Timestamp,
    /// Those met so far, by when they began.
    met: HashSet<Timestamp>,
    last: Option<Timestamp>,
    listing: Option<Listing>,
    /// What no item of the engine stands for: names, to tell of their end.
    known: HashMap<ObjectId, (TypeMeta, Known)>,
}

/// The first lists of the newest recording, as long as some are under way.
#[derive(Debug)]
struct Listing {
    /// The last line before it.
    last_heard: Timestamp,
    /// What it holds, of sources whose list is not complete.
    held: HashMap<Source, HashSet<ObjectId>>,
    listed: HashSet<Source>,
}

/// What a complete first list did not hold.
#[derive(Debug)]
pub struct Missed {
    pub source: Source,
    /// What there is of what the engine itself can tell to be gone.
    pub held: Relist,
    /// The end of all else.
    pub gone: Vec<TraceEvent>,
}

// === impl Recordings ===

impl Recordings {
    pub fn new(from: Timestamp) -> Self {
        Self { from, met: HashSet::new(), last: None, listing: None, known: HashMap::new() }
    }

    /// From when to when nothing was recorded before `event`, if it begins another recording.
    pub fn begin(&mut self, event: &TraceEvent) -> Option<(Seconds, Seconds)> {
        let before = self.last.replace(event.at);
        if !event.recording.is_some_and(|begun| self.met.insert(begun)) {
            return None;
        }
        self.listing = before.map(|last_heard| Listing { last_heard, held: HashMap::new(), listed: HashSet::new() });
        self.hole(before.unwrap_or(self.from), event.at, BROKEN)
    }

    /// Takes note of `event`: what is gone, if it is the end of a first list.
    pub fn note(&mut self, event: &TraceEvent) -> Option<Missed> {
        if let Some(source) = event.listed {
            return self.missed(source, event.at);
        }
        let observed = event.observed.as_ref()?;
        let Observed { id, tag, .. } = observed;
        if let Some(listing) = self.listing.as_mut().filter(|listing| !listing.listed.contains(&tag.source)) {
            listing.held.entry(tag.source).or_default().insert(*id);
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
        None
    }

    fn missed(&mut self, source: Source, at: Timestamp) -> Option<Missed> {
        let listing = self.listing.as_mut()?;
        if !listing.listed.insert(source) {
            return None;
        }
        let (ids, last_heard) = (listing.held.remove(&source).unwrap_or_default(), listing.last_heard);
        let gone = self.known.extract_if(|id, (kind, _)| kind.source() == Some(source) && !ids.contains(id));
        let mut gone: Vec<_> = gone.collect();
        gone.sort_unstable_by_key(|(id, _)| *id);
        let gone = gone.into_iter().map(|(id, (kind, known))| TraceEvent {
            at,
            change: Change::Deleted,
            last_seen: Some(last_heard),
            recording: None,
            listed: None,
            observed: known.observed(source, id, known.version),
            kind,
        });
        let gone = gone.collect();
        Some(Missed { source, held: Relist { ids, last_heard: last_heard.as_second() }, gone })
    }

    /// From when to when nothing was recorded before `to`, the end of the replay; `next` is the line after it.
    pub fn rest(&self, next: Option<&TraceEvent>, to: Timestamp) -> Option<(Seconds, Seconds)> {
        let last = self.last.filter(|_| !self.met.is_empty())?;
        match next {
            Some(next) if next.recording.is_none_or(|begun| self.met.contains(&begun)) => None,
            Some(_) => self.hole(last, to, BROKEN),
            None => self.hole(last, to, SILENT),
        }
    }

    fn hole(&self, from: Timestamp, to: Timestamp, longer: SignedDuration) -> Option<(Seconds, Seconds)> {
        let is_hole = to.duration_since(from) > longer && to > self.from;
        is_hole.then(|| (from.max(self.from).as_second(), to.as_second()))
    }
}

/// Whether the engine has to be told of each that is gone, and bills otherwise by it.
fn is_told(source: Source) -> bool {
    use Source::{BudgetOverrides, Budgets, ClusterBudgets, Namespaces, PricePlans};
    matches!(source, BudgetOverrides | Budgets | ClusterBudgets | Namespaces | PricePlans)
}
