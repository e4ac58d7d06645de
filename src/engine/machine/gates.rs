//! What admission does in each namespace: the strictest of its budgets, and up to how many replicas still pass.

use std::collections::VecDeque;
use std::fmt::Write as _;

use super::scaling::Hold;
use super::{BudgetState, Machine};
use crate::api::{Gate, Measure, ScaleCeiling};
use crate::engine::budget::{Budget, BudgetKey};
use crate::engine::money::amount_text;
use crate::engine::selector::Selector;
use crate::engine::write::{Write, WriteKey};
use crate::facts::{Name, ScaleFact, Seconds};

/// How far back the most replicas of a workload are remembered.
const PEAK: Seconds = 86_400;

/// The longest gate message that admission passes on.
const MESSAGE: usize = 512;

/// Namespaces whose gate the policies leave out, so that nothing that heals the cluster is ever gated.
const EXEMPT: [&str; 3] = ["kube-system", "kube-public", "kube-node-lease"];

/// Policies that enforce the gate. Each has a binding for the states that deny, and one for those that warn.
const POLICIES: [&str; 2] = ["opex-scale-gate", "opex-new-spend"];

/// The replicas of one workload over the last 24 hours: a queue that falls, so that its head is the most.
#[derive(Clone, Debug, Default)]
pub(super) struct Peak(VecDeque<(Seconds, i64)>);

impl Machine {
    pub(super) fn apply_scale(&mut self, scale: &ScaleFact, at: Seconds) {
        let namespace = self.world.name(&scale.namespace);
        let peaks = self.scales.entry(namespace).or_default();
        peaks.entry(scale.target.clone()).or_default().see(at, scale.replicas);
    }

    pub(super) fn delete_scale(&mut self, scale: &ScaleFact) {
        if let Some(peaks) = self.scales.get_mut(&scale.namespace) {
            peaks.remove(&scale.target);
        }
    }

    pub(super) fn apply_policy(&mut self, name: Name) {
        if self.policies.insert(name) {
            self.wake_gated();
        }
    }

    pub(super) fn delete_policy(&mut self, name: &Name) {
        if self.policies.remove(name) {
            self.wake_gated();
        }
    }

    /// Whether the policies that enforce a gate are there.
    pub(super) fn missing_policy(&self, gate: Gate) -> Option<&'static str> {
        let action = if gate == Gate::Warn { "warn" } else { "deny" };
        let there = |name: String| self.policies.contains(name.as_str());
        POLICIES.into_iter().find(|name| !there(format!("policy/{name}")) || !there(format!("binding/{name}-{action}")))
    }

    /// Writes the gates of the namespaces that may have changed.
    pub(super) fn decide_gates(&mut self, now: Seconds) {
        if !self.leading && !self.settings.replay {
            return;
        }
        let again = self.failed_gates.extract_if(.., |_, at| *at <= now).map(|(namespace, _)| namespace);
        self.dirty_gates.extend(again);
        for namespace in std::mem::take(&mut self.dirty_gates) {
            if self.inflight.contains(&WriteKey::Gate(namespace.clone())) {
                self.dirty_gates.insert(namespace);
                continue;
            }
            let hold = self.held(&namespace, now);
            let writes = [self.gate_write(&namespace, hold.as_ref(), now), self.scale_write(&namespace, hold, now)];
            self.outbox.extend(writes.into_iter().flatten());
        }
    }

    fn gate_write(&self, namespace: &Name, hold: Option<&Hold>, now: Seconds) -> Option<Write> {
        let fact = &self.namespaces.get(namespace)?.fact;
        if self.is_exempt(namespace) || fact.deleting {
            return None;
        }
        let (gate, message, ceiling) = match self.strictest(namespace, now) {
            Some((key, state, spec)) if state.decision.gate != Gate::Open => {
                (state.decision.gate, Some(self.message(key, state, spec)), spec.ceiling)
            }
            _ => (Gate::Open, None, ScaleCeiling::Current),
        };
        let scaled_down = self.scaled_down(namespace, hold);
        // Else what is scaled down may go up again. Ceilings that follow are taken once it is back.
        let ceiling = if scaled_down.is_some() { ScaleCeiling::Current } else { ceiling };
        let standing = gate_of_label(fact.labels.get("opex.dev/gate").map(AsRef::as_ref));
        let blocks = |gate| matches!(gate, Gate::BlockScaleUp | Gate::Block);
        let ceilings = match (blocks(gate) && ceiling == ScaleCeiling::Peak24h, &fact.ceilings) {
            (false, _) => None,
            // Ceilings are taken when the gate closes, and stay: what grows later was not there before.
            (true, Some(known)) if standing.is_some_and(blocks) => Some(known.clone()),
            (true, _) => self.ceilings(namespace, now),
        };
        let said = (&fact.gate_message, &fact.ceilings, &fact.scaled_down);
        let same = standing == Some(gate) && said == (&message, &ceilings, &scaled_down);
        (!same).then(|| Write::Gate { namespace: namespace.clone(), gate, message, ceilings, scaled_down })
    }

    /// The budget with the strictest gate over a namespace; of equals the one that was crossed first.
    fn strictest<'a>(
        &'a self,
        namespace: &'a Name,
        now: Seconds,
    ) -> Option<(&'a BudgetKey, &'a BudgetState, &'a Budget)> {
        self.over_namespace(namespace, now).max_by_key(|(_, state, _)| {
            let decision = &state.decision;
            let scales = decision.down.as_ref().is_some_and(|down| !down.dry_run);
            (decision.gate, scales, std::cmp::Reverse(decision.cause.map_or(now, |c| c.2)))
        })
    }

    /// The budgets that cover a namespace.
    pub(super) fn over_namespace<'a>(
        &'a self,
        namespace: &'a Name,
        now: Seconds,
    ) -> impl Iterator<Item = (&'a BudgetKey, &'a BudgetState, &'a Budget)> {
        // Ordered by namespace, and those without one first.
        let own = BudgetKey::of(Some(namespace.clone()), "".into());
        let wide = self.budgets.iter().take_while(|(key, _)| key.namespace.is_none());
        let own = self.budgets.range(own..).take_while(move |(key, _)| key.namespace.as_ref() == Some(namespace));
        let specs = wide.chain(own).filter_map(|(key, state)| Some((key, &**state, state.specs.last()?.as_deref()?)));
        specs.filter(move |(_, _, spec)| spec.terms.scope.holds(&self.world, namespace, now))
    }

    /// The namespaces that are there and match a selector.
    pub(super) fn matching<'a>(&'a self, selector: &'a Selector, now: Seconds) -> impl Iterator<Item = &'a Name> {
        self.namespaces.keys().filter(move |name| selector.matches(&self.world.namespace_labels(name, now)))
    }

    /// Why, in one sentence, and what to do, in others. The policies put between them what is still allowed.
    fn message(&self, key: &BudgetKey, state: &BudgetState, spec: &Budget) -> String {
        let mut text = format!("{} \"{}\" ", key.kind(), key.name);
        if let (Some((percent, of, since)), Some(limit)) = (state.decision.cause, &spec.limit) {
            match (of, percent) {
                (Measure::Actual, 100) => text.push_str("is used up"),
                (Measure::Actual, _) => write!(text, "has reached {percent} %").expect("a string"),
                (Measure::UnitCost, _) => text.push_str("costs more for each unit than it may"),
                (Measure::Forecast, _) => write!(text, "has a forecast of {percent} %").expect("a string"),
            }
            let currency = limit.currency;
            let allowed = state.decision.limit.as_ref().map(|limit| amount_text(&limit.amount, currency));
            let allowed = allowed.unwrap_or_default();
            let window = state.latched.and_then(|id| self.ledgers.get(&id)).map(|e| &e.ledger.window);
            let (label, resets) = window.map(|w| (w.label.clone(), w.resets.to_string())).unwrap_or_default();
            let since = minute(since);
            write!(text, " ({allowed} {} for {label}, since {since}, resets {resets}).", currency.code())
                .expect("a string");
        }
        if state.decision.beyond_scaling {
            text.push_str(" Its fixed charges alone come to that: scaling down cannot recover them.");
        }
        if state.decision.gate > Gate::Warn {
            let whom = spec.contact.as_ref().map(|contact| format!("{} ", one_line(contact))).unwrap_or_default();
            write!(text, " Ask {whom}for a BudgetOverride.").expect("a string");
        }
        truncate(text, MESSAGE)
    }

    fn ceilings(&self, namespace: &Name, now: Seconds) -> Option<String> {
        // In order of the targets.
        let peaks = self.scales.get(namespace)?.iter().map(|(target, peak)| (target, peak.most(now)));
        let entries: Vec<_> =
            peaks.filter(|(_, most)| *most > 0).map(|(target, most)| format!("{target}={most}")).collect();
        (!entries.is_empty()).then(|| entries.join(" "))
    }

    pub(super) fn is_exempt(&self, namespace: &str) -> bool {
        EXEMPT.contains(&namespace) || *namespace == *self.settings.namespace
    }

    /// The namespaces over which a budget's gate stands.
    pub(super) fn dirty_scope(&mut self, key: &BudgetKey) {
        match &key.namespace {
            Some(namespace) => {
                self.dirty_gates.insert(namespace.clone());
            }
            None => self.dirty_gates.extend(self.namespaces.keys().cloned()),
        }
    }

    pub(super) fn gate_standing(&self, namespace: &str) -> Option<Gate> {
        let fact = &self.namespaces.get(namespace)?.fact;
        gate_of_label(fact.labels.get("opex.dev/gate").map(AsRef::as_ref))
    }

    /// Every budget over several namespaces is looked at again: one of them came, went or changed its labels.
    pub(super) fn wake_wide(&mut self, at: Seconds) {
        let wide: Vec<_> = self.budgets.keys().filter(|key| key.namespace.is_none()).cloned().collect();
        for key in wide {
            self.wake_budget(&key, at);
        }
    }

    fn wake_gated(&mut self) {
        let gated: Vec<_> =
            self.budgets.iter().filter(|(_, s)| s.decision.gate != Gate::Open).map(|(key, _)| key.clone()).collect();
        for key in gated {
            self.wake_budget(&key, self.now);
        }
    }
}

// === impl Peak ===

impl Peak {
    fn see(&mut self, at: Seconds, replicas: i64) {
        while self.0.back().is_some_and(|(_, r)| *r <= replicas) {
            self.0.pop_back();
        }
        self.0.push_back((at, replicas));
        // The one before the window still held when it began.
        while self.0.len() > 1 && self.0[1].0 <= at - PEAK {
            self.0.pop_front();
        }
    }

    fn most(&self, now: Seconds) -> i64 {
        let held =
            self.0.iter().enumerate().filter(|(i, _)| self.0.get(i + 1).is_none_or(|(next, _)| *next > now - PEAK));
        held.map(|(_, (_, replicas))| *replicas).max().unwrap_or_default()
    }
}

/// The gate that a Namespace's label stands for; an unknown word is none.
fn gate_of_label(label: Option<&str>) -> Option<Gate> {
    match label {
        None => Some(Gate::Open),
        Some("warn") => Some(Gate::Warn),
        Some("block-scale-up") => Some(Gate::BlockScaleUp),
        Some("block") => Some(Gate::Block),
        Some(_) => None,
    }
}

/// `2026-11-21T10:03Z`
fn minute(t: Seconds) -> String {
    let text = super::persist::time(t).0.to_string();
    format!("{}Z", &text[..text.len().min(16)])
}

pub(super) fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

fn truncate(mut text: String, most: usize) -> String {
    if text.len() > most {
        let mut end = most;
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        text.truncate(end);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peak_is_remembered_for_a_day() {
        let mut peak = Peak::default();
        for (at, replicas) in [(0, 3), (1000, 10), (2000, 2), (2100, 4)] {
            peak.see(at, replicas);
        }
        assert_eq!(peak.most(2100), 10);
        assert_eq!(peak.most(2000 + PEAK - 1), 10, "10 replicas ran until 2000");
        assert_eq!(peak.most(2100 + PEAK), 4);
        assert_eq!(peak.most(10 * PEAK), 4, "what stands still counts");
    }

    #[test]
    fn messages_are_one_line_and_short() {
        assert_eq!(one_line("a\nb\tc"), "a b c");
        assert_eq!(truncate("é".repeat(300), 511).len(), 510);
        assert_eq!(minute(1_795_428_180), "2026-11-23T10:03Z");
    }
}
