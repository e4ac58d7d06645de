//! Samples of what Pods use: whose are wanted, what they bring into the ledgers, and whether they still come.
//!
//! They are asked for by the driver, and only while a Budget takes them: nobody else's are kept. Where they cannot be
//! had, everything goes on by what is known, and the Budgets that take them say so.

use std::collections::HashMap;

use super::Machine;
use super::change::Touched;
use super::conditions::Verdict;
use crate::engine::budget::{Budget, BudgetKey};
use crate::engine::meter::Scope;
use crate::engine::observed::{Source, Tag};
use crate::engine::sampling::Wanted;
use crate::facts::{Name, ObjectId, Seconds, UsageFact};

/// Samples not read for longer are stale.
const FRESH: Seconds = 120;

/// How samples come in.
#[derive(Debug, Default)]
pub(super) struct Sampler {
    wanted: Wanted,
    /// Whether that is to be worked out anew.
    pub dirty: bool,
    /// When they were read last; none since they are wanted.
    read: Option<Seconds>,
    /// Why they could not be read since.
    fault: Option<String>,
    /// Of each Namespace, how many Pods run for a while.
    pods: HashMap<Name, Running>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Running {
    sampled: usize,
    unsampled: usize,
}

// === impl Machine ===

impl Machine {
    /// Whose samples are wanted, as of the last pass.
    pub fn wanted_samples(&self) -> &Wanted {
        &self.sampler.wanted
    }

    /// What a Pod used when it was sampled, which is always a while ago.
    pub(super) fn apply_usage(&mut self, tag: Tag, usage: &UsageFact, at: Seconds) {
        self.report(&usage.problems, || format!("PodMetrics {}/{}", usage.namespace, usage.pod));
        let Some(sample) = usage.sample else { return };
        let namespace = self.world.name(&usage.namespace);
        let pod = ObjectId::named("Pod", &namespace, &usage.pod);
        let Some(items) = self.world.sampled(&namespace, pod, &sample) else { return };
        let touched: Vec<_> = items.into_iter().map(|id| (namespace.clone(), id)).collect();
        self.change(Touched::items(&touched, sample.taken), tag, at, |machine| {
            machine.world.sampling.add(&namespace, pod, sample);
        });
    }

    /// All samples were read.
    pub(super) fn samples_read(&mut self, at: Seconds) {
        let pods = self.count_running(at);
        let same = self.sampler.read.is_some() && self.sampler.fault.is_none() && self.sampler.pods == pods;
        self.sampler = Sampler { read: Some(at), fault: None, pods, ..std::mem::take(&mut self.sampler) };
        if !same {
            self.wake_sampled(at);
        }
    }

    /// They could not be read.
    pub(super) fn samples_unread(&mut self, why: String, at: Seconds) {
        self.sampler.fault = Some(why);
        self.wake_sampled(at);
    }

    /// Works out whose samples are wanted, where that may have changed.
    pub(super) fn want_samples(&mut self, now: Seconds) {
        if !std::mem::take(&mut self.sampler.dirty) {
            return;
        }
        let mut wanted = Wanted::Nobody;
        for (_, spec) in self.sampled(now) {
            match &spec.terms.scope {
                Scope::Namespace(namespace) => wanted.add([namespace.clone()]),
                Scope::Namespaces(selector) if selector.is_everything() => wanted = Wanted::Everybody,
                Scope::Namespaces(selector) => wanted.add(self.matching(selector, now).cloned()),
            }
        }
        if wanted == Wanted::Nobody {
            self.sampler = Sampler::default();
        }
        self.sampler.wanted = wanted;
    }

    /// Whether a Budget that takes samples has what it takes.
    pub(super) fn samples_fresh(&self, spec: &Budget, now: Seconds) -> Option<Verdict> {
        let Sampler { read, fault, pods, .. } = &self.sampler;
        let late = read.is_none_or(|read| now - read > FRESH);
        if let Some(fault) = fault.as_ref().filter(|_| late) {
            let message = format!(
                "what Pods use cannot be read, and of that time only what they request is counted where the basis takes it: {fault}"
            );
            return Some((false, "MetricsUnavailable", message));
        }
        let own = pods.iter().filter(|(namespace, _)| spec.terms.scope.holds(&self.world, namespace, now));
        let Running { sampled, unsampled } = own.fold(Running::default(), |sum, (_, one)| sum.plus(*one));
        if unsampled == 0 {
            return None;
        }
        let message = format!("{unsampled} of {} Pods have no sample of what they use", sampled + unsampled);
        Some((sampled > 0, if sampled > 0 { "SomeUnsampled" } else { "Unsampled" }, message))
    }

    /// The budgets that take samples now.
    fn sampled(&self, now: Seconds) -> impl Iterator<Item = (&BudgetKey, &Budget)> {
        let takes = move |spec: &&Budget| {
            spec.terms.basis.is_sampled() && spec.schedule.fixed().is_none_or(|(_, end)| now < end)
        };
        let there = self.budgets.iter().filter(|(_, state)| state.exists);
        there.filter_map(move |(key, state)| Some((key, state.specs.last()?.as_deref().filter(takes)?)))
    }

    fn wake_sampled(&mut self, at: Seconds) {
        for key in self.sampled(at).map(|(key, _)| key.clone()).collect::<Vec<_>>() {
            self.wake_budget(&key, at);
        }
    }

    /// Pods that have run for so long that they should have been sampled.
    fn count_running(&self, at: Seconds) -> HashMap<Name, Running> {
        let mut counts: HashMap<Name, Running> = HashMap::new();
        let wanted = self.world.items.iter().filter(|(namespace, _)| self.sampler.wanted.includes(namespace));
        for (namespace, items) in wanted {
            for item in items.values().filter(|item| item.source == Source::Pods) {
                let node = item.site.as_ref().and_then(|name| self.world.node(name, item.start));
                let end = node.map_or(item.end, |node| item.end.min(node.removed));
                if item.start.saturating_add(FRESH) > at || end <= at {
                    continue;
                }
                let count = counts.entry(namespace.clone()).or_default();
                let sampled = self.world.sampling.of(item, end, Seconds::MIN).at(at).is_some();
                *(if sampled { &mut count.sampled } else { &mut count.unsampled }) += 1;
            }
        }
        counts
    }
}

// === impl Running ===

impl Running {
    fn plus(self, other: Self) -> Self {
        Self { sampled: self.sampled + other.sampled, unsampled: self.unsampled + other.unsampled }
    }
}
