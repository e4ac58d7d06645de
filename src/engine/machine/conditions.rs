//! The conditions of budgets, plans and overrides, and when they are written.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;

use super::persist::time;
use super::{BudgetState, Entry, Machine};
use crate::api::{BudgetStatus, Gate, PricePlanStatus};
use crate::engine::budget::{Budget, BudgetKey};
use crate::engine::limit::Limit;
use crate::engine::meter::Scope;
use crate::engine::observed::Source;
use crate::engine::write::{Write, WriteKey};
use crate::facts::{Name, Seconds};

/// A watch not heard of for longer is stale.
const FRESH: Seconds = 120;

/// Versions of a plan kept at least and at most.
const VERSIONS: std::ops::RangeInclusive<usize> = 5..=20;

/// Whether a budget that is ready for this reason shows less than is used.
pub fn is_incomplete(reason: &str) -> bool {
    matches!(reason, "Unpriced" | "NotWatched")
}

/// Whether someone should look at a budget or a plan that is ready for this reason.
pub fn deserves_a_look(reason: &str) -> bool {
    let unknown = matches!(reason, "NoPrometheus" | "PrometheusSilent" | "MeterUnknown");
    unknown || is_incomplete(reason) || reason == DOUBTFUL
}

/// What the manifest says can hardly be meant.
const DOUBTFUL: &str = "Doubtful";

/// Status, reason and message of a condition.
pub(super) type Verdict = (bool, &'static str, String);

impl Machine {
    pub(super) fn conditions(
        &self,
        key: &BudgetKey,
        state: &BudgetState,
        spec: Option<&Budget>,
        entry: Option<&Entry>,
        status: &BudgetStatus,
        now: Seconds,
    ) -> Vec<Condition> {
        let figures = state.decision.figures.as_ref();
        let limit = state.decision.limit.as_ref();
        let spent = format!("{} of {} spent", said(status.spent.as_ref()), said(status.limit.as_ref()));
        let exceeded: Verdict = match (figures, limit) {
            (Some(f), Some(limit)) if f.spent >= (&limit.level).into() => (
                true,
                "LimitReached",
                if f.fixed >= (&limit.level).into() {
                    format!("{spent}; fixed charges alone come to that: scaling down cannot recover them")
                } else {
                    spent
                },
            ),
            (Some(_), Some(_)) => (false, "WithinLimit", spent),
            _ => unlimited(spec, figures.is_some()),
        };
        let forecast = status.forecast.as_ref().map(|f| &f.amount);
        let ahead: Verdict = match (figures, limit) {
            (Some(f), Some(limit)) if f.forecast > (&limit.level).into() => (
                true,
                "AboveLimit",
                format!("forecast {} for a limit of {}", said(forecast), said(status.limit.as_ref())),
            ),
            (Some(_), Some(_)) => (
                false,
                "WithinLimit",
                format!("forecast {} for a limit of {}", said(forecast), said(status.limit.as_ref())),
            ),
            _ => unlimited(spec, figures.is_some()),
        };
        let (exceeded, ahead) = if self.children_of(key).is_some() {
            let exceeded = self.any_child(key, "Exceeded", ("LimitReached", "WithinLimit"), now);
            (exceeded, self.any_child(key, "ForecastExceeded", ("AboveLimit", "WithinLimit"), now))
        } else {
            (exceeded, ahead)
        };
        let all = [
            ("Ready", doubted(self.ready(key, state, spec, entry, now), spec)),
            ("Exceeded", exceeded),
            ("ForecastExceeded", ahead),
            ("Enforced", self.enforced(key, state)),
            ("DataFresh", self.fresh(spec, entry, now)),
        ];
        let generation = (state.generation > 0).then_some(state.generation);
        all.map(|(kind, verdict)| condition(&state.status.conditions, kind, verdict, generation, now)).into()
    }

    fn ready(
        &self,
        key: &BudgetKey,
        state: &BudgetState,
        spec: Option<&Budget>,
        entry: Option<&Entry>,
        now: Seconds,
    ) -> Verdict {
        if let Some(invalid) = &state.invalid {
            return (false, "InvalidSpec", invalid.clone());
        }
        if self.children_of(key).is_some() {
            return self.all_there(key, now);
        }
        let Some(spec) = spec else { return (false, "InvalidSpec", "the spec cannot be used".to_owned()) };
        let plan = &spec.terms.plan;
        let Some(list) = self.world.price_list(plan, now) else {
            let invalid = self.plans.get(plan).filter(|plan| plan.exists).and_then(|plan| plan.invalid.as_ref());
            let absent = || format!("PricePlan {plan:?} does not exist: create it, or name another in spec.pricePlan");
            let message = invalid.map_or_else(absent, |why| format!("PricePlan {plan:?} cannot be used: {why}"));
            return (false, "PlanNotFound", message);
        };
        if spec.terms.price_list(&self.world, now).is_none() {
            return (
                false,
                "PlanNotAllowed",
                format!(
                    "PricePlan {plan:?} is not for this namespace, its spec.allowedNamespaces leave it out: name another in spec.pricePlan, or have the namespace labelled as the plan asks"
                ),
            );
        }
        if let Some(limit) = &spec.limit
            && entry.is_some_and(|entry| self.rate(spec, &entry.ledger, now).is_none())
        {
            let of = limit.currency.code();
            let message = format!(
                "the limit is in {of}, PricePlan {plan:?} in {} without a rate of {of}: add one to its exchangeRates, or give the limit in {}",
                list.currency, list.currency,
            );
            return (false, "CurrencyMismatch", message);
        }
        if let Some(unwatched) = self.unwatched(list) {
            return (true, "NotWatched", unwatched);
        }
        if let (None, Some((start, _))) = (entry, spec.schedule.fixed()) {
            let ahead = now < start;
            let message =
                if ahead { format!("the period begins at {}", time(start).0) } else { "the period is over".into() };
            return (true, if ahead { "PeriodAhead" } else { "PeriodEnded" }, message);
        }
        let unpriced = entry.map(|e| e.ledger.unpriced(&self.rates, now)).unwrap_or_default();
        if unpriced.is_empty() {
            if entry.is_some_and(|e| now >= e.ledger.span.until) {
                return (true, "PeriodEnded", "the period is over".to_owned());
            }
            let before = entry.map(|entry| self.came_before(state, spec, entry, now)).unwrap_or_default();
            let before = match before.as_slice() {
                [] => String::new(),
                some => {
                    format!("; booked in this period before the budget was there, and not in it: {}", some.join(", "))
                }
            };
            let former = self.plans.get(plan).filter(|state| state.invalid.is_some());
            let by = former.map(|_| format!(", by the prices before an edit of PricePlan {plan:?} that is not valid"));
            return (true, "Priced", format!("everything is priced{}{before}", by.unwrap_or_default()));
        }
        let shown = unpriced.iter().take(10).map(AsRef::as_ref).collect::<Vec<_>>().join(", ");
        let message = if entry.is_some_and(|e| e.ledger.runs_unpriced(&self.rates, now)) {
            format!("no price in PricePlan {plan:?} for {shown}: not counted, and not free")
        } else {
            format!("what was held of {shown} in this period had no price then: not counted, and not free")
        };
        (true, "Unpriced", message)
    }

    fn enforced(&self, key: &BudgetKey, state: &BudgetState) -> Verdict {
        let gate = state.decision.gate;
        if let Some(exempt) = key.namespace.as_ref().filter(|namespace| self.is_exempt(namespace))
            && state.asks_for_a_gate()
        {
            let message = format!("namespace {exempt} is never gated: thresholds there notify, and no more");
            return (false, "NamespaceExempt", message);
        }
        let down = state.decision.down.as_ref();
        let scaling = || self.scaling_verdict(&self.covered(key), down).filter(|_| state.may_scale_down());
        if gate == Gate::Open {
            return scaling().unwrap_or_else(|| (true, "NotRequired", "nothing is blocked".to_owned()));
        }
        if self.settings.replay {
            let floor = down.map(|down| format!(", and scales nothing down to a floor of {}", down.floor));
            return (true, "Replayed", format!("a replay has no admission{}", floor.unwrap_or_default()));
        }
        if let Some(policy) = self.missing_policy(gate) {
            return (
                false,
                "PolicyMissing",
                format!(
                    "ValidatingAdmissionPolicy {policy} or its binding does not exist, or was changed: install the chart with gate.enabled=true"
                ),
            );
        }
        let covered: Vec<_> = self.covered(key);
        let open: Vec<_> =
            covered.iter().filter(|n| !self.is_exempt(n) && self.gate_standing(n).is_none_or(|g| g < gate)).collect();
        match open.first() {
            None => scaling().unwrap_or_else(|| (true, "GateClosed", format!("the gate is {gate:?}"))),
            Some(first) => (false, "Pending", format!("the gate of namespace {first} is not yet {gate:?}")),
        }
    }

    fn fresh(&self, spec: Option<&Budget>, entry: Option<&Entry>, now: Seconds) -> Verdict {
        if let Some(meter) = entry.filter(|_| !self.settings.replay).and_then(|entry| self.stale_meter(entry, now)) {
            return (false, "MeterStale", meter);
        }
        let stale: Vec<_> = self.stale(now).map(Source::resource).collect();
        if stale.is_empty() {
            let spec = spec.filter(|spec| spec.terms.basis.is_sampled() && !self.settings.replay);
            let unsampled = spec.and_then(|spec| self.samples_fresh(spec, now));
            return unsampled.unwrap_or_else(|| (true, "Heard", "every watch was heard within 2 minutes".to_owned()));
        }
        (false, "Stale", format!("not heard for more than 2 minutes: {}", stale.join(", ")))
    }

    /// The watches that were not heard for long. What need not be watched, or is not to be any more, is told by its plans.
    pub(super) fn stale(&self, now: Seconds) -> impl Iterator<Item = Source> {
        let awaited = move |source: &Source| match source {
            Source::Objects(_) => self.billed_at(*source, now) && !self.is_unwatched(*source),
            source => !self.is_unwatched(*source),
        };
        let heard = self.heard.iter().filter(|_| !self.settings.replay);
        heard.filter(move |(source, at)| now - **at > FRESH && awaited(source)).map(|(source, _)| *source)
    }

    /// The namespaces that a budget covers.
    fn covered(&self, key: &BudgetKey) -> Vec<Name> {
        match (&key.namespace, self.budgets.get(key).and_then(|state| state.scope())) {
            (Some(namespace), _) => vec![namespace.clone()],
            (None, Some(Scope::Namespaces(selector))) => self.matching(selector, self.now).cloned().collect(),
            (None, _) => Vec::new(),
        }
    }

    // === plans ===

    /// Whether the plan's newest version is written down: nothing is priced with it before.
    pub(super) fn plan_is_written(&self, key: &BudgetKey) -> bool {
        let plan = self.budgets.get(key).and_then(|s| s.specs.last()?.as_ref().map(|spec| spec.terms.plan.clone()));
        let Some(state) = plan.and_then(|plan| self.plans.get(&plan)).filter(|state| state.exists) else { return true };
        state.versions.is_empty() || state.status.versions.first().is_some_and(|v| v.generation == state.generation)
    }

    pub(super) fn plan_writes(&mut self, now: Seconds, writes: &mut Vec<Write>) {
        for name in self.plans.keys().cloned().collect::<Vec<_>>() {
            if !self.plans[&name].exists || self.inflight.contains(&WriteKey::Plan(name.clone())) {
                continue;
            }
            let status = self.plan_status(&name, now);
            let state = self.plans.get_mut(&name).expect("listed");
            if status != state.status {
                writes.push(Write::PlanStatus { name, status: Box::new(status) });
            }
        }
    }

    fn plan_status(&self, name: &Name, now: Seconds) -> PricePlanStatus {
        let state = &self.plans[name];
        let oldest =
            self.ledgers.values().filter(|e| e.closed_at.is_none()).map(|e| e.ledger.span.from).min().unwrap_or(now);
        let needed = 1 + state.versions.iter().take_while(|v| v.from.0.as_second() > oldest).count();
        let kept = needed.clamp(*VERSIONS.start(), *VERSIONS.end());
        let verdict = match &state.invalid {
            Some(invalid) => (false, "InvalidSpec", invalid.clone()),
            None => match self.world.price_list(name, now).and_then(|list| self.unwatched(list)) {
                Some(unwatched) => (false, "NotWatched", unwatched),
                None => self.meter_problem(name).map_or_else(
                    || match self.doubts(name, now).as_slice() {
                        [] => (true, "Usable", "the plan can be used".to_owned()),
                        doubts => (true, DOUBTFUL, doubts.join("; ")),
                    },
                    |(reason, message)| (true, reason, message),
                ),
            },
        };
        let generation = (state.generation > 0).then_some(state.generation);
        PricePlanStatus {
            observed_generation: generation,
            conditions: vec![condition(&state.status.conditions, "Ready", verdict, generation, now)],
            used_by: i64::try_from(self.users(name).filter(|key| key.usage.is_none()).count()).ok(),
            versions: state.versions.iter().take(kept).cloned().collect(),
        }
    }
}

pub(super) fn condition(
    before: &[Condition],
    kind: &str,
    (holds, reason, message): Verdict,
    generation: Option<i64>,
    now: Seconds,
) -> Condition {
    let status = if holds { "True" } else { "False" };
    let known = before.iter().find(|c| c.type_ == kind && c.status == status);
    Condition {
        type_: kind.to_owned(),
        status: status.to_owned(),
        reason: reason.to_owned(),
        message,
        observed_generation: generation,
        last_transition_time: known.map_or_else(|| time(now), |c| c.last_transition_time.clone()),
    }
}

/// The same with what the limit can hardly mean.
fn doubted((holds, reason, message): Verdict, spec: Option<&Budget>) -> Verdict {
    let doubts = spec.and_then(|spec| spec.limit.as_ref()).map(Limit::strays).unwrap_or_default();
    if !holds || doubts.is_empty() {
        return (holds, reason, message);
    }
    let reason = if deserves_a_look(reason) { reason } else { DOUBTFUL };
    (true, reason, format!("{message}; {}", doubts.join("; ")))
}

/// Why nothing is compared with a limit.
fn unlimited(spec: Option<&Budget>, metered: bool) -> Verdict {
    if metered || spec.is_none_or(|spec| spec.limit.is_none()) {
        return (false, "NoLimit", "no limit to compare with".to_owned());
    }
    (false, "NotMetered", "outside the period nothing is metered".to_owned())
}

fn said(text: Option<&String>) -> &str {
    text.map_or("?", String::as_str)
}
