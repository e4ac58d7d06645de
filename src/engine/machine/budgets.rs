//! Budgets as their manifests come, change and go.

use std::sync::Arc;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use super::children::is_owned;
use super::{BudgetState, Machine};
use crate::api;
use crate::engine::budget::{Budget, BudgetError, BudgetKey};
use crate::engine::history::History;
use crate::engine::observed::Tag;
use crate::engine::write::WriteKey;
use crate::facts::{Name, ObjectId, Seconds};

impl Machine {
    pub(super) fn apply_budget(&mut self, tag: Tag, id: ObjectId, budget: &api::Budget, at: Seconds) {
        let namespace: Name = budget.metadata.namespace.as_deref().unwrap_or_default().into();
        let key = BudgetKey::of(Some(namespace), name_of(&budget.metadata));
        if is_owned(&budget.metadata, &key.name) {
            self.hold_child(tag, id, &key, budget, at);
        } else {
            self.let_go(id, &key, at);
            self.apply_own_budget(tag, id, &key, budget, at);
            self.raise(tag, &key, at);
        }
    }

    /// A Budget that says itself what it means.
    pub(super) fn apply_own_budget(
        &mut self,
        tag: Tag,
        id: ObjectId,
        key: &BudgetKey,
        budget: &api::Budget,
        at: Seconds,
    ) {
        let namespace = key.namespace.as_ref().expect("a Budget's");
        let compiled = Budget::of_namespace(namespace, &budget.spec).map(Some);
        let status = budget.status.clone().unwrap_or_default();
        self.apply_spec(tag, id, key, &budget.metadata, compiled, status, at);
        if let Some(state) = self.budgets.get_mut(key) {
            state.is_child = false;
            state.manifest = Arc::new(budget.spec.clone());
        }
    }

    pub(super) fn apply_cluster_budget(&mut self, tag: Tag, id: ObjectId, budget: &api::ClusterBudget, at: Seconds) {
        let key = BudgetKey::of(None, name_of(&budget.metadata));
        let (pot, children) = Budget::of_mode(&budget.spec).map_or_else(|e| (Err(e), None), |(p, c)| (Ok(p), Some(c)));
        let status = budget.status.clone().unwrap_or_default();
        let namespaces = status.namespaces;
        let known = self.budgets.get(&key).is_some_and(|state| state.exists && state.id == id);
        self.apply_spec(tag, id, &key, &budget.metadata, pot, status.budget, at);
        if let Some(state) = self.budgets.get_mut(&key) {
            state.namespaces = namespaces;
            state.manifest = Arc::new(budget.spec.budget.clone());
            state.mode = budget.spec.mode;
            state.namespace_selector.clone_from(&budget.spec.namespace_selector);
        }
        if let Some(children) = children {
            let created = self.created(&budget.metadata, at).min(at);
            self.want_children(tag, &key.name, children, if known { at } else { created });
        }
    }

    pub(super) fn delete_budget(&mut self, tag: Tag, id: ObjectId, budget: &api::Budget, end: Seconds, at: Seconds) {
        let namespace: Name = budget.metadata.namespace.as_deref().unwrap_or_default().into();
        let key = BudgetKey::of(Some(namespace), name_of(&budget.metadata));
        if !self.let_go(id, &key, at) {
            self.delete_spec(tag, id, &key, end, at);
            self.raise(tag, &key, at);
        }
    }

    pub(super) fn delete_cluster_budget(
        &mut self,
        tag: Tag,
        id: ObjectId,
        budget: &api::ClusterBudget,
        end: Seconds,
        at: Seconds,
    ) {
        let key = BudgetKey::of(None, name_of(&budget.metadata));
        if self.budgets.get(&key).is_some_and(|state| state.id == id) {
            self.delete_spec(tag, id, &key, end, at);
            self.want_children(tag, &key.name, None, end);
        }
    }

    fn created(&self, meta: &ObjectMeta, at: Seconds) -> Seconds {
        meta.creation_timestamp.as_ref().map_or(self.settings.from.unwrap_or(at), |t| t.0.as_second())
    }

    /// `compiled` is none of what is no budget itself, but has one in each of its namespaces.
    #[allow(clippy::too_many_arguments)]
    pub(super) fn apply_spec(
        &mut self,
        tag: Tag,
        id: ObjectId,
        key: &BudgetKey,
        meta: &ObjectMeta,
        compiled: Result<Option<Budget>, BudgetError>,
        status: api::BudgetStatus,
        at: Seconds,
    ) {
        let created = self.created(meta, at);
        let (spec, invalid) = match compiled {
            Ok(spec) => (spec, None),
            Err(error) => {
                self.trouble("Budget", format!("{} {}", key.kind(), key.name), error.to_string());
                (None, Some(error.to_string()))
            }
        };
        // A watch that lags may still tell of one that went with its Namespace.
        let gone = |state: &BudgetState| !state.exists && state.id == id && meta.uid.is_some();
        if self.budgets.get(key).is_some_and(|state| gone(state)) {
            return;
        }
        self.settle_before_edit(key, at);
        (self.dirty_plans, self.sampler.dirty) = (true, true);
        let fresh = self.budgets.get(key).is_none_or(|state| !state.exists && state.specs.last().is_none());
        let again = self.budgets.get(key).is_some_and(|state| !state.exists || state.id != id);
        let state = self.budgets.entry(key.clone()).or_insert_with(|| Box::new(BudgetState::new(created)));
        state.id = id;
        state.uid.clone_from(&meta.uid);
        state.generation = meta.generation.unwrap_or_default();
        state.exists = true;
        let is_valid = invalid.is_none();
        state.invalid = invalid;
        state.seen_status = Arc::new(status);
        if !self.inflight.contains(&WriteKey::Status(key.clone())) {
            state.status = state.seen_status.clone();
        }
        let before = state.specs.last().cloned().flatten();
        if fresh || again || !self.leading {
            self.follow(key);
        }
        let changed = again || before.as_deref() != spec.as_ref();
        match (before, spec) {
            (Some(before), Some(spec)) if !again => self.edit(tag, key, &before, spec, at),
            // One that had a Budget in each of its namespaces until now.
            (None, Some(spec)) if !again && !fresh && self.running => self.make(tag, key, spec, at, fresh, at),
            (_, Some(spec)) => self.make(tag, key, spec, created.min(at), fresh, at),
            (Some(_), None) if is_valid => self.end_spec(tag, key, at),
            (_, None) => {}
        }
        if self.running && changed {
            self.follow_usage(at);
        }
        self.wake_budget(key, at);
        self.dirty_scope(key);
    }

    /// A budget that was not there: it counts from its creation (COST_RULES 1).
    fn make(&mut self, tag: Tag, key: &BudgetKey, spec: Budget, created: Seconds, fresh: bool, at: Seconds) {
        let terms = spec.terms.clone();
        let state = self.budgets.get_mut(key).expect("present");
        let from = if fresh { created } else { created.max(state.specs.since().unwrap_or(created)) };
        let schedule = spec.schedule.clone();
        state.specs.set(from, Some(Arc::new(spec)));
        if self.running {
            let open = self.current(key, at).filter(|id| self.ledgers[id].ledger.span.until > at);
            if let Some(id) = open {
                let ledger = &mut self.ledgers.get_mut(&id).expect("current").ledger;
                let window = schedule.at(ledger.window.start);
                let same = window.filter(|w| w.start == ledger.window.start && w.end == ledger.window.end);
                if let Some(window) = same {
                    ledger.window = window;
                    self.set_terms(key, tag, from, Some(&terms));
                    self.follow_currency(key, at);
                } else {
                    self.cut_at(key, from);
                }
            } else {
                self.budgets.get_mut(key).expect("present").since = from;
                self.roll(key, at);
            }
            self.find_boundary(at);
        } else {
            self.budgets.get_mut(key).expect("present").since = from;
        }
    }

    /// An edit counts from `at` on; another period, or a plan of another currency, begins another statement (31).
    fn edit(&mut self, tag: Tag, key: &BudgetKey, before: &Budget, spec: Budget, at: Seconds) {
        if *before == spec {
            return;
        }
        let terms = spec.terms.clone();
        let (reschedules, new_terms) = (before.schedule != spec.schedule, before.terms != spec.terms);
        let state = self.budgets.get_mut(key).expect("present");
        if self.running {
            state.specs.set(at, Some(Arc::new(spec)));
        } else {
            // Before the first lists are in, what was seen last is what holds.
            state.specs = History::starting(state.since, Some(Arc::new(spec)));
            return;
        }
        if reschedules {
            self.cut_at(key, at);
        } else if new_terms {
            self.set_terms(key, tag, at, Some(&terms));
            self.follow_currency(key, at);
        }
    }

    /// It was one until `end`.
    pub(super) fn delete_spec(&mut self, tag: Tag, id: ObjectId, key: &BudgetKey, end: Seconds, at: Seconds) {
        let Some(state) = self.budgets.get_mut(key) else { return };
        if state.id != id {
            return;
        }
        state.exists = false;
        self.dirty_plans = true;
        self.end_spec(tag, key, end);
        if self.running {
            self.mark_usage(at);
        }
        self.dirty_scope(key);
        self.wake_budget(key, at);
    }

    /// It is no budget any more.
    pub(super) fn end_spec(&mut self, tag: Tag, key: &BudgetKey, at: Seconds) {
        self.sampler.dirty = true;
        self.budgets.get_mut(key).expect("present").specs.set(at, None);
        self.set_terms(key, tag, at, None);
        let begun_later = self.ledgers_of(key).filter(|(_, e)| e.ledger.span.from >= at && e.closed_at.is_none());
        for id in begun_later.map(|(id, _)| id).collect::<Vec<_>>() {
            self.drop_unwritten(id);
        }
    }

    pub(super) fn forget_budget(&mut self, key: &BudgetKey, at: Seconds) {
        self.sampler.dirty = true;
        if let Some(state) = self.budgets.get_mut(key) {
            state.exists = false;
            state.specs.set(at, None);
        }
    }

    // === plans ===
}

pub(super) fn name_of(meta: &ObjectMeta) -> Name {
    meta.name.as_deref().unwrap_or_default().into()
}
