//! What every namespace uses under a plan by which something is divided, and what is idle.
//!
//! It is kept as if it were a budget over all namespaces without a limit, one for each plan, basis and kind of period in
//! use, with a Statement in the operator's namespace, so that a restart loses none of it (COST_RULES 20). Nobody has
//! asked for it: it has no status, no thresholds and no gate.

use std::sync::Arc;

use super::change::Touched;
use super::{BudgetState, Entry, LedgerId, Machine};
use crate::api::{self, Basis, ScaleCeiling, ScaleDown};
use crate::engine::budget::{Budget, BudgetKey};
use crate::engine::evaluate::Reading;
use crate::engine::history::History;
use crate::engine::ledger::Gap;
use crate::engine::meter::{By, Scope, Terms};
use crate::engine::observed::Tag;
use crate::engine::period::Schedule;
use crate::engine::selector::Selector;
use crate::engine::share::{Shares, shared_rates};
use crate::engine::world::Plan;
use crate::facts::{Name, Seconds};

/// Why usage may be too little.
const UNKEPT: &str = "usage was not kept from the beginning: what came and went before is not counted";

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
        for (i, idle) in self.register_usage() {
            let key = self.usage_key(i);
            if self.ledgers_of(&key).any(|(_, entry)| entry.ledger.span.until > at) {
                if idle {
                    self.count_idle(i, at);
                }
                continue;
            }
            self.keep_from(&key, at);
            self.roll(&key, at);
            self.find_boundary(at);
            self.wake_budget(&key, at);
            self.began_late(&key, at);
        }
        self.name_shared();
        self.mark_usage(at);
    }

    /// Usage that budgets need again: from the beginning of the current period on.
    fn keep_from(&mut self, key: &BudgetKey, at: Seconds) {
        if self.billing.contains_key(key)
            && let Some(state) = self.budgets.get_mut(key)
            && let Some(window) = state.specs.last().and_then(|spec| spec.as_deref()?.schedule.at(at))
        {
            state.since = state.since.max(window.start);
        }
    }

    /// Which usage budgets need, each with whether what is idle belongs to it.
    pub(super) fn register_usage(&mut self) -> Vec<(usize, bool)> {
        let mut merged: Vec<(Usage, bool, Seconds)> = Vec::new();
        for (usage, idle, since) in self.needed_usage() {
            match merged.iter_mut().find(|(known, ..)| *known == usage) {
                Some((_, known, first)) => (*known, *first) = (*known | idle, since.min(*first)),
                None => merged.push((usage, idle, since)),
            }
        }
        let register = |(usage, idle, since): (Usage, bool, Seconds)| {
            let known = self.usages.iter().position(|known| *known == usage);
            (known.unwrap_or_else(|| self.keep_usage(usage, idle, since)), idle)
        };
        merged.into_iter().map(register).collect()
    }

    /// Each budget's, with whether what is idle belongs to it and since when the budget counts.
    fn needed_usage(&self) -> impl Iterator<Item = (Usage, bool, Seconds)> {
        self.budgets.iter().filter(|(key, _)| key.usage.is_none()).filter_map(|(_, state)| {
            let spec = state.specs.last()?.as_deref().filter(|spec| self.is_shared(&spec.terms))?;
            let Terms { plan, basis, idle, .. } = &spec.terms;
            let usage = Usage { plan: plan.clone(), basis: *basis, schedule: spec.schedule.clone() };
            let idle = *idle || self.world.plans.get(plan).is_some_and(Plan::has_rules);
            Some((usage, idle, state.since))
        })
    }

    /// Whether what a key is of is asked for by a budget; every budget is by whoever made it.
    pub(super) fn is_needed(&self, key: &BudgetKey) -> bool {
        let usage = key.usage.and_then(|i| self.usages.get(i as usize));
        usage.is_none_or(|usage| self.needed_usage().any(|(needed, ..)| needed == *usage))
    }

    /// Whether a budget of these terms has to know what everybody uses.
    fn is_shared(&self, terms: &Terms) -> bool {
        terms.idle || self.world.plans.get(&terms.plan).is_some_and(Plan::shares)
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
        let used = |(plan, basis): By<'_>| {
            let id = self.usage_ledger((plan, basis), entry.ledger.bounds())?;
            Some((plan.clone(), basis, &self.ledgers[&id].ledger))
        };
        let usage: Vec<_> = self.shared_by(entry).into_iter().filter_map(used).collect();
        let shares = (!usage.is_empty()).then_some(Shares { world: &self.world, usage });
        Reading { ledger: &entry.ledger, rates: &self.rates, shares }
    }

    /// The plans by which something is divided that a ledger may share in, as long as its parts move.
    pub(super) fn shared_by<'a>(&'a self, entry: &'a Entry) -> Vec<By<'a>> {
        let terms = entry.ledger.span.terms.iter().filter_map(|(_, terms)| terms.as_ref());
        let moves = entry.budget.usage.is_none() && !entry.ledger.is_divided();
        let sharing = terms.filter(|terms| moves && terms.charges && self.is_shared(terms));
        let mut plans: Vec<_> = sharing.map(Terms::by).collect();
        plans.sort_unstable();
        plans.dedup();
        plans
    }

    /// A ledger that ends before its period does: what its namespaces have used by then decides, and no longer what they
    /// use later.
    pub(super) fn divide(&mut self, id: LedgerId) {
        let entry = &self.ledgers[&id];
        let parts = self.reading(entry).parts(entry.ledger.span.until);
        self.ledgers.get_mut(&id).expect("present").ledger.divide(parts);
    }

    pub(super) fn usage_key(&self, i: usize) -> BudgetKey {
        BudgetKey { namespace: None, name: self.usages[i].name().into(), usage: u32::try_from(i).ok() }
    }

    fn keep_usage(&mut self, usage: Usage, idle: bool, since: Seconds) -> usize {
        let since = usage.schedule.at(since).map_or(since, |window| window.start);
        let terms = Terms {
            scope: Scope::Namespaces(Selector::default()),
            pods: None,
            charges: false,
            basis: usage.basis,
            idle,
            plan: usage.plan.clone(),
        };
        let spec = Budget {
            limit: None,
            contact: None,
            schedule: usage.schedule.clone(),
            terms,
            thresholds: Vec::new(),
            ceiling: ScaleCeiling::default(),
            scale_down: ScaleDown::default(),
            value: None,
        };
        self.usages.push(usage);
        self.sampler.dirty = true;
        let i = self.usages.len() - 1;
        let mut state = BudgetState::new(since);
        state.specs = History::starting(Seconds::MIN, Some(Arc::new(spec)));
        self.budgets.insert(self.usage_key(i), Box::new(state));
        i
    }

    /// What is idle is metered from now on, and rebuilt from the period's beginning on as far as it can be.
    fn count_idle(&mut self, i: usize, at: Seconds) {
        let key = self.usage_key(i);
        let spec = self.budgets.get(&key).and_then(|state| state.specs.last().cloned().flatten());
        let Some(spec) = spec.filter(|spec| !spec.terms.idle) else { return };
        let terms = Terms { idle: true, ..spec.terms.clone() };
        let spec = Budget { terms: terms.clone(), ..(*spec).clone() };
        let state = self.budgets.get_mut(&key).expect("present");
        state.specs = History::starting(Seconds::MIN, Some(Arc::new(spec)));
        let open: Vec<_> = self.ledgers_of(&key).filter(|(_, e)| e.closed_at.is_none()).map(|(id, _)| id).collect();
        let mut others = vec![vec![(Seconds::MIN, Some(terms))]; open.len()];
        let nodes: Vec<_> = self.world.nodes.keys().cloned().collect();
        let touched = Touched { nodes: &nodes, ..Touched::items(&[], Seconds::MIN) };
        self.change_in_turn(touched, Tag::KNOWN, at, |machine| {
            for (id, other) in open.iter().zip(&mut others) {
                let terms = &mut machine.ledgers.get_mut(id).expect("listed").ledger.span.terms;
                terms.exchange(Seconds::MIN, other);
            }
        });
        self.began_late(&key, at);
    }

    /// Of what came and went before usage was kept nothing is known.
    fn began_late(&mut self, key: &BudgetKey, at: Seconds) {
        for id in self.ledgers_of(key).map(|(id, _)| id).collect::<Vec<_>>() {
            let entry = self.ledgers.get_mut(&id).expect("listed");
            let (from, to) = (entry.ledger.span.from, entry.ledger.clamp(at));
            if from < to && entry.closed_at.is_none() {
                entry.note_gap(Gap { from, to, reason: UNKEPT.to_owned() });
            }
        }
    }

    /// The rates at which others bear what shared namespaces cost have names from now on.
    pub(super) fn name_shared(&mut self) {
        let rules = |plan: &&Name| self.world.plans[*plan].rules().next().is_some();
        let plans = self.world.plans.keys().filter(rules);
        let all = plans.flat_map(|plan| self.world.namespaces.keys().map(move |namespace| (plan, namespace)));
        let shared = all.filter(|(plan, namespace)| self.is_ever_shared(plan, namespace));
        let shared: Vec<_> = shared.flat_map(|(plan, namespace)| shared_rates(plan, namespace)).collect();
        for rate in shared {
            self.rates.id(rate);
        }
    }

    /// Whether a namespace was shared by any version of a plan.
    pub(super) fn is_ever_shared(&self, plan: &Name, namespace: &Name) -> bool {
        let (Some(plan), Some(namespace)) = (self.world.plans.get(plan), self.world.namespaces.get(namespace)) else {
            return false;
        };
        let mut labels = namespace.labels.iter().map(|(_, labels)| labels);
        labels.any(|labels| plan.rules().any(|rule| rule.selector.matches(labels)))
    }
}

// === impl Usage ===

impl Usage {
    pub fn by(&self) -> By<'_> {
        (&self.plan, self.basis)
    }

    /// As its Statements are named, before their label.
    fn name(&self) -> String {
        format!("{}-{:?}", self.plan, self.basis).to_lowercase()
    }
}
