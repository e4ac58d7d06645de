//! BudgetOverrides: what each of them does at an instant, and what it is told.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use num_traits::Zero;

use super::Machine;
use super::budgets::name_of;
use super::conditions::{Verdict, condition};
use super::gates::one_line;
use crate::api::{self, BudgetOverrideStatus};
use crate::engine::budget::{Budget, BudgetKey};
use crate::engine::item::NEVER;
use crate::engine::limit::Limit;
use crate::engine::money::{Exact, Price, amount_text};
use crate::engine::period::Window;
use crate::engine::write::{Write, WriteKey};
use crate::facts::{Name, ObjectId, Seconds};

/// The longest an override may last.
const LONGEST: Seconds = 7 * 86_400;

/// How far the clock of whoever made it may be ahead, as the API server's guard lets it.
const SKEW: Seconds = 60;

/// One BudgetOverride. In order of creation.
#[derive(Debug)]
pub(super) struct OverrideState {
    id: ObjectId,
    pub created: Seconds,
    pub namespace: Name,
    pub name: Name,
    generation: i64,
    until: Seconds,
    /// What it adds to the limit, in its currency; one without opens the gate instead.
    extra: Option<Exact>,
    invalid: Option<String>,
    /// Who granted it, until when and why, as people are told.
    grant: String,
    status: BudgetOverrideStatus,
}

/// What an override that is in force does.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Effect {
    /// It holds the gate open.
    Opens,
    /// It adds so much to the limit.
    Raises(Exact),
    /// Nothing: others before it are as many as a period may have.
    Surplus,
}

impl Machine {
    pub(super) fn apply_override(&mut self, id: ObjectId, grant: &api::BudgetOverride, at: Seconds) {
        let namespace: Name = grant.metadata.namespace.as_deref().unwrap_or_default().into();
        let name = name_of(&grant.metadata);
        let created = grant.metadata.creation_timestamp.as_ref().map_or(at, |t| t.0.as_second());
        let until = grant.spec.until.0.as_second();
        let invalid = if until > created + LONGEST + SKEW {
            Some("until is more than 7 days ahead: an override lasts 7 days at most".to_owned())
        } else if grant.spec.budget_ref.kind == api::BudgetKind::ClusterBudget && namespace != self.settings.namespace {
            Some(format!("an override of a ClusterBudget belongs in the namespace {}", self.settings.namespace))
        } else {
            None
        };
        let own = (grant.spec.budget_ref.kind == api::BudgetKind::Budget).then(|| namespace.clone());
        let budget = BudgetKey::of(own, grant.spec.budget_ref.name.as_str().into());
        self.settle_before_edit(&budget, at);
        self.remove_override(&namespace, &name);
        let extra = grant.spec.extra_amount.as_ref().and_then(|a| Some(Price::parse(a.as_str()).ok()?.exact()));
        let state = OverrideState {
            id,
            created,
            namespace,
            name,
            generation: grant.metadata.generation.unwrap_or_default(),
            until,
            extra,
            invalid,
            grant: terms(&grant.spec),
            status: grant.status.clone().unwrap_or_default(),
        };
        let own = self.overrides.entry(budget.clone()).or_default();
        let place = own.partition_point(|other| other.order() < state.order());
        own.insert(place, state);
        self.touch(&budget);
        self.wake_budget(&budget, at);
    }

    pub(super) fn delete_override(&mut self, id: ObjectId, grant: &api::BudgetOverride, at: Seconds) {
        let namespace: Name = grant.metadata.namespace.as_deref().unwrap_or_default().into();
        let name = name_of(&grant.metadata);
        if let Some(budget) = self.overridden_by(&namespace, &name)
            && self.overrides[&budget].iter().any(|one| one.id == id)
        {
            self.settle_before_edit(&budget, at);
            self.remove_override(&namespace, &name);
            self.touch(&budget);
            self.wake_budget(&budget, at);
        }
    }

    /// The budget of an override.
    pub(super) fn overridden_by(&self, namespace: &Name, name: &Name) -> Option<BudgetKey> {
        let holds = |own: &[OverrideState]| own.iter().any(|one| one.namespace == *namespace && one.name == *name);
        self.overrides.iter().find(|(_, own)| holds(own)).map(|(budget, _)| budget.clone())
    }

    fn remove_override(&mut self, namespace: &Name, name: &Name) {
        let Some(budget) = self.overridden_by(namespace, name) else { return };
        let own = self.overrides.get_mut(&budget).expect("found");
        own.retain(|one| one.namespace != *namespace || one.name != *name);
        if own.is_empty() {
            self.overrides.remove(&budget);
        }
    }

    fn overrides_of(&self, key: &BudgetKey) -> &[OverrideState] {
        self.overrides.get(key).map_or(&[], Vec::as_slice)
    }

    /// What the overrides of a budget do that are in force at `t`, in order of creation. One counts in every period that
    /// it touches (COST_RULES 44). `limit` is the budget's without them.
    pub(super) fn granted(
        &self,
        key: &BudgetKey,
        spec: &Budget,
        window: &Window,
        limit: Option<&Exact>,
        t: Seconds,
    ) -> Vec<(&OverrideState, Effect)> {
        let caps = spec.limit.as_ref().map(|limit| limit.caps).unwrap_or_default();
        let mut left = limit.and_then(|limit| caps.most(limit));
        let touching = self.overrides_of(key).iter().filter(|one| one.touches(window));
        let mut granted = Vec::new();
        for (number, one) in (0_i64..).zip(touching) {
            if !one.is_in_force(t) {
                continue;
            }
            let effect = match &one.extra {
                _ if caps.per_period.is_some_and(|most| number >= most.into()) => Effect::Surplus,
                None => Effect::Opens,
                Some(extra) => {
                    let added = left.as_ref().map_or(extra, |left| left.min(extra)).clone();
                    left = left.map(|left| left - &added);
                    Effect::Raises(added)
                }
            };
            granted.push((one, effect));
        }
        granted
    }

    /// When an override of the budget begins or ends next.
    pub(super) fn next_grant(&self, key: &BudgetKey, t: Seconds) -> Seconds {
        let own = self.overrides_of(key).iter().filter(|one| one.invalid.is_none());
        own.flat_map(|one| [one.created, one.until]).filter(|instant| *instant > t).min().unwrap_or(NEVER)
    }

    // === writes ===

    pub(super) fn override_writes(&mut self, key: &BudgetKey, now: Seconds, writes: &mut Vec<Write>) {
        if !self.overrides.contains_key(key) {
            return;
        }
        let verdicts = self.override_verdicts(key, now);
        let mut news = Vec::new();
        for (one, verdict) in self.overrides[key].iter().zip(verdicts) {
            if self.inflight.contains(&WriteKey::Override(one.namespace.clone(), one.name.clone())) {
                continue;
            }
            let generation = (one.generation > 0).then_some(one.generation);
            let terms = if verdict.0 { one.grant.as_str() } else { "" };
            let edge = edge(one.reason(), verdict.1);
            let note = format!("BudgetOverride {}: {}{terms}", one.name, verdict.2);
            let conditions = vec![condition(&one.status.conditions, "Active", verdict, generation, now)];
            let status = BudgetOverrideStatus { conditions };
            news.extend(edge.map(|(reason, warning)| (reason, warning, one.name.clone(), note, one.created)));
            if status != one.status {
                let (namespace, name) = (one.namespace.clone(), one.name.clone());
                writes.push(Write::OverrideStatus { namespace, name, status: Box::new(status) });
            }
        }
        for (reason, warning, name, note, created) in news {
            self.announce(key, reason, warning, &name, note, created);
        }
    }

    fn override_verdicts(&self, key: &BudgetKey, now: Seconds) -> Vec<Verdict> {
        let state = self.budgets.get(key).filter(|state| state.exists);
        let spec = state.and_then(|state| state.specs.last()?.as_deref());
        let entry = self.current(key, now).map(|id| &self.ledgers[&id]);
        let of = spec.zip(entry);
        let limit = of.and_then(|(spec, entry)| self.limit(key, spec, entry, now));
        let granted = of.map(|(spec, entry)| self.granted(key, spec, &entry.ledger.window, limit.as_ref(), now));
        let granted = granted.unwrap_or_default();
        let verdict = |one: &OverrideState| {
            let effect = granted.iter().find(|(other, _)| other.order() == one.order()).map(|(_, effect)| effect);
            match &one.invalid {
                Some(invalid) => (false, "Invalid", invalid.clone()),
                None if now >= one.until => (false, EXPIRED, "the override has ended".to_owned()),
                None if state.is_none() => {
                    (false, "BudgetNotFound", format!("{} {:?} does not exist", key.kind(), key.name))
                }
                None if self.children_of(key).is_some() => {
                    (false, "PerNamespace", "there is a Budget in each namespace: override those".to_owned())
                }
                None => one.verdict(effect, spec.and_then(|spec| spec.limit.as_ref())),
            }
        };
        self.overrides_of(key).iter().map(verdict).collect()
    }
}

// === impl Effect ===

impl Effect {
    /// What it adds to the limit.
    pub fn added(self) -> Option<Exact> {
        if let Self::Raises(added) = self { Some(added) } else { None }
    }
}

// === impl OverrideState ===

impl OverrideState {
    fn order(&self) -> (Seconds, &Name, &Name) {
        (self.created, &self.namespace, &self.name)
    }

    fn touches(&self, window: &Window) -> bool {
        self.invalid.is_none() && self.created < window.end && self.until > window.start
    }

    fn is_in_force(&self, t: Seconds) -> bool {
        self.invalid.is_none() && self.created <= t && t < self.until
    }

    /// The reason of the condition that it shows.
    fn reason(&self) -> Option<&str> {
        self.status.conditions.iter().find(|c: &&Condition| c.type_ == "Active").map(|c| c.reason.as_str())
    }

    fn verdict(&self, effect: Option<&Effect>, limit: Option<&Limit>) -> Verdict {
        let (Some(effect), Some(limit)) = (effect, limit) else {
            let what = "there is no limit that it could raise, nor a gate that it could open";
            return (false, "NoLimit", format!("{what}: set the budget's limit, and wait for its period"));
        };
        let text = |amount: &Exact| format!("{} {}", amount_text(amount, limit.currency), limit.currency.code());
        let percent = limit.caps.percent.unwrap_or_default();
        match (effect, &self.extra) {
            (Effect::Surplus, _) => {
                let most = limit.caps.per_period.unwrap_or_default();
                let why = format!("the budget's overrides.maxPerPeriod is {most}, and earlier ones are as many");
                (false, CAPPED, format!("it has no effect: {why}; delete one of them, or raise maxPerPeriod"))
            }
            (Effect::Raises(added), Some(extra)) if added < extra => {
                let why = format!("the budget's overrides.maxPercent allows {percent} % in all");
                let (holds, reason) = if added.is_zero() { (false, CAPPED) } else { (true, RAISED_IN_PART) };
                (holds, reason, format!("the limit is raised by {} of {}: {why}", text(added), text(extra)))
            }
            (Effect::Raises(added), _) => (true, RAISED, format!("the limit is raised by {}", text(added))),
            (Effect::Opens, _) => (true, OPEN, "the gate is held open".to_owned()),
        }
    }
}

const CAPPED: &str = "Capped";
const RAISED: &str = "LimitRaised";
const RAISED_IN_PART: &str = "LimitRaisedInPart";
const OPEN: &str = "GateOpen";
const EXPIRED: &str = "Expired";

/// What people are told when the condition's reason changes, and whether it warns.
fn edge(before: Option<&str>, now: &str) -> Option<(&'static str, bool)> {
    let grants = |reason: &str| [RAISED, OPEN, RAISED_IN_PART].contains(&reason);
    match now {
        _ if before == Some(now) => None,
        RAISED | OPEN => Some(("OverrideGranted", false)),
        RAISED_IN_PART => Some(("OverrideCapped", true)),
        CAPPED => Some(("OverrideRefused", true)),
        EXPIRED => before.filter(|before| grants(before)).map(|_| ("OverrideEnded", false)),
        _ => None,
    }
}

/// ` until 2026-11-28T06:00:00Z, granted by jane: CHG-4711`
fn terms(spec: &api::BudgetOverrideSpec) -> String {
    one_line(&format!(" until {}, granted by {}: {}", spec.until.0, spec.granted_by, spec.reason))
}
