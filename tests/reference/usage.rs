//! What each namespace's objects cost under a plan, whether it has a Budget or not: by this, other costs are shared.

use std::collections::BTreeMap;

use num_rational::BigRational;
use serde_json::{Value, json};

use super::held::held_at;
use super::pods::Pod;
use super::recurring::Costs;
use super::spells::{Owner, Window};
use super::tally::Tally;
use super::tiers::Positions;
use super::world::World;
use super::{Key, Seconds};

/// Integrates over some windows, one stretch without change after the other.
pub fn metered(world: &World, owner: &Owner, windows: &[Window]) -> Tally {
    let mut tally = Tally::default();
    let mut positions = Positions::default();
    let pods: Vec<_> = world.all("Pod").filter_map(|pod| Pod::of(pod, world)).collect();
    for (from, to, spec) in windows {
        for (begin, end) in world.stretches(*from, *to) {
            for held in held_at(world, &pods, owner, spec, begin) {
                let amount = held.amount * (end - begin);
                if held.goes_on {
                    positions.go_on(held.key, held.tiers, amount);
                } else {
                    tally.add(held.key, amount);
                }
            }
        }
    }
    positions.priced(&mut tally);
    tally
}

/// The owner of what all namespaces use under a plan.
pub fn everybody(plan: &str) -> Owner {
    ("PricePlan".to_owned(), String::new(), plan.to_owned())
}

/// What a plan and a basis make of some time, for everybody.
pub fn used(world: &World, spec: &Value, times: &[(Seconds, Seconds)]) -> Tally {
    let plan = spec["pricePlan"].as_str().unwrap_or("default");
    let spec = json!({"pricePlan": plan, "basis": spec["basis"]});
    let windows: Vec<_> = times.iter().map(|(from, to)| (*from, *to, spec.clone())).collect();
    metered(world, &everybody(plan), &windows)
}

/// The cost of a tally's lines by namespace, of those that count.
pub fn costs(tally: &Tally, counts: impl Fn(&Key) -> bool) -> Costs {
    let mut costs = BTreeMap::new();
    for (key, quantity) in tally.lines.iter().filter(|(key, _)| counts(key)) {
        if let Some(price) = &key.unit_price {
            let cost = price * BigRational::new(quantity.clone(), key.factor.clone());
            *costs.entry(key.namespace.clone()).or_insert_with(BigRational::default) += cost;
        }
    }
    costs
}
