//! What a plan calls and charges: the rates of resources, claims and load balancers, net of discounts.

use num_bigint::BigInt;
use num_rational::BigRational;
use num_traits::{One, Zero};
use serde_json::Value;

use super::amounts::{price, quantity};
use super::selector::matches;
use super::tiers::Tier;

/// A price by its name, with its unit.
#[derive(Clone, Debug)]
pub struct Rate {
    pub name: String,
    pub price: Option<BigRational>,
    pub unit: String,
    pub factor: BigInt,
    /// Ledger units for one unit of the amount held for one second.
    pub scale: i64,
    /// Instead of the price.
    pub tiers: Vec<Tier>,
    /// Whether it goes on the budget's position of this resource.
    pub goes_on: bool,
}

/// What a resource of a Pod costs on a node.
pub fn resource(plan: Option<&Value>, node: &Value, resource: &str) -> Rate {
    let (unit, factor, scale) = match resource {
        "cpu" => ("millicore-seconds", BigInt::from(3_600_000), 1),
        bytes if in_bytes(bytes) => ("byte-seconds", BigInt::from(3600_u64 << 30), 1),
        _ => ("device-milliseconds", BigInt::from(3_600_000), 1000),
    };
    let (class, price) = plan.map_or((None, None), |plan| priced(plan, node, resource));
    let price = price.map(|price| net(plan, resource, price));
    let goes_on = class.is_none();
    let name = class.map_or_else(|| resource.to_owned(), |class| format!("{class}/{resource}"));
    let mut rate = Rate { name, price, scale, goes_on, ..Rate::new("", unit, factor) };
    if let Some(n) = slices(node, resource) {
        rate.name = format!("{}/{n}", rate.name);
        rate.unit = format!("{}/{n}", rate.unit);
        rate.factor *= n;
    }
    if goes_on {
        rate.tiers = tiers(plan, resource, &rate.factor);
    }
    rate
}

/// A plan's tiers for a resource, the ends in ledger units.
fn tiers(plan: Option<&Value>, resource: &str, factor: &BigInt) -> Vec<Tier> {
    let listed = plan.and_then(|plan| plan["tiers"][resource].as_array()).into_iter().flatten();
    let tier = |tier: &Value| {
        let up_to = price(&tier["upTo"]).map(|hours| hours * BigRational::from_integer(factor.clone()));
        let up_to = up_to.map(|end| end.is_integer().then(|| end.to_integer()).expect("whole ledger units"));
        Tier { up_to, price: net(plan, resource, price(&tier["price"]).expect("a price")) }
    };
    listed.map(tier).collect()
}

fn in_bytes(resource: &str) -> bool {
    ["memory", "ephemeral-storage"].contains(&resource) || resource.starts_with("hugepages-")
}

/// The class's price with its name if it has one, else the plan's own.
fn priced<'a>(plan: &'a Value, node: &Value, resource: &str) -> (Option<&'a str>, Option<BigRational>) {
    let mut classes = plan["nodeClasses"].as_array().into_iter().flatten();
    let class = classes.find(|class| matches(&class["selector"], &node["metadata"]["labels"]));
    let class = class.unwrap_or(&Value::Null);
    if let Some(own) = price(&class["pricesPerHour"][resource]) {
        return (class["name"].as_str(), Some(own));
    }
    if let Some(whole) = price(&class["pricePerNodeHour"])
        && is_split(resource)
    {
        let worth = worth(plan, node);
        let sum: BigRational = worth.iter().map(|(_, worth)| worth).sum();
        if sum.is_zero() {
            // The class has no price to give, and its rates bear no class's name.
            return (None, None);
        }
        if worth.iter().any(|(name, _)| name == resource) {
            let base = price(&plan["pricesPerHour"][resource]).expect("a base price");
            return (class["name"].as_str(), Some(whole * base / sum));
        }
    }
    (None, price(&plan["pricesPerHour"][resource]))
}

/// Over which resources a node's price is split.
pub fn is_split(resource: &str) -> bool {
    resource == "cpu" || resource == "memory" || resource.contains('/')
}

/// What a node's capacity is worth at the plan's own prices, by resource.
fn worth(plan: &Value, node: &Value) -> Vec<(String, BigRational)> {
    let capacity = capacity(node).into_iter();
    capacity
        .filter_map(|(name, amount)| {
            // Millicores of a core, bytes of a GiB, replicas of a device.
            let unit = match name.as_str() {
                "cpu" => 1000,
                "memory" => 1 << 30,
                _ => slices(node, &name).unwrap_or(1),
            };
            let worth = amount * price(&plan["pricesPerHour"][&name])? / BigRational::from_integer(unit.into());
            Some((name, worth))
        })
        .collect()
}

/// What a node's price is split over, in ledger units.
pub fn capacity(node: &Value) -> Vec<(String, BigRational)> {
    let listed = node["status"]["capacity"].as_object().into_iter().flatten();
    let scale = |name: &str| BigRational::from_integer(if name == "cpu" { 1000 } else { 1 }.into());
    let split = listed.filter(|(name, _)| is_split(name));
    split.map(|(name, value)| (name.clone(), quantity(value) * scale(name))).collect()
}

fn slices(node: &Value, resource: &str) -> Option<u64> {
    let labels = &node["metadata"]["labels"];
    let replicas = resource.contains('/').then(|| labels[format!("{resource}.replicas")].as_str())?;
    replicas?.parse().ok().filter(|n| *n > 1)
}

/// A price less the discounts on what it is for.
pub fn net(plan: Option<&Value>, what: &str, price: BigRational) -> BigRational {
    let discounts = plan.and_then(|plan| plan["discounts"].as_array()).into_iter().flatten();
    let applying = discounts.filter(|discount| {
        let resources = &discount["resources"];
        resources.is_null() || resources.as_array().is_some_and(|named| named.iter().any(|name| name == what))
    });
    applying.fold(price, |price, discount| {
        let percent = super::amounts::price(&discount["percent"]).expect("a percentage");
        price * (BigRational::one() - percent / BigRational::from_integer(100.into()))
    })
}

/// What a claim of a StorageClass costs.
pub fn storage(plan: Option<&Value>, class: &str) -> Rate {
    let mut entries = plan.and_then(|plan| plan["storage"].as_array()).into_iter().flatten();
    let entry =
        entries.find(|entry| entry["className"].is_null() || entry["className"] == class).unwrap_or(&Value::Null);
    let name = entry["className"].as_str().map_or_else(|| "storage".to_owned(), |class| format!("storage/{class}"));
    let gib = BigInt::from(1_u64 << 30);
    let price = |field: &str| price(&entry[field]).map(|price| net(plan, "storage", price));
    match price("pricePerGiBMonth") {
        Some(month) => Rate { price: Some(month), ..Rate::new(&name, "byte-seconds/730h", gib * (730 * 3600)) },
        None => Rate { price: price("pricePerGiBHour"), ..Rate::new(&name, "byte-seconds", gib * 3600) },
    }
}

/// What a load balancer costs.
pub fn load_balancer(plan: Option<&Value>) -> Rate {
    let price = plan.and_then(|plan| price(&plan["pricePerLoadBalancerHour"]));
    let price = price.map(|price| net(plan, "load-balancer", price));
    Rate { price, ..Rate::new("load-balancer", "seconds", 3600.into()) }
}

// === impl Rate ===

impl Rate {
    /// Without a price.
    pub fn new(name: &str, unit: &str, factor: BigInt) -> Self {
        let (name, unit) = (name.to_owned(), unit.to_owned());
        Self { name, price: None, unit, factor, scale: 1, tiers: Vec::new(), goes_on: false }
    }
}
