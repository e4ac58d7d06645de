//! What every namespace uses under a plan that shares charges by usage.
//!
//! It is kept as if it were a budget over all namespaces without a limit, one for each plan, basis and kind of period in
//! use, with a Statement in the operator's namespace, so that a restart loses none of it (COST_RULES 20). Nobody has
//! asked for it: it has no status, no thresholds and no gate.

use std::sync::Arc;

use super::{BudgetState, Entry, LedgerId, Machine};
use crate::api::{self, Basis, ScaleCeiling};
use crate::engine::budget::{Budget, BudgetKey};
use crate::engine::evaluate::Reading;
use crate::engine::history::History;
use crate::engine::ledger::Ledger;
use crate::engine::meter::{Scope, Terms};
use crate::engine::period::{Schedule, Window};
use crate::engine::recurring::Bearers;
use crate::engine::selector::Selector;
use crate::engine::share::Shares;
use crate::engine::world::Plan;
use crate::facts::{Name, Seconds};

/// A plan whose usage is kept, on a basis, by one kind of period.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Usage {
    pub plan: Name,
    basis: Basis,
    schedule: Schedule,
}

impl Machine {
    /// Keeps the usage that budgets need from now on.
    pub(super) fn follow_usage(&mut self, at: Seconds) {
        let specs = self.budgets.iter().filter(|(key, _)| key.usage.is_none());
        let specs = specs.filter_map(|(_, state)| state.specs.last()?.as_deref());
        let shared = specs.filter(|spec| self.shares_by_usage(&spec.terms.plan));
        let usage = |spec: &Budget| {
            let Terms { plan, basis, .. } = &spec.terms;
            Usage { plan: plan.clone(), basis: *basis, schedule: spec.schedule.clone() }
        };
        let needed: Vec<_> = shared.map(usage).collect();
        for usage in needed {
            if !self.usages.contains(&usage) {
                self.keep_usage(usage, at);
            }
        }
    }

    /// The key of the usage that a Statement is of, if it is kept.
    pub(super) fn usage_of(&self, statement: &api::Statement) -> Option<BudgetKey> {
        let api::StatementPeriod { start, end, .. } = &statement.spec.period;
        let bounds = (start.0.as_second(), end.0.as_second());
        let name = statement.metadata.name.as_deref().unwrap_or_default();
        let held = |usage: &Usage| {
            *usage.plan == *statement.spec.budget_ref.name
                && name.starts_with(&format!("{}-{}", usage.name(), statement.spec.period.label))
                && usage.schedule.at(bounds.0).is_some_and(|window| (window.start, window.end) == bounds)
        };
        self.usages.iter().position(held).map(|i| self.usage_key(i))
    }

    /// A ledger with what it takes to read it.
    pub(super) fn reading<'a>(&'a self, entry: &'a Entry) -> Reading<'a> {
        let terms = entry.ledger.span.terms.iter().filter_map(|(_, terms)| terms.as_ref());
        let mut plans: Vec<_> = terms.filter(|terms| terms.charges).map(|terms| (&terms.plan, terms.basis)).collect();
        plans.retain(|(plan, _)| !entry.ledger.is_divided() && self.shares_by_usage(plan));
        plans.sort_unstable();
        plans.dedup();
        let used = |(plan, basis): (&Name, Basis)| {
            Some((plan.clone(), basis, self.usage_ledger(plan, basis, &entry.ledger.window)?))
        };
        let usage: Vec<_> = plans.into_iter().filter_map(used).collect();
        let shares = (!usage.is_empty()).then_some(Shares { world: &self.world, usage });
        Reading { ledger: &entry.ledger, rates: &self.rates, shares }
    }

    /// A ledger that ends before its period does: what its namespaces have used by then decides, and no longer what they
    /// use later.
    pub(super) fn divide(&mut self, id: LedgerId) {
        let entry = &self.ledgers[&id];
        let parts = self.reading(entry).parts(entry.ledger.span.until);
        self.ledgers.get_mut(&id).expect("present").ledger.divide(parts);
    }

    /// Whether any version of a plan divides a charge in proportion to usage.
    fn shares_by_usage(&self, plan: &str) -> bool {
        let mut charges = self.world.plans.get(plan).into_iter().flat_map(Plan::charges);
        charges.any(|charge| matches!(charge.bearers, Bearers::Usage(_)))
    }

    fn usage_ledger(&self, plan: &Name, basis: Basis, window: &Window) -> Option<&Ledger> {
        let same = |ledger: &&Ledger| (ledger.window.start, ledger.window.end) == (window.start, window.end);
        let of_plan = self.usages.iter().enumerate().filter(|(_, usage)| (&usage.plan, usage.basis) == (plan, basis));
        let keys = of_plan.map(|(i, _)| self.usage_key(i));
        keys.into_iter().find_map(|key| {
            let ids = self.billing.get(&key)?;
            ids.iter().map(|id| &self.ledgers[id].ledger).find(same)
        })
    }

    fn usage_key(&self, i: usize) -> BudgetKey {
        BudgetKey { namespace: None, name: self.usages[i].name().into(), usage: u32::try_from(i).ok() }
    }

    fn keep_usage(&mut self, usage: Usage, at: Seconds) {
        let terms = Terms {
            scope: Scope::Namespaces(Selector::default()),
            pods: None,
            charges: false,
            basis: usage.basis,
            plan: usage.plan.clone(),
        };
        let spec = Budget {
            limit: None,
            contact: None,
            schedule: usage.schedule.clone(),
            terms,
            thresholds: Vec::new(),
            ceiling: ScaleCeiling::default(),
            value: None,
        };
        self.usages.push(usage);
        self.sampler.dirty = true;
        let key = self.usage_key(self.usages.len() - 1);
        let mut state = BudgetState::new(Seconds::MIN);
        state.specs = History::starting(Seconds::MIN, Some(Arc::new(spec)));
        self.budgets.insert(key.clone(), Box::new(state));
        if self.running {
            self.roll(&key, at);
            self.follow_currency(&key, at);
            self.find_boundary(at);
            self.wake_budget(&key, at);
        }
    }
}

// === impl Usage ===

impl Usage {
    /// As its Statements are named, before their label.
    fn name(&self) -> String {
        format!("{}-{:?}", self.plan, self.basis).to_lowercase()
    }
}
