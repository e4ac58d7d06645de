//! What a budget's objects hold at an instant, and at which rates.

use num_bigint::BigInt;
use serde_json::Value;

use super::plans::usable;
use super::pods::Pod;
use super::prices::{self, Rate};
use super::samples::{self, Amounts};
use super::selector::matches;
use super::spells::Owner;
use super::tiers::Tier;
use super::world::{Thing, World};
use super::{Key, Seconds, amounts, categories, devices, objects};

/// What accrues in one second; with tiers it has no price yet.
pub struct Held {
    pub key: Key,
    pub amount: BigInt,
    pub tiers: Vec<Tier>,
    pub goes_on: bool,
    /// Of Pods.
    pub resource: Option<String>,
}

/// What is held at an instant, whosesoever it is.
struct Holding {
    namespace: String,
    category: String,
    rate: Rate,
    amount: BigInt,
    resource: Option<String>,
}

/// What accrues in one second at an instant.
pub fn held_at(world: &World, pods: &[Pod<'_>], owner: &Owner, spec: &Value, instant: Seconds) -> Vec<Held> {
    let name = spec["pricePlan"].as_str().unwrap_or("default");
    let plan = usable(world, owner, name, instant);
    let mut holdings = of_pods(world, pods, plan, spec, instant);
    if spec["podSelector"].is_null() {
        holdings.extend(of_others(world, plan, instant));
    }
    holdings.retain(|one| counts(world, owner, spec, &one.namespace, instant));
    let held = |Holding { namespace, category, rate, amount, resource }| {
        let Rate { name: rate, price: unit_price, unit, factor, scale, tiers, goes_on } = rate;
        let plan = Some(name.to_owned());
        let key = Key { namespace, plan, rate, category, unit_price, unit, factor, correction: false };
        Held { key, amount: amount * scale, tiers, goes_on, resource }
    };
    holdings.into_iter().map(held).collect()
}

fn labels_at(thing: &Thing, instant: Seconds) -> &Value {
    &thing.at(instant)["metadata"]["labels"]
}

fn of_pods(world: &World, pods: &[Pod<'_>], plan: Option<&Value>, spec: &Value, instant: Seconds) -> Vec<Holding> {
    let mut holdings = Vec::new();
    for pod in pods.iter().filter(|pod| pod.start <= instant && instant < pod.end) {
        let labels = labels_at(pod.thing, instant);
        if !spec["podSelector"].is_null() && !matches(&spec["podSelector"], labels) {
            continue;
        }
        let node = pod.node_at(world, instant);
        let namespace = pod.thing.namespace().to_owned();
        let category = categories::of(plan, labels, "Compute");
        let requests = pod.requests_at(plan, instant);
        let used = || samples::used_at(pod, instant);
        for (resource, amount) in on_basis(spec["basis"].as_str().unwrap_or("Requests"), requests, used) {
            let rate = prices::resource(plan, node, &resource);
            let (namespace, category) = (namespace.clone(), category.clone());
            holdings.push(Holding { namespace, category, rate, amount, resource: Some(resource) });
        }
    }
    holdings
}

/// Only cpu and memory follow usage.
fn on_basis(basis: &str, mut requests: Amounts, used: impl Fn() -> Amounts) -> Amounts {
    if basis == "Requests" {
        return requests;
    }
    if basis == "Usage" {
        requests.retain(|resource, _| resource != "cpu" && resource != "memory");
    }
    for (resource, amount) in used() {
        let held = requests.entry(resource).or_default();
        *held = amount.max(held.clone());
    }
    requests
}

fn of_others(world: &World, plan: Option<&Value>, instant: Seconds) -> Vec<Holding> {
    let mut holdings = Vec::new();
    let mut add = |namespace: &str, category: String, rate: Rate, amount: BigInt| {
        holdings.push(Holding { namespace: namespace.to_owned(), category, rate, amount, resource: None });
    };
    for claim in world.all("PersistentVolumeClaim") {
        let bound = |claim: &Value| claim["status"]["phase"] == "Bound";
        if claim.holds_at(instant, bound) && !claim.lost_by(instant) {
            let now = claim.at(instant);
            let class = now["spec"]["storageClassName"].as_str().unwrap_or("");
            let size = amounts::quantity(&now["spec"]["resources"]["requests"]["storage"]).ceil().to_integer();
            let category = categories::of(plan, labels_at(claim, instant), "Storage");
            add(claim.namespace(), category, prices::storage(plan, class), size);
        }
    }
    for service in world.all("Service") {
        if service.holds_at(instant, |service| service["spec"]["type"] == "LoadBalancer") {
            add(service.namespace(), "Network".to_owned(), prices::load_balancer(plan), 1.into());
        }
    }
    for claim in world.all("ResourceClaim") {
        for class in devices::held_at(claim, instant) {
            add(claim.namespace(), "Compute".to_owned(), devices::rate(plan, &class), 1.into());
        }
    }
    for (namespace, category, rate) in objects::held_at(world, plan, instant) {
        add(&namespace, category, rate, 1.into());
    }
    holdings
}

/// Whether a budget counts a namespace at an instant.
pub fn counts(world: &World, owner: &Owner, spec: &Value, namespace: &str, instant: Seconds) -> bool {
    let (kind, own, _) = owner;
    if kind == "Budget" || kind == "Namespace" {
        return namespace == own;
    }
    let selector = &spec["namespaceSelector"];
    let labels = || world.namespace_labels(namespace, instant);
    selector.is_null() || labels().is_some_and(|labels| matches(selector, labels))
}
