//! What an object adds to a ledger: pieces of time in which everything that decides its price stands still.
//!
//! A piece is cut wherever the object, its Node, the Budget, the Namespace's labels or the plan changed. From the same
//! histories come the same pieces, whenever they are asked for: so a late fact is netted by taking the pieces from
//! before it back and adding those from after it.

use std::sync::Arc;

use super::history::History;
use super::item::Item;
use super::ledger::LineKey;
use super::observed::Source;
use super::rate::{OnNode, PriceList, Rates};
use super::sampling::Use;
use super::selector::Selector;
use super::tiers::Regimes;
use super::world::{Node, Plan, World};
use crate::api::Basis;
use crate::facts::{Labels, Name, Seconds, no_amounts, no_labels};

/// What a Budget asks to be metered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Terms {
    pub scope: Scope,
    /// Where present, Pods alone count, and of them those that it picks.
    pub pods: Option<Selector>,
    /// Whether recurring charges count as well; they belong to no Pod.
    pub charges: bool,
    /// What of cpu and memory counts.
    pub basis: Basis,
    /// Whether what is idle of the Nodes counts as well.
    pub idle: bool,
    pub plan: Name,
}

/// A plan, and the basis on which it is used.
pub type By<'a> = (&'a Name, Basis);

/// Which namespaces a Budget covers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scope {
    Namespace(Name),
    Namespaces(Selector),
}

/// Over which time, and under which terms, a ledger is metered.
#[derive(Clone, Debug)]
pub struct Span {
    pub from: Seconds,
    pub until: Seconds,
    /// From when on samples count: what was used before stands in a Statement, whose samples are not known any more.
    pub sampled: Seconds,
    /// `None` while there is no Budget.
    pub terms: History<Option<Terms>>,
}

/// A line that grows by `rate` ledger units a second more from `at` on, and by `step` at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Growth {
    pub line: LineKey,
    pub at: Seconds,
    pub rate: i128,
    pub step: i128,
}

struct Piece<'a> {
    item: &'a Item,
    node: Option<&'a Node>,
    /// Where samples count.
    used: Option<Use<'a>>,
    from: Seconds,
    to: Seconds,
}

/// All that `item` adds to a ledger of this span from `since` on; `sign` is 1, or −1 to take it back. Says how many
/// pieces that took.
pub fn growth(
    world: &World,
    rates: &mut Rates,
    span: &Span,
    item: &Item,
    since: Seconds,
    sign: i128,
    out: &mut Vec<Growth>,
) -> u64 {
    let node = match (item.source, &item.site) {
        (Source::Pods, Some(name)) => world.node(name, item.start),
        _ => None,
    };
    let end = node.map_or(item.end, |node| item.end.min(node.removed));
    let (from, to) = (item.start.max(span.from).max(since), end.min(span.until));
    if from >= to {
        return 0;
    }
    let regimes = Regimes::of(world, span);
    let sampled = |terms: &Terms| terms.basis.is_sampled() && item.source == Source::Pods;
    let sampled = span.terms.within(from, to).flatten().any(sampled);
    let used = sampled.then(|| world.sampling.of(item, end, span.sampled));
    let pieces = pieces(world, span, item, node, used.as_ref(), from, to);
    for (from, to) in &pieces {
        Piece { item, node, used, from: *from, to: *to }.grow(world, rates, span, regimes.as_ref(), sign, out);
    }
    u64::try_from(pieces.len()).unwrap_or(u64::MAX)
}

/// `[from, to)` cut at every change within.
fn pieces(
    world: &World,
    span: &Span,
    item: &Item,
    node: Option<&Node>,
    used: Option<&Use<'_>>,
    from: Seconds,
    to: Seconds,
) -> Vec<(Seconds, Seconds)> {
    let mut cuts = vec![from];
    cuts.extend(used.into_iter().flat_map(|used| used.changes(from, to)));
    cuts.extend(item.held.changes(from, to));
    cuts.extend(span.terms.changes(from, to));
    if let Some(node) = node {
        cuts.extend(node.changes(from, to));
    }
    for terms in span.terms.within(from, to).flatten() {
        let plan = world.plans.get(&terms.plan);
        cuts.extend(plan.into_iter().flat_map(|plan| plan.versions.changes(from, to)));
        let restricted = |plan: &Plan| plan.is_restricted(from, to);
        let by_labels = matches!(terms.scope, Scope::Namespaces(_)) || plan.is_some_and(restricted);
        let namespace = world.namespaces.get(&item.namespace).filter(|_| by_labels);
        cuts.extend(namespace.into_iter().flat_map(|namespace| namespace.labels.changes(from, to)));
    }
    cuts.push(to);
    between(cuts)
}

/// The stretches between instants.
pub fn between(mut cuts: Vec<Seconds>) -> Vec<(Seconds, Seconds)> {
    cuts.sort_unstable();
    cuts.dedup();
    cuts.windows(2).map(|pair| (pair[0], pair[1])).collect()
}

// === impl Growth ===

impl Growth {
    /// What grows by so much a second in `[from, to)`. What runs to the end of the span has no end in it: a ledger is
    /// never read beyond.
    pub fn during(line: LineKey, (from, to): (Seconds, Seconds), rate: i128, span: &Span, out: &mut Vec<Self>) {
        if to < span.until {
            out.push(Self { line: line.clone(), at: to, rate: -rate, step: 0 });
        }
        out.push(Self { line, at: from, rate, step: 0 });
    }
}

// === impl Span ===

impl Span {
    /// `[from, until)` cut where the terms or the plan change, or may be used by the Budget or not.
    pub fn stretches(&self, world: &World, from: Seconds, to: Seconds) -> Vec<(Seconds, Seconds)> {
        if from >= to {
            return Vec::new();
        }
        let mut cuts = vec![from, to];
        cuts.extend(self.terms.changes(from, to));
        for terms in self.terms.within(from, to).flatten() {
            let Some(plan) = world.plans.get(&terms.plan) else { continue };
            cuts.extend(plan.versions.changes(from, to));
            if let (Scope::Namespace(namespace), true) = (&terms.scope, plan.is_restricted(from, to)) {
                let namespace = world.namespaces.get(namespace);
                cuts.extend(namespace.into_iter().flat_map(|namespace| namespace.labels.changes(from, to)));
            }
        }
        between(cuts)
    }

    /// In which parts of `[from, upto)` everything is billed by a plan on a basis.
    pub fn uses(&self, world: &World, by: By<'_>, upto: Seconds) -> Vec<(Seconds, Seconds)> {
        let by_it = |(from, _): &(Seconds, Seconds)| {
            let terms = self.terms.at(*from).and_then(Option::as_ref);
            terms.is_some_and(|terms| terms.charges && terms.by() == by && terms.price_list(world, *from).is_some())
        };
        self.stretches(world, self.from, upto.min(self.until)).into_iter().filter(by_it).collect()
    }
}

// === impl Scope ===

impl Scope {
    /// Whether it covers a namespace at `t`; what is nobody's, if it covers everything.
    pub fn holds(&self, world: &World, namespace: &Name, t: Seconds) -> bool {
        match self {
            Self::Namespace(own) => own == namespace,
            Self::Namespaces(selector) if namespace.is_empty() => selector.is_everything(),
            Self::Namespaces(selector) => selector.matches(&world.namespace_labels(namespace, t)),
        }
    }
}

// === impl Terms ===

impl Terms {
    pub fn by(&self) -> By<'_> {
        (&self.plan, self.basis)
    }

    /// The price list in force; none where the plan is missing, or not for the Budget's namespace (COST_RULES 12).
    pub fn price_list<'a>(&self, world: &'a World, t: Seconds) -> Option<&'a Arc<PriceList>> {
        let list = world.price_list(&self.plan, t)?;
        match (&self.scope, &list.allowed) {
            (Scope::Namespace(namespace), Some(allowed)) => {
                Some(list).filter(|_| allowed.matches(&world.namespace_labels(namespace, t)))
            }
            _ => Some(list),
        }
    }

    fn cover(&self, world: &World, item: &Item, labels: &Labels, t: Seconds) -> bool {
        self.scope.holds(world, &item.namespace, t)
            && self.pods.as_ref().is_none_or(|pods| item.source == Source::Pods && pods.matches(labels))
    }
}

// === impl Piece ===

impl Piece<'_> {
    fn grow(
        &self,
        world: &World,
        rates: &mut Rates,
        span: &Span,
        regimes: Option<&Regimes<'_>>,
        sign: i128,
        out: &mut Vec<Growth>,
    ) {
        let Self { item, node, used, from, to } = *self;
        let (Some(Some(terms)), Some(holding)) = (span.terms.at(from), item.held.at(from)) else { return };
        if !terms.cover(world, item, &holding.labels, from) {
            return;
        }
        let list = terms.price_list(world, from);
        let (unlabelled, unknown) = (no_labels(), no_amounts());
        let on = OnNode {
            labels: node.and_then(|node| node.labels.at(from)).unwrap_or(&unlabelled),
            capacity: node.and_then(|node| node.capacity.at(from)).unwrap_or(&unknown),
        };
        let category = list.and_then(|list| list.category(&holding.labels)).filter(|_| item.is_categorized());
        let billed = match list {
            Some(list) if item.source == Source::Pods => list.billed(&holding.amounts),
            _ => holding.amounts.clone(),
        };
        let used = used.filter(|_| terms.basis.is_sampled());
        let sample = used.as_ref().and_then(|used| used.at(from));
        let billed = if used.is_some() { terms.basis.billed(&billed, sample) } else { billed };
        let mut push = |line: LineKey, per_second| Growth::during(line, (from, to), sign * per_second, span, out);
        if sample.is_none() && used.is_some_and(|used| used.counts(from)) {
            push(LineKey::UNSAMPLED, 1);
        }
        for (resource, amount) in billed.iter() {
            let rate = if item.source == Source::Pods {
                let rate = rates.resource(list, &terms.plan, resource, on, category);
                let graduated = regimes.map(|regimes| regimes.rate(rates, rate, resource, on.labels, from));
                graduated.unwrap_or(rate)
            } else {
                let list = list.map(AsRef::as_ref);
                let Some(held) = item.priced_as(resource, &holding.labels, list) else { continue };
                rates.id(PriceList::rate(list, &terms.plan, held, category))
            };
            let per_second = amount * rates.get(rate).unit.per_second();
            let namespace = Some(&item.namespace).filter(|namespace| !namespace.is_empty()).cloned();
            let line = LineKey { namespace, workload: item.workload.clone(), rate };
            push(line, per_second);
        }
    }
}
