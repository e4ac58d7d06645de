//! When a Pod is billed, where it runs, and what it holds at an instant.

use serde_json::Value;

use super::Seconds;
use super::requests::{effective, listed};
use super::samples::{self, Amounts};
use super::world::{Thing, World, deletion_limit, time};

/// A Pod that was bound to a node.
pub struct Pod<'a> {
    pub thing: &'a Thing,
    pub start: Seconds,
    pub end: Seconds,
    pub node: &'a str,
    bound: Vec<(Seconds, Amounts)>,
    pub samples: Vec<(Seconds, Amounts)>,
}

impl<'a> Pod<'a> {
    /// None while it waits for a node.
    pub fn of(thing: &'a Thing, world: &World) -> Option<Self> {
        let newest = thing.newest();
        let node = node_name(newest)?;
        let (first_seen, _) = thing.versions[0];
        let start = start(newest).unwrap_or(first_seen);
        let removed = world.named("Node", node).filter_map(|node| node.gone).filter(|gone| *gone >= start).min();
        let ends = [thing.gone, terminal(thing), deletion(thing), removed];
        let end = ends.into_iter().flatten().min().unwrap_or(Seconds::MAX);
        let bound = thing.versions.iter().filter(|(_, pod)| node_name(pod).is_some());
        let bound = bound.map(|(at, pod)| (*at, effective(pod))).collect();
        Some(Self { thing, start, end, node, bound, samples: samples::of(world, thing) })
    }

    /// What it holds: the first bound version counts from the start, and a plan's minimum at least.
    pub fn requests_at(&self, plan: Option<&Value>, instant: Seconds) -> Amounts {
        let seen = self.bound.iter().rev().find(|(at, _)| *at <= instant);
        let mut requests = seen.unwrap_or(&self.bound[0]).1.clone();
        for (resource, least) in plan.map(|plan| listed(&plan["minimumPerPod"])).unwrap_or_default() {
            let amount = requests.entry(resource).or_default();
            *amount = least.max(amount.clone());
        }
        requests
    }

    /// The node it runs on, as it is then.
    pub fn node_at(&self, world: &'a World, instant: Seconds) -> &'a Value {
        let node = world.named("Node", self.node).find(|node| node.lives_at(instant));
        node.map_or(&Value::Null, |node| node.at(instant))
    }
}

fn node_name(pod: &Value) -> Option<&str> {
    pod["spec"]["nodeName"].as_str().filter(|name| !name.is_empty())
}

fn start(pod: &Value) -> Option<Seconds> {
    let conditions = pod["status"]["conditions"].as_array().into_iter().flatten();
    let scheduled = conditions.into_iter().find(|one| one["type"] == "PodScheduled" && one["status"] == "True");
    scheduled
        .and_then(|one| time(&one["lastTransitionTime"]))
        .or_else(|| time(&pod["status"]["startTime"]))
        .or_else(|| time(&pod["metadata"]["creationTimestamp"]))
}

fn terminal(thing: &Thing) -> Option<Seconds> {
    let ended = |pod: &Value| ["Succeeded", "Failed"].map(Value::from).contains(&pod["status"]["phase"]);
    let (at, pod) = thing.versions.iter().find(|(_, pod)| ended(pod))?;
    let lists = ["containerStatuses", "initContainerStatuses", "ephemeralContainerStatuses"];
    let containers = lists.iter().filter_map(|list| pod["status"][list].as_array()).flatten();
    let finished = containers.filter_map(|one| time(&one["state"]["terminated"]["finishedAt"])).max();
    Some(finished.unwrap_or(*at))
}

/// The end of the grace period. A version that shortens it does so from when it is seen.
fn deletion(thing: &Thing) -> Option<Seconds> {
    let mut limits = thing.versions.iter().filter_map(|(at, pod)| Some((*at, deletion_limit(pod)?)));
    let (_, first) = limits.next()?;
    Some(limits.fold(first, |limit, (at, next)| limit.min(next.max(at))))
}
