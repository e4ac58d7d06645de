//! PricePlans as their manifests come, change and go.

use std::sync::Arc;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use super::budgets::name_of;
use super::change::Touched;
use super::openings::NO_CURRENCY;
use super::{BudgetState, Machine, PlanState};
use crate::api;
use crate::engine::budget::BudgetKey;
use crate::engine::history::History;
use crate::engine::item::NEVER;
use crate::engine::observed::Tag;
use crate::engine::rate::PriceList;
use crate::facts::{Name, ObjectId, Seconds};

/// How far an edit of a plan may lie before it was seen (COST_RULES 3).
const EDIT_SLACK: Seconds = 10;

impl Machine {
    pub(super) fn apply_plan(&mut self, tag: Tag, id: ObjectId, plan: &api::PricePlan, at: Seconds) {
        let name = name_of(&plan.metadata);
        let list = match PriceList::compile(&plan.spec) {
            Ok(list) => list,
            Err(error) => {
                self.trouble("PricePlan", format!("PricePlan {name}"), error.to_string());
                let state = self.plans.entry(name).or_default();
                state.invalid = Some(error.to_string());
                (state.id, state.exists) = (Some(id), true);
                self.dirty_plans = true;
                return;
            }
        };
        let written = spec_written(&plan.metadata);
        let generation = plan.metadata.generation.unwrap_or_default();
        let status = plan.status.clone().unwrap_or_default();
        let known = self.plans.get(&name).filter(|state| state.exists);
        let from = match known {
            None => match status.versions.first().filter(|newest| newest.generation < generation) {
                // Edited while nobody watched.
                Some(before) => written.unwrap_or(at).max(before.from.0.as_second()),
                None => plan
                    .metadata
                    .creation_timestamp
                    .as_ref()
                    .map_or(self.settings.from.unwrap_or(at), |t| t.0.as_second()),
            },
            Some(state) => self.edited_at(&name, state, written, at),
        };
        // What the leader wrote down decides, so that all replicas price alike.
        let from = status
            .versions
            .iter()
            .find(|v| v.generation == generation && generation > 0)
            .map_or(from, |v| v.from.0.as_second());
        let fresh = known.is_none();
        let rates = known.and_then(|state| state.versions.first()).map(|newest| &newest.spec.exchange_rates);
        if rates.is_some_and(|rates| *rates != plan.spec.exchange_rates) {
            for key in self.users(&name).collect::<Vec<_>>() {
                self.settle_before_edit(&key, at);
            }
        }
        let state = self.plans.entry(name.clone()).or_default();
        state.uid.clone_from(&plan.metadata.uid);
        let edited = fresh || state.versions.first().is_none_or(|v| v.spec != plan.spec);
        (state.id, state.exists) = (Some(id), true);
        state.invalid = None;
        state.generation = generation;
        state.written = written.or(state.written);
        if edited {
            let version = api::PlanVersion { from: super::persist::time(from), generation, spec: plan.spec.clone() };
            state.versions.insert(0, version);
        } else if let Some(newest) = state.versions.first_mut() {
            // The same prices, written otherwise.
            newest.generation = generation;
        }
        state.status = status;
        if fresh {
            state.adopt_versions();
        }
        if edited {
            self.price(tag, &name, from, Some(Arc::new(list)), at);
        }
        self.dirty_plans = true;
        self.wake_users(&name, at);
    }

    pub(super) fn delete_plan(&mut self, tag: Tag, id: ObjectId, plan: &api::PricePlan, at: Seconds) {
        let name = name_of(&plan.metadata);
        if let Some(state) = self.plans.get_mut(&name).filter(|state| state.id == Some(id)) {
            state.exists = false;
            self.price(tag, &name, at, None, at);
            self.wake_users(&name, at);
        }
    }

    /// The instant at which an edit took effect (COST_RULES 3).
    fn edited_at(&self, name: &Name, state: &PlanState, written: Option<Seconds>, at: Seconds) -> Seconds {
        let said = written.filter(|t| state.written.is_none_or(|before| *t > before));
        let before = self.world.plans.get(name).and_then(|plan| plan.versions.since()).unwrap_or(Seconds::MIN);
        said.unwrap_or(at).max(at - EDIT_SLACK).max(before).max(self.settings.from.unwrap_or(Seconds::MIN))
    }

    fn price(&mut self, tag: Tag, name: &Name, from: Seconds, list: Option<Arc<PriceList>>, at: Seconds) {
        let first = !self.world.plans.contains_key(name);
        let touched = if self.running { self.everything() } else { Vec::new() };
        // Of a plan that is new to this process, `status.versions` remembers what went before.
        let older = self.plans.get(name).into_iter().flat_map(|state| state.versions.iter().skip(1).rev());
        let older =
            older.filter_map(|v| Some((v.from.0.as_second(), Some(Arc::new(PriceList::compile(&v.spec).ok()?)))));
        let versions = &mut self.world.plans.entry(name.clone()).or_default().versions;
        let mut tail = if first {
            older.chain([(from, list)]).collect::<History<_>>().into_tail()
        } else {
            versions.tail(from, list)
        };
        let since = tail.first().map_or(from, |(since, _)| from.min(*since));
        let charges = if self.running { from } else { NEVER };
        let nodes: Vec<_> = self.world.nodes.keys().filter(|_| self.running).cloned().collect();
        self.change_in_turn(Touched { items: &touched, nodes: &nodes, since, charges }, tag, at, |machine| {
            machine.world.plans.get_mut(name).expect("entered").versions.exchange(since, &mut tail);
        });
        let users: Vec<_> = self.users(name).collect();
        for key in users {
            self.follow_currency(&key, at);
        }
        if self.running {
            self.follow_usage(at);
        }
    }

    /// A statement in another currency than its plan's ends where that plan came; one in no currency yet takes the plan's
    /// (31).
    pub(super) fn follow_currency(&mut self, key: &BudgetKey, at: Seconds) {
        let Some(id) = self.current(key, at) else { return };
        let Some(spec) = self.budgets.get(key).and_then(|state| state.specs.last().cloned().flatten()) else { return };
        let Some(list) = self.world.price_list(&spec.terms.plan, at) else { return };
        let currency = list.currency.clone();
        let entry = self.ledgers.get_mut(&id).expect("current");
        if entry.ledger.currency == currency || entry.ledger.span.until <= at {
            return;
        }
        if *entry.ledger.currency == *NO_CURRENCY {
            entry.ledger.currency = currency;
            return;
        }
        let prices = self.world.plans[&spec.terms.plan].versions.iter().rev();
        let prices = prices.take_while(|(_, list)| list.as_ref().is_some_and(|list| list.currency == currency)).last();
        let span = &entry.ledger.span;
        let terms = span.terms.iter().rev();
        let terms = terms.take_while(|(_, terms)| terms.as_ref().is_some_and(|of| of.plan == spec.terms.plan)).last();
        let came = prices.map(|(since, _)| *since).max(terms.map(|(since, _)| *since)).unwrap_or(at);
        // What is written down already is not taken back.
        let known = entry.persisted.as_ref().map_or(span.from, |persisted| persisted.watermark);
        let cut = came.max(known).clamp(span.from, at);
        self.cut_at(key, cut);
    }

    /// The budgets that name a plan.
    pub(super) fn users<'a>(&'a self, plan: &'a str) -> impl Iterator<Item = BudgetKey> + 'a {
        let named = move |state: &BudgetState| {
            state.specs.last().and_then(Option::as_ref).is_some_and(|s| &*s.terms.plan == plan)
        };
        self.budgets.iter().filter(move |(_, state)| named(state)).map(|(key, _)| key.clone())
    }

    pub(super) fn wake_users(&mut self, plan: &str, at: Seconds) {
        for key in self.users(plan).collect::<Vec<_>>() {
            self.wake_budget(&key, at);
        }
    }
}

// === impl PlanState ===

impl PlanState {
    /// Takes over what an earlier leader wrote down: every version but the newest, which the manifest shows.
    fn adopt_versions(&mut self) {
        let newest = self.versions.first().map(|v| v.generation);
        self.versions.truncate(1);
        self.versions.extend(self.status.versions.iter().filter(|v| Some(v.generation) != newest).cloned());
    }
}

/// When the spec was last written: the newest time among the managers of anything but a subresource.
fn spec_written(meta: &ObjectMeta) -> Option<Seconds> {
    let fields = meta
        .managed_fields
        .iter()
        .flatten()
        .filter(|entry| entry.subresource.as_deref().unwrap_or_default().is_empty());
    fields.filter_map(|entry| entry.time.as_ref().map(|t| t.0.as_second())).max()
}
