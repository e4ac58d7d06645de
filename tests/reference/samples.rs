//! What a Pod uses at an instant, as far as samples tell.

use std::collections::BTreeMap;

use num_bigint::BigInt;
use num_rational::BigRational;
use serde_json::Value;

use super::Seconds;
use super::amounts::quantity;
use super::pods::Pod;
use super::requests::in_units;
use super::world::{Thing, World, time};

pub type Amounts = BTreeMap<String, BigInt>;

/// How long a sample stands at most: two intervals of 60 s.
pub const STANDS: Seconds = 120;

/// When each sample of a Pod's name was taken, and what it says, in order.
pub fn of(world: &World, pod: &Thing) -> Vec<(Seconds, Amounts)> {
    let named = world.named("PodMetrics", pod.name()).filter(|metrics| metrics.namespace() == pod.namespace());
    let samples = named.flat_map(|metrics| &metrics.versions);
    let mut samples: Vec<_> = samples.filter_map(|(_, one)| Some((time(&one["timestamp"])?, sum(one)))).collect();
    samples.sort_by_key(|(taken, _)| *taken);
    samples
}

/// What a Pod used by the sample that stands at an instant; nothing where none does.
pub fn used_at(pod: &Pod<'_>, instant: Seconds) -> Amounts {
    // A sample is that of the Pod which ran when it was taken.
    let own = pod.samples.iter().filter(|(taken, _)| (pod.start..pod.end).contains(taken));
    let newest = own.rev().find(|(taken, _)| *taken <= instant);
    newest.filter(|(taken, _)| instant < taken + STANDS).map(|(_, used)| used.clone()).unwrap_or_default()
}

fn sum(sample: &Value) -> Amounts {
    let mut sum: BTreeMap<String, BigRational> = BTreeMap::new();
    for container in sample["containers"].as_array().into_iter().flatten() {
        for name in ["cpu", "memory"] {
            if !container["usage"][name].is_null() {
                *sum.entry(name.to_owned()).or_default() += quantity(&container["usage"][name]);
            }
        }
    }
    in_units(sum)
}
