//! Where everything stands, as people read it: status, conditions, figures for metrics.

use std::sync::Arc;

use iso_currency::Currency;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use num_traits::Zero;

use super::persist::{currency, time};
use super::{BudgetState, Entry, Machine};
use crate::api::{
    Breakdown, BudgetStatus, BurnRate, CostShare, Forecast, Gate, Measure, Mode, PeriodStatus, Prices, ThresholdStatus,
};
use crate::engine::budget::{Budget, BudgetKey};
use crate::engine::evaluate::Figures;
use crate::engine::ledger::{self};
use crate::engine::meter::Scope;
use crate::engine::money::{Exact, Fraction, amount_text, amounts_adding_up, minor_digits, used_percent};
use crate::engine::statement;
use crate::engine::write::{Write, WriteKey};
use crate::facts::{Name, Seconds};

/// A status whose figures alone changed is written this often; with many budgets, less.
const REFRESH: Seconds = 10;

/// Figures of one budget, as text.
#[derive(Clone, Debug)]
pub struct BudgetFigures {
    pub key: BudgetKey,
    pub spec: Arc<crate::api::BudgetSpec>,
    pub mode: Mode,
    pub namespace_selector: Option<LabelSelector>,
    pub include_idle: bool,
    /// Of a Budget that a ClusterBudget has in one of its namespaces.
    pub is_child: bool,
    pub status: Arc<BudgetStatus>,
    pub namespaces: Option<i64>,
}

/// Figures of everything, for metrics and for replay.
#[derive(Clone, Debug, Default)]
pub struct Shown {
    pub budgets: Vec<BudgetFigures>,
    /// What each namespace was spent in, by currency, from the widest ClusterBudget's statement.
    pub namespaces: Vec<(Name, Currency, String)>,
    pub gates: Vec<(Name, Gate)>,
    /// Metered objects.
    pub facts: usize,
    /// Seconds between now and the oldest open watermark.
    pub watermark_lag: Option<Seconds>,
}

/// One Statement, as it would be written.
#[derive(Clone, Debug)]
pub struct ShownStatement {
    pub namespace: Name,
    pub name: Name,
    pub budget: BudgetKey,
    pub spec: crate::api::StatementSpec,
}

impl Machine {
    /// Everything as of `now`, which must have been passed.
    pub fn shown(&self, now: Seconds) -> Shown {
        let existing = self.budgets.iter().filter(|(key, state)| state.exists && key.usage.is_none());
        let budgets = existing.map(|(key, state)| BudgetFigures {
            key: key.clone(),
            spec: state.manifest.clone(),
            mode: state.mode,
            namespace_selector: state.namespace_selector.clone(),
            include_idle: state.specs.last().and_then(Option::as_ref).is_some_and(|spec| spec.terms.idle),
            is_child: state.is_child,
            status: Arc::new(self.status(key, now)),
            namespaces: self.namespace_count(key, now),
        });
        let open = self.ledgers.values().filter(|e| e.closed_at.is_none());
        let oldest =
            open.filter_map(|e| e.persisted.as_ref().map(|p| p.watermark).filter(|w| *w < e.ledger.span.until)).min();
        Shown {
            budgets: budgets.collect(),
            namespaces: self.namespace_figures(now),
            gates: self
                .namespaces
                .keys()
                .map(|name| (name.clone(), self.gate_standing(name).unwrap_or_default()))
                .collect(),
            facts: self.world.items.values().map(litemap::LiteMap::len).sum(),
            watermark_lag: oldest.map(|watermark| now - watermark),
        }
    }

    /// Every Statement as of `now`, open ones up to it.
    pub fn statements(&self, now: Seconds) -> Vec<ShownStatement> {
        let begun = self.ledgers.values().filter(|e| e.ledger.span.from < now);
        let mut shown: Vec<_> = begun
            .map(|e| ShownStatement {
                namespace: e.namespace.clone(),
                name: e.name.clone(),
                budget: e.budget.clone(),
                spec: self.statement_spec(e, now, e.closed_at),
            })
            .collect();
        shown.sort_by(|a, b| (&a.namespace, &a.name).cmp(&(&b.namespace, &b.name)));
        shown
    }

    /// The status of a budget at `now`.
    pub fn status(&self, key: &BudgetKey, now: Seconds) -> BudgetStatus {
        let state = &self.budgets[key];
        let spec = state.specs.last().and_then(Option::as_deref);
        let entry = self.current(key, now).map(|id| &*self.ledgers[&id]).filter(|e| e.ledger.span.from <= now);
        let mut status = BudgetStatus {
            observed_generation: (state.generation > 0).then_some(state.generation),
            ..BudgetStatus::default()
        };
        if let (Some(spec), Some(entry)) = (spec, entry) {
            self.fill_status(&mut status, key, state, spec, entry, now);
        }
        if spec.is_none() && self.children_of(key).is_some() {
            self.fill_totals(&mut status, key, now);
        }
        status.conditions = self.conditions(key, state, spec, entry, &status, now);
        status
    }

    fn fill_status(
        &self,
        status: &mut BudgetStatus,
        key: &BudgetKey,
        state: &BudgetState,
        spec: &Budget,
        entry: &Entry,
        now: Seconds,
    ) {
        let ledger = &entry.ledger;
        let figures = Figures::of(&self.reading(entry), now);
        let money = spec.limit.as_ref().map_or_else(|| currency(&ledger.currency), |limit| limit.currency);
        let rate = self.rate(spec, ledger, now);
        let text = |amount: &_| amount_text(amount, money);
        status.period = Some(PeriodStatus {
            label: ledger.window.label.clone(),
            start: time(ledger.window.start),
            end: time(ledger.window.end),
            resets: ledger.window.resets.to_string(),
        });
        status.metered_since = Some(time(ledger.span.from));
        status.currency = Some(money).filter(|money| *money != Currency::XXX);
        status.statement = Some(entry.name.to_string());
        status.updated = Some(time(figures.at));
        status.gate = Some(state.decision.gate);
        status.prices = Some(self.prices(spec, entry, now));
        let allowed = state.decision.limit.as_ref();
        let limit = allowed.map(|limit| limit.amount.clone()).or_else(|| self.limit(key, spec, entry, now));
        status.limit = limit.as_ref().map(text);
        if let Some(rate) = rate {
            let shown = |amount: &Fraction| amount.exact() / &rate;
            let spent = shown(&figures.spent);
            status.spent = Some(text(&spent));
            status.fixed = Some(text(&shown(&figures.fixed)));
            status.committed = Some(text(&shown(&figures.committed)));
            status.remaining = limit.as_ref().map(|limit| text(&(limit - &spent)));
            status.used_percent = limit.as_ref().map(|limit| used_percent(&spent, limit));
            let latch = state.latches.get(&(100, Measure::Actual)).and_then(|latch| latch.crossed_at);
            let used_up = latch.or_else(|| used_up_before(&state.status, status, now)).or(state.used_up);
            let reached = |level: &Fraction| {
                if figures.spent >= *level {
                    return self.reading(entry).crossed(level, ledger.span.from, now);
                }
                figures.reaches(ledger, &self.rates, level)
            };
            let exhausts = used_up.or_else(|| reached(&(&allowed?.level).into())).filter(|t| *t <= ledger.span.until);
            status.forecast =
                Some(Forecast { amount: text(&shown(&figures.forecast)), exhausts_at: exhausts.map(time) });
            status.burn_rate = Some(BurnRate { per_day: text(&shown(&figures.per_day())) });
            // Of a list that is empty server-side apply would make a null.
            let breakdown = self.breakdown(key, entry, (money, &rate), figures.at);
            status.breakdown = Some(breakdown).filter(|of| !of.by_category.is_empty() || !of.top_workloads.is_empty());
        }
        status.unit_cost = self.unit_cost(entry, now);
        status.thresholds = thresholds(state, spec);
    }

    /// In a currency of which one unit is `rate` of the ledger's.
    fn breakdown(&self, key: &BudgetKey, entry: &Entry, (money, rate): (Currency, &Exact), at: Seconds) -> Breakdown {
        let reading = self.reading(entry);
        let categories = statement::by_category(&reading, at);
        let parts: Vec<_> = categories.iter().map(|(_, cost)| cost / rate).collect();
        let costs = amounts_adding_up(&parts, minor_digits(money));
        let named = categories.into_iter().zip(costs).filter(|((_, exact), _)| !exact.is_zero());
        Breakdown {
            by_category: named.map(|((name, _), cost)| CostShare { name: name.to_string(), cost }).collect(),
            top_workloads: statement::top(&reading, key, at, |cost| amount_text(&(cost / rate), money)),
        }
    }

    fn prices(&self, spec: &Budget, entry: &Entry, now: Seconds) -> Prices {
        let list = spec.terms.price_list(&self.world, now);
        let unwatched = list.is_some_and(|list| self.unwatched(list).is_some());
        if list.is_none() || unwatched || !entry.ledger.unpriced(&self.rates, now).is_empty() {
            Prices::Incomplete
        } else if list.is_some_and(|list| list.estimate) {
            Prices::Estimate
        } else {
            Prices::Set
        }
    }

    pub(super) fn namespace_count(&self, key: &BudgetKey, now: Seconds) -> Option<i64> {
        let Some(scope) = self.budgets.get(key)?.scope() else { return self.count_children(key, now) };
        let Scope::Namespaces(selector) = scope else { return None };
        i64::try_from(self.matching(selector, now).count()).ok()
    }

    fn namespace_figures(&self, now: Seconds) -> Vec<(Name, Currency, String)> {
        let wide = self.budgets.iter().filter(|(key, state)| key.kind() == "ClusterBudget" && state.exists);
        // One with a Budget in each namespace bills nothing itself.
        let billed = wide.filter_map(|(key, _)| Some((self.namespace_count(key, now), self.current(key, now)?)));
        let Some((_, id)) = billed.max_by_key(|(namespaces, _)| *namespaces) else { return Vec::new() };
        let entry = &self.ledgers[&id];
        let money = currency(&entry.ledger.currency);
        let shares = statement::by_namespace(&self.reading(entry), now);
        shares.into_iter().map(|(name, cost)| (name, money, amount_text(&cost, money))).collect()
    }

    // === writes ===

    pub(super) fn status_writes(&mut self, key: &BudgetKey, now: Seconds, writes: &mut Vec<Write>) {
        if !self.budgets.get(key).is_some_and(|state| state.exists && key.usage.is_none())
            || self.inflight.contains(&WriteKey::Status(key.clone()))
            || !self.has_object(key)
        {
            return;
        }
        let (status, namespaces) = (self.status(key, now), self.namespace_count(key, now));
        let many = i64::try_from(self.budgets.len()).unwrap_or(i64::MAX) / self.settings.writes_per_second.max(1);
        self.notice(key, &status, now);
        let state = self.budgets.get_mut(key).expect("present");
        let pause = REFRESH.max(many);
        let due = state.shown_at.saturating_add(pause);
        let moves = state.decision.figures.as_ref().is_some_and(|figures| !figures.slope.is_zero());
        let same = BudgetStatus { updated: None, ..status.clone() }
            == BudgetStatus { updated: None, ..(*state.status).clone() }
            && state.namespaces == namespaces;
        let transition = is_transition(&state.status, &status) || state.namespaces != namespaces;
        let telling = state.is_telling(now);
        let written = !same && !telling && (transition || now >= due);
        if written {
            let status = Arc::new(status);
            state.shown_at = now;
            state.status = status.clone();
            state.namespaces = namespaces;
            writes.push(Write::BudgetStatus { budget: key.clone(), status, namespaces });
        }
        // Figures that move are looked at again when they may be written.
        if moves || !(same || written) {
            self.wake_budget(key, if due > now && !written { due } else { now + pause });
        }
    }
}

fn thresholds(state: &BudgetState, spec: &Budget) -> Vec<ThresholdStatus> {
    let one = |t: &crate::api::Threshold| {
        let latch = state.latches.get(&(t.percent, t.of)).copied().unwrap_or_default();
        ThresholdStatus {
            percent: t.percent,
            of: t.of,
            crossed_at: latch.crossed_at.map(time),
            notified_at: latch.notified_at.map(time),
        }
    };
    spec.thresholds.iter().map(one).collect()
}

/// Whether people wait for this change, not only for newer figures.
fn is_transition(before: &BudgetStatus, after: &BudgetStatus) -> bool {
    let conditions = |s: &BudgetStatus| {
        s.conditions.iter().map(|c| (c.type_.clone(), c.status.clone(), c.reason.clone())).collect::<Vec<_>>()
    };
    before.gate != after.gate
        || before.observed_generation != after.observed_generation
        || before.limit != after.limit
        || before.prices != after.prices
        || before.period.as_ref().map(|p| &p.label) != after.period.as_ref().map(|p| &p.label)
        || before.thresholds != after.thresholds
        || before.spent.is_none() != after.spent.is_none()
        || conditions(before) != conditions(after)
}

pub(super) fn gap(gap: &ledger::Gap) -> crate::api::Gap {
    crate::api::Gap { from: time(gap.from), to: time(gap.to), reason: gap.reason.clone() }
}

/// When the limit was used up, as it was said before: of the same period and limit.
fn used_up_before(before: &BudgetStatus, status: &BudgetStatus, now: Seconds) -> Option<Seconds> {
    let said = before.forecast.as_ref()?.exhausts_at.as_ref()?.0.as_second();
    (before.period == status.period && before.limit == status.limit && said <= now).then_some(said)
}
