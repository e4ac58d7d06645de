//! The Budgets of a ClusterBudget that has one in each of its namespaces.

use std::collections::BTreeMap;

use serde_json::Value;

use super::held::counts;
use super::recurring::selected;
use super::spells::{Owner, Window};
use super::world::World;

/// Puts the children in the place of such a ClusterBudget. A Budget of their name that is somebody else's stays alone.
pub fn grow(world: &World, budgets: &mut BTreeMap<Owner, Vec<Window>>) {
    let mut children: BTreeMap<Owner, Vec<Window>> = BTreeMap::new();
    for (owner, spells) in budgets.iter_mut().filter(|(owner, _)| owner.0 == "ClusterBudget") {
        for (from, to, spec) in spells.extract_if(.., |(_, _, spec)| spec["mode"] == "PerNamespace") {
            for (begin, end) in world.stretches(from, to) {
                for namespace in selected(world, &Value::Null, begin) {
                    if counts(world, owner, &spec, &namespace, begin) {
                        let child = ("Budget".to_owned(), namespace, owner.2.clone());
                        children.entry(child).or_default().push((begin, end, spec_of_child(&spec)));
                    }
                }
            }
        }
    }
    budgets.retain(|_, spells| !spells.is_empty());
    for (owner, mut spells) in children {
        let others = budgets.entry(owner).or_default();
        spells.retain(|(begin, _, _)| !others.iter().any(|(from, to, _)| (from..to).contains(&begin)));
        others.extend(spells);
        others.sort_by_key(|(from, _, _)| *from);
        others.dedup_by(|next, before| {
            let goes_on = before.1 == next.0 && before.2 == next.2;
            if goes_on {
                before.1 = next.1;
            }
            goes_on
        });
    }
}

fn spec_of_child(spec: &Value) -> Value {
    let mut spec = spec.clone();
    for field in ["namespaceSelector", "mode", "includeIdle"] {
        spec.as_object_mut().expect("a spec").remove(field);
    }
    spec
}
