//! Statements as they stand on the API server: what a new process goes on from, and what someone else wrote.

use std::collections::HashMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ManagedFieldsEntry;
use num_bigint::BigInt;
use num_traits::ToPrimitive;

use super::{BudgetState, Entry, Machine, Persisted, StatementState};
use crate::api::{self, BilledKind, Phase};
use crate::engine::budget::BudgetKey;
use crate::engine::item::Item;
use crate::engine::ledger::{Gap, Ledger, LineKey};
use crate::engine::meter::{Growth, Span};
use crate::engine::money::{BILLIONTHS, Exact, parse_exact};
use crate::engine::observed::{Cut, Tag};
use crate::engine::period::Window;
use crate::engine::share::Parts;
use crate::engine::statement;
use crate::engine::tiers::Regimes;
use crate::engine::worth::Worth;
use crate::facts::{Name, Seconds};

use super::budgets::name_of;
use super::counting::{is_passing, window_until};
use super::leaving::seal;
use super::limits::Spent;
use super::print::digest;
use super::rewind::RESTORED;
use super::shares::{shared_terms, unkept};

/// Why nothing is known of the time after a Statement's watermark.
const NOT_RUNNING: &str = "the operator was not running: Pods that both ended and vanished meanwhile are not counted";

/// The operator's field manager on Statements.
pub const FIELD_MANAGER: &str = "opex-operator";

impl Machine {
    pub(super) fn apply_statement(&mut self, statement: api::Statement, at: Seconds) {
        let namespace: Name = statement.metadata.namespace.as_deref().unwrap_or_default().into();
        let name = name_of(&statement.metadata);
        let budget = self.billed(&statement, &namespace);
        let closed = statement.spec.phase == Phase::Closed;
        let period_end = statement.spec.period.end.0.as_second();
        let seal = seal(&statement.spec);
        let spent = Spent::of(&statement.spec, at);
        let state = StatementState { budget: budget.clone(), closed, period_end, seal, spent };
        let known = self.statements.insert((namespace.clone(), name.clone()), state).is_some();
        if !self.running {
            // Of what is closed for long nothing can be learned any more.
            if !closed || period_end + 30 * 86_400 > at {
                self.unrestored.insert((namespace, name), statement);
            }
            return;
        }
        if closed {
            self.see_closed(&(namespace.clone(), name.clone()), at);
        }
        if self.ledger_named(&namespace, &name).is_none()
            && !known
            && let Some(id) = self.moved_ledger(&budget, &namespace, &statement.spec)
        {
            self.rename(id, namespace.clone(), name.clone());
        }
        match self.ledger_named(&namespace, &name) {
            Some(_) => self.compare(&namespace, &name, &statement, at),
            None if !closed => self.restore(namespace, name, &statement, at),
            None => {}
        }
    }

    /// `missed`: a list no longer holds it, and how it last stood is not known.
    pub(super) fn delete_statement(&mut self, statement: &api::Statement, missed: bool, at: Seconds) {
        let namespace: Name = statement.metadata.namespace.as_deref().unwrap_or_default().into();
        let name = name_of(&statement.metadata);
        let named = (namespace.clone(), name.clone());
        self.statements.remove(&named);
        self.unrestored.remove(&named);
        if missed {
            self.miss_statement(&named);
        } else if statement.spec.phase == Phase::Closed && self.running {
            self.keep_deleted(&named, statement, at);
        }
        let Some(id) = self.ledger_named(&namespace, &name) else { return };
        let going = self.is_going(&namespace);
        let entry = self.ledgers.get_mut(&id).expect("found");
        if entry.closed_at.is_some() {
            return;
        }
        entry.persisted = None;
        entry.urgent = true;
        let budget = entry.budget.clone();
        if going {
            self.wake_budget(&budget, at);
            return;
        }
        self.tell_of(&budget, "StatementRestored", &name, "was deleted while open, and is made again", at);
        self.wake_budget(&budget, at);
    }

    /// What bears no time of its own was there when any Statement was written that has seen this version of it.
    pub(super) fn date_undated(&mut self) {
        let written =
            |statement: &api::Statement| Some((self.cut_of(statement)?, statement.spec.watermark.0.as_second()));
        let written: Vec<_> = self.unrestored.values().filter_map(written).collect();
        for (_, item) in self.world.items.values_mut().flatten().filter(|(_, item)| item.undated) {
            let tag = item.tag();
            let seen = written.iter().filter(|(cut, _)| cut.covers(tag)).map(|(_, watermark)| *watermark);
            item.start = seen.fold(item.start, Seconds::min);
        }
    }

    /// Goes on from every Statement that is there.
    pub(super) fn restore_all(&mut self, at: Seconds) {
        for ((namespace, name), statement) in std::mem::take(&mut self.unrestored) {
            self.restore(namespace, name, &statement, at);
        }
    }

    fn restore(&mut self, namespace: Name, name: Name, statement: &api::Statement, at: Seconds) {
        let spec = &statement.spec;
        let budget = self.billed(statement, &namespace);
        let closed_at = spec.closed_at.as_ref().filter(|_| spec.phase == Phase::Closed).map(|t| t.0.as_second());
        // What a Budget that is gone has spent is closed all the same.
        if closed_at.is_none() {
            let absent = || BudgetState { exists: false, ..BudgetState::new(spec.period.start.0.as_second()) };
            self.budgets.entry(budget.clone()).or_insert_with(|| Box::new(absent()));
        }
        let (window, span) = self.span_of(statement, &budget, &namespace, at);
        let reached = self.cut_of(statement);
        let (cut, apart) = self.watched_part(reached.clone().unwrap_or_default());
        let resumes = apart.into_iter().map(|source| (source, spec.watermark.0.as_second())).collect();
        let id = self.add(Entry {
            budget: budget.clone(),
            namespace,
            name,
            ledger: Ledger::new(window, span, spec.currency.code().into()),
            gaps: gaps(spec),
            counted: self.counted_by(spec),
            worth: worth(spec),
            closed_at,
            persisted: Some(persisted(statement, cut.clone(), &self.seen, at)),
            urgent: false,
            attempted: None,
            late: Vec::new(),
            corrected: HashMap::new(),
            resumes,
            failures: 0,
            retry_at: Seconds::MIN,
        });
        if closed_at.is_some() {
            // What is learned late is priced by the tiers that it reached.
            if Regimes::of(&self.world, &self.ledgers[&id].ledger.span).is_some() {
                self.adopt(id, statement, &cut);
            }
            return;
        }
        let (watermark, moved) = (spec.watermark.0.as_second(), self.moved(spec));
        let known = watermark + self.settings.lag;
        self.fill(id, watermark, |item, growth| {
            // Of another cluster's objects nothing is known here, and of ours nothing there.
            if moved { (growth, Tag::KNOWN) } else { seen_before(item, growth, &cut, watermark, known) }
        });
        self.adopt(id, statement, &cut);
        self.adopt_shares(statement);
        if let Some(gap) = self.unwatched_since(spec, reached.is_some(), at) {
            self.ledgers.get_mut(&id).expect("added").note_gap(gap);
        }
        self.wake_budget(&budget, at);
    }

    /// Which time an existing Statement is metered over, and for which period.
    fn span_of(&self, statement: &api::Statement, budget: &BudgetKey, stands: &Name, at: Seconds) -> (Window, Span) {
        let spec = &statement.spec;
        let (start, end) = (spec.period.start.0.as_second(), spec.period.end.0.as_second());
        let state = self.budgets.get(budget);
        let current = state.and_then(|s| s.specs.last()?.as_deref());
        let same_window = current.and_then(|s| s.schedule.at(start)).filter(|w| w.start == start && w.end == end);
        // An edit of the period or to another currency that nobody saw ends it where it was last metered.
        let list = current.and_then(|current| self.world.price_list(&current.terms.plan, at));
        let edited = current.is_some() && same_window.is_none();
        let converted = list.is_some_and(|list| *list.currency != *spec.currency.code());
        // So does the end of the Namespace that it was moved out of.
        let gone = budget.namespace.as_ref().is_some_and(|own| own != stands && !self.is_going(own));
        let until = match &spec.closed_at {
            Some(closed) if spec.phase == Phase::Closed => end.min(closed.0.as_second()),
            _ if edited || converted || gone => spec.watermark.0.as_second(),
            _ => end,
        };
        let since = state.and_then(|s| s.status.metered_since.as_ref()).map(|t| t.0.as_second());
        let from = since.filter(|t| (start..end).contains(t)).unwrap_or(start).min(until);
        let terms = shared_terms(current.map(|current| &current.terms), &spec.shares);
        let resets = jiff::Timestamp::from_second(end).unwrap_or_default().to_zoned(jiff::tz::TimeZone::UTC).date();
        let window = same_window.unwrap_or(Window { label: spec.period.label.clone(), start, end, resets });
        // What was used up to its watermark stands in it.
        let sampled = if spec.phase == Phase::Closed { until } else { spec.watermark.0.as_second() };
        (window, Span { from, until, sampled, terms })
    }

    /// The time of which nothing is known, after what a Statement says was metered.
    fn unwatched_since(&self, spec: &api::StatementSpec, reached: bool, at: Seconds) -> Option<Gap> {
        let (from, end) = (spec.watermark.0.as_second(), spec.period.end.0.as_second());
        let listed = self.first_listed()?;
        let (to, reason) = if self.moved(spec) {
            (at, format!("moved from cluster {}: what ran there since is not counted", spec.cluster))
        } else if !reached {
            (listed.max(from + 1), RESTORED.to_owned())
        } else if listed - from > 60 && !self.settings.replay {
            (listed, NOT_RUNNING.to_owned())
        } else {
            return None;
        };
        let to = to.min(end);
        (from < to).then_some(Gap { from, to, reason })
    }

    /// Of several open Statements of a budget for one time the newest goes on, and the others end where they were last
    /// metered: an edit had cut them, and they were not closed in time.
    pub(super) fn end_superseded(&mut self) {
        let stands = |e: &Entry| e.persisted.as_ref().filter(|_| e.closed_at.is_none()).map(|p| p.watermark);
        for ids in self.billing.values() {
            let open = ids.iter().filter_map(|id| Some((stands(&self.ledgers[id])?, self.ledgers[id].name.len(), *id)));
            let mut open: Vec<_> = open.collect();
            open.sort_unstable();
            let Some((_, _, newest)) = open.pop() else { continue };
            let newest = self.ledgers[&newest].ledger.window.clone();
            for (watermark, _, id) in open {
                let ledger = &mut self.ledgers.get_mut(&id).expect("listed").ledger;
                if ledger.window.start < newest.end && newest.start < ledger.window.end {
                    ledger.span.until = ledger.span.until.min(watermark).max(ledger.span.from);
                }
            }
        }
    }

    /// A Statement that this process knows, as someone wrote it.
    fn compare(&mut self, namespace: &Name, name: &Name, statement: &api::Statement, at: Seconds) {
        let id = self.ledger_named(namespace, name).expect("known");
        let entry = self.ledgers.get_mut(&id).expect("found");
        let version = statement.metadata.resource_version.clone().unwrap_or_default();
        let (written, budget) = (digest(&statement.spec), entry.budget.clone());
        if let Some(persisted) = entry.persisted.as_mut().filter(|p| p.digest == written) {
            persisted.version = version;
            return;
        }
        // Our own write, seen before its answer, or instead of it.
        if entry.attempted.as_ref().is_some_and(|a| a.digest == written) {
            self.written(id, Some(version), at);
            return;
        }
        if entry.is_older(statement) {
            // Only a cluster that was restored goes back: what is in memory is written again.
            entry.persisted = Some(persisted(statement, Cut::default(), &self.seen, at));
            (entry.closed_at, entry.urgent) = (None, true);
            self.wake_budget(&budget, at);
            return;
        }
        let ours = is_ours(statement.metadata.managed_fields.as_deref().unwrap_or_default());
        if self.leading && !ours && entry.closed_at.is_none() && statement.spec.phase == Phase::Open {
            entry.persisted = Some(persisted(statement, Cut::default(), &self.seen, at));
            entry.urgent = true;
            self.tell_of(&budget, "StatementRestored", name, "was changed by hand, and is put back", at);
            self.wake_budget(&budget, at);
            return;
        }
        if statement.spec.phase == Phase::Closed {
            // Closed before its time, it ends where it was metered to, and another goes on from there.
            entry.closed_at = statement.spec.closed_at.as_ref().map(|t| t.0.as_second()).or(Some(at));
            let span = &mut entry.ledger.span;
            span.until = span.until.min(statement.spec.watermark.0.as_second()).max(span.from);
        }
        let counted = self.counted_by(&statement.spec);
        let (mut cut, apart) = self.watched_part(self.cut_of(statement).unwrap_or_default());
        cut.see(window_until(counted));
        let entry = self.ledgers.get_mut(&id).expect("found");
        entry.resumes.extend(apart.into_iter().map(|source| (source, statement.spec.watermark.0.as_second())));
        entry.persisted = Some(persisted(statement, cut.clone(), &self.seen, at));
        (entry.gaps, entry.counted, entry.worth) = (gaps(&statement.spec), counted, worth(&statement.spec));
        self.adopt(id, statement, &cut);
        self.roll(&budget, at);
        self.wake_budget(&budget, at);
    }

    /// Takes over what a Statement says was metered.
    fn adopt(&mut self, id: super::LedgerId, statement: &api::Statement, cut: &Cut) {
        let read = statement::read(&statement.spec.lines, &mut self.rates);
        for what in read.unread {
            let name = statement.metadata.name.clone().unwrap_or_default();
            self.trouble("Statement", format!("Statement {name}"), what);
        }
        let watermark = statement.spec.watermark.0.as_second();
        let Self { world, rates, ledgers, .. } = self;
        let Entry { ledger, gaps, budget, .. } = &mut **ledgers.get_mut(&id).expect("present");
        ledger.take_estimated(gaps, watermark);
        let kept = budget.usage.is_some();
        let (shown, regimes) = (read.quantities, Regimes::of(world, &ledger.span));
        let recalled = regimes.map(|regimes| regimes.recall(rates, &shown, &ledger.own(watermark, cut)));
        // What ends before its period was divided when it did.
        let ended = ledger.span.until < ledger.window.end;
        let divided = |line: &LineKey| !ended && !kept && world.is_divided(rates.get(line.rate));
        ledger.rebase(recalled.as_ref().unwrap_or(&shown), read.amounts, watermark, cut, divided);
        ledger.reconcile(rates, &shown, watermark, cut);
        if ended {
            ledger.divide(Parts::default());
        }
    }

    /// Whether a Statement was begun in another cluster.
    pub(super) fn moved(&self, spec: &api::StatementSpec) -> bool {
        spec.cluster != self.settings.cluster
    }

    /// The budget that a Statement bills.
    pub(super) fn billed(&self, statement: &api::Statement, namespace: &Name) -> BudgetKey {
        let name: Name = statement.spec.budget_ref.name.as_str().into();
        let own = match statement.spec.budget_ref.kind {
            BilledKind::ClusterBudget => None,
            // What is not kept any more is nobody's.
            BilledKind::PricePlan => {
                let nobody = BudgetKey { namespace: None, name, usage: Some(u32::MAX) };
                return self.usage_of(statement).unwrap_or(nobody);
            }
            BilledKind::Budget => {
                let stands = statement.metadata.name.as_deref().unwrap_or_default();
                let moved = moved_from(stands, &name, &statement.spec.period.label);
                let moved = moved.filter(|_| *namespace == self.settings.namespace);
                Some(moved.map_or_else(|| namespace.clone(), Into::into))
            }
        };
        BudgetKey::of(own, name)
    }
}

/// What a cold start knows of an object that changed while nobody watched: that it began, and, where its status was
/// last written before the commit, that it had ended. Any other end is news, and nets what was metered beyond it.
pub(super) fn seen_before(item: &Item, growth: Growth, cut: &Cut, watermark: Seconds, known: Seconds) -> (Growth, Tag) {
    let tag = item.tag();
    let ended = growth.rate < 0 && growth.at == item.end;
    let news = growth.at >= watermark || (ended && item.status_written > known);
    if cut.covers(tag) || !news { (growth, Tag::KNOWN) } else { (growth, tag) }
}

/// The Namespace in the name of a Statement that was moved out of it: `NAMESPACE.BUDGET-LABEL`, where one of the budget's
/// own is `BUDGET-LABEL`, either of them perhaps with `.2`.
fn moved_from<'a>(name: &'a str, budget: &str, label: &str) -> Option<&'a str> {
    let is_own = |name: &str| {
        let rest = name.strip_prefix(budget).and_then(|rest| rest.strip_prefix('-')?.strip_prefix(label));
        rest.is_some_and(|rest| rest.chars().all(|c| c == '.' || c.is_ascii_digit()))
    };
    name.split_once('.').filter(|(_, rest)| !is_own(name) && is_own(rest)).map(|(namespace, _)| namespace)
}

fn persisted(statement: &api::Statement, cut: Cut, seen: &Cut, at: Seconds) -> Persisted {
    let behind = seen.behind(&cut).next().is_some().then(|| seen.clone());
    Persisted {
        version: statement.metadata.resource_version.clone().unwrap_or_default(),
        watermark: statement.spec.watermark.0.as_second(),
        cut,
        behind,
        digest: digest(&statement.spec),
        closed: statement.spec.phase == Phase::Closed,
        at,
    }
}

/// Whether an operator wrote last. Times are of whole seconds: of several writes in one, none may be another's.
fn is_ours(fields: &[ManagedFieldsEntry]) -> bool {
    let newest = fields.iter().filter_map(|entry| entry.time.as_ref().map(|t| t.0)).max();
    let last = fields.iter().filter(|entry| entry.time.as_ref().map(|t| t.0) == newest);
    last.map(|entry| entry.manager.as_deref()).all(|manager| manager.is_none_or(|manager| manager == FIELD_MANAGER))
}

/// What a Statement says was counted of its budget's value.
fn worth(spec: &api::StatementSpec) -> Option<Worth> {
    let said = spec.unit_cost.as_ref()?;
    let units = parse_exact(&said.units).ok()? * BigInt::from(BILLIONTHS);
    let left_out = said.left_out.as_deref().map_or(Ok(Exact::default()), parse_exact).ok()?;
    Some(Worth::resume(said.unit.as_str().into(), units.to_integer().to_i128()?, left_out))
}

/// The gaps that a Statement names, but for what Prometheus may still be asked.
fn gaps(spec: &api::StatementSpec) -> Vec<Gap> {
    let lasting = spec.gaps.iter().filter(|gap| !is_passing(&gap.reason)).cloned();
    let news = unkept(spec).filter(|gap| !spec.gaps.contains(gap));
    let gap = |gap: api::Gap| Gap { from: gap.from.0.as_second(), to: gap.to.0.as_second(), reason: gap.reason };
    lasting.chain(news).map(gap).collect()
}

#[cfg(test)]
mod tests;
