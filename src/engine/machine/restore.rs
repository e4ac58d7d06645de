//! Statements as they stand on the API server: what a new process goes on from, and what someone else wrote.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ManagedFieldsEntry;

use super::{Entry, Machine, Persisted, StatementState};
use crate::api::{self, BilledKind, Phase};
use crate::engine::budget::BudgetKey;
use crate::engine::history::History;
use crate::engine::item::Item;
use crate::engine::ledger::{Gap, Ledger, LineKey};
use crate::engine::meter::{Growth, Span};
use crate::engine::observed::{Cut, Tag};
use crate::engine::period::Window;
use crate::engine::statement;
use crate::engine::write::{About, EventKey, Write};
use crate::facts::{Name, Seconds};

use super::budgets::name_of;
use super::persist::digest;

/// The operator's field manager on Statements.
pub const FIELD_MANAGER: &str = "opex-operator";

impl Machine {
    pub(super) fn apply_statement(&mut self, statement: api::Statement, at: Seconds) {
        let namespace: Name = statement.metadata.namespace.as_deref().unwrap_or_default().into();
        let name = name_of(&statement.metadata);
        let budget = self.billed(&statement, &namespace);
        let closed = statement.spec.phase == Phase::Closed;
        let period_end = statement.spec.period.end.0.as_second();
        let state = StatementState { budget: budget.clone(), closed, period_end };
        self.statements.insert((namespace.clone(), name.clone()), state);
        if !self.running {
            // Of what is closed for long nothing can be learned any more.
            if !closed || period_end + 30 * 86_400 > at {
                self.unrestored.insert((namespace, name), statement);
            }
            return;
        }
        match self.ledger_named(&namespace, &name) {
            Some(_) => self.compare(&namespace, &name, &statement, at),
            None if !closed => self.restore(namespace, name, &statement, at),
            None => {}
        }
    }

    pub(super) fn delete_statement(&mut self, statement: &api::Statement, at: Seconds) {
        let namespace: Name = statement.metadata.namespace.as_deref().unwrap_or_default().into();
        let name = name_of(&statement.metadata);
        self.statements.remove(&(namespace.clone(), name.clone()));
        self.unrestored.remove(&(namespace.clone(), name.clone()));
        let Some(id) = self.ledger_named(&namespace, &name) else { return };
        let entry = self.ledgers.get_mut(&id).expect("found");
        let going = self.namespaces.get(&namespace).is_some_and(|state| state.fact.deleting);
        if entry.closed_at.is_some() || going {
            return;
        }
        entry.persisted = None;
        entry.urgent = true;
        let budget = entry.budget.clone();
        self.tell(
            &budget,
            "StatementRestored",
            &format!("Statement {name} was deleted while open, and is made again"),
            at,
        );
        self.wake_budget(&budget, at);
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
        let (start, end) = (spec.period.start.0.as_second(), spec.period.end.0.as_second());
        let watermark = spec.watermark.0.as_second();
        let closed_at = spec.closed_at.as_ref().filter(|_| spec.phase == Phase::Closed).map(|t| t.0.as_second());
        let state = self.budgets.get(&budget);
        let terms = state.and_then(|s| s.specs.last().cloned().flatten()).map(|s| s.terms.clone());
        let schedule = state.and_then(|s| s.specs.last().cloned().flatten()).map(|s| s.schedule.clone());
        let same_window = schedule.as_ref().and_then(|s| s.at(start)).filter(|w| w.start == start && w.end == end);
        // An edit of the period that nobody saw ends the statement where it was last metered.
        let edited = schedule.is_some() && same_window.is_none() && closed_at.is_none();
        let until = if edited { watermark } else { closed_at.map_or(end, |closed| end.min(closed)) };
        let resets = jiff::Timestamp::from_second(end).unwrap_or_default().to_zoned(jiff::tz::TimeZone::UTC).date();
        let window = same_window.unwrap_or(Window { label: spec.period.label.clone(), start, end, resets });
        let since = state.and_then(|s| {
            s.status.metered_since.as_ref().map(|t| t.0.as_second()).filter(|t| (start..end).contains(t))
        });
        let from = since.unwrap_or(start).min(until);
        let span = Span { from, until, terms: History::starting(Seconds::MIN, terms) };
        let cut = Cut::from_observed(&spec.observed);
        let id = self.add(Entry {
            budget: budget.clone(),
            namespace,
            name,
            ledger: Ledger::new(window, span, spec.currency.code().into()),
            gaps: spec.gaps.iter().map(gap).collect(),
            closed_at,
            persisted: Some(persisted(statement, cut.clone(), at)),
            urgent: false,
            attempted: None,
            late: Vec::new(),
            failures: 0,
            retry_at: Seconds::MIN,
        });
        if closed_at.is_some() {
            return;
        }
        let known = watermark + self.settings.lag;
        self.fill(id, watermark, |item, growth| seen_before(item, growth, &cut, watermark, known));
        self.adopt(id, statement);
        if let Some(listed) = self.listed.values().max().copied()
            && listed - watermark > 60
            && watermark < end
            && !self.settings.replay
        {
            let to = listed.min(end);
            let reason =
                "the operator was not running: Pods that both ended and vanished meanwhile are not counted".to_owned();
            self.ledgers.get_mut(&id).expect("added").note_gap(Gap { from: watermark, to, reason });
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
        let ours = is_ours(statement.metadata.managed_fields.as_deref().unwrap_or_default());
        if self.leading && !ours && entry.closed_at.is_none() && statement.spec.phase == Phase::Open {
            entry.persisted = Some(persisted(statement, Cut::default(), at));
            entry.urgent = true;
            self.tell(
                &budget,
                "StatementRestored",
                &format!("Statement {name} was changed by hand, and is put back"),
                at,
            );
            self.wake_budget(&budget, at);
            return;
        }
        if statement.spec.phase == Phase::Closed {
            // Closed before its time, it ends where it was metered to, and another goes on from there.
            entry.closed_at = statement.spec.closed_at.as_ref().map(|t| t.0.as_second()).or(Some(at));
            let span = &mut entry.ledger.span;
            span.until = span.until.min(statement.spec.watermark.0.as_second()).max(span.from);
        }
        let cut = Cut::from_observed(&statement.spec.observed);
        entry.persisted = Some(persisted(statement, cut, at));
        entry.gaps = statement.spec.gaps.iter().map(gap).collect();
        self.adopt(id, statement);
        self.roll(&budget, at);
        self.wake_budget(&budget, at);
    }

    /// Takes over what a Statement says was metered.
    fn adopt(&mut self, id: super::LedgerId, statement: &api::Statement) {
        let read = statement::read(&statement.spec.lines, &mut self.rates);
        for what in read.unread {
            let name = statement.metadata.name.clone().unwrap_or_default();
            self.trouble("Statement", format!("Statement {name}"), what);
        }
        let cut = Cut::from_observed(&statement.spec.observed);
        let watermark = statement.spec.watermark.0.as_second();
        let Self { ledgers, world, rates, .. } = self;
        let divided = |line: &LineKey| world.is_divided_by_usage(rates.get(line.rate));
        let entry = ledgers.get_mut(&id).expect("present");
        entry.ledger.rebase(&read.quantities, read.amounts, watermark, &cut, divided);
    }

    /// The budget that a Statement bills. Those of a gone Namespace are in the operator's, as `NAMESPACE.NAME`.
    fn billed(&self, statement: &api::Statement, namespace: &Name) -> BudgetKey {
        let name: Name = statement.spec.budget_ref.name.as_str().into();
        let own = match statement.spec.budget_ref.kind {
            BilledKind::ClusterBudget => None,
            // What is not kept any more is nobody's.
            BilledKind::PricePlan => {
                let nobody = BudgetKey { namespace: None, name, usage: Some(u32::MAX) };
                return self.usage_of(statement).unwrap_or(nobody);
            }
            BilledKind::Budget => {
                let moved = statement.metadata.name.as_deref().and_then(|n| n.split_once('.')).map(|(gone, _)| gone);
                let moved = moved.filter(|gone| **namespace == *self.settings.namespace && !gone.starts_with(&*name));
                Some(moved.map_or_else(|| namespace.clone(), Into::into))
            }
        };
        BudgetKey::of(own, name)
    }

    /// An event about a budget, told once.
    pub(super) fn tell(&mut self, budget: &BudgetKey, reason: &'static str, note: &str, at: Seconds) {
        if !self.leading {
            return;
        }
        let key = EventKey::Changed { about: budget.name.clone(), reason, n: at.unsigned_abs() };
        let about = self.about(budget);
        self.outbox.push(Write::Event { key, about, warning: true, reason, note: note.to_owned() });
    }

    pub(super) fn about(&self, budget: &BudgetKey) -> About {
        About {
            kind: budget.kind(),
            namespace: budget.namespace.clone(),
            name: budget.name.clone(),
            uid: self.budgets.get(budget).and_then(|state| state.uid.clone()),
        }
    }
}

/// What a cold start knows of an object that changed while nobody watched: that it began, and, where its status was
/// last written before the commit, that it had ended. Any other end is news, and nets what was metered beyond it.
fn seen_before(item: &Item, growth: Growth, cut: &Cut, watermark: Seconds, known: Seconds) -> (Growth, Tag) {
    let tag = item.tag();
    let ended = growth.rate < 0 && growth.at == item.end;
    let news = growth.at >= watermark || (ended && item.status_written.is_none_or(|written| written > known));
    if cut.covers(tag) || !news { (growth, Tag::KNOWN) } else { (growth, tag) }
}

fn persisted(statement: &api::Statement, cut: Cut, at: Seconds) -> Persisted {
    Persisted {
        version: statement.metadata.resource_version.clone().unwrap_or_default(),
        watermark: statement.spec.watermark.0.as_second(),
        cut,
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

fn gap(gap: &api::Gap) -> Gap {
    Gap { from: gap.from.0.as_second(), to: gap.to.0.as_second(), reason: gap.reason.clone() }
}
