//! What costs something: objects in, growth of ledgers out.
//!
//! Every change is one difference: what the objects it touches added before is taken back, what they add after it is
//! added. What is the same in both cancels, so a late fact nets exactly, however late it comes.

use super::change::Touched;
use super::{BudgetState, Machine, NamespaceState, Relist};
use crate::engine::budget::BudgetKey;
use crate::engine::item::{Item, NEVER};
use crate::engine::meter::Scope;
use crate::engine::observed::{Source, Tag};
use crate::engine::recurring::{Bearers, Charge};
use crate::engine::selector::Selector;
use crate::facts::{
    ClaimFact, DeviceClaimFact, Labels, Name, NamespaceFact, NodeFact, ObjectId, OwnerFact, OwnerRef, PodFact, Problem,
    Seconds, ServiceFact, UNDATED,
};

/// How long a deleted object is kept: a price edit may take effect a little before it was seen.
const GONE: Seconds = 60;

/// For longer a watch is not silent without a gap (COST_RULES 46).
pub(super) const BROKEN: Seconds = 60;

/// How far one watch may lag behind another.
pub(super) const LAGGING: Seconds = 900;

/// One metered object: its Namespace and identity.
pub(super) type Which = (Name, ObjectId);

impl Machine {
    pub(super) fn apply_pod(&mut self, tag: Tag, id: ObjectId, pod: &PodFact, at: Seconds) {
        self.report(&pod.problems, || format!("Pod {}/{}", pod.namespace, pod.name));
        let new = match self.world.item(&pod.namespace, id) {
            Some(item) => {
                let mut item = item.now();
                item.follow_pod(pod, tag.version, at);
                item
            }
            None => match Item::of_pod(pod, tag.version, at) {
                Some(item) => Item { workload: Some(self.workload(pod)), ..item },
                None => return,
            },
        };
        self.replace(tag, id, new, at);
    }

    pub(super) fn apply_claim(&mut self, tag: Tag, id: ObjectId, claim: &ClaimFact, at: Seconds) {
        self.report(&claim.problems, || format!("PersistentVolumeClaim {}/{}", claim.namespace, claim.name));
        let new = match self.world.item(&claim.namespace, id) {
            Some(item) => {
                let mut item = item.now();
                item.follow_claim(claim, tag.version, at);
                item
            }
            None => Item::of_claim(claim, tag.version, at),
        };
        self.replace(tag, id, new, at);
    }

    pub(super) fn apply_service(&mut self, tag: Tag, id: ObjectId, service: &ServiceFact, at: Seconds) {
        let new = match self.world.item(&service.namespace, id) {
            Some(item) => {
                let mut item = item.now();
                item.follow_service(service, tag.version);
                item
            }
            None => Item::of_service(service, tag.version, at),
        };
        self.replace(tag, id, new, at);
    }

    pub(super) fn apply_device_claim(&mut self, tag: Tag, id: ObjectId, claim: &DeviceClaimFact, at: Seconds) {
        self.report(&claim.problems, || format!("ResourceClaim {}/{}", claim.namespace, claim.name));
        let (new, from) = match self.world.item(&claim.namespace, id) {
            Some(item) => {
                let (mut now, from) = (item.now(), item.holds_devices_from(claim, at));
                now.follow_device_claim(claim, tag.version);
                (now, from)
            }
            None => {
                let since = claim.allocated.as_ref().and_then(|allocated| allocated.since);
                (Item::of_device_claim(claim, tag.version, at), since.unwrap_or(at))
            }
        };
        self.hold(tag, id, new, from, at);
    }

    pub(super) fn apply_node(&mut self, tag: Tag, id: ObjectId, node: &NodeFact, at: Seconds) {
        self.report(&node.problems, || format!("Node {}", node.name));
        let known = self.world.nodes.get(&node.name).into_iter().flatten().find(|life| life.id == id);
        if known.is_some_and(|life| life.is(node)) {
            return;
        }
        // The first that is seen of a Node holds for the time before as well.
        let since = if known.is_some() { at } else { Seconds::MIN };
        let (items, nodes) = (self.world.hosted_on(&node.name).to_vec(), [node.name.clone()]);
        let touched = Touched { nodes: &nodes, ..Touched::items(&items, since) };
        self.change(touched, tag, at, |machine| machine.world.put_node(id, node, at));
    }

    pub(super) fn delete_node(&mut self, tag: Tag, id: ObjectId, node: &NodeFact, end: Seconds, at: Seconds) {
        let known = self.world.nodes.get(&node.name).into_iter().flatten().any(|life| life.id == id);
        let since = if known { end } else { Seconds::MIN };
        let (items, nodes) = (self.world.hosted_on(&node.name).to_vec(), [node.name.clone()]);
        let touched = Touched { nodes: &nodes, ..Touched::items(&items, since) };
        self.change(touched, tag, at, |machine| {
            machine.world.put_node(id, node, end);
            machine.world.remove_node(id, &node.name, end);
        });
    }

    pub(super) fn apply_namespace(&mut self, tag: Tag, id: ObjectId, fact: NamespaceFact, at: Seconds) {
        let name = fact.name.clone();
        let same =
            self.world.namespaces.get(&name).is_some_and(|n| n.id == id && n.labels.last() == Some(&fact.labels));
        let fresh = !self.namespaces.contains_key(&name);
        let going = fact.deleting && !self.is_going(&name);
        self.dirty_gates.insert(name.clone());
        if !same {
            let items = self.in_namespace(&name);
            let charges = match self.world.namespaces.get(&name).and_then(|known| known.labels.last()) {
                Some(labels) if !fresh && !self.reallocates(labels, &fact.labels) => NEVER,
                Some(_) if !fresh => at,
                // Its first labels hold for the time before as well.
                _ if self.world.lists().any(|list| list.allowed.is_some()) => Seconds::MIN,
                _ => fact.created.min(at),
            };
            let since = if self.world.namespaces.contains_key(&name) { at } else { Seconds::MIN };
            let touched = Touched { charges, ..Touched::items(&items, since) };
            self.change(touched, tag, at, |machine| machine.world.put_namespace(id, &fact, at));
            if self.running {
                self.follow_usage(at);
            }
            // Its labels may decide whether a plan may be used.
            let first = BudgetKey::of(Some(name.clone()), "".into());
            let own = self.budgets.range(first..).map(|(key, _)| key);
            for key in own.take_while(|key| key.namespace.as_ref() == Some(&name)).cloned().collect::<Vec<_>>() {
                self.wake_budget(&key, at);
            }
        }
        self.dirty_plans |= (fresh || !same) && self.world.charges().next().is_some();
        let since = if fresh && fact.created != UNDATED { fact.created.min(at) } else { at };
        self.namespaces.insert(name.clone(), NamespaceState { fact });
        if going {
            self.leave(&name, at);
        }
        if self.running && !same {
            self.raise_in(tag, &name, since);
        }
        if fresh || !same {
            self.sampler.dirty = true;
            self.wake_wide(at);
        }
    }

    /// Whether recurring charges fall to others when a Namespace's labels change so.
    fn reallocates(&self, before: &Labels, after: &Labels) -> bool {
        let differs = |selector: &Selector| selector.matches(before) != selector.matches(after);
        let bearers = |charge: &Charge| matches!(&charge.bearers, Bearers::Even(selector) | Bearers::Usage(selector) if differs(selector));
        let mut allowed = self.world.lists().filter_map(|list| list.allowed.as_ref());
        let wide =
            |state: &BudgetState| matches!(state.scope(), Some(Scope::Namespaces(selector)) if differs(selector));
        self.world.charges().any(bearers) || allowed.any(differs) || self.budgets.values().any(|state| wide(state))
    }

    pub(super) fn delete_namespace(&mut self, tag: Tag, id: ObjectId, name: &Name, end: Seconds, at: Seconds) {
        // One that came back under the name may be seen before the old one's end is.
        if self.world.namespaces.get(name).is_some_and(|known| known.id != id) {
            return;
        }
        // Their own watches may tell of them later than the Namespace's does.
        for (namespace, id) in self.in_namespace(name) {
            if self.billed_to.contains_key(&id) {
                // What is in no Namespace does not go with one.
                continue;
            }
            self.stop_item(tag, &namespace, id, end, at);
            self.gone.insert((at + LAGGING, (namespace, id)));
        }
        self.leave(name, at);
        if end < at {
            // What went with it unseen went then.
            let keys = self.budgets.keys().filter(|key| key.namespace.as_ref() == Some(name));
            for key in keys.cloned().collect::<Vec<_>>() {
                self.end_spec(tag, &key, end);
            }
        }
        self.close_namespace(name, at);
        let touched = Touched { charges: end, ..Touched::items(&[], end) };
        self.change(touched, tag, at, |machine| machine.world.remove_namespace(name, end));
        self.dirty_gates.remove(name);
        self.dirty_plans |= self.world.charges().next().is_some();
        self.orphan(name);
        self.scales.remove(name);
        self.sampler.dirty = true;
        self.raise_in(tag, name, at);
        self.wake_wide(at);
    }

    /// A ReplicaSet's or Job's owner: its Pods belong to the workload at the top.
    pub(super) fn apply_owner(&mut self, id: ObjectId, fact: &OwnerFact, at: Seconds) {
        let Some(owner) = &fact.owner else { return };
        let top = self.world.name(&self.top(owner));
        if self.owners.insert(id, top.clone()).as_ref() == Some(&top) {
            return;
        }
        let members = self.world.items.get(&fact.namespace).into_iter().flatten();
        let touched: Vec<_> = members
            .filter(|(_, item)| item.workload.as_ref() == Some(&fact.workload))
            .map(|(id, item)| (item.namespace.clone(), *id))
            .collect();
        for which in touched {
            let Some(item) = self.world.item(&which.0, which.1) else { continue };
            let item = Item { workload: Some(top.clone()), ..item.now() };
            self.replace(item.tag(), which.1, item, at);
        }
    }

    /// It is gone from `end` on. The object itself is forgotten once nothing can change about it any more.
    pub(super) fn end_item(&mut self, tag: Tag, namespace: &Name, id: ObjectId, end: Seconds, at: Seconds) {
        self.stop_item(tag, namespace, id, end, at);
        self.gone.insert((at + GONE, (namespace.clone(), id)));
    }

    fn stop_item(&mut self, tag: Tag, namespace: &Name, id: ObjectId, end: Seconds, at: Seconds) {
        let Some(item) = self.world.item(namespace, id) else { return };
        let mut item = item.now();
        item.version = tag.version;
        item.end_at(end);
        self.replace(tag, id, item, at);
    }

    /// Objects that a relist missed ended when they were last known to exist (COST_RULES 46).
    pub(super) fn miss(&mut self, tag: Tag, held: &Relist, at: Seconds) {
        let mut missing: Vec<Which> = self
            .world
            .items
            .values()
            .flatten()
            .filter(|(id, item)| item.source == tag.source && !held.ids.contains(id))
            .map(|(id, item)| (item.namespace.clone(), *id))
            .collect();
        // In an order that all replicas and replays have: which tier a correction reaches depends on it.
        missing.sort_unstable();
        for (namespace, id) in missing {
            self.end_item(tag, &namespace, id, held.last_heard, at);
            self.billed_to.remove(&id);
        }
        if tag.source == Source::Nodes {
            self.miss_nodes(tag, held, at);
        }
    }

    /// A watch that was broken for more than a minute is a gap: what came and went meanwhile is not known.
    pub(super) fn unheard(&mut self, source: Source, from: Seconds, to: Seconds) {
        let billed = !matches!(source, Source::Objects(_)) || self.billed_at(source, from);
        if source.holds_items() && billed && to - from > BROKEN {
            self.gap_everywhere(from, to, &format!("watch of {source} was broken"));
        }
    }

    fn miss_nodes(&mut self, tag: Tag, held: &Relist, at: Seconds) {
        let lives = self.world.nodes.iter().flat_map(|(name, lives)| lives.iter().map(move |life| (name, life)));
        let mut missing: Vec<_> = lives
            .filter(|(_, life)| !held.ids.contains(&life.id) && life.removed > held.last_heard)
            .map(|(name, life)| (name.clone(), life.id))
            .collect();
        missing.sort_unstable();
        for (name, id) in missing {
            let (items, nodes) = (self.world.hosted_on(&name).to_vec(), [name.clone()]);
            let touched = Touched { nodes: &nodes, ..Touched::items(&items, held.last_heard) };
            self.change(touched, tag, at, |m| m.world.remove_node(id, &name, held.last_heard));
        }
    }

    /// What the first version of an object holds, it held from its start.
    pub(super) fn replace(&mut self, tag: Tag, id: ObjectId, new: Item, at: Seconds) {
        let known = self.world.item(&new.namespace, id).is_some();
        self.hold(tag, id, new, if known { at } else { Seconds::MIN }, at);
    }

    /// An item as it is now, holding from `from` on what is held now.
    pub(super) fn hold(&mut self, tag: Tag, id: ObjectId, new: Item, from: Seconds, at: Seconds) {
        let (mut since, mut node) = (Seconds::MIN, new.node().cloned());
        if let Some(item) = self.world.items.get_mut(&new.namespace).and_then(|items| items.get_mut(&id)) {
            let Some(first) = item.differs(&new, from) else {
                item.renew(&new);
                return;
            };
            since = first;
            node = node.filter(|_| item.holds_otherwise(&new, from).is_some());
        }
        let (which, nodes) = ([(new.namespace.clone(), id)], node.into_iter().collect::<Vec<_>>());
        let touched = Touched { nodes: &nodes, ..Touched::items(&which, since) };
        self.change(touched, tag, at, |machine| machine.world.put(id, new, from));
    }

    pub(super) fn in_namespace(&self, namespace: &Name) -> Vec<Which> {
        let members = self.world.items.get(namespace).into_iter().flatten();
        members.map(|(id, _)| (namespace.clone(), *id)).collect()
    }

    /// The workload of a Pod, as far as its owners are known: `Deployment/web`, `CronJob/x`, `Pod/x`.
    fn workload(&self, pod: &PodFact) -> Name {
        pod.owner.as_ref().map_or_else(|| format!("Pod/{}", pod.name).into(), |owner| self.top(owner))
    }

    fn top(&self, owner: &OwnerRef) -> Name {
        self.owners.get(&owner.id).cloned().unwrap_or_else(|| format!("{}/{}", owner.kind, owner.name).into())
    }

    pub(super) fn report(&mut self, problems: &[Problem], about: impl Fn() -> String) {
        for problem in problems {
            self.trouble("Quantity", about(), format!("{}: {}", problem.field, problem.message));
        }
    }
}
