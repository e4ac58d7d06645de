//! What a budget's figures mean: which thresholds are crossed, since when, and what gate that asks for.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::limits::Allowance;
use super::overrides::Effect;
use super::{BudgetState, Latch, LedgerId, Machine};
use crate::api::{Action, Gate, Measure, ScaleDown, Threshold};
use crate::engine::budget::{Budget, BudgetKey};
use crate::engine::evaluate::{self, Figures};
use crate::engine::item::NEVER;
use crate::engine::money::{Exact, Fraction, Price, amount_text};
use crate::facts::Seconds;

/// A forecast's crossing opens once it was so many percent points below for so long.
const FORECAST_RELEASE: (i32, Seconds) = (2, 300);

/// How often a budget is looked at when nothing happens: its status and its statement are due then.
const IDLE: Seconds = 60;

/// The same in a replay, where nobody looks in between.
const REPLAYED_IDLE: Seconds = 3600;

/// Where a budget stands, as of its last evaluation.
#[derive(Clone, Debug, Default)]
pub(super) struct Decision {
    pub figures: Option<Figures>,
    pub limit: Option<Allowance>,
    pub gate: Gate,
    /// When the gate came to be so.
    pub since: Seconds,
    /// The threshold that asks for the gate, and since when it is crossed.
    pub cause: Option<(i32, Measure, Seconds)>,
    /// What no scaling can recover has reached that threshold by itself.
    pub beyond_scaling: bool,
    /// How far that threshold asks to scale down.
    pub down: Option<ScaleDown>,
    /// An override without an amount holds the gate open.
    pub overridden: bool,
}

impl Machine {
    /// Evaluates every budget that is due.
    pub(super) fn decide(&mut self, now: Seconds) {
        while let Some((due, key)) = self.due.first().cloned()
            && due <= now
        {
            self.due.pop_first();
            if let Some(state) = self.budgets.get_mut(&key) {
                state.due = NEVER;
            }
            let next = self.evaluate(&key, now);
            self.touch(&key);
            self.wake_budget(&key, next.max(now + 1));
        }
        self.decide_gates(now);
    }

    /// Settles what happened before an edit by what held before it.
    pub(super) fn settle_before_edit(&mut self, key: &BudgetKey, at: Seconds) {
        if self.running && self.budgets.contains_key(key) {
            self.evaluate(key, at);
        }
    }

    /// Evaluates one budget; returns when to do it again. What its limit was since it was last looked at counts in
    /// order: what was crossed under one limit is seen in its last second, for from the next on all is decided anew.
    fn evaluate(&mut self, key: &BudgetKey, now: Seconds) -> Seconds {
        let known = self.budgets.get(key).filter(|state| state.exists && state.latched.is_some());
        let mut since = known.map_or(now, |state| state.evaluated);
        while let Some(change) = self.next_limit(key, since).filter(|change| *change <= now) {
            for instant in [change - 1, change] {
                if since < instant && instant < now {
                    self.look(key, instant);
                }
            }
            since = change;
        }
        self.look(key, now)
    }

    fn look(&mut self, key: &BudgetKey, now: Seconds) -> Seconds {
        let Some(state) = self.budgets.get(key) else { return NEVER };
        let spec = state.specs.last().cloned().flatten();
        let current = self.current(key, now);
        let (Some(spec), Some(id), true) = (spec, current, state.exists) else {
            return self.set_decision(key, Decision::default(), now);
        };
        let entry = &self.ledgers[&id];
        if now < entry.ledger.span.from {
            return entry.ledger.span.from;
        }
        let over = now >= entry.ledger.span.until;
        let figures = Figures::of(&self.reading(entry), now);
        let limit = self.limit(key, &spec, entry, now);
        let granted = self.granted(key, &spec, &entry.ledger.window, limit.as_ref(), now);
        let overridden = granted.iter().any(|(_, effect)| *effect == Effect::Opens);
        let in_force = granted.iter().filter(|(_, effect)| *effect != Effect::Surplus).count();
        let extra = granted.into_iter().filter_map(|(_, effect)| effect.added());
        let amount = limit.map(|limit| extra.fold(limit, |sum, extra| sum + extra));
        let rate = self.rate(&spec, &entry.ledger, now);
        let limit = amount.zip(rate).map(|(amount, rate)| Allowance { level: &amount * rate, amount });
        self.latch(key, id, &spec, &figures, limit.as_ref(), in_force, now);
        let state = &self.budgets[key];
        let never = key.namespace.as_ref().is_some_and(|namespace| self.is_exempt(namespace));
        let (action, cause) = if over || overridden || never { (Action::Notify, None) } else { state.asked(&spec) };
        let (gate, down) = (gate_of(action), (action == Action::ScaleDown).then(|| spec.scale_down.clone()));
        let next = self.next_look(key, &spec, id, &figures, limit.as_ref(), now);
        let beyond_scaling = cause.zip(limit.as_ref()).is_some_and(|((percent, of, _), limit)| {
            let level = evaluate::level(&limit.level, percent);
            of == Measure::Actual && !figures.fixed.is_zero() && figures.fixed >= level
        });
        let figures = Some(figures);
        let decision = Decision { figures, limit, gate, cause, beyond_scaling, down, overridden, since: now };
        self.set_decision(key, decision, now);
        next
    }

    fn set_decision(&mut self, key: &BudgetKey, decision: Decision, now: Seconds) -> Seconds {
        let Some(state) = self.budgets.get_mut(key) else { return NEVER };
        let changed = !state.decision.asks_the_same(&decision);
        let known = state.evaluated != Seconds::MIN;
        let same = state.decision.gate == decision.gate && known;
        let since = if same { state.decision.since } else { now };
        let is_transition = known || decision.gate != Gate::Open;
        state.decision = Decision { since, ..decision };
        state.evaluated = now;
        if changed {
            self.dirty_scope(key);
            // The first look at a budget in which nothing runs is no transition.
            let accrues = || self.current(key, now).is_some_and(|id| self.ledgers[&id].ledger.accrues(now));
            if is_transition || accrues() {
                self.urge(key);
            }
        }
        now + self.idle()
    }

    fn idle(&self) -> Seconds {
        if self.settings.replay { REPLAYED_IDLE } else { IDLE }
    }

    /// Latches the thresholds that are crossed, opens those that may. While a watch is stale none is crossed anew, nor
    /// opens: what was crossed meanwhile is found when all is heard again.
    #[allow(clippy::too_many_arguments)]
    fn latch(
        &mut self,
        key: &BudgetKey,
        id: LedgerId,
        spec: &Arc<Budget>,
        figures: &Figures,
        limit: Option<&Allowance>,
        overrides: usize,
        now: Seconds,
    ) {
        let fingerprint = fingerprint(spec, limit, overrides);
        let unheard = self.stale(now).next().is_some();
        let entry = &self.ledgers[&id];
        let per_unit = self.per_unit(entry, now).as_ref().map(Fraction::from);
        let shown_at = self.budgets[key].status.updated.as_ref().map_or(now, |updated| updated.0.as_second());
        let moved = self.rate(spec, &entry.ledger, shown_at) != self.rate(spec, &entry.ledger, now);
        let state = self.budgets.get_mut(key).expect("evaluated");
        let same_period = state.latched == Some(id);
        let shown = state.status.period.as_ref().map(|p| p.start.0.as_second());
        if !same_period && (state.latched.is_some() || shown != Some(entry.ledger.window.start)) {
            state.latches.clear();
            state.used_up = None;
        }
        let after = if same_period { state.searched } else { entry.ledger.span.from };
        let restored = state.latched.is_none() && shown == Some(entry.ledger.window.start);
        let edited = if restored {
            moved || state.was_edited(spec, limit)
        } else {
            same_period && state.fingerprint != fingerprint
        };
        state.latched = Some(id);
        state.fingerprint = fingerprint;
        let from = if edited { now } else { after };
        state.searched = if unheard { from } else { now };
        for threshold in spec.thresholds.iter().filter(|threshold| threshold.of == Measure::UnitCost) {
            let latch = state.latches.entry((threshold.percent, threshold.of)).or_default();
            if let (Some(per_unit), Some(above)) = (&per_unit, may_cost(threshold))
                && !unheard
            {
                latch.follow(per_unit, &above, threshold.percent, edited, now);
            }
        }
        let Some(Allowance { level: limit, .. }) = limit else {
            state.latches.retain(|(_, of), _| *of == Measure::UnitCost);
            return;
        };
        state.latches.retain(|(percent, of), _| spec.thresholds.iter().any(|t| t.percent == *percent && t.of == *of));
        let mut newly = Vec::new();
        for threshold in &spec.thresholds {
            let level = evaluate::level(limit, threshold.percent);
            let latch = state.latches.entry((threshold.percent, threshold.of)).or_default();
            match threshold.of {
                Measure::Actual => {
                    if edited && figures.spent < level {
                        *latch = Latch::default();
                    } else if latch.crossed_at.is_none() && figures.spent >= level && !unheard {
                        newly.push((threshold.percent, level));
                    }
                }
                Measure::Forecast if !unheard => latch.follow(&figures.forecast, limit, threshold.percent, edited, now),
                Measure::Forecast | Measure::UnitCost => {}
            }
        }
        let whole = evaluate::level(limit, 100);
        if figures.spent < whole {
            state.used_up = None;
        } else if state.used_up.is_none() {
            let used_up = self.reading(&self.ledgers[&id]).crossed(&whole, from, now);
            self.budgets.get_mut(key).expect("evaluated").used_up = used_up;
        }
        for (percent, level) in newly {
            let crossed = self.reading(&self.ledgers[&id]).crossed(&level, from, now);
            let state = self.budgets.get_mut(key).expect("evaluated");
            state.latches.entry((percent, Measure::Actual)).or_default().crossed_at = crossed;
        }
    }

    /// When something can change by itself: a crossing, a turn of the ledger, the end of an override or of the period.
    fn next_look(
        &self,
        key: &BudgetKey,
        spec: &Budget,
        id: LedgerId,
        figures: &Figures,
        limit: Option<&Allowance>,
        now: Seconds,
    ) -> Seconds {
        let ledger = &self.ledgers[&id].ledger;
        let state = &self.budgets[key];
        let changes = [self.next_limit(key, now), ledger.next_turn(&self.rates, now)];
        let mut next = changes.into_iter().flatten().min().unwrap_or(NEVER);
        for threshold in &spec.thresholds {
            let latch = state.latches.get(&(threshold.percent, threshold.of)).copied().unwrap_or_default();
            match (threshold.of, limit) {
                (Measure::Actual, Some(limit)) if latch.crossed_at.is_none() => {
                    let level = evaluate::level(&limit.level, threshold.percent);
                    next = next.min(
                        figures
                            .reaches(ledger, &self.rates, &level)
                            .filter(|t| *t < ledger.span.until)
                            .unwrap_or(NEVER),
                    );
                }
                _ => next = next.min(latch.below_since.map_or(NEVER, |since| since + FORECAST_RELEASE.1)),
            }
        }
        next.min(now + self.idle())
    }
}

impl Decision {
    /// Whether nothing but figures differs.
    fn asks_the_same(&self, other: &Self) -> bool {
        let asked = |of: &Self| (of.gate, of.cause, of.beyond_scaling, of.overridden);
        asked(self) == asked(other) && self.down == other.down && self.limit == other.limit
    }
}

impl BudgetState {
    /// The strictest action of the crossed thresholds, and the threshold that asks for it.
    fn asked(&self, spec: &Budget) -> (Action, Option<(i32, Measure, Seconds)>) {
        let crossed = spec.thresholds.iter().filter_map(|t| {
            let at = self.latches.get(&(t.percent, t.of))?.crossed_at?;
            Some((t.action, (t.percent, t.of, at)))
        });
        // Of equally strict ones the one that was crossed first.
        let strictest = crossed.max_by(|(a, (_, _, at)), (b, (_, _, bt))| a.cmp(b).then(bt.cmp(at)));
        match strictest {
            Some((action, cause)) if gate_of(action) != Gate::Open => (action, Some(cause)),
            _ => (Action::Notify, None),
        }
    }

    /// Whether a threshold of it would deny something.
    pub(super) fn asks_for_a_gate(&self) -> bool {
        let spec = self.specs.last().and_then(Option::as_ref);
        spec.is_some_and(|spec| spec.thresholds.iter().any(|threshold| gate_of(threshold.action) > Gate::Warn))
    }

    /// Whether a threshold of it would scale something down.
    pub(super) fn may_scale_down(&self) -> bool {
        let spec = self.specs.last().and_then(Option::as_ref);
        spec.is_some_and(|spec| spec.thresholds.iter().any(|threshold| threshold.action == Action::ScaleDown))
    }

    /// Whether the manifest or its limit is not the one that the status was computed for.
    fn was_edited(&self, spec: &Budget, limit: Option<&Allowance>) -> bool {
        self.status.observed_generation != Some(self.generation) || self.status.limit != printed(spec, limit)
    }

    /// Whether the status was computed for the manifest and the limit as they are known here. One that lags behind an edit
    /// still shows the crossings that the edit undid.
    pub(super) fn shows_its_terms(&self) -> bool {
        let Some(Some(spec)) = self.specs.last() else { return false };
        let shown = &self.seen_status;
        shown.observed_generation == Some(self.generation).filter(|generation| *generation > 0)
            && shown.limit == printed(spec, self.decision.limit.as_ref())
    }

    /// Crossings that the status remembers, from before this process or from the one that leads.
    pub(super) fn adopt_latches(&mut self) {
        let second = |time: &Option<Time>| time.as_ref().map(|time| time.0.as_second());
        for shown in self.seen_status.thresholds.iter().filter(|shown| shown.crossed_at.is_some()) {
            let latch = self.latches.entry((shown.percent, shown.of)).or_default();
            (latch.crossed_at, latch.notified_at) = (second(&shown.crossed_at), second(&shown.notified_at));
        }
    }
}

impl Latch {
    /// What may fall again opens once it was below for a while.
    fn follow(&mut self, measured: &Fraction, limit: &Exact, percent: i32, edited: bool, now: Seconds) {
        let above = *measured >= evaluate::level(limit, percent);
        if self.crossed_at.is_none() {
            if above {
                *self = Self { crossed_at: Some(now), ..Self::default() };
            }
        } else if edited && !above {
            *self = Self::default();
        } else if *measured < evaluate::level(limit, percent - FORECAST_RELEASE.0) {
            let since = *self.below_since.get_or_insert(now);
            if now - since >= FORECAST_RELEASE.1 {
                *self = Self::default();
            }
        } else {
            self.below_since = None;
        }
    }
}

/// A limit as a status shows it.
fn printed(spec: &Budget, limit: Option<&Allowance>) -> Option<String> {
    limit.zip(spec.limit.as_ref()).map(|(limit, of)| amount_text(&limit.amount, of.currency))
}

/// What one unit may cost.
fn may_cost(threshold: &Threshold) -> Option<Exact> {
    Some(Price::parse(threshold.above.as_ref()?.as_str()).ok()?.exact())
}

pub(super) fn gate_of(action: Action) -> Gate {
    match action {
        Action::Notify => Gate::Open,
        Action::Warn => Gate::Warn,
        Action::BlockScaleUp => Gate::BlockScaleUp,
        // Else what scales workloads would scale them up again.
        Action::Block | Action::ScaleDown => Gate::Block,
    }
}

/// What an Actual crossing is latched for: when any of it changes, it is decided anew.
fn fingerprint(spec: &Budget, limit: Option<&Allowance>, overrides: usize) -> u64 {
    let mut hasher = DefaultHasher::new();
    limit.map(|Allowance { amount, level }| [amount, level].map(|of| (of.numer(), of.denom()))).hash(&mut hasher);
    for threshold in &spec.thresholds {
        (threshold.percent, threshold.of, &threshold.above, threshold.action).hash(&mut hasher);
    }
    spec.terms.plan.hash(&mut hasher);
    overrides.hash(&mut hasher);
    hasher.finish()
}
