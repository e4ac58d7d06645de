//! The lines of each Statement: what was known when it closed, and what was found later.

use std::collections::BTreeMap;

use num_bigint::BigInt;
use num_traits::Zero;
use serde_json::Value;

use super::pods::Pod;
use super::prices::{self, Rate, plan_at};
use super::selector::matches;
use super::spells::{Closing, Owner, Statement, statements};
use super::world::{Known, Thing, World, events};
use super::{Bill, Input, Key, Seconds};

type Lines = BTreeMap<Key, BigInt>;

pub fn bills(input: &Input) -> BTreeMap<(String, String), Bill> {
    let events = events(input);
    let worlds: Vec<_> = (0..=events.len()).map(|known| World::of(&events[..known], input.from)).collect();
    let statements = statements(&worlds[events.len()], input);
    let known = |statement: &Statement| known_at_closing(statement, &events);
    let mut lines: Vec<_> = statements.iter().map(|one| metered(&worlds[known(one)], one)).collect();
    for (i, statement) in statements.iter().enumerate() {
        let mut before = metered(&worlds[known(statement)], statement);
        for later in known(statement)..events.len() {
            let after = metered(&worlds[later + 1], statement);
            if let Some(open) = open_at(&statements, statement, events[later].at).filter(|open| *open != i) {
                correct(&mut lines[open], &after, &before);
            }
            before = after;
        }
    }
    let bill = |(statement, lines): (&Statement, Lines)| {
        let closed_at = Some(statement.closes.instant()).filter(|at| *at <= input.to);
        let (period, currency) = (statement.period.clone(), statement.currency.clone());
        let lines = lines.into_iter().filter(|(_, quantity)| !quantity.is_zero()).collect();
        let bill = Bill { label: period.label, start: period.start, end: period.end, currency, closed_at, lines };
        ((statement.namespace.clone(), statement.name.clone()), bill)
    };
    statements.iter().zip(lines).map(bill).collect()
}

/// How many events a Statement nets.
fn known_at_closing(statement: &Statement, events: &[Known]) -> usize {
    let decides = |event: &&Known| ["Budget", "ClusterBudget", "PricePlan", "Namespace"].contains(&event.kind.as_str());
    let (at, edited) = match statement.closes {
        Closing::Time(at) => (at, false),
        Closing::Event(at) | Closing::Gone(at) => (at, true),
    };
    let own = |event: &Known| {
        event.kind == statement.owner.0 && event.object["metadata"]["name"] == statement.owner.2.as_str()
    };
    let own = |event: &Known| event.at == at && !event.given && own(event);
    if let Some(edit) = events.iter().position(own).filter(|_| edited) {
        return edit;
    }
    let later = |event: &&Known| event.at >= at && !event.given;
    let first = events.iter().position(|event| later(&event) && (!edited || decides(&event)));
    first.unwrap_or(events.len())
}

/// The Statement of the same budget and currency that is open at an instant; of two, the one that closes first.
fn open_at(statements: &[Statement], closed: &Statement, at: Seconds) -> Option<usize> {
    let siblings = statements.iter().enumerate().filter(|(_, one)| one.owner == closed.owner);
    let begun = siblings.filter(|(_, one)| one.windows[0].0 <= at && at < one.closes.instant());
    let (i, open) = begun.min_by_key(|(_, one)| one.closes.instant())?;
    (open.currency == closed.currency).then_some(i)
}

fn correct(lines: &mut Lines, after: &Lines, before: &Lines) {
    let added = after.iter().map(|(key, quantity)| (key.clone(), quantity.clone()));
    let taken_back = before.iter().map(|(key, quantity)| (key.clone(), -quantity));
    for (mut key, quantity) in added.chain(taken_back) {
        key.correction = true;
        *lines.entry(key).or_default() += quantity;
    }
}

/// Integrates over a Statement's time, one stretch without change after the other.
fn metered(world: &World, statement: &Statement) -> Lines {
    let mut lines = Lines::new();
    let pods: Vec<_> = world.all("Pod").filter_map(|pod| Pod::of(pod, world)).collect();
    for (from, to, spec) in &statement.windows {
        let inner = world.instants.range(from + 1..(*to).max(from + 1));
        let edges: Vec<_> = std::iter::once(from).chain(inner).chain([to]).copied().collect();
        for edge in edges.windows(2) {
            let held = held_at(world, &pods, &statement.owner, spec, edge[0]);
            for (key, amount) in held {
                *lines.entry(key).or_default() += amount * (edge[1] - edge[0]);
            }
        }
    }
    lines
}

/// What accrues in one second at an instant.
fn held_at(world: &World, pods: &[Pod<'_>], owner: &Owner, spec: &Value, instant: Seconds) -> Vec<(Key, BigInt)> {
    let name = spec["pricePlan"].as_str().unwrap_or("default");
    let plan = plan_at(world, name, instant);
    let mut held = Vec::new();
    let mut add = |thing: &Thing, rate: Rate, amount: &BigInt| {
        let amount = amount * rate.scale;
        let key = Key {
            namespace: thing.namespace().to_owned(),
            plan: Some(name.to_owned()),
            rate: rate.name,
            unit_price: rate.price,
            unit: rate.unit,
            factor: rate.factor,
            correction: false,
        };
        held.push((key, amount));
    };
    let counted = |thing: &Thing| counts(world, owner, spec, thing, instant);
    for pod in pods.iter().filter(|pod| pod.start <= instant && instant < pod.end && counted(pod.thing)) {
        let node = pod.node_labels_at(world, instant);
        for (resource, amount) in pod.requests_at(instant) {
            add(pod.thing, prices::resource(plan, node, resource), amount);
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
            let size = super::amounts::quantity(&now["spec"]["resources"]["requests"]["storage"]).ceil().to_integer();
            add(claim, prices::storage(plan, class), &size);
        }
    }
    for service in world.all("Service").filter(|service| counted(service)) {
        if service.holds_at(instant, |service| service["spec"]["type"] == "LoadBalancer") {
            add(service, prices::load_balancer(plan), &1.into());
        }
    }
    held
}

/// Whether a budget counts an object at an instant.
fn counts(world: &World, owner: &Owner, spec: &Value, thing: &Thing, instant: Seconds) -> bool {
    let (kind, namespace, _) = owner;
    let labels = |thing: &Thing| thing.at(instant)["metadata"]["labels"].clone();
    let inside = if kind == "Budget" {
        thing.namespace() == namespace
    } else {
        let selector = &spec["namespaceSelector"];
        let mut named = world.named("Namespace", thing.namespace()).filter(|one| one.lives_at(instant));
        selector.is_null() || named.next().is_some_and(|one| matches(selector, &labels(one)))
    };
    inside && (spec["podSelector"].is_null() || matches(&spec["podSelector"], &labels(thing)))
}
