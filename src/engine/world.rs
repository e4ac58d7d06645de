//! What is known of the cluster: metered objects, and the nodes, namespaces and plans that decide their price.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use litemap::LiteMap;

use super::history::History;
use super::item::{Held, Holding, Item, NEVER};
use super::rate::{IDLE, PriceList, Rate};
use super::recurring::{Bearers, Charge};
use super::sampling::Sampling;
use super::share::SHARED;
use super::sharing::SharedNamespaces;
use crate::facts::{Amounts, Labels, Name, NamespaceFact, NodeFact, ObjectId, Sample, Seconds, UNDATED, no_labels};

/// Everything observed that metering depends on.
#[derive(Debug, Default)]
pub struct World {
    /// By Namespace, nobody's under none. Pods and all else alike: a UID is one object's alone.
    pub items: HashMap<Name, LiteMap<ObjectId, Box<Item>>>,
    /// The Pods on each Node, by Namespace and identity.
    hosted: HashMap<Name, Vec<(Name, ObjectId)>>,
    pub nodes: HashMap<Name, Vec<Node>>,
    pub namespaces: HashMap<Name, Namespace>,
    pub plans: HashMap<Name, Plan>,
    pub sampling: Sampling,
    names: HashSet<Name>,
    /// Labels and amounts in use: the Pods of a workload share one set of each.
    labels: HashSet<Labels>,
    amounts: HashSet<Amounts>,
}

/// One Node for as long as it existed; one that comes back under the name is another.
#[derive(Clone, Debug)]
pub struct Node {
    pub id: ObjectId,
    pub created: Seconds,
    pub labels: History<Labels>,
    /// What it has in all, whoever uses it: the node's price is split over it.
    pub capacity: History<Amounts>,
    /// When it was removed, or [`NEVER`].
    pub removed: Seconds,
}

/// A Namespace's labels, and when it existed.
#[derive(Clone, Debug)]
pub struct Namespace {
    pub id: ObjectId,
    pub labels: History<Labels>,
    /// From its creation to its removal, or [`NEVER`]; once more for each time that it was made again.
    pub lives: Vec<(Seconds, Seconds)>,
}

/// A PricePlan's versions. `None` holds while it is deleted.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    pub versions: History<Option<Arc<PriceList>>>,
}

// === impl World ===

impl World {
    /// The one shared copy of a name.
    pub fn name(&mut self, name: &Name) -> Name {
        if let Some(known) = self.names.get(name) {
            return known.clone();
        }
        self.names.insert(name.clone());
        name.clone()
    }

    /// The one shared copy of a set of labels.
    fn shared(&mut self, labels: &Labels) -> Labels {
        if let Some(known) = self.labels.get(labels) {
            return known.clone();
        }
        let named = labels.iter().map(|(key, value)| (self.name(key), self.name(value)));
        let labels = Arc::new(named.collect());
        self.labels.insert(Labels::clone(&labels));
        labels
    }

    /// The one shared copy of some amounts.
    fn shared_amounts(&mut self, amounts: &Amounts) -> Amounts {
        if let Some(known) = self.amounts.get(amounts) {
            return known.clone();
        }
        let named = amounts.iter().map(|(resource, amount)| (self.name(resource), *amount));
        let amounts: Amounts = named.collect();
        self.amounts.insert(amounts.clone());
        amounts
    }

    /// The same with the shared copies of labels and amounts.
    fn share(&mut self, holding: &Holding) -> Holding {
        Holding { labels: self.shared(&holding.labels), amounts: self.shared_amounts(&holding.amounts) }
    }

    pub fn item(&self, namespace: &str, id: ObjectId) -> Option<&Item> {
        self.items.get(namespace)?.get(&id).map(Box::as_ref)
    }

    /// An item as it is now, holding from `from` on what is held now: before, what it held if it is known.
    pub fn put(&mut self, id: ObjectId, mut item: Item, from: Seconds) {
        item.namespace = self.name(&item.namespace);
        item.site = item.site.as_ref().map(|site| self.name(site));
        item.workload = item.workload.as_ref().map(|w| self.name(w));
        item.held = Held::Always(self.share(item.held.last()));
        let members = self.items.entry(item.namespace.clone()).or_default();
        if let Some(known) = members.get_mut(&id) {
            known.go_on(item, from);
            return;
        }
        self.sampling.meet(&item, id);
        if from > item.start {
            item.held = Held::starting(from, item.held.last());
        }
        if let Some(node) = item.node() {
            self.hosted.entry(node.clone()).or_default().push((item.namespace.clone(), id));
        }
        members.insert(id, Box::new(item));
    }

    /// The items that a new sample of a Pod tells of; none where it is known.
    pub fn sampled(&mut self, namespace: &Name, pod: ObjectId, sample: &Sample) -> Option<Vec<ObjectId>> {
        let present = self.items.get(namespace).into_iter().flatten();
        self.sampling.touches(namespace, pod, sample, present.map(|(id, item)| (id, item.as_ref())))
    }

    pub fn remove(&mut self, namespace: &str, id: ObjectId) {
        let Some(members) = self.items.get_mut(namespace) else { return };
        let removed = members.remove(&id);
        if members.is_empty() {
            self.items.remove(namespace);
        }
        let Some(item) = removed else { return };
        self.sampling.part(&item, id);
        if let Some(node) = item.node()
            && let Some(hosted) = self.hosted.get_mut(node)
        {
            hosted.retain(|(_, other)| *other != id);
            if hosted.is_empty() {
                self.hosted.remove(node);
            }
        }
    }

    /// The Pods on the Nodes of this name.
    pub fn on_node(&self, node: &str) -> impl Iterator<Item = &Item> {
        self.hosted_on(node).iter().filter_map(|(namespace, id)| self.item(namespace, *id))
    }

    /// The same by Namespace and identity.
    pub fn hosted_on(&self, node: &str) -> &[(Name, ObjectId)] {
        self.hosted.get(node).map_or(&[], Vec::as_slice)
    }

    /// Forgets what went before `t` and the names that nothing bears any more.
    pub fn sweep(&mut self, t: Seconds) {
        if self.nodes.values().flatten().any(|life| life.removed <= t) {
            let hosted = &self.hosted;
            self.nodes.retain(|name, lives| {
                lives.retain(|life| life.removed > t || hosted.contains_key(name));
                !lives.is_empty()
            });
        }
        let (items, plans) = (&self.items, &self.plans);
        // What a shared one has cost is still borne.
        let shared = |namespace: &Namespace| {
            let mut rules = plans.values().flat_map(Plan::rules);
            rules.any(|rule| namespace.labels.last().is_some_and(|labels| rule.selector.matches(labels)))
        };
        self.namespaces.retain(|name, namespace| namespace.gone() > t || items.contains_key(name) || shared(namespace));
        self.labels.retain(|labels| Arc::strong_count(labels) > 1);
        self.amounts.retain(|amounts| Arc::strong_count(amounts) > 1);
        self.names.retain(|name| Name::strong_count(name) != Some(1));
    }

    /// Forgets how objects, Nodes, Namespaces and plans were before `t`.
    pub fn forget_before(&mut self, t: Seconds) {
        self.items.values_mut().flatten().for_each(|(_, item)| item.forget_before(t));
        for life in self.nodes.values_mut().flatten() {
            life.labels.forget_before(t);
            life.capacity.forget_before(t);
        }
        for namespace in self.namespaces.values_mut() {
            namespace.labels.forget_before(t);
            let past = namespace.lives.iter().take_while(|(_, removed)| *removed <= t).count();
            namespace.lives.drain(..past.min(namespace.lives.len().saturating_sub(1)));
        }
        self.plans.values_mut().for_each(|plan| plan.versions.forget_before(t));
    }

    /// A Node as of `at`. Its first labels and capacity hold for the time before as well (COST_RULES 13).
    pub fn put_node(&mut self, id: ObjectId, node: &NodeFact, at: Seconds) {
        let (name, labels) = (self.name(&node.name), self.shared(&node.labels));
        let capacity = self.shared_amounts(&node.capacity);
        let lives = self.nodes.entry(name).or_default();
        match lives.iter_mut().find(|life| life.id == id) {
            Some(life) => {
                life.labels.set(at, labels);
                life.capacity.set(at, capacity);
            }
            None => lives.push(Node {
                id,
                created: if node.created == UNDATED { at } else { node.created },
                labels: History::starting(Seconds::MIN, labels),
                capacity: History::starting(Seconds::MIN, capacity),
                removed: NEVER,
            }),
        }
    }

    pub fn remove_node(&mut self, id: ObjectId, name: &str, at: Seconds) {
        let life = self.nodes.get_mut(name).into_iter().flatten().find(|life| life.id == id);
        if let Some(life) = life {
            life.removed = life.removed.min(at);
        }
    }

    /// The Node on which something that started at `start` lives: the first under this name not gone before. What starts
    /// in the second in which it goes is the old one's, and ended, be there another that came in that second.
    pub fn node(&self, name: &str, start: Seconds) -> Option<&Node> {
        let there = || self.nodes.get(name).into_iter().flatten().filter(|life| life.removed >= start);
        // One that came back under the name may be seen before the old one's end is.
        let going = there().any(|life| life.removed == start);
        let newest = there().rfind(|life| life.created < start || life.created == start && !going);
        newest.or_else(|| there().next())
    }

    /// A Namespace as of `at`. Its first labels hold for the time before as well; one that is made again under the
    /// name goes on from there.
    pub fn put_namespace(&mut self, id: ObjectId, fact: &NamespaceFact, at: Seconds) {
        let created = if fact.created == UNDATED { at } else { fact.created.min(at) };
        if let Some(known) = self.namespaces.get_mut(&fact.name) {
            known.labels.set(at, fact.labels.clone());
            if known.id != id || known.gone() != NEVER {
                known.remove(created);
                known.lives.push((created, NEVER));
            }
            known.id = id;
        } else {
            let labels = History::starting(Seconds::MIN, fact.labels.clone());
            self.namespaces.insert(fact.name.clone(), Namespace { id, labels, lives: vec![(created, NEVER)] });
        }
    }

    /// It is gone; its labels are still needed by what is learned late of its objects.
    pub fn remove_namespace(&mut self, name: &str, at: Seconds) {
        if let Some(namespace) = self.namespaces.get_mut(name) {
            namespace.remove(at);
        }
    }

    /// A Namespace's labels; one that was never seen has none.
    pub fn namespace_labels(&self, namespace: &str, t: Seconds) -> Labels {
        self.namespaces.get(namespace).and_then(|n| n.labels.at(t)).cloned().unwrap_or_else(no_labels)
    }

    /// All recurring charges of all versions of plans.
    pub fn charges(&self) -> impl Iterator<Item = &Charge> {
        self.lists().flat_map(|list| &list.recurring)
    }

    /// Every version of every plan.
    pub fn lists(&self) -> impl Iterator<Item = &Arc<PriceList>> {
        self.plans.values().flat_map(|plan| plan.versions.iter().filter_map(|(_, list)| list.as_ref()))
    }

    /// Whether any version of the rate's plan divides that charge by usage, or it is a part of what is shared.
    pub fn is_divided(&self, rate: &Rate) -> bool {
        let charges = self.plans.get(&rate.plan).into_iter().flat_map(Plan::charges);
        let mut charges = charges.filter(|charge| charge.name == rate.name);
        rate.name.starts_with(IDLE)
            || rate.name.starts_with(SHARED)
            || charges.any(|charge| matches!(charge.bearers, Bearers::Usage(_)))
    }

    /// The price list in force.
    pub fn price_list(&self, plan: &str, t: Seconds) -> Option<&Arc<PriceList>> {
        self.plans.get(plan)?.versions.at(t)?.as_ref()
    }
}

// === impl Namespace ===

impl Namespace {
    /// When it was made first.
    pub fn made(&self) -> Seconds {
        self.lives.first().map_or(NEVER, |(created, _)| *created)
    }

    /// When it was removed, or [`NEVER`].
    pub fn gone(&self) -> Seconds {
        self.lives.last().map_or(Seconds::MIN, |(_, removed)| *removed)
    }

    pub fn is_there(&self, t: Seconds) -> bool {
        self.lives.iter().any(|(created, removed)| *created <= t && t < *removed)
    }

    fn remove(&mut self, at: Seconds) {
        if let Some((created, removed)) = self.lives.last_mut() {
            *removed = (*removed).min(at.max(*created));
        }
    }
}

// === impl Plan ===

impl Plan {
    /// Whether any version has graduated prices.
    pub fn is_graduated(&self) -> bool {
        self.versions.iter().any(|(_, list)| list.as_ref().is_some_and(|list| !list.tiers.is_empty()))
    }

    /// Whether what everybody uses has to be known to bill by any version.
    pub fn shares(&self) -> bool {
        self.versions.iter().any(|(_, list)| list.as_ref().is_some_and(|list| list.shares()))
    }

    /// Which namespaces are shared, by each version.
    pub fn rules(&self) -> impl Iterator<Item = &SharedNamespaces> {
        let lists = self.versions.iter().filter_map(|(_, list)| list.as_ref());
        lists.filter_map(|list| list.sharing.as_ref()?.namespaces.as_ref())
    }

    /// Whether any version says who bears what is nobody's own.
    pub fn has_rules(&self) -> bool {
        self.versions.iter().any(|(_, list)| list.as_ref().is_some_and(|list| list.sharing.is_some()))
    }

    /// Whether any version in force in `[from, to)` is not for all namespaces.
    pub fn is_restricted(&self, from: Seconds, to: Seconds) -> bool {
        self.versions.within(from, to).flatten().any(|list| list.allowed.is_some())
    }

    /// All recurring charges of all versions.
    pub fn charges(&self) -> impl Iterator<Item = &Charge> {
        let lists = self.versions.iter().filter_map(|(_, list)| list.as_ref());
        lists.flat_map(|list| &list.recurring)
    }
}

// === impl Node ===

impl Node {
    /// Whether it was last as this version has it.
    pub fn is(&self, node: &NodeFact) -> bool {
        self.labels.last() == Some(&node.labels) && self.capacity.last() == Some(&node.capacity)
    }

    /// Instants of change within `(from, to)`.
    pub fn changes(&self, from: Seconds, to: Seconds) -> impl Iterator<Item = Seconds> + '_ {
        self.labels.changes(from, to).chain(self.capacity.changes(from, to))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(cpu: i128) -> NodeFact {
        let capacity = Amounts::from([("cpu".into(), cpu)]);
        NodeFact { name: "n1".into(), labels: no_labels(), capacity, created: 50, problems: Vec::new() }
    }

    #[test]
    fn a_first_capacity_holds_for_the_time_before() {
        let mut world = World::default();
        world.put_node(ObjectId::new(1), &node(4000), 100);
        world.put_node(ObjectId::new(1), &node(8000), 200);
        world.put_node(ObjectId::new(1), &node(8000), 300);
        let life = world.node("n1", 0).unwrap();
        let cpu = |t| life.capacity.at(t).map(|amounts| amounts[0].1);
        assert_eq!([cpu(0), cpu(199), cpu(200)], [Some(4000), Some(4000), Some(8000)]);
        assert_eq!(life.changes(0, 400).collect::<Vec<_>>(), [200]);
        assert!(life.is(&node(8000)) && !life.is(&node(4000)));
    }

    #[test]
    fn a_pod_lives_on_the_node_that_was_there_when_it_started() {
        let mut world = World::default();
        let (old, new) = (ObjectId::new(1), ObjectId::new(2));
        world.put_node(old, &node(4000), 100);
        world.put_node(new, &NodeFact { created: 200, ..node(4000) }, 200);
        let on = |world: &World, start| world.node("n1", start).unwrap().id;
        // The old one's end is not known yet.
        assert_eq!([100, 199, 200, 201].map(|start| on(&world, start)), [old, old, new, new]);
        world.remove_node(old, "n1", 200);
        assert_eq!([100, 199, 200, 201].map(|start| on(&world, start)), [old, old, old, new]);
    }
}
