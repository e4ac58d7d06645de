//! Resources that the API server need not serve, and the operator need not see: nothing waits for them.
//!
//! A plan that bills one which is not watched says so, and so do its budgets: nothing of it is counted meanwhile, and
//! it is not free. What a Statement had seen of it stays metered up to the Statement's watermark, until the first list
//! shows what is there.

use super::metered::BROKEN;
use super::{Entry, Machine};
use crate::engine::ledger::Gap;
use crate::engine::observed::{Cut, Source, Tag};
use crate::engine::rate::PriceList;
use crate::facts::{Name, Seconds};

/// Why a resource is not watched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unwatched {
    NotServed,
    Forbidden,
    /// For now: it is tried again.
    Failed,
}

// === impl Unwatched ===

impl Unwatched {
    fn said(self, source: Source) -> String {
        match self {
            Self::NotServed => format!("{source}: the API server does not serve them"),
            Self::Forbidden => {
                format!("{source}: the operator may not list and watch them, grant it that (chart value rbac)")
            }
            Self::Failed => format!("{source}: the watch fails, and is tried again"),
        }
    }
}

// === impl Machine ===

impl Machine {
    /// Whether the first list of everything is complete that there is to watch.
    pub fn has_first_lists(&self) -> bool {
        let is_known = |source: &Source| {
            self.listed.contains_key(source) || (source.is_optional() && self.unwatched.contains_key(source))
        };
        Source::ALL.iter().all(is_known)
    }

    /// When the last of the first lists was complete that everything waits for.
    pub(super) fn first_listed(&self) -> Option<Seconds> {
        self.listed.iter().filter(|(source, _)| !source.is_optional()).map(|(_, at)| *at).max()
    }

    pub(super) fn not_watched(&mut self, source: Source, why: Unwatched, at: Seconds) {
        if self.unwatched.insert(source, why) != Some(why) {
            self.wake_billing(source, at);
        }
    }

    /// The first list of a source is complete: what Statements said of it is caught up with.
    pub(super) fn first_list(&mut self, source: Source, at: Seconds) {
        if self.unwatched.remove(&source).is_some() {
            self.wake_billing(source, at);
        }
        for entry in self.ledgers.values_mut() {
            let Some(from) = entry.resumes.remove(&source).filter(|_| entry.closed_at.is_none()) else { continue };
            let to = entry.ledger.clamp(at);
            if to - from > BROKEN {
                entry.note_gap(Gap { from, to, reason: format!("{source} could not be watched") });
            }
        }
    }

    /// What a Statement has seen of what is watched here. Of the rest it is held to what it says, up to its watermark.
    pub(super) fn watched_part(&mut self, mut cut: Cut) -> (Cut, Vec<Source>) {
        let unlisted = |tag: &Tag| tag.source.is_optional() && !self.listed.contains_key(&tag.source);
        let apart: Vec<_> = cut.tags().filter(unlisted).collect();
        for tag in &apart {
            cut.forget(tag.source);
            // What is written next has seen no less.
            self.cut.see(*tag);
        }
        (cut, apart.into_iter().map(|tag| tag.source).collect())
    }

    /// What a price list bills and nobody watches, in words.
    pub(super) fn unwatched(&self, list: &PriceList) -> Option<String> {
        let missing = self.unwatched.iter().filter(|(source, _)| list.bills(**source));
        let said: Vec<_> = missing.map(|(source, why)| why.said(*source)).collect();
        (!said.is_empty()).then(|| format!("not watched, and not counted: {}", said.join("; ")))
    }

    fn wake_billing(&mut self, source: Source, at: Seconds) {
        self.dirty_plans = true;
        let plans = self.world.plans.iter();
        let bills = plans.filter(|(_, plan)| {
            plan.versions.last().is_some_and(|list| list.as_ref().is_some_and(|list| list.bills(source)))
        });
        for plan in bills.map(|(name, _)| name.clone()).collect::<Vec<Name>>() {
            self.wake_users(&plan, at);
        }
    }
}

// === impl Entry ===

impl Entry {
    /// Up to when what a source's first list shows is metered as the Statement says.
    pub(super) fn resumes(&self, tag: Tag) -> Option<Seconds> {
        self.resumes.get(&tag.source).copied()
    }
}
