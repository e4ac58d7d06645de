//! What is forgotten, and when nothing can ask about it any more.

use super::openings::NO_CURRENCY;
use super::{Machine, REPLAYED_HISTORY};
use crate::engine::budget::BudgetKey;
use crate::facts::Seconds;

/// How long a Node that is gone is remembered: its Pods may still be there.
const FORGOTTEN: Seconds = 86_400;

/// Closed ledgers kept for each budget, to net what is learned late.
const KEPT_CLOSED: usize = 2;

impl Machine {
    /// Forgets names, rates and objects that nothing refers to any more. To be called now and then.
    pub fn sweep(&mut self) {
        self.world.sweep(self.now - FORGOTTEN);
        if !self.settings.replay {
            self.forget_budgets();
            self.forget_leaving();
            self.forget_past();
        }
        self.rates.forget();
    }

    /// Forgets how everything was before anything that a ledger, or one that may still be opened, is metered from.
    fn forget_past(&mut self) {
        let oldest = self.ledgers.values().map(|e| e.ledger.span.from).min();
        let day_ago = self.now - FORGOTTEN;
        self.world.forget_before(oldest.map_or(day_ago, |oldest| oldest.min(day_ago)));
        for entry in self.ledgers.values_mut() {
            let from = entry.ledger.span.from;
            entry.ledger.span.terms.forget_before(from);
        }
        for state in self.budgets.values_mut() {
            state.specs.forget_before(self.now);
        }
        self.forget_children();
    }

    /// Straightens what happened before `t`.
    pub(super) fn fold(&mut self, t: Seconds) {
        if t < self.folded + REPLAYED_HISTORY / 2 {
            return;
        }
        self.folded = t;
        for entry in self.ledgers.values_mut() {
            entry.ledger.fold(t, None);
            entry.ledger.carry(&self.rates);
            entry.ledger.condense(&self.rates);
        }
        self.sweep();
    }

    /// Keeps of a budget's closed ledgers the newest: a replay shows them all.
    pub(super) fn forget_closed(&mut self, budget: &BudgetKey) {
        let closed: Vec<_> = self.ledgers_of(budget).filter(|(_, e)| e.closed_at.is_some()).map(|(id, _)| id).collect();
        for id in closed.iter().rev().skip(KEPT_CLOSED) {
            self.drop_ledger(*id);
        }
    }

    /// Forgets budgets that are gone and billed, and straightens ledgers that nobody will write.
    pub(super) fn forget_budgets(&mut self) {
        let billed = |key: &BudgetKey| self.ledgers_of(key).all(|(_, e)| e.closed_at.is_some());
        let gone: Vec<_> =
            self.budgets.iter().filter(|(key, state)| !state.exists && billed(key)).map(|(k, _)| k.clone()).collect();
        for key in gone {
            for id in self.ledgers_of(&key).map(|(id, _)| id).collect::<Vec<_>>() {
                self.drop_ledger(id);
            }
            self.billing.remove(&key);
            if let Some(state) = self.budgets.remove(&key) {
                self.due.remove(&(state.due, key));
            }
        }
        let now = self.now;
        for entry in self.ledgers.values_mut().filter(|e| *e.ledger.currency == *NO_CURRENCY) {
            entry.ledger.fold(now - 60, None);
        }
    }
}
