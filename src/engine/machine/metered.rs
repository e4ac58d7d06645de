//! What costs something: objects in, growth of ledgers out.
//!
//! Every change is one difference: what the objects it touches added before is taken back, what they add after it is
//! added. What is the same in both cancels, so a late fact nets exactly, however late it comes.

use std::collections::HashMap;

use super::{BudgetState, LedgerId, Machine, NamespaceState, Relist};
use crate::api::Measure;
use crate::engine::accrual::Ramp;
use crate::engine::budget::BudgetKey;
use crate::engine::item::Item;
use crate::engine::ledger::LineKey;
use crate::engine::meter::{self, Growth};
use crate::engine::observed::{Source, Tag};
use crate::facts::{
    ClaimFact, Name, NamespaceFact, NodeFact, ObjectId, OwnerFact, OwnerRef, PodFact, Problem, Seconds, ServiceFact,
};

/// How long a deleted object is kept: a price edit may take effect a little before it was seen.
const GONE: Seconds = 60;

/// How far one watch may lag behind another.
pub(super) const LAGGING: Seconds = 900;

/// Differences up to this many are merged by looking; more are hashed.
const FEW: usize = 24;

/// One metered object: its Namespace and identity.
pub(super) type Which = (Name, ObjectId);

type Difference = Vec<(LedgerId, Growth)>;

impl Machine {
    pub(super) fn apply_pod(&mut self, tag: Tag, id: ObjectId, pod: &PodFact, at: Seconds) {
        self.report(&pod.problems, || format!("Pod {}/{}", pod.namespace, pod.name));
        let new = match self.world.item(&pod.namespace, id) {
            Some(item) => {
                let mut item = item.clone();
                item.follow_pod(pod, tag.version, at);
                item
            }
            None => match Item::of_pod(pod, tag.version, at) {
                Some(item) => {
                    if pod.namespace == self.settings.namespace {
                        self.urge_all(at);
                    }
                    Item { workload: Some(self.workload(pod)), ..item }
                }
                None => return,
            },
        };
        self.replace(tag, id, new, at);
    }

    pub(super) fn apply_claim(&mut self, tag: Tag, id: ObjectId, claim: &ClaimFact, at: Seconds) {
        self.report(&claim.problems, || format!("PersistentVolumeClaim {}/{}", claim.namespace, claim.name));
        let new = match self.world.item(&claim.namespace, id) {
            Some(item) => {
                let mut item = item.clone();
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
                let mut item = item.clone();
                item.follow_service(service, tag.version, at);
                item
            }
            None => Item::of_service(service, tag.version, at),
        };
        self.replace(tag, id, new, at);
    }

    pub(super) fn apply_node(&mut self, tag: Tag, id: ObjectId, node: &NodeFact, at: Seconds) {
        self.report(&node.problems, || format!("Node {}", node.name));
        let known = self.world.nodes.get(&node.name).into_iter().flatten().find(|life| life.id == id);
        if known.is_some_and(|life| life.labels.last() == Some(&node.labels)) {
            return;
        }
        let touched = self.on_node(&node.name);
        self.change(&touched, tag, at, |machine| machine.world.put_node(id, node, at));
    }

    pub(super) fn delete_node(&mut self, tag: Tag, id: ObjectId, node: &NodeFact, at: Seconds) {
        let touched = self.on_node(&node.name);
        self.change(&touched, tag, at, |machine| {
            machine.world.put_node(id, node, at);
            machine.world.remove_node(id, &node.name, at);
        });
    }

    pub(super) fn apply_namespace(&mut self, tag: Tag, id: ObjectId, fact: NamespaceFact, at: Seconds) {
        let name = fact.name.clone();
        let same =
            self.world.namespaces.get(&name).is_some_and(|n| n.id == id && n.labels.last() == Some(&fact.labels));
        let labels = fact.labels.clone();
        let going = fact.deleting && !self.is_going(&name);
        let fresh = self.namespaces.insert(name.clone(), NamespaceState { fact }).is_none();
        if going {
            self.leave(&name, at);
        }
        self.dirty_gates.insert(name.clone());
        if !same {
            let touched = self.in_namespace(&name);
            self.change(&touched, tag, at, |machine| machine.world.put_namespace(id, &name, labels, at));
        }
        if fresh || !same {
            self.wake_wide(at);
        }
    }

    pub(super) fn delete_namespace(&mut self, tag: Tag, name: &Name, at: Seconds) {
        // Their own watches may tell of them later than the Namespace's does.
        for (namespace, id) in self.in_namespace(name) {
            self.stop_item(tag, &namespace, id, at, at);
            self.gone.insert((at + LAGGING, (namespace, id)));
        }
        self.leave(name, at);
        self.close_namespace(name, at);
        self.world.forget_namespace(name);
        self.namespaces.remove(name);
        self.dirty_gates.remove(name);
        self.scales.remove(name);
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
            let item = Item { workload: Some(top.clone()), ..item.clone() };
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
        let mut item = item.clone();
        item.version = tag.version;
        item.end_at(end);
        self.replace(tag, id, item, at);
    }

    /// Objects that a relist missed ended when they were last known to exist (COST_RULES 46).
    pub(super) fn miss(&mut self, tag: Tag, held: &Relist, at: Seconds) {
        let missing: Vec<Which> = self
            .world
            .items
            .values()
            .flatten()
            .filter(|(id, item)| item.source == tag.source && !held.ids.contains(id))
            .map(|(id, item)| (item.namespace.clone(), *id))
            .collect();
        for (namespace, id) in missing {
            self.end_item(tag, &namespace, id, held.last_heard, at);
        }
        if tag.source == Source::Nodes {
            self.miss_nodes(tag, held);
        }
        self.unheard(tag.source, held.last_heard, at);
    }

    /// A watch that was broken for more than a minute is a gap: what came and went meanwhile is not known.
    pub(super) fn unheard(&mut self, source: Source, from: Seconds, to: Seconds) {
        if matches!(source, Source::Pods | Source::Claims | Source::Services) && to - from > 60 {
            self.gap_everywhere(from, to, &format!("watch of {source} was broken"));
        }
    }

    fn miss_nodes(&mut self, tag: Tag, held: &Relist) {
        let lives = self.world.nodes.iter().flat_map(|(name, lives)| lives.iter().map(move |life| (name, life)));
        let missing: Vec<_> = lives
            .filter(|(_, life)| !held.ids.contains(&life.id) && life.removed > held.last_heard)
            .map(|(name, life)| (name.clone(), life.id))
            .collect();
        for (name, id) in missing {
            let touched = self.on_node(&name);
            self.change(&touched, tag, held.last_heard, |m| m.world.remove_node(id, &name, held.last_heard));
        }
    }

    fn replace(&mut self, tag: Tag, id: ObjectId, new: Item, at: Seconds) {
        if let Some(item) = self.world.items.get_mut(&new.namespace).and_then(|items| items.get_mut(&id))
            && item.meters_as(&new)
        {
            item.renew(&new);
            return;
        }
        let which = (new.namespace.clone(), id);
        self.change(&[which], tag, at, |machine| machine.world.put(id, new));
    }

    /// Takes back what `touched` added, makes the change, adds what they add now.
    pub(super) fn change(&mut self, touched: &[Which], tag: Tag, at: Seconds, make: impl FnOnce(&mut Self)) {
        let mut difference = Difference::new();
        self.collect(touched, -1, &mut difference);
        make(self);
        self.collect(touched, 1, &mut difference);
        self.settle(difference, tag, at);
    }

    /// The same where it touches most of the cluster: `turn` makes the change, and undoes it when called again, so that
    /// one object after the other is taken through it, and no difference is ever large.
    pub(super) fn change_in_turn(&mut self, touched: &[Which], tag: Tag, at: Seconds, mut turn: impl FnMut(&mut Self)) {
        for which in touched {
            let which = std::slice::from_ref(which);
            let mut difference = Difference::new();
            self.collect(which, -1, &mut difference);
            turn(self);
            self.collect(which, 1, &mut difference);
            self.settle(difference, tag, at);
            turn(self);
        }
        turn(self);
    }

    fn collect(&mut self, touched: &[Which], sign: i128, out: &mut Difference) {
        let Self { world, rates, ledgers, covering, wide, .. } = self;
        let mut growth = Vec::new();
        for (namespace, id) in touched {
            let Some(item) = world.item(namespace, *id) else { continue };
            for ledger in covering.get(namespace).into_iter().flatten().chain(wide.iter()) {
                let Some(entry) = ledgers.get(ledger) else { continue };
                meter::growth(world, rates, &entry.ledger.span, item, sign, &mut growth);
                out.extend(growth.drain(..).map(|growth| (*ledger, growth)));
            }
        }
    }

    fn settle(&mut self, difference: Difference, tag: Tag, at: Seconds) {
        let mut late: HashMap<(LedgerId, LineKey), i128> = HashMap::new();
        for (id, growth) in combine(difference) {
            let entry = self.ledgers.get_mut(&id).expect("collected from it");
            let until = entry.ledger.span.until;
            let quantity = growth.rate * i128::from(until - growth.at.min(until));
            if entry.closed_at.is_some() {
                *late.entry((id, growth.line)).or_default() += quantity;
                continue;
            }
            if entry.attempted.as_ref().is_some_and(|attempted| attempted.closed) {
                entry.late.push((growth.line.clone(), quantity, tag));
            }
            entry.ledger.grow(&growth, tag);
            let budget = entry.budget.clone();
            self.stir(&budget, at);
        }
        for ((id, line), quantity) in late {
            self.correct(id, &line, quantity, tag, at);
        }
    }

    /// A ledger grew otherwise. A replay looks when it must: crossings are found in hindsight, forecasts are not.
    fn stir(&mut self, budget: &BudgetKey, at: Seconds) {
        let looks_ahead = |state: &BudgetState| {
            state.specs.last().and_then(Option::as_ref).is_some_and(|s| s.looks_at(Measure::Forecast))
        };
        if !self.settings.replay || self.budgets.get(budget).is_some_and(looks_ahead) {
            self.wake_budget(budget, at);
        }
    }

    /// What is learned of a closed period is a Correction in the statement that is open now (COST_RULES 2).
    pub(super) fn correct(&mut self, closed: LedgerId, line: &LineKey, quantity: i128, tag: Tag, at: Seconds) {
        if quantity == 0 {
            return;
        }
        let budget = self.ledgers[&closed].budget.clone();
        let currency = self.ledgers[&closed].ledger.currency.clone();
        let same = |id: &LedgerId| self.ledgers[id].ledger.currency == currency;
        let Some(open) = self.open_ledger(&budget, at).filter(same) else {
            let name = self.ledgers[&closed].name.clone();
            self.trouble(
                "LateFact",
                format!("Statement {name}"),
                "a late fact of a closed period found no open statement",
            );
            return;
        };
        let line = LineKey { rate: self.rates.correction(line.rate), ..line.clone() };
        let entry = self.ledgers.get_mut(&open).expect("found");
        let booked = at.min(entry.ledger.span.until) - 1;
        entry.ledger.add(&line, Ramp { at: booked, rate: 0, step: quantity, tag });
        self.wake_budget(&budget, at);
    }

    /// Of the budget's ledgers that take lines at `at`, the one that closes first.
    fn open_ledger(&self, budget: &BudgetKey, at: Seconds) -> Option<LedgerId> {
        let open = self.ledgers_of(budget).filter(|(_, e)| e.closed_at.is_none() && e.ledger.span.from <= at);
        open.min_by_key(|(_, e)| e.ledger.window.end).map(|(id, _)| id)
    }

    pub(super) fn in_namespace(&self, namespace: &Name) -> Vec<Which> {
        let members = self.world.items.get(namespace).into_iter().flatten();
        members.map(|(id, _)| (namespace.clone(), *id)).collect()
    }

    fn on_node(&self, node: &Name) -> Vec<Which> {
        let everything = self.world.items.values().flatten();
        everything
            .filter(|(_, item)| item.source == Source::Pods && item.site.as_ref() == Some(node))
            .map(|(id, item)| (item.namespace.clone(), *id))
            .collect()
    }

    /// The workload of a Pod, as far as its owners are known: `Deployment/web`, `CronJob/x`, `Pod/x`.
    fn workload(&self, pod: &PodFact) -> Name {
        pod.owner.as_ref().map_or_else(|| format!("Pod/{}", pod.name).into(), |owner| self.top(owner))
    }

    fn top(&self, owner: &OwnerRef) -> Name {
        self.owners.get(&owner.id).cloned().unwrap_or_else(|| format!("{}/{}", owner.kind, owner.name).into())
    }

    fn report(&mut self, problems: &[Problem], about: impl Fn() -> String) {
        for problem in problems {
            self.trouble("Quantity", about(), format!("{}: {}", problem.field, problem.message));
        }
    }
}

/// Entries for the same ledger, line and instant added up; those that come to nothing left out.
fn combine(difference: Difference) -> Difference {
    let mut combined = Difference::new();
    if difference.len() <= FEW {
        for (id, growth) in difference {
            let same = |(i, g): &&mut (LedgerId, Growth)| *i == id && g.at == growth.at && g.line == growth.line;
            match combined.iter_mut().find(same) {
                Some((_, known)) => known.rate += growth.rate,
                None => combined.push((id, growth)),
            }
        }
    } else {
        let mut sums: HashMap<(LedgerId, Seconds, LineKey), i128> = HashMap::new();
        for (id, growth) in difference {
            *sums.entry((id, growth.at, growth.line)).or_default() += growth.rate;
        }
        combined.extend(sums.into_iter().map(|((id, at, line), rate)| (id, Growth { line, at, rate })));
    }
    combined.retain(|(_, growth)| growth.rate != 0);
    combined
}
