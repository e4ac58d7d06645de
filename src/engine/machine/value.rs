//! What one unit of a budget's value has cost: what Prometheus counted of it, and what was spent meanwhile.

use super::counting::PATIENCE;
use super::{Entry, LedgerId, Machine};
use crate::api;
use crate::engine::budget::BudgetKey;
use crate::engine::counted::{Answer, Counted, Subject};
use crate::engine::ledger::Ledger;
use crate::engine::money::{BILLIONTHS, Exact, cost_text, exact_text, short_decimals};
use crate::engine::worth::Worth;
use crate::facts::{Name, Seconds};
use num_traits::Zero;

/// Most decimals of what one unit costs in a status.
const DIGITS: u32 = 10;

impl Machine {
    /// Takes in what was counted of budgets' values in a window.
    pub(super) fn count_values(&mut self, answer: &Answer, from: Seconds, to: Seconds) {
        let due = self.open_ledgers().filter(|(_, e)| e.counted == from && e.spans(from)).map(|(id, _)| id);
        for id in due.collect::<Vec<LedgerId>>() {
            let entry = &self.ledgers[&id];
            let (worth, budget) = (self.worth_after(entry, answer, from, to), entry.budget.clone());
            let entry = self.ledgers.get_mut(&id).expect("listed");
            if worth != entry.worth {
                entry.worth = worth;
                self.wake_budget(&budget, self.now);
            }
        }
    }

    fn worth_after(&self, entry: &Entry, answer: &Answer, from: Seconds, to: Seconds) -> Option<Worth> {
        let (unit, _) = self.value_at(&entry.budget, from)?;
        let ledger = &entry.ledger;
        let known = entry.worth.clone().filter(|worth| worth.unit == *unit);
        let spent = |t: Seconds| self.reading(entry).spent(t).exact();
        let begun = match known {
            Some(worth) => Some(worth),
            None if from <= ledger.span.from => Some(Worth::begin(unit.clone(), Exact::zero())),
            None => is_readable(ledger, from).then(|| Worth::begin(unit.clone(), spent(from))),
        };
        // Of what is spent in the first window only its end may be known: then counting begins there.
        let Some(mut worth) = begun else {
            return is_readable(ledger, to).then(|| Worth::begin(unit.clone(), spent(to)));
        };
        let counted = match answer.counted(&Subject::Value(entry.budget.clone())) {
            Some(Ok(Counted::Whole(counted))) => Some(*counted),
            _ => None,
        };
        worth.count(counted, is_readable(ledger, to).then(|| spent(to)));
        Some(worth)
    }

    /// A budget's unit and query at an instant.
    pub(super) fn value_at(&self, budget: &BudgetKey, t: Seconds) -> Option<&(Name, Name)> {
        self.budgets.get(budget)?.specs.at(t)?.as_ref()?.value.as_ref()
    }

    /// What one unit has cost, if that is known.
    pub(super) fn per_unit(&self, entry: &Entry, now: Seconds) -> Option<Exact> {
        if self.is_value_late(entry, now) {
            return None;
        }
        entry.worth.as_ref()?.per_unit()
    }

    pub(super) fn unit_cost(&self, entry: &Entry, now: Seconds) -> Option<api::UnitCost> {
        let per_unit = short_decimals(&self.per_unit(entry, now)?, DIGITS);
        Some(api::UnitCost { per_unit, unit: entry.worth.as_ref()?.unit.to_string() })
    }

    /// The same on a Statement; a closed one leaves out what was spent after the newest window.
    pub(super) fn unit_cost_line(&self, entry: &Entry, closed: bool) -> Option<api::StatementUnitCost> {
        let (worth, until) = (entry.worth.as_ref()?, entry.ledger.span.until);
        let spent = closed.then(|| self.reading(entry).spent(until).exact());
        let whole = spent.as_ref().filter(|_| entry.counted >= until);
        let per_unit = whole.map_or_else(|| worth.per_unit(), |spent| worth.of_one(spent));
        let left_out = worth.left_out(spent.as_ref().filter(|_| whole.is_none()));
        let units = Exact::new(worth.units().into(), BILLIONTHS.into());
        Some(api::StatementUnitCost {
            per_unit: per_unit.as_ref().map(cost_text),
            unit: worth.unit.to_string(),
            units: short_decimals(&units, 9),
            left_out: (!left_out.is_zero()).then(|| exact_text(&left_out)),
        })
    }

    /// Why the unit cost is not fresh.
    pub(super) fn stale_value(&self, entry: &Entry, now: Seconds) -> Option<String> {
        let (unit, _) = self.value_at(&entry.budget, now)?;
        if self.settings.counting.is_none() {
            return Some(format!("value {unit}: no Prometheus"));
        }
        let unknown = self.unknown.get(&Subject::Value(entry.budget.clone()));
        let late = self.is_value_late(entry, now).then(|| "Prometheus does not answer".to_owned());
        let why = late.or_else(|| unknown.map(ToString::to_string))?;
        Some(format!("value {unit}: {why}"))
    }

    fn is_value_late(&self, entry: &Entry, now: Seconds) -> bool {
        let counting = self.settings.counting;
        counting.is_none_or(|c| entry.ledger.clamp(now) - entry.counted > PATIENCE * c.window + c.delay)
    }
}

/// Whether it is known what was spent by `t`.
fn is_readable(ledger: &Ledger, t: Seconds) -> bool {
    ledger.clamp(t) >= ledger.folded()
}

// === impl Entry ===

impl Entry {
    /// Whether what begins at `t` belongs to it.
    pub(super) fn spans(&self, t: Seconds) -> bool {
        self.ledger.span.from <= t && t < self.ledger.span.until
    }
}
