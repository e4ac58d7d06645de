//! What every namespace uses under a plan by which something is divided, and what is idle.
//!
//! It is kept as if it were a budget over all namespaces without a limit, one for each plan and kind of period in use,
//! with a Statement in the operator's namespace, so that a restart loses none of it (COST_RULES 20). Nobody has asked
//! for it: it has no status, no thresholds and no gate.

use std::sync::Arc;

use super::change::Touched;
use super::{BudgetState, Entry, LedgerId, Machine};
use crate::api::{self, ScaleCeiling};
use crate::engine::budget::{Budget, BudgetKey};
use crate::engine::evaluate::Reading;
use crate::engine::history::History;
use crate::engine::ledger::{Gap, joined};
use crate::engine::meter::{Scope, Terms};
use crate::engine::observed::Tag;
use crate::engine::period::{Schedule, Window};
use crate::engine::selector::Selector;
use crate::engine::share::{Shares, shared_rates};
use crate::engine::world::Plan;
use crate::facts::{Name, Seconds};

/// The basis of what is metered, as it stands in the names of these Statements.
const BASIS: &str = "requests";

/// Why usage may be too little.
const UNKEPT: &str = "usage was not kept from the beginning: what came and went before is not counted";

/// A plan whose usage is kept, by one kind of period.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Usage {
    pub plan: Name,
    schedule: Schedule,
}

impl Machine {
    /// Keeps the usage that budgets need from now on.
    pub(super) fn follow_usage(&mut self, at: Seconds) {
        let specs = self.budgets.iter().filter(|(key, _)| key.usage.is_none());
        let specs = specs.filter_map(|(_, state)| state.specs.last()?.as_deref());
        let shared = specs.filter(|spec| self.is_shared(&spec.terms));
        let needed: Vec<_> = shared
            .map(|spec| {
                let usage = Usage { plan: spec.terms.plan.clone(), schedule: spec.schedule.clone() };
                let has_rules = self.world.plans.get(&spec.terms.plan).is_some_and(Plan::has_rules);
                (usage, has_rules || spec.terms.idle)
            })
            .collect();
        for (usage, idle) in needed {
            match self.usages.iter().position(|known| *known == usage) {
                None => self.keep_usage(usage, idle, at),
                Some(i) if idle => self.count_idle(i, at),
                Some(_) => {}
            }
        }
        self.name_shared();
        self.mark_usage(at);
    }

    /// Whether a budget of these terms has to know what everybody uses.
    fn is_shared(&self, terms: &Terms) -> bool {
        terms.idle || self.world.plans.get(&terms.plan).is_some_and(Plan::shares)
    }

    /// The key of the usage that a Statement is of, if it is kept.
    pub(super) fn usage_of(&self, statement: &api::Statement) -> Option<BudgetKey> {
        let api::StatementPeriod { start, end, .. } = &statement.spec.period;
        let bounds = (start.0.as_second(), end.0.as_second());
        let held = |usage: &Usage| {
            *usage.plan == *statement.spec.budget_ref.name
                && usage.schedule.at(bounds.0).is_some_and(|window| (window.start, window.end) == bounds)
        };
        self.usages.iter().position(held).map(|i| self.usage_key(i))
    }

    /// A ledger with what it takes to read it.
    pub(super) fn reading<'a>(&'a self, entry: &'a Entry) -> Reading<'a> {
        let terms = entry.ledger.span.terms.iter().filter_map(|(_, terms)| terms.as_ref());
        let moves = entry.budget.usage.is_none() && !entry.ledger.is_divided();
        let sharing = terms.filter(|terms| moves && terms.charges && self.is_shared(terms));
        let mut plans: Vec<_> = sharing.map(|terms| &terms.plan).collect();
        plans.sort_unstable();
        plans.dedup();
        let used = |plan: &Name| {
            let id = self.usage_ledger(plan, &entry.ledger.window)?;
            Some((plan.clone(), &self.ledgers[&id].ledger))
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

    /// How usage stood where budgets begin to share in it, or end to, is kept: of earlier instants nothing is known
    /// soon.
    pub(super) fn mark_usage(&mut self, at: Seconds) {
        let mut marks = Vec::new();
        for entry in self.ledgers.values().filter(|entry| entry.budget.usage.is_none() && !entry.ledger.is_divided()) {
            let span = &entry.ledger.span;
            let mut plans: Vec<_> = span.terms.iter().filter_map(|(_, terms)| terms.as_ref()).collect();
            plans.retain(|terms| self.is_shared(terms));
            for terms in plans {
                let Some(id) = self.usage_ledger(&terms.plan, &entry.ledger.window) else { continue };
                let times = joined(&span.uses(&self.world, &terms.plan, at + 1));
                let edges = times.into_iter().flat_map(|(from, to)| [from, to]).filter(|edge| *edge <= at);
                marks.extend(edges.map(|edge| (id, edge)));
            }
        }
        for (id, edge) in marks {
            self.ledgers.get_mut(&id).expect("found").ledger.mark(edge);
        }
    }

    fn usage_ledger(&self, plan: &Name, window: &Window) -> Option<LedgerId> {
        let same = |id: &&LedgerId| {
            let of = &self.ledgers[id].ledger.window;
            (of.start, of.end) == (window.start, window.end)
        };
        let of_plan = self.usages.iter().enumerate().filter(|(_, usage)| usage.plan == *plan);
        let keys = of_plan.map(|(i, _)| self.usage_key(i));
        keys.into_iter().find_map(|key| self.billing.get(&key)?.iter().find(same).copied())
    }

    fn usage_key(&self, i: usize) -> BudgetKey {
        let name = format!("{}-{BASIS}", self.usages[i].plan).to_lowercase();
        BudgetKey { namespace: None, name: name.into(), usage: u32::try_from(i).ok() }
    }

    fn keep_usage(&mut self, usage: Usage, idle: bool, at: Seconds) {
        let terms = Terms {
            scope: Scope::Namespaces(Selector::default()),
            pods: None,
            charges: false,
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
        };
        self.usages.push(usage);
        let key = self.usage_key(self.usages.len() - 1);
        let mut state = BudgetState::new(Seconds::MIN);
        state.specs = History::starting(Seconds::MIN, Some(Arc::new(spec)));
        self.budgets.insert(key.clone(), state);
        if self.running {
            self.roll(&key, at);
            self.follow_currency(&key, at);
            self.find_boundary(at);
            self.wake_budget(&key, at);
            self.began_late(&key, at);
        }
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
    fn name_shared(&mut self) {
        for (plan, versions) in &self.world.plans {
            let lists = versions.versions.iter().filter_map(|(_, list)| list.as_ref()?.sharing.as_ref());
            let rules: Vec<_> = lists.filter_map(|sharing| sharing.namespaces.as_ref()).collect();
            for (name, namespace) in self.world.namespaces.iter().filter(|_| !rules.is_empty()) {
                let mut labels = namespace.labels.iter().map(|(_, labels)| labels);
                if labels.any(|labels| rules.iter().any(|rule| rule.selector.matches(labels))) {
                    for rate in shared_rates(plan, name) {
                        self.rates.id(rate);
                    }
                }
            }
        }
    }
}
