//! Namespaces that are scaled down: how far, for which budget, and what became of it.
//!
//! That there may be something to restore is written on the Namespace, in the same patch that closes its gate, before
//! anything is scaled; it goes once all is put back. So whoever takes over asks for what is right from what it sees:
//! asking twice does no harm, because what is recorded decides (see [`crate::engine::scale_down`]).

use super::Machine;
use super::conditions::Verdict;
use super::persist::pause;
use crate::api::ScaleDown;
use crate::engine::budget::BudgetKey;
use crate::engine::write::{Outcome, Scale, Scaled, Write, WriteKey};
use crate::facts::{Name, Seconds};

/// Bytes of an event that name workloads: the API server takes 1024 in all.
const ROOM: usize = 900;

/// How far the budgets over a namespace want it scaled down: the one that goes farthest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Hold {
    pub budget: BudgetKey,
    pub scale: Scale,
}

/// What this replica has asked for, of one namespace, since it leads.
#[derive(Debug, Default)]
pub(super) struct Scaling {
    asked: Option<Scale>,
    done: Option<Scale>,
    /// For which it was scaled down last.
    budget: Option<BudgetKey>,
    /// Nothing was scaled down so far.
    fresh: bool,
    /// What was told of that was left alone.
    left: Vec<String>,
    failures: u32,
    retry_at: Seconds,
    problem: Option<(&'static str, String)>,
}

impl Machine {
    /// How far a namespace is to be scaled down now.
    pub(super) fn held(&self, namespace: &Name, now: Seconds) -> Option<Hold> {
        let asking = self.over_namespace(namespace, now).filter_map(|(key, state, _)| {
            let (down, floor) = state.decision.down.as_ref().map(|down| (down, i64::from(down.floor)))?;
            let scale = if down.dry_run { Scale::DryRun { floor } } else { Scale::Down { floor } };
            let since = state.decision.cause.map(|(_, _, since)| since);
            Some(((down.dry_run, floor, since), Hold { budget: key.clone(), scale }))
        });
        asking.min_by_key(|(order, _)| *order).map(|(_, hold)| hold)
    }

    /// What is to be written on a Namespace of how far it is scaled down.
    pub(super) fn scaled_down(&self, namespace: &Name, hold: Option<&Hold>) -> Option<String> {
        if let Some(Hold { scale: Scale::Down { floor }, .. }) = hold {
            return Some(floor.to_string());
        }
        let under_way = self.inflight.contains(&WriteKey::Scale(namespace.clone()));
        let is_back = |scaling: &Scaling| scaling.done == Some(Scale::Back) || scaling.fresh;
        let is_back = !under_way && self.scalings.get(namespace).is_some_and(is_back);
        self.namespaces.get(namespace)?.fact.scaled_down.clone().filter(|_| !is_back)
    }

    pub(super) fn scale_write(&mut self, namespace: &Name, hold: Option<Hold>, now: Seconds) -> Option<Write> {
        if self.inflight.contains(&WriteKey::Scale(namespace.clone())) {
            return None;
        }
        let standing = self.namespaces.get(namespace).map(|state| &state.fact);
        let is_gone = standing.is_none();
        if self.is_exempt(namespace) || standing.is_some_and(|fact| fact.deleting) {
            return None;
        }
        let written = standing.and_then(|fact| fact.scaled_down.clone());
        let hold = hold.filter(|_| !is_gone);
        let scale = match hold.as_ref().map(|hold| hold.scale) {
            // Not before the gate holds, and it is written that there may be something to restore.
            Some(Scale::Down { floor }) if written != Some(floor.to_string()) => {
                let fresh = || Scaling { fresh: written.is_none(), ..Scaling::default() };
                self.scalings.entry(namespace.clone()).or_insert_with(fresh);
                return None;
            }
            Some(Scale::DryRun { .. }) | None if written.is_some() || self.is_orphaned(namespace) => Scale::Back,
            Some(scale) => scale,
            None => {
                self.scalings.remove(namespace);
                return None;
            }
        };
        let scaling = self.scalings.entry(namespace.clone()).or_default();
        if scaling.asked != Some(scale) {
            (scaling.asked, scaling.failures, scaling.retry_at) = (Some(scale), 0, Seconds::MIN);
            scaling.left.clear();
        }
        if scaling.done == Some(scale) || scaling.fresh && scale == Scale::Back {
            return None;
        }
        if now < scaling.retry_at {
            self.failed_gates.entry(namespace.clone()).or_insert(scaling.retry_at);
            return None;
        }
        // Whom it was scaled down for is told that it is back.
        scaling.budget = hold.map(|hold| hold.budget).or(scaling.budget.take());
        Some(Write::Scale { namespace: namespace.clone(), scale })
    }

    /// A namespace that is gone leaves its record behind.
    pub(super) fn orphan(&mut self, namespace: &Name) {
        self.scalings.remove(namespace);
        let gone = self.namespaces.remove(namespace);
        if self.leading && gone.is_some_and(|state| state.fact.scaled_down.is_some()) {
            self.scalings.insert(namespace.clone(), Scaling::default());
            self.dirty_gates.insert(namespace.clone());
        }
    }

    fn is_orphaned(&self, namespace: &Name) -> bool {
        !self.namespaces.contains_key(namespace) && self.scalings.contains_key(namespace)
    }

    pub(super) fn scaled(&mut self, namespace: &Name, outcome: Outcome, at: Seconds) {
        let Some(scaling) = self.scalings.get_mut(namespace) else { return };
        let (asked, first) = (scaling.asked, scaling.failures == 0);
        scaling.fresh &= outcome == Outcome::Forbidden;
        scaling.problem = problem(namespace, asked, &outcome);
        let mut report = if let Outcome::Scaled(report) = outcome { report } else { Scaled::default() };
        if report.left == scaling.left {
            report.left.clear();
        } else {
            scaling.left.clone_from(&report.left);
        }
        if !first {
            report.failed.clear();
        }
        let is_done = scaling.problem.is_none();
        if is_done {
            (scaling.done, scaling.failures) = (asked, 0);
            self.dirty_gates.insert(namespace.clone());
        } else {
            (scaling.done, scaling.failures) = (None, scaling.failures + 1);
            scaling.retry_at = at + pause(scaling.failures);
            let retry_at = scaling.retry_at;
            self.failed_gates.insert(namespace.clone(), retry_at);
        }
        if is_done && self.is_orphaned(namespace) {
            self.scalings.remove(namespace);
        }
        let over: Vec<_> = self.over_namespace(namespace, at).map(|(key, ..)| key.clone()).collect();
        if let (Some(asked), Some(budget)) = (asked, self.told_of(namespace, at)) {
            self.tell_scaled(&budget, namespace, asked, &report, at);
        }
        for key in over {
            self.wake_budget(&key, at);
        }
    }

    /// The budget whose scaling down it is.
    fn told_of(&self, namespace: &Name, now: Seconds) -> Option<BudgetKey> {
        let known = self.scalings.get(namespace)?.budget.clone();
        let exists = |key: &BudgetKey| self.budgets.get(key).is_some_and(|state| state.exists);
        let mut over = self.over_namespace(namespace, now);
        known.filter(exists).or_else(|| over.find(|(_, state, _)| state.may_scale_down()).map(|(key, ..)| key.clone()))
    }

    fn tell_scaled(&mut self, budget: &BudgetKey, namespace: &Name, asked: Scale, report: &Scaled, at: Seconds) {
        let Scaled { changed, left, failed } = report;
        let (reason, is_warning, what) = match asked {
            Scale::Down { .. } => ("ScaledDown", true, "scaled down"),
            Scale::DryRun { .. } => ("ScaleDownDryRun", false, "would be scaled down"),
            Scale::Back => ("Restored", false, "put back"),
        };
        let news = [
            (reason, is_warning, what, changed),
            ("LeftAlone", true, "left alone", left),
            ("ScaleFailed", true, "not scaled, and tried again", failed),
        ];
        for (reason, is_warning, what, workloads) in news.into_iter().filter(|(.., workloads)| !workloads.is_empty()) {
            let note = format!("namespace {namespace}, {what}: {}", some_of(workloads));
            self.announce(budget, reason, is_warning, namespace, note, at);
        }
    }

    // === what is said of it ===

    /// Whether what a budget asks to scale down is; none where it asks for nothing, and nothing is left of it.
    pub(super) fn scaling_verdict(&self, covered: &[Name], down: Option<&ScaleDown>) -> Option<Verdict> {
        let scalings = || covered.iter().filter_map(|namespace| Some((namespace, self.scalings.get(namespace)?)));
        if let Some((reason, message)) = scalings().find_map(|(_, scaling)| scaling.problem.clone()) {
            return Some((false, reason, message));
        }
        let ScaleDown { floor, dry_run } = *down?;
        if dry_run {
            return Some((
                true,
                "DryRun",
                format!("the gate is Block; a floor of {floor} is a dry run: see the events"),
            ));
        }
        let is_down = |namespace: &Name| {
            let done = self.scalings.get(namespace).and_then(|scaling| scaling.done);
            matches!(done, Some(Scale::Down { floor: done }) if done <= floor.into())
        };
        match covered.iter().find(|namespace| !self.is_exempt(namespace) && !is_down(namespace)) {
            Some(namespace) => Some((false, "Pending", format!("namespace {namespace} is being scaled down"))),
            None => Some((true, "ScaledDown", format!("the gate is Block, workloads are down to a floor of {floor}"))),
        }
    }
}

/// Why it is not as it was asked for.
fn problem(namespace: &Name, asked: Option<Scale>, outcome: &Outcome) -> Option<(&'static str, String)> {
    let (reason, what) = match outcome {
        Outcome::Scaled(report) if report.failed.is_empty() => return None,
        Outcome::Scaled(_) => ("ScaleFailed", "some workloads could not be scaled, see the events; tried again"),
        Outcome::Forbidden if asked == Some(Scale::Back) => (
            "ScaleDownForbidden",
            "the operator may not scale its workloads back: install the chart with scaleDown.enabled=true",
        ),
        Outcome::Forbidden => (
            "ScaleDownForbidden",
            "growth and new spend are refused, but the operator may not scale: install the chart with scaleDown.enabled=true",
        ),
        _ => ("ScaleFailed", "its workloads could not be scaled; tried again"),
    };
    Some((reason, format!("namespace {namespace}: {what}")))
}

/// As many of them as an event has room for.
fn some_of(workloads: &[String]) -> String {
    let mut shown = String::new();
    for (i, workload) in workloads.iter().enumerate() {
        if i > 0 && shown.len() + workload.len() > ROOM {
            return format!("{shown} and {} more", workloads.len() - i);
        }
        shown.push_str(if i > 0 { ", " } else { "" });
        shown.push_str(workload);
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_names_what_it_has_room_for() {
        let all: Vec<_> = (100..300).map(|i| format!("Deployment/web-{i} from 10 to 1")).collect();
        assert_eq!(some_of(&all[..2]), "Deployment/web-100 from 10 to 1, Deployment/web-101 from 10 to 1");
        assert_eq!(some_of(&all[..27]).matches("Deployment").count(), 27);
        let cut = some_of(&all);
        assert!(cut.len() < 1000 && cut.ends_with("from 10 to 1 and 173 more"), "{cut}");
    }
}
