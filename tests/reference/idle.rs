//! What of the nodes nobody asked for, and what it costs.

use std::collections::BTreeMap;

use num_bigint::BigInt;
use num_rational::BigRational;
use num_traits::Zero;
use serde_json::Value;

use super::Seconds;
use super::pods::Pod;
use super::prices::{capacity, resource};
use super::recurring::Costs;
use super::world::World;

/// The cost of what is idle in one second at an instant, by resource.
pub fn idle_at(world: &World, pods: &[Pod<'_>], plan: &Value, instant: Seconds) -> Costs {
    let mut costs = Costs::new();
    for node in world.all("Node").filter(|node| node.made(world.from) <= instant && node.lives_at(instant)) {
        let taken = taken(pods, plan, node.name(), instant);
        for (name, amount) in capacity(node.at(instant)) {
            let rate = resource(Some(plan), node.at(instant), &name);
            let Some(price) = rate.price else { continue };
            let whole = |number: BigInt| BigRational::from_integer(number);
            let held = taken.get(&name).cloned().unwrap_or_default();
            let idle = (amount - whole(held)).max(BigRational::zero());
            let cost = price * idle * whole(rate.scale.into()) / whole(rate.factor);
            *costs.entry(name).or_insert_with(BigRational::zero) += cost;
        }
    }
    costs
}

/// What the Pods that are billed on a node hold, in ledger units.
fn taken(pods: &[Pod<'_>], plan: &Value, node: &str, instant: Seconds) -> BTreeMap<String, BigInt> {
    let mut taken = BTreeMap::new();
    for pod in pods.iter().filter(|pod| pod.node == node && pod.start <= instant && instant < pod.end) {
        for (name, amount) in pod.requests_at(Some(plan), instant) {
            *taken.entry(name).or_default() += amount;
        }
    }
    taken
}
