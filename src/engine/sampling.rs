//! What Pods use, as metrics.k8s.io samples it.
//!
//! A sample stands from when it was taken until the next one was, but for two minutes at most; at any other time nothing
//! is known of what the Pod uses, and nothing is guessed (COST_RULES 24). It bears the name of a Pod and no
//! UID: it is that of the Pod that ran under the name when it was taken.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::LazyLock;

use super::item::Item;
use super::observed::Source;
use crate::api::Basis;
use crate::facts::{Amounts, Name, ObjectId, Sample, Seconds};

/// How long a sample stands at most: two intervals of a minute, live as in a replay.
const STANDS: Seconds = 120;

static CPU: LazyLock<Name> = LazyLock::new(|| "cpu".into());
static MEMORY: LazyLock<Name> = LazyLock::new(|| "memory".into());

/// Whose samples are wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Wanted {
    #[default]
    Nobody,
    /// Those of Pods in these Namespaces.
    In(BTreeSet<Name>),
    Everybody,
}

/// All samples that are kept: by Namespace, of those that have samples, and [named](ObjectId::named) Pod.
#[derive(Debug, Default)]
pub struct Sampling(HashMap<Name, HashMap<ObjectId, Sampled>>);

/// What is known under the name of one Pod.
#[derive(Debug, Default)]
struct Sampled {
    /// Usually one: others may have gone before it.
    items: Vec<ObjectId>,
    /// In order of time, one for each instant.
    samples: Vec<Sample>,
}

/// The samples of one Pod.
#[derive(Clone, Copy, Debug)]
pub struct Use<'a> {
    samples: &'a [Sample],
    /// Before this instant they do not count.
    since: Seconds,
}

// === impl Sampling ===

impl Sampling {
    /// The items that a sample of this Pod tells of; none where it is known already. `present` is what there is in the
    /// Namespace.
    pub fn touches<'a>(
        &mut self,
        namespace: &Name,
        pod: ObjectId,
        sample: &Sample,
        present: impl Iterator<Item = (&'a ObjectId, &'a Item)>,
    ) -> Option<Vec<ObjectId>> {
        if !self.0.contains_key(namespace) {
            let mut pods: HashMap<_, Sampled> = HashMap::new();
            for (id, item) in present.filter(|(_, item)| item.source == Source::Pods) {
                pods.entry(item.called).or_default().items.push(*id);
            }
            self.0.insert(namespace.clone(), pods);
        }
        let sampled = self.0.get_mut(namespace)?.entry(pod).or_default();
        let known = sampled.samples.iter().rev().find(|known| known.taken == sample.taken);
        (known != Some(sample)).then(|| sampled.items.clone())
    }

    pub fn add(&mut self, namespace: &Name, pod: ObjectId, sample: Sample) {
        let samples = &mut self.0.entry(namespace.clone()).or_default().entry(pod).or_default().samples;
        let before = samples.partition_point(|known| known.taken < sample.taken);
        match samples.get_mut(before).filter(|known| known.taken == sample.taken) {
            Some(known) => *known = sample,
            None => samples.insert(before, sample),
        }
    }

    /// An item that is there from now on.
    pub fn meet(&mut self, item: &Item, id: ObjectId) {
        if let Some(pods) = self.0.get_mut(&item.namespace)
            && item.source == Source::Pods
        {
            pods.entry(item.called).or_default().items.push(id);
        }
    }

    pub fn part(&mut self, item: &Item, id: ObjectId) {
        if let Some(sampled) = self.0.get_mut(&item.namespace).and_then(|pods| pods.get_mut(&item.called)) {
            sampled.items.retain(|known| *known != id);
        }
    }

    /// The samples of an item that are its own: those taken before `end`, and not before it began. They count from
    /// `since` on.
    pub fn of(&self, item: &Item, end: Seconds, since: Seconds) -> Use<'_> {
        let known = self.0.get(&item.namespace).and_then(|pods| pods.get(&item.called));
        let samples = known.map_or(&[][..], |known| &known.samples);
        let first = samples.partition_point(|sample| sample.taken < item.start);
        let own = samples[first..].partition_point(|sample| sample.taken < end);
        Use { samples: &samples[first..first + own], since }
    }

    /// Forgets what no longer stands at `t`.
    pub fn forget_before(&mut self, t: Seconds) {
        self.0.retain(|_, pods| {
            pods.retain(|_, Sampled { items, samples }| {
                let past = samples.partition_point(|sample| sample.taken + STANDS <= t);
                // One that ends with the next may stand no more either.
                let past = past.max(samples.partition_point(|sample| sample.taken <= t).saturating_sub(1));
                samples.drain(..past);
                samples.shrink_to_fit();
                !items.is_empty() || !samples.is_empty()
            });
            pods.values().any(|sampled| !sampled.samples.is_empty())
        });
    }
}

// === impl Wanted ===

impl Wanted {
    pub fn includes(&self, namespace: &str) -> bool {
        match self {
            Self::Nobody => false,
            Self::In(namespaces) => namespaces.contains(namespace),
            Self::Everybody => true,
        }
    }

    pub fn add(&mut self, more: impl IntoIterator<Item = Name>) {
        match self {
            Self::Nobody => *self = Self::In(more.into_iter().collect()),
            Self::In(namespaces) => namespaces.extend(more),
            Self::Everybody => {}
        }
    }
}

// === impl Use ===

impl Use<'_> {
    /// What stands at `t`.
    pub fn at(&self, t: Seconds) -> Option<&Sample> {
        let newest = self.samples[..self.samples.partition_point(|sample| sample.taken <= t)].last();
        newest.filter(|sample| t < sample.taken + STANDS && t >= self.since)
    }

    /// Whether samples count at `t`, should there be any.
    pub fn counts(&self, t: Seconds) -> bool {
        t >= self.since
    }

    /// Instants within `(from, to)` at which something else may stand.
    pub fn changes(&self, from: Seconds, to: Seconds) -> impl Iterator<Item = Seconds> {
        let first = self.samples.partition_point(|sample| sample.taken + STANDS <= from);
        let near = self.samples[first..].iter().take_while(move |sample| sample.taken < to);
        let instants = near.flat_map(|sample| [sample.taken, sample.taken + STANDS]);
        instants.chain([self.since]).filter(move |t| from < *t && *t < to)
    }
}

// === impl Basis ===

impl Basis {
    /// Whether it takes samples.
    pub fn is_sampled(self) -> bool {
        self != Self::Requests
    }

    /// What a Pod is billed for that requests so much, and uses so much as far as that is known. Only cpu and memory are
    /// sampled.
    pub fn billed(self, requests: &Amounts, sample: Option<&Sample>) -> Amounts {
        let used = sample.into_iter().flat_map(|sample| [(&CPU, sample.cpu), (&MEMORY, sample.memory)]);
        let requested = requests.iter().filter(|(resource, _)| match self {
            Self::Requests | Self::MaxOfRequestsAndUsage => true,
            Self::Usage => *resource != *CPU && *resource != *MEMORY,
        });
        let mut billed: BTreeMap<Name, i128> = requested.cloned().collect();
        for (resource, amount) in used.filter(|_| self.is_sampled()) {
            let held = billed.entry(Name::clone(resource)).or_default();
            *held = i128::from(amount).max(*held);
        }
        billed.into_iter().filter(|(_, amount)| *amount > 0).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(taken: Seconds) -> Sample {
        Sample { taken, cpu: 200, memory: 10 }
    }

    #[test]
    fn a_sample_stands_until_the_next_or_two_intervals() {
        let samples = [sample(10), sample(70), sample(500)];
        let used = |since| Use { samples: &samples, since };
        let at = |since, t| used(since).at(t).map(|sample| sample.taken);
        for (t, taken) in
            [(9, None), (10, Some(10)), (69, Some(10)), (70, Some(70)), (189, Some(70)), (190, None), (619, Some(500))]
        {
            assert_eq!(at(0, t), taken, "{t}");
        }
        assert_eq!((at(80, 79), at(80, 80)), (None, Some(70)));
        let changes = |since, from, to| used(since).changes(from, to).collect::<Vec<_>>();
        assert_eq!(changes(0, 10, 200), [130, 70, 190]);
        assert_eq!(changes(80, 0, 100), [10, 70, 80]);
        assert!(changes(0, 190, 500).is_empty());
    }

    #[test]
    fn what_stands_no_more_is_forgotten() {
        let mut sampling = Sampling::default();
        let pod = ObjectId::named("Pod", "a", "p");
        for taken in [70, 10, 500, 70] {
            sampling.add(&"a".into(), pod, sample(taken));
        }
        let kept = |sampling: &Sampling| {
            let of = sampling.0.get("a").and_then(|pods| pods.get(&pod));
            of.map(|sampled| sampled.samples.iter().map(|sample| sample.taken).collect::<Vec<_>>())
        };
        for (t, left) in [
            (69, Some(vec![10, 70, 500])),
            (70, Some(vec![70, 500])),
            (189, Some(vec![70, 500])),
            (190, Some(vec![500])),
            (619, Some(vec![500])),
            (620, None),
        ] {
            sampling.forget_before(t);
            assert_eq!(kept(&sampling), left, "{t}");
        }
        assert!(sampling.0.is_empty());
    }

    #[test]
    fn only_cpu_and_memory_follow_usage() {
        let requests: Amounts = [("cpu".into(), 100), ("gpu".into(), 1), ("memory".into(), 50)].into();
        let billed = |basis: Basis, sample| {
            basis.billed(&requests, sample).iter().map(|(resource, n)| format!("{resource} {n}")).collect::<Vec<_>>()
        };
        let used = Some(&sample(0));
        assert_eq!(billed(Basis::Requests, used), ["cpu 100", "gpu 1", "memory 50"]);
        assert_eq!(billed(Basis::Usage, used), ["cpu 200", "gpu 1", "memory 10"]);
        assert_eq!(billed(Basis::MaxOfRequestsAndUsage, used), ["cpu 200", "gpu 1", "memory 50"]);
        assert_eq!(billed(Basis::Usage, None), ["gpu 1"]);
        assert_eq!(billed(Basis::MaxOfRequestsAndUsage, None), ["cpu 100", "gpu 1", "memory 50"]);
    }
}
