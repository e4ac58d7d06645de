//! What a budget's objects hold at an instant, and at which rates.

use num_bigint::BigInt;
use serde_json::Value;

use super::plans::usable;
use super::pods::Pod;
use super::prices::{self, Rate};
use super::selector::matches;
use super::spells::Owner;
use super::tiers::Tier;
use super::world::{Thing, World};
use super::{Key, Seconds, amounts, categories};

/// What accrues in one second; with tiers it has no price yet.
pub struct Held {
    pub key: Key,
    pub amount: BigInt,
    pub tiers: Vec<Tier>,
    pub goes_on: bool,
    /// Of Pods.
    pub resource: Option<String>,
}

/// What accrues in one second at an instant.
pub fn held_at(world: &World, pods: &[Pod<'_>], owner: &Owner, spec: &Value, instant: Seconds) -> Vec<Held> {
    let name = spec["pricePlan"].as_str().unwrap_or("default");
    let plan = usable(world, owner, name, instant);
    let mut held = Vec::new();
    let mut add = |thing: &Thing, category: String, rate: Rate, amount: &BigInt, resource: Option<String>| {
        let amount = amount * rate.scale;
        let key = Key {
            namespace: thing.namespace().to_owned(),
            plan: Some(name.to_owned()),
            rate: rate.name,
            category,
            unit_price: rate.price,
            unit: rate.unit,
            factor: rate.factor,
            correction: false,
        };
        held.push(Held { key, amount, tiers: rate.tiers, goes_on: rate.goes_on, resource });
    };
    let labels = |thing: &Thing| thing.at(instant)["metadata"]["labels"].clone();
    let counted = |thing: &Thing| {
        let selector = &spec["podSelector"];
        counts(world, owner, spec, thing.namespace(), instant)
            && (selector.is_null() || matches(selector, &labels(thing)))
    };
    for pod in pods.iter().filter(|pod| pod.start <= instant && instant < pod.end && counted(pod.thing)) {
        let node = pod.node_at(world, instant);
        let category = categories::of(plan, &labels(pod.thing), "Compute");
        for (resource, amount) in pod.requests_at(plan, instant) {
            add(pod.thing, category.clone(), prices::resource(plan, node, &resource), &amount, Some(resource));
        }
    }
    if !spec["podSelector"].is_null() {
        return held;
    }
    for claim in world.all("PersistentVolumeClaim").filter(|claim| counted(claim)) {
        let bound = |claim: &Value| claim["status"]["phase"] == "Bound";
        if claim.holds_at(instant, bound) && !claim.lost_by(instant) {
            let now = claim.at(instant);
            let class = now["spec"]["storageClassName"].as_str().unwrap_or("");
            let size = amounts::quantity(&now["spec"]["resources"]["requests"]["storage"]).ceil().to_integer();
            let category = categories::of(plan, &labels(claim), "Storage");
            add(claim, category, prices::storage(plan, class), &size, None);
        }
    }
    for service in world.all("Service").filter(|service| counted(service)) {
        if service.holds_at(instant, |service| service["spec"]["type"] == "LoadBalancer") {
            add(service, "Network".to_owned(), prices::load_balancer(plan), &1.into(), None);
        }
    }
    held
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
