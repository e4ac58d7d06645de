//! What is written, in which order, and what follows when it is.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use iso_currency::Currency;
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::print::digest;
use super::queue::Rank;
use super::{Entry, LedgerId, Machine, Persisted};
use crate::engine::budget::BudgetKey;
use crate::engine::write::{Outcome, Write, WriteKey};
use crate::facts::{Name, Seconds};

/// How often a statement whose lines accrue is checkpointed.
const ACCRUING: Seconds = 60;

/// How often one that stands still is.
const STILL: Seconds = 300;

/// How soon a write that failed is tried again.
const RETRY: Seconds = 2;

impl Machine {
    /// Takes note that a budget was evaluated: its statement and status may be due.
    pub(super) fn touch(&mut self, key: &BudgetKey) {
        self.waiting_for_writes.put(key, self.rank(key));
    }

    /// A transition: its statements and status are written at once.
    pub(super) fn urge(&mut self, key: &BudgetKey) {
        for id in self.ledgers_of(key).filter(|(_, e)| e.closed_at.is_none()).map(|(id, _)| id).collect::<Vec<_>>() {
            self.ledgers.get_mut(&id).expect("listed").urgent = true;
        }
        self.touch(key);
    }

    /// Has what is open persisted past an instant, within the limit on writes: whoever listed everything then knows all
    /// that this ledger does not say.
    pub fn persist_past(&mut self, instant: Seconds) {
        if self.leading {
            let behind: BTreeSet<_> = self.behind(instant).map(|entry| entry.budget.clone()).collect();
            for budget in &behind {
                self.urge(budget);
            }
        }
    }

    /// The writes of this pass: gates first and never limited, then what is urgent, then what waited longest.
    pub(super) fn wanted(&mut self, now: Seconds) -> Vec<Write> {
        if !self.leading {
            self.outbox.clear();
            return Vec::new();
        }
        self.refill(now);
        let mut writes = std::mem::take(&mut self.outbox);
        if now >= self.retry_plans && std::mem::take(&mut self.dirty_plans) {
            self.plan_writes(now, &mut writes);
        }
        self.copy_writes(now, &mut writes);
        self.child_writes(now, &mut writes);
        while self.tokens > 0
            && let Some(key) = self.waiting_for_writes.pop()
        {
            let before = writes.len();
            self.statement_writes(&key, now, &mut writes);
            self.status_writes(&key, now, &mut writes);
            self.event_writes(&key, now, &mut writes);
            self.override_writes(&key, now, &mut writes);
            self.tokens -= i64::try_from(writes.len() - before).unwrap_or(i64::MAX);
        }
        self.inflight.extend(writes.iter().map(Write::key));
        writes
    }

    /// Everything that is open, persisted as it stands, nearest to a threshold first: before this replica goes, or for
    /// another that has just come.
    pub fn checkpoint(&mut self, now: Seconds) -> Vec<Write> {
        if !self.leading || !self.running {
            return Vec::new();
        }
        let mut keys: Vec<_> = self.budgets.keys().map(|key| (self.rank(key), key.clone())).collect();
        keys.sort();
        let mut writes = Vec::new();
        for (_, key) in keys {
            self.urge(&key);
            // There may be no later.
            for id in self.billing.get(&key).into_iter().flatten() {
                self.ledgers.get_mut(id).expect("listed").retry_at = Seconds::MIN;
            }
            self.statement_writes(&key, now, &mut writes);
            self.event_writes(&key, now, &mut writes);
        }
        self.inflight.extend(writes.iter().map(Write::key));
        writes
    }

    /// What this replica still waits for before it could take over.
    pub fn waiting(&self) -> Vec<String> {
        if !self.running {
            return vec!["the first lists".to_owned()];
        }
        if self.leading {
            return Vec::new();
        }
        let Some(listed) = self.first_listed() else { return Vec::new() };
        self.behind(listed).map(|e| format!("Statement {}/{}", e.namespace, e.name)).collect()
    }

    /// What began before an instant and is persisted up to some time before it.
    fn behind(&self, instant: Seconds) -> impl Iterator<Item = &Entry> {
        self.ledgers.values().map(AsRef::as_ref).filter(move |e| {
            let watermark = e.persisted.as_ref().map_or(Seconds::MIN, |p| p.watermark);
            is_billable(e) && e.ledger.span.from < instant && watermark < e.ledger.clamp(instant)
        })
    }

    /// When to pass again at the latest.
    pub fn wake(&self) -> Option<Seconds> {
        let due = self.due.first().map(|(due, _)| *due);
        let left = (self.leading && !self.waiting_for_writes.is_empty()).then_some(self.now + 1);
        let failed_gate = self.failed_gates.values().min().copied();
        [due, left, Some(self.boundary), failed_gate, self.next_copy(), self.next_child()]
            .into_iter()
            .flatten()
            .min()
            .filter(|t| *t != Seconds::MAX)
    }

    pub(super) fn lead(&mut self, leading: bool, at: Seconds) {
        if std::mem::replace(&mut self.leading, leading) == leading {
            return;
        }
        self.inflight.clear();
        self.outbox.clear();
        self.scalings.clear();
        if !leading {
            for key in self.budgets.keys().cloned().collect::<Vec<_>>() {
                self.follow(&key);
            }
        }
        if leading {
            self.dirty_plans = true;
            self.dirty_gates.extend(self.namespaces.keys().cloned());
            for key in self.budgets.keys().cloned().collect::<Vec<_>>() {
                self.wake_budget(&key, at);
            }
            self.touch_gone();
        }
    }

    /// Of budgets that are gone too no more Statements are kept than are to be.
    pub(super) fn touch_gone(&mut self) {
        let billed: BTreeSet<_> = self.statements.values().map(|state| state.budget.clone()).collect();
        for key in billed.iter().filter(|key| !self.budgets.contains_key(key)) {
            self.waiting_for_writes.put(key, (3, 0));
        }
    }

    pub(super) fn done(&mut self, key: &WriteKey, outcome: Outcome, at: Seconds) {
        self.inflight.remove(key);
        match key {
            WriteKey::Statement(namespace, name) => self.statement_done(namespace, name, outcome, at),
            WriteKey::Event(event) => self.told(event, &outcome, at),
            // What changed while it was under way is looked at now.
            WriteKey::Status(budget) if matches!(outcome, Outcome::Written { .. }) => self.touch(budget),
            WriteKey::Status(budget) => {
                if let Some(state) = self.budgets.get_mut(budget) {
                    state.status = state.seen_status.clone();
                }
                self.wake_budget(budget, at + RETRY);
            }
            WriteKey::Copy(namespace, name) => self.copied(&(namespace.clone(), name.clone()), &outcome, at),
            WriteKey::Child(child) => self.child_written(child, &outcome, at),
            WriteKey::Gate(namespace) => {
                if matches!(outcome, Outcome::Conflict | Outcome::Failed) {
                    self.failed_gates.insert(namespace.clone(), at + RETRY);
                }
            }
            WriteKey::Scale(namespace) => self.scaled(namespace, outcome, at),
            WriteKey::Plan(_) => {
                if matches!(outcome, Outcome::Written { .. }) {
                    self.failed_plans = 0;
                } else {
                    self.failed_plans += 1;
                    self.dirty_plans = true;
                    self.retry_plans = at + pause(self.failed_plans);
                }
            }
            WriteKey::Override(namespace, name) => {
                if let Some(budget) = self.overridden_by(namespace, name)
                    && !matches!(outcome, Outcome::Written { .. })
                {
                    self.wake_budget(&budget, at + RETRY);
                }
            }
        }
    }

    fn statement_done(&mut self, namespace: &Name, name: &Name, outcome: Outcome, at: Seconds) {
        let Some(id) = self.ledger_named(namespace, name) else { return };
        let entry = self.ledgers.get_mut(&id).expect("found");
        match outcome {
            Outcome::Written { version } => self.written(id, version, at),
            // The watch has shown it already.
            _ if entry.attempted.is_none() => {}
            outcome => {
                // Otherwise the watch shows what is there, and it is tried again, ever more rarely.
                if outcome == Outcome::Gone {
                    entry.persisted = None;
                }
                entry.urgent = true;
                entry.failures += 1;
                entry.retry_at = at + pause(entry.failures);
                let (budget, retry_at) = (entry.budget.clone(), entry.retry_at);
                self.wake_budget(&budget, retry_at);
            }
        }
    }

    /// What was attempted stands in the API server.
    pub(super) fn written(&mut self, id: LedgerId, version: Option<String>, at: Seconds) {
        let entry = self.ledgers.get_mut(&id).expect("present");
        let Some(attempted) = entry.attempted.take() else { return };
        let persisted = Persisted { version: version.unwrap_or(attempted.version), at, ..attempted };
        entry.ledger.fold(persisted.watermark.min(at - HISTORY), Some(&persisted.cut));
        entry.ledger.carry(&self.rates);
        entry.ledger.condense(&self.rates);
        (entry.failures, entry.retry_at) = (0, Seconds::MIN);
        let (closed, budget) = (persisted.closed, entry.budget.clone());
        let due = at + every(entry, &persisted);
        entry.persisted = Some(persisted);
        self.touch(&budget);
        self.wake_budget(&budget, due);
        if closed {
            let entry = self.ledgers.get_mut(&id).expect("present");
            entry.closed_at = Some(at);
            // What was learned while it was being closed belongs to the next one.
            let late = std::mem::take(&mut entry.late);
            for (line, quantity, _) in &late {
                *entry.corrected.entry(line.rate).or_default() -= quantity;
            }
            for (line, quantity, tag) in late {
                self.correct(id, &line, quantity, tag, at);
            }
            self.forget_closed(&budget);
        }
    }

    fn statement_writes(&mut self, key: &BudgetKey, now: Seconds, writes: &mut Vec<Write>) {
        if !self.plan_is_written(key) {
            return;
        }
        let own = self.ledgers_of(key).filter(|(_, e)| is_billable(e));
        let due: Vec<_> = own.filter(|(_, e)| self.is_due(e, now)).map(|(id, _)| id).collect();
        for id in due {
            if self.is_homeless(&self.ledgers[&id]) {
                self.move_home(id);
            }
            writes.push(self.statement_write(id, now));
        }
        self.remove_oldest(key, writes);
    }

    fn is_due(&self, entry: &Entry, now: Seconds) -> bool {
        if self.inflight.contains(&WriteKey::Statement(entry.namespace.clone(), entry.name.clone())) {
            return false;
        }
        if now < entry.retry_at {
            return false;
        }
        let Some(persisted) = &entry.persisted else { return true };
        // It holds what this replica has yet to see: what it would write now could not say what is in it.
        let mut unseen = self.seen.behind(&persisted.cut).filter(|tag| tag.source.is_watched());
        if persisted.behind.is_some() && unseen.next().is_some() {
            return false;
        }
        // A watermark never goes back: one ahead of time is waited for.
        if persisted.watermark > entry.ledger.clamp(now - self.settings.lag) {
            return false;
        }
        entry.urgent || now >= Self::closes_at(entry) || now - persisted.at >= every(entry, persisted)
    }

    fn statement_write(&mut self, id: LedgerId, now: Seconds) -> Write {
        let entry = &self.ledgers[&id];
        let close = now >= Self::closes_at(entry);
        let floor = entry.persisted.as_ref().map_or(Seconds::MIN, |p| p.watermark);
        let watermark =
            if close { entry.ledger.span.until } else { entry.ledger.clamp(now - self.settings.lag).max(floor) };
        let spec = Arc::new(self.statement_spec(entry, watermark, close.then_some(now)));
        let cut = self.seen_by(entry);
        let entry = self.ledgers.get_mut(&id).expect("present");
        let version = entry.persisted.as_ref().map(|p| p.version.clone());
        entry.urgent = false;
        entry.attempted = Some(Persisted {
            version: version.clone().unwrap_or_default(),
            watermark,
            cut,
            behind: None,
            digest: digest(&spec),
            closed: close,
            at: now,
        });
        Write::Statement {
            namespace: entry.namespace.clone(),
            name: entry.name.clone(),
            budget: entry.budget.clone(),
            version,
            spec,
        }
    }

    fn remove_oldest(&mut self, key: &BudgetKey, writes: &mut Vec<Write>) {
        // One that is being copied is one, and there twice.
        let mut closed: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for (name, state) in self.closed_of(key) {
            closed.entry((state.period_end, state.seal)).or_default().push(name.clone());
        }
        let surplus = closed.len().saturating_sub(self.settings.retained);
        for (namespace, name) in closed.into_values().take(surplus).flatten() {
            if !self.inflight.contains(&WriteKey::Statement(namespace.clone(), name.clone())) {
                writes.push(Write::RemoveStatement { namespace, name });
            }
        }
    }

    /// Urgent ones first, then those near a threshold, then those shown longest ago.
    fn rank(&self, key: &BudgetKey) -> Rank {
        let Some(state) = self.budgets.get(key) else { return (3, 0) };
        let urgent = self.ledgers_of(key).any(|(_, e)| e.closed_at.is_none() && (e.urgent || e.persisted.is_none()));
        let near = state.decision.cause.is_some() || state.status.used_percent.is_some_and(|used| used >= 75);
        let class = if urgent { 0 } else { 2 - u8::from(near) };
        (class, state.shown_at)
    }

    fn refill(&mut self, now: Seconds) {
        let rate = self.settings.writes_per_second;
        let passed = if self.refilled == Seconds::MIN { 1 } else { now - self.refilled };
        self.tokens = (self.tokens + rate * passed.min(10)).min(rate);
        self.refilled = now;
    }
}

/// Whether a ledger is still to be written. Without a plan and a limit there is no currency to bill in, and no price.
fn is_billable(entry: &Entry) -> bool {
    entry.closed_at.is_none() && *entry.ledger.currency != *Currency::XXX.code()
}

/// How long what stands in the API server may stay as it is.
fn every(entry: &Entry, persisted: &Persisted) -> Seconds {
    if entry.ledger.accrues(persisted.watermark) { ACCRUING } else { STILL }
}

/// How long to wait after so many failures.
pub(super) fn pause(failures: u32) -> Seconds {
    (RETRY << failures.saturating_sub(1).min(5)).min(60)
}

/// Readings of the last minutes stay exact, so that a crossing is dated to the second.
pub(super) const HISTORY: Seconds = 60;

/// An instant as Kubernetes writes it.
pub fn time(t: Seconds) -> Time {
    let range = Timestamp::MIN.as_second()..=Timestamp::MAX.as_second();
    Time(Timestamp::from_second(t.clamp(*range.start(), *range.end())).expect("clamped"))
}

pub(super) fn currency(code: &str) -> Currency {
    Currency::from_code(code).unwrap_or(Currency::XXX)
}
