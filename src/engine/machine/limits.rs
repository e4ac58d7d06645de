//! What a budget may spend at an instant, and when that changes by itself.

use std::collections::BTreeMap;

use num_traits::One;

use super::{Entry, Machine, StatementState};
use crate::engine::budget::{Budget, BudgetKey};
use crate::engine::ledger::Ledger;
use crate::engine::money::Exact;
use crate::engine::period::Window;
use crate::engine::statement;
use crate::facts::{Name, Seconds};

/// What may be spent in a period, extra amounts included.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Allowance {
    /// In the limit's currency.
    pub amount: Exact,
    /// In the statement's.
    pub level: Exact,
}

/// What was spent in a closed period.
#[derive(Debug)]
pub(super) struct Spent {
    start: Seconds,
    currency: Name,
    total: Exact,
}

impl Machine {
    /// The limit of an entry's period without overrides, in its currency.
    pub(super) fn limit(&self, key: &BudgetKey, spec: &Budget, entry: &Entry, t: Seconds) -> Option<Exact> {
        let limit = spec.limit.as_ref()?;
        let planned = limit.planned(&entry.ledger.window, spec.schedule.zone());
        Some(planned + self.rolled_over(key, spec, &entry.ledger.window, t).unwrap_or_default())
    }

    /// What one unit of the currency that a budget is shown in is in its statement's; none where that is not known.
    pub(super) fn rate(&self, spec: &Budget, ledger: &Ledger, t: Seconds) -> Option<Exact> {
        let Some(limit) = &spec.limit else { return Some(Exact::one()) };
        self.exchange(&spec.terms.plan, limit.currency.code(), &ledger.currency, t)
    }

    /// What one unit of a currency is in another, by the rates of a plan that are in force (COST_RULES 30).
    fn exchange(&self, plan: &str, from: &str, to: &str, t: Seconds) -> Option<Exact> {
        if from == to {
            return Some(Exact::one());
        }
        let list = self.world.price_list(plan, t)?;
        Some(list.worth(from, t)? / list.worth(to, t)?)
    }

    /// What is added of the period before. A period of another kind is none; of what cannot be converted nothing is known
    /// to be left.
    fn rolled_over(&self, key: &BudgetKey, spec: &Budget, window: &Window, t: Seconds) -> Option<Exact> {
        let limit = spec.limit.as_ref().filter(|limit| limit.rolls_over())?;
        let before = spec.schedule.at(window.start - 1)?;
        let spent = self.spent_in(key, &before);
        let plan = &spec.terms.plan;
        let converted =
            |(currency, total): &(Name, Exact)| Some(total * self.exchange(plan, currency, limit.currency.code(), t)?);
        let spent = spent.iter().map(converted).sum::<Option<Exact>>().filter(|_| !spent.is_empty())?;
        Some(limit.rolled_over(&limit.planned(&before, spec.schedule.zone()), &spent))
    }

    /// What a budget spent in a period: by its closed Statements, which every replica reads alike, and by what is open.
    fn spent_in(&self, key: &BudgetKey, window: &Window) -> Vec<(Name, Exact)> {
        let closed = self.closed_of(key).filter(|(_, state)| state.is_of(window));
        // One that is being copied is one, and there twice.
        let closed: BTreeMap<_, _> = closed.map(|(name, state)| (state.seal, (name, &state.spent))).collect();
        let own = self.ledgers_of(key).map(|(_, entry)| entry).filter(|entry| {
            let bounds = &entry.ledger.window;
            (bounds.start, bounds.end) == (window.start, window.end)
                && !self.statements.get(&(entry.namespace.clone(), entry.name.clone())).is_some_and(|s| s.is_of(window))
        });
        let open = own.map(|entry| {
            let spent = self.reading(entry).spent(entry.ledger.span.until);
            (entry.ledger.currency.clone(), spent.exact())
        });
        let closed = closed.into_values().filter_map(|(_, spent)| spent.as_ref());
        closed.map(|spent| (spent.currency.clone(), spent.total.clone())).chain(open).collect()
    }

    /// When the limit of a budget changes by itself next: an override begins or ends, the period does, or a rate of a
    /// later date begins to count.
    pub(super) fn next_limit(&self, key: &BudgetKey, t: Seconds) -> Option<Seconds> {
        let until = self.current(key, t).map(|id| self.ledgers[&id].ledger.span.until).filter(|until| *until > t);
        [Some(self.next_grant(key, t)), until, self.next_rate(key, t)].into_iter().flatten().min()
    }

    fn next_rate(&self, key: &BudgetKey, t: Seconds) -> Option<Seconds> {
        let spec = self.budgets.get(key)?.specs.last()?.as_deref()?;
        let list = self.world.price_list(&spec.terms.plan, t)?;
        list.exchange.next(spec.limit.as_ref()?.currency.code(), t)
    }
}

// === impl StatementState ===

impl StatementState {
    /// Whether it is of a period, closed, and says what was spent.
    fn is_of(&self, window: &Window) -> bool {
        let spent = self.spent.as_ref().filter(|_| self.closed);
        spent.is_some_and(|spent| (spent.start, self.period_end) == (window.start, window.end))
    }
}

// === impl Spent ===

impl Spent {
    /// Of a closed Statement whose period may still be the one before another's.
    pub fn of(spec: &crate::api::StatementSpec, at: Seconds) -> Option<Self> {
        let (start, end) = (spec.period.start.0.as_second(), spec.period.end.0.as_second());
        let recent = end + 2 * (end - start) > at;
        let closed = spec.phase == crate::api::Phase::Closed;
        (closed && recent).then(|| Self {
            start,
            currency: spec.currency.code().into(),
            total: statement::total(&spec.lines),
        })
    }
}
