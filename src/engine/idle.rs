//! What of the Nodes nobody requests: per Node and resource what is left of its capacity, at the Node's own price, at
//! every instant (COST_RULES 21).
//!
//! It is metered like everything else: from the histories of a Node and of the Pods on it come the same pieces, whenever
//! they are asked for, so that a Pod that comes, goes or changes is a difference of what its Node had left.

use super::item::Item;
use super::ledger::LineKey;
use super::meter::{Growth, Span, between};
use super::node_price::is_split_over;
use super::observed::Tag;
use super::rate::{OnNode, PriceList, Rates};
use super::world::{Node, World};
use crate::facts::{Name, Seconds};

/// A Node for as long as it lives under one name, with the Pods on it.
struct Hosting<'a> {
    node: &'a Node,
    /// With when they end.
    pods: Vec<(&'a Item, Seconds)>,
}

/// What of which Node is asked for: from when on, and when its Pods end.
#[derive(Clone, Copy)]
struct Reach<'a> {
    node: &'a Name,
    since: Seconds,
    end: &'a dyn Fn(&Item) -> Seconds,
}

/// All that a Node's idle capacity adds to a ledger of this span from `since` on; `sign` is 1, or −1 to take it back.
/// Says how many pieces that took.
pub fn growth(
    world: &World,
    rates: &mut Rates,
    span: &Span,
    node: &Name,
    since: Seconds,
    sign: i128,
    out: &mut Vec<Growth>,
) -> u64 {
    let reach = Reach { node, since, end: &|pod| pod.end };
    reach.growth(world, rates, span, sign, out)
}

/// The same for a ledger of which it is known how it stood at `recent`: what that did not have yet of the Pods that
/// ended before then is `news`, and bears the newest of their tags.
pub fn known_growth(
    world: &World,
    rates: &mut Rates,
    span: &Span,
    node: &Name,
    recent: Seconds,
    news: impl Fn(&Item) -> Option<Tag>,
) -> Vec<(Growth, Tag)> {
    let newly = |pod: &Item| news(pod).filter(|_| pod.end < recent);
    let end = |pod: &Item| if newly(pod).is_some() { recent } else { pod.end };
    let mut known = Vec::new();
    Reach { node, since: Seconds::MIN, end: &end }.growth(world, rates, span, 1, &mut known);
    let Some(tag) = world.on_node(node).filter_map(newly).max_by_key(|tag| tag.version) else {
        return known.into_iter().map(|growth| (growth, Tag::KNOWN)).collect();
    };
    let mut learned = Vec::new();
    Reach { node, since: Seconds::MIN, end: &end }.growth(world, rates, span, -1, &mut learned);
    growth(world, rates, span, node, Seconds::MIN, 1, &mut learned);
    let known = known.into_iter().map(|growth| (growth, Tag::KNOWN));
    known.chain(learned.into_iter().map(|growth| (growth, tag))).collect()
}

// === impl Reach ===

impl Reach<'_> {
    fn growth(&self, world: &World, rates: &mut Rates, span: &Span, sign: i128, out: &mut Vec<Growth>) -> u64 {
        let Self { node, since, end } = *self;
        let mut pieces = 0;
        for life in world.nodes.get(node).into_iter().flatten() {
            let (from, to) = (life.created.max(span.from).max(since), life.removed.min(span.until));
            if from >= to {
                continue;
            }
            let hosting = Hosting::of(world, node, life, (from, to), end);
            for (from, to) in hosting.pieces(world, span, from, to) {
                hosting.grow(world, rates, span, (from, to), sign, out);
                pieces += 1;
            }
        }
        pieces
    }
}

// === impl Hosting ===

impl<'a> Hosting<'a> {
    fn of(
        world: &'a World,
        name: &Name,
        node: &'a Node,
        (from, to): (Seconds, Seconds),
        end: &dyn Fn(&Item) -> Seconds,
    ) -> Self {
        let on_it = |(pod, end): &(&Item, Seconds)| {
            pod.start < to && from < *end && world.node(name, pod.start).is_some_and(|of| of.id == node.id)
        };
        Self { node, pods: world.on_node(name).map(|pod| (pod, end(pod))).filter(on_it).collect() }
    }

    /// `[from, to)` cut at every change within.
    fn pieces(&self, world: &World, span: &Span, from: Seconds, to: Seconds) -> Vec<(Seconds, Seconds)> {
        let mut cuts = vec![from, to];
        cuts.extend(self.node.changes(from, to));
        cuts.extend(span.terms.changes(from, to));
        for terms in span.terms.within(from, to).flatten() {
            cuts.extend(world.plans.get(&terms.plan).into_iter().flat_map(|plan| plan.versions.changes(from, to)));
        }
        for (pod, end) in &self.pods {
            cuts.extend(pod.held.changes(from, to));
            cuts.extend([pod.start, *end].into_iter().filter(|t| from < *t && *t < to));
        }
        between(cuts)
    }

    fn grow(
        &self,
        world: &World,
        rates: &mut Rates,
        span: &Span,
        (from, to): (Seconds, Seconds),
        sign: i128,
        out: &mut Vec<Growth>,
    ) {
        let Some(Some(terms)) = span.terms.at(from) else { return };
        let Some(list) = world.price_list(&terms.plan, from).filter(|_| terms.idle) else { return };
        let (Some(labels), Some(capacity)) = (self.node.labels.at(from), self.node.capacity.at(from)) else { return };
        for (resource, amount) in capacity.iter().filter(|(resource, _)| is_split_over(resource)) {
            let Some(rate) = rates.idle(list, &terms.plan, resource, OnNode { labels, capacity }) else { continue };
            let idle = (amount - self.requested(list, resource, from)).max(0) * rates.get(rate).unit.per_second();
            if idle == 0 {
                continue;
            }
            let line = LineKey { namespace: None, workload: None, rate };
            Growth::during(line, (from, to), sign * idle, span, out);
        }
    }

    /// What the Pods that are billed at `t` request together.
    fn requested(&self, list: &PriceList, resource: &Name, t: Seconds) -> i128 {
        let billed = self.pods.iter().filter(|(pod, end)| pod.start <= t && t < *end);
        let amount = |(pod, _): &(&Item, Seconds)| Some(list.billed_of(resource, &pod.held.at(t)?.amounts));
        billed.filter_map(amount).sum()
    }
}
