//! Objects of kinds that plans name, and the namespaces that they are billed to.
//!
//! What is in no Namespace is billed to the one that its labels name. When they name another, it goes on there, and
//! where it was it holds nothing any more: so it is one item for each namespace that it was ever billed to.

use std::collections::BTreeSet;

use super::Machine;
use crate::engine::item::Item;
use crate::engine::observed::{Source, Tag};
use crate::engine::world::Plan;
use crate::facts::{Kind, Name, ObjectFact, ObjectId, Seconds};

impl Machine {
    pub(super) fn apply_object(&mut self, tag: Tag, id: ObjectId, object: &ObjectFact, at: Seconds) {
        if self.billed_at(tag.source, at) {
            self.report(&object.problems, || format!("{} {}", object.kind.name(), object.name));
        }
        let here = self.world.name(&object.billed_to());
        let mut from = Seconds::MIN;
        if object.namespace.is_none() {
            let places = self.billed_to.entry(id).or_default();
            let others: Vec<Name> = places.iter().filter(|place| **place != here).cloned().collect();
            if others.len() == places.len() {
                places.push(here.clone());
            }
            for place in others {
                from = at;
                let Some(item) = self.world.item(&place, id) else { continue };
                let mut item = item.now();
                item.leave(tag.version);
                self.replace(tag, id, item, at);
            }
        }
        let item = match self.world.item(&here, id) {
            Some(item) => {
                from = at;
                let mut item = item.now();
                item.follow_object(object, tag.version);
                item
            }
            None => Item::of_object(object, &here, tag.version, at),
        };
        self.hold(tag, id, item, from, at);
    }

    pub(super) fn end_object(&mut self, tag: Tag, id: ObjectId, object: &ObjectFact, end: Seconds, at: Seconds) {
        let places = self.billed_to.remove(&id).unwrap_or_else(|| vec![object.billed_to()]);
        for place in places {
            self.end_item(tag, &place, id, end, at);
        }
    }

    /// The kinds that plans name now.
    pub(super) fn kinds(&self) -> BTreeSet<Kind> {
        let lists = self.world.plans.values().filter_map(|plan| plan.versions.last()?.as_ref());
        lists.flat_map(|list| &list.objects).map(|entry| entry.kind).collect()
    }

    /// Whether any plan bills objects of this source at `t`.
    pub(super) fn billed_at(&self, source: Source, t: Seconds) -> bool {
        let bills =
            |plan: &Plan| plan.versions.at(t).is_some_and(|list| list.as_ref().is_some_and(|l| l.bills(source)));
        self.world.plans.values().any(bills)
    }
}
