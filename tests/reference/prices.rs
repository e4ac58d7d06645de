//! Which plan is in force at an instant, and what it calls and charges.

use num_bigint::BigInt;
use num_rational::BigRational;
use serde_json::Value;

use super::Seconds;
use super::amounts::price;
use super::selector::matches;
use super::world::{Thing, World, time};

/// A price by its name, with its unit.
#[derive(Clone, Debug)]
pub struct Rate {
    pub name: String,
    pub price: Option<BigRational>,
    pub unit: String,
    pub factor: BigInt,
    /// Ledger units for one unit of the amount held for one second.
    pub scale: i64,
}

/// The plan's spec at an instant; none where there is no such plan.
pub fn plan_at<'a>(world: &'a World, name: &'a str, instant: Seconds) -> Option<&'a Value> {
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

/// What a resource of a Pod costs on a node with these labels.
pub fn resource(plan: Option<&Value>, node: &Value, resource: &str) -> Rate {
    let (unit, factor, scale) = match resource {
        "cpu" => ("millicore-seconds", BigInt::from(3_600_000), 1),
        "memory" | "ephemeral-storage" => ("byte-seconds", BigInt::from(3600_u64 << 30), 1),
        pages if pages.starts_with("hugepages-") => ("byte-seconds", BigInt::from(3600_u64 << 30), 1),
        _ => ("device-milliseconds", BigInt::from(3_600_000), 1000),
    };
    let (name, price) = priced(plan, node, resource);
    let mut rate = Rate { name, price, unit: unit.to_owned(), factor, scale };
    if let Some(n) = slices(node, resource) {
        rate.name = format!("{}/{n}", rate.name);
        rate.unit = format!("{}/{n}", rate.unit);
        rate.factor *= n;
    }
    rate
}

fn priced(plan: Option<&Value>, node: &Value, resource: &str) -> (String, Option<BigRational>) {
    let Some(plan) = plan else { return (resource.to_owned(), None) };
    let mut classes = plan["nodeClasses"].as_array().into_iter().flatten();
    let class = classes.find(|class| matches(&class["selector"], node));
    let own = class.and_then(|class| Some((class["name"].as_str()?, price(&class["pricesPerHour"][resource])?)));
    match own {
        Some((class, price)) => (format!("{class}/{resource}"), Some(price)),
        None => (resource.to_owned(), price(&plan["pricesPerHour"][resource])),
    }
}

fn slices(node: &Value, resource: &str) -> Option<u64> {
    let replicas = resource.contains('/').then(|| node[format!("{resource}.replicas")].as_str())?;
    replicas?.parse().ok().filter(|n| *n > 1)
}

/// What a claim of a StorageClass costs.
pub fn storage(plan: Option<&Value>, class: &str) -> Rate {
    let mut entries = plan.and_then(|plan| plan["storage"].as_array()).into_iter().flatten();
    let entry =
        entries.find(|entry| entry["className"].is_null() || entry["className"] == class).unwrap_or(&Value::Null);
    let name = entry["className"].as_str().map_or_else(|| "storage".to_owned(), |class| format!("storage/{class}"));
    let gib = BigInt::from(1_u64 << 30);
    if let Some(monthly) = price(&entry["pricePerGiBMonth"]) {
        let factor = gib * (730 * 3600);
        return Rate { name, price: Some(monthly), unit: "byte-seconds/730h".to_owned(), factor, scale: 1 };
    }
    let hourly = price(&entry["pricePerGiBHour"]);
    Rate { name, price: hourly, unit: "byte-seconds".to_owned(), factor: gib * 3600, scale: 1 }
}

/// What a load balancer costs.
pub fn load_balancer(plan: Option<&Value>) -> Rate {
    let price = plan.and_then(|plan| price(&plan["pricePerLoadBalancerHour"]));
    Rate { name: "load-balancer".to_owned(), price, unit: "seconds".to_owned(), factor: 3600.into(), scale: 1 }
}
