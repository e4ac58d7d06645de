//! Which version of a plan is in force at an instant, and for whom.

use serde_json::Value;

use super::Seconds;
use super::selector::matches;
use super::spells::Owner;
use super::world::{Thing, World, time};

/// The plan by which a budget is priced at an instant; none where there is no such plan, or not for its namespace.
pub fn usable<'a>(world: &'a World, owner: &Owner, name: &str, instant: Seconds) -> Option<&'a Value> {
    let plan = plan_at(world, name, instant)?;
    let whose = &plan["allowedNamespaces"];
    let all = owner.0 != "Budget" || whose.is_null();
    let labels = || world.namespace_labels(&owner.1, instant).unwrap_or(&Value::Null);
    (all || matches(&whose["selector"], labels())).then_some(plan)
}

/// The plan's spec at an instant; none where there is no such plan.
pub fn plan_at<'a>(world: &'a World, name: &str, instant: Seconds) -> Option<&'a Value> {
    world
        .named("PricePlan", name)
        .filter(|plan| plan.lives_at(instant))
        .filter_map(|plan| version(plan, world.from, instant))
        .last()
}

/// Every instant at which a plan of this name begins, changes or ends.
pub fn plan_instants(world: &World, name: &str) -> Vec<Seconds> {
    world
        .named("PricePlan", name)
        .flat_map(|plan| {
            let begins = versions(plan, world.from).into_iter().map(|(from, _)| from);
            begins.chain(plan.gone).collect::<Vec<_>>()
        })
        .collect()
}

/// All that plans of this name ever said.
pub fn specs<'a>(world: &'a World, name: &str) -> Vec<&'a Value> {
    world.named("PricePlan", name).flat_map(|plan| versions(plan, world.from)).map(|(_, spec)| spec).collect()
}

/// The plan that a budget names.
pub fn plan_of(spec: &Value) -> &str {
    spec["pricePlan"].as_str().unwrap_or("default")
}

fn version(plan: &Thing, from: Seconds, instant: Seconds) -> Option<&Value> {
    versions(plan, from).into_iter().rev().find(|(since, _)| *since <= instant).map(|(_, spec)| spec)
}

/// Each spec with the instant from which it counts.
fn versions(plan: &Thing, from: Seconds) -> Vec<(Seconds, &Value)> {
    let mut found: Vec<(Seconds, &Value)> = vec![(plan.made(from), &plan.versions[0].1["spec"])];
    for pair in plan.versions.windows(2) {
        let [(_, before), (at, now)] = pair else { unreachable!() };
        let (since, spec) = found[found.len() - 1];
        if &now["spec"] != spec {
            let accepted = written(now).filter(|time| written(before).is_none_or(|before| *time > before));
            found.push((accepted.unwrap_or(*at).max(at - 10).max(since).max(from), &now["spec"]));
        }
    }
    found
}

fn written(plan: &Value) -> Option<Seconds> {
    let entries = plan["metadata"]["managedFields"].as_array().into_iter().flatten();
    entries.into_iter().filter(|entry| entry["subresource"].is_null()).filter_map(|entry| time(&entry["time"])).max()
}
