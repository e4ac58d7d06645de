//! The Budgets of a ClusterBudget that has one in each of its namespaces.
//!
//! What such a child means is worked out from its ClusterBudget and its Namespace alone, in the machine as in a replay:
//! it counts from the instant at which both of them ask for it. The Budget object in the API server shows that to
//! people, and is made, put back and removed to agree with it; what someone else writes into it changes no figure. Whose
//! a Budget is, its controlling owner says: one without is someone else's, and is left alone.

mod writes;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};

use super::Machine;
use super::persist::time;
use crate::api::{self, CLUSTER_BUDGET_LABEL};
use crate::engine::budget::{Budget, BudgetKey, Children};
use crate::engine::history::History;
use crate::engine::observed::Tag;
use crate::engine::write::WriteKey;
use crate::facts::{Name, ObjectId, Seconds};

/// Most namespaces that a condition names.
const NAMED: usize = 10;

/// The identity of what is no object of its own.
const CHILD: ObjectId = ObjectId::new(0);

/// All of them.
#[derive(Debug, Default)]
pub(super) struct Family {
    /// What each ClusterBudget wants in its namespaces; nothing while it is one pot, or gone.
    wanted: BTreeMap<Name, History<Option<Arc<Children>>>>,
    /// The objects that a ClusterBudget owns.
    held: BTreeMap<BudgetKey, Held>,
    /// Objects that are not as they should be, and when that is to be mended.
    amiss: BTreeMap<BudgetKey, Retry>,
}

/// A Budget object that a ClusterBudget owns.
#[derive(Debug)]
struct Held {
    tag: Tag,
    id: ObjectId,
    meta: ObjectMeta,
    spec: Arc<api::BudgetSpec>,
    status: Arc<api::BudgetStatus>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Retry {
    tries: u32,
    at: Seconds,
}

impl Machine {
    /// Takes a Budget in that a ClusterBudget owns.
    pub(super) fn hold_child(&mut self, tag: Tag, id: ObjectId, key: &BudgetKey, budget: &api::Budget, at: Seconds) {
        let spec = Arc::new(budget.spec.clone());
        let status = Arc::new(budget.status.clone().unwrap_or_default());
        let meta = ObjectMeta { managed_fields: None, ..budget.metadata.clone() };
        self.family.held.insert(key.clone(), Held { tag, id, meta, spec, status });
        if !self.running {
            return;
        }
        // One that was somebody else's, and was given away.
        self.delete_spec(tag, id, key, at, at);
        self.raise(tag, key, at);
        self.show_child(key);
    }

    /// Whether it was one of ours.
    pub(super) fn let_go(&mut self, id: ObjectId, key: &BudgetKey, at: Seconds) -> bool {
        if self.family.held.get(key).is_none_or(|held| held.id != id) {
            return false;
        }
        self.family.held.remove(key);
        if let Some(state) = self.budgets.get_mut(key).filter(|state| state.is_child) {
            (state.uid, state.status, state.seen_status) = (None, Arc::default(), Arc::default());
        }
        self.mend_at(key, at);
        true
    }

    /// A ClusterBudget wants this of its namespaces from `since` on.
    pub(super) fn want_children(&mut self, tag: Tag, name: &Name, wanted: Option<Children>, since: Seconds) {
        let wanted = wanted.map(Arc::new);
        let history = self.family.wanted.entry(name.clone()).or_default();
        if !self.running {
            *history = History::starting(since, wanted);
            return;
        }
        // Its status was written, say.
        if history.last().cloned().flatten() == wanted {
            return;
        }
        history.set(since, wanted);
        for namespace in self.namespaces.keys().cloned().collect::<Vec<_>>() {
            self.raise(tag, &BudgetKey::of(Some(namespace), name.clone()), since);
        }
    }

    /// A Namespace came, or changed, and has been so since an instant.
    pub(super) fn raise_in(&mut self, tag: Tag, namespace: &Name, since: Seconds) {
        for name in self.family.wanted.keys().cloned().collect::<Vec<_>>() {
            self.raise(tag, &BudgetKey::of(Some(namespace.clone()), name), since);
        }
    }

    /// Before the first ledgers are opened: all that should be there, and those whose ClusterBudget is gone.
    pub(super) fn raise_all(&mut self) {
        for name in self.family.wanted.keys().cloned().collect::<Vec<_>>() {
            for namespace in self.namespaces.keys().cloned().collect::<Vec<_>>() {
                let key = BudgetKey::of(Some(namespace.clone()), name.clone());
                // Of when a selector began to match nothing is written down but when that was followed.
                let made = self.family.held.get(&key).and_then(|held| created(&held.meta));
                let came = self.world.namespaces[&namespace].lives.last().map_or(Seconds::MIN, |(from, _)| *from);
                let since = self.family.wanted[&name].since().unwrap_or(Seconds::MIN).max(came);
                self.raise(Tag::KNOWN, &key, made.unwrap_or(since));
            }
        }
        let orphans = self.family.held.keys().filter(|key| !self.has_parent(key));
        for key in orphans.cloned().collect::<Vec<_>>() {
            let Held { tag, id, meta, spec, status } = self.family.held.remove(&key).expect("listed");
            let at = self.now;
            let budget = api::Budget { metadata: meta, spec: (*spec).clone(), status: Some((*status).clone()) };
            self.apply_own_budget(tag, id, &key, &budget, at);
        }
        let all: BTreeSet<_> = self.family.held.keys().chain(self.budgets.keys()).cloned().collect();
        let now = self.now;
        for key in &all {
            self.mend_at(key, now);
        }
    }

    /// Has a child be as it should have been since an instant.
    pub(super) fn raise(&mut self, tag: Tag, key: &BudgetKey, since: Seconds) {
        for (from, wanted) in self.asked_since(key, since) {
            let state = self.budgets.get(key).filter(|state| state.exists);
            let (known, own) = (state.is_some(), state.is_none_or(|state| state.is_child));
            if wanted.is_some() != (known && own) {
                self.wake_budget(&BudgetKey::of(None, key.name.clone()), from);
            }
            match wanted {
                // A Budget of that name that is someone else's is left alone.
                _ if !own => break,
                Some(wanted) => self.bear(tag, key, &wanted, from),
                None if known => self.delete_spec(tag, CHILD, key, from, from),
                None => {}
            }
        }
        let now = self.now;
        self.mend_at(key, now);
    }

    /// What a child should be from which instant on.
    fn asked_since(&self, key: &BudgetKey, since: Seconds) -> Vec<(Seconds, Option<Arc<Children>>)> {
        let Some(namespace) = &key.namespace else { return Vec::new() };
        let Some(wanted) = self.family.wanted.get(&key.name) else { return Vec::new() };
        let known = self.world.namespaces.get(namespace).filter(|_| self.namespaces.contains_key(namespace));
        let labels = known.into_iter().flat_map(|known| known.labels.changes(since, Seconds::MAX));
        let came = known.into_iter().flat_map(|known| known.lives.iter().map(|(from, _)| *from));
        let turns = wanted.changes(since, Seconds::MAX).chain(labels).chain(came.filter(|from| *from > since));
        let turns: BTreeSet<_> = turns.chain([since]).collect();
        let lives = |t| known.is_some_and(|known| known.lives.iter().any(|(from, to)| (*from..*to).contains(&t)));
        let asked = |t| {
            let children = wanted.at(t).cloned().flatten().filter(|_| lives(t));
            children.filter(|children| children.selector.matches(&self.world.namespace_labels(namespace, t)))
        };
        turns.into_iter().map(|t| (t, asked(t))).collect()
    }

    fn bear(&mut self, tag: Tag, key: &BudgetKey, wanted: &Children, from: Seconds) {
        let namespace = key.namespace.clone().expect("a child's");
        let compiled = Budget::of_namespace(&namespace, &wanted.spec);
        let known = self.budgets.get(key).filter(|state| state.is_child);
        let shown = self.family.held.get(key).map(|held| &held.status);
        let status = known.filter(|state| state.exists).map(|state| &state.seen_status).or(shown);
        let status = status.map(|status| (**status).clone()).unwrap_or_default();
        let meta = ObjectMeta { creation_timestamp: Some(time(from)), ..ObjectMeta::default() };
        self.apply_spec(tag, CHILD, key, &meta, compiled.map(Some), status, from);
        if let Some(state) = self.budgets.get_mut(key) {
            (state.is_child, state.manifest) = (true, wanted.spec.clone());
        }
        self.show_child(key);
    }

    /// What its object shows, of a child.
    fn show_child(&mut self, key: &BudgetKey) {
        let Self { budgets, family, inflight, .. } = self;
        let (Some(state), Some(held)) = (budgets.get_mut(key), family.held.get(key)) else { return };
        if !state.is_child || !state.exists {
            return;
        }
        state.uid.clone_from(&held.meta.uid);
        state.generation = held.meta.generation.unwrap_or_default();
        state.seen_status = held.status.clone();
        if !inflight.contains(&WriteKey::Status(key.clone())) {
            state.status = held.status.clone();
        }
        if !self.leading {
            self.follow(key);
        }
    }

    /// Forgets what ClusterBudgets wanted before.
    pub(super) fn forget_children(&mut self) {
        let (now, budgets) = (self.now, &self.budgets);
        self.family.wanted.retain(|name, wanted| {
            wanted.forget_before(now);
            budgets.contains_key(&BudgetKey::of(None, name.clone()))
        });
    }

    // === the objects ===

    /// Whether the ClusterBudget is there that a Budget of this name belongs to.
    fn has_parent(&self, key: &BudgetKey) -> bool {
        self.budgets.get(&BudgetKey::of(None, key.name.clone())).is_some_and(|parent| parent.exists)
    }

    fn is_wanted(&self, key: &BudgetKey) -> bool {
        self.budgets.get(key).is_some_and(|state| state.is_child && state.exists)
    }

    /// Has the object of a child made, changed or removed, if it is not as it should be.
    fn mend_at(&mut self, key: &BudgetKey, at: Seconds) {
        let parent = BudgetKey::of(None, key.name.clone());
        let uid = self.budgets.get(&parent).and_then(|parent| parent.uid.as_ref());
        let (wanted, held) = (self.is_wanted(key), self.family.held.get(key));
        let amiss = match held {
            Some(held) if wanted => !held.is(&self.budgets[key].manifest, &key.name, uid),
            Some(_) => self.has_parent(key),
            None => wanted,
        };
        if amiss && !self.settings.replay {
            self.family.amiss.entry(key.clone()).or_insert(Retry { tries: 0, at });
        } else if self.family.amiss.remove(key).is_some_and(|retry| retry.tries > 1) {
            self.wake_budget(&parent, at);
        }
    }

    /// Whether a Budget has an object to show its figures in.
    pub(super) fn has_object(&self, key: &BudgetKey) -> bool {
        self.budgets.get(key).is_some_and(|state| !state.is_child) || self.family.held.contains_key(key)
    }

    // === what is said of them ===

    /// What a ClusterBudget wants now in each of its namespaces.
    pub(super) fn children_of(&self, key: &BudgetKey) -> Option<&Arc<Children>> {
        let name = Some(&key.name).filter(|_| key.namespace.is_none() && key.usage.is_none())?;
        self.family.wanted.get(name)?.last()?.as_ref()
    }

    /// Whether a ClusterBudget with a Budget in each namespace has them all.
    pub(super) fn all_there(&self, key: &BudgetKey, now: Seconds) -> (bool, &'static str, String) {
        let selected = self.selected(key, now);
        let of = |namespace: &Name| BudgetKey::of(Some(namespace.clone()), key.name.clone());
        let (mut taken, mut unwritten) = (Vec::new(), Vec::new());
        for namespace in &selected {
            let child = of(namespace);
            if self.budgets.get(&child).is_some_and(|state| state.exists && !state.is_child) {
                taken.push(namespace.as_ref());
            } else if self.family.amiss.get(&child).is_some_and(|retry| retry.tries > 1) {
                unwritten.push(namespace.as_ref());
            }
        }
        if !taken.is_empty() {
            let message = format!(
                "a Budget {:?} that someone else made is left alone in {}: delete it, or rename one of the two",
                key.name,
                some_of(&taken)
            );
            return (false, "BudgetExists", message);
        }
        if !unwritten.is_empty() {
            let message = format!("the Budget could not be written in {}", some_of(&unwritten));
            return (false, "BudgetNotWritten", message);
        }
        (true, "PerNamespace", format!("namespaces with a Budget of their own: {}", selected.len()))
    }

    /// Whether a condition of that kind holds for any of them.
    pub(super) fn any_child(
        &self,
        key: &BudgetKey,
        kind: &str,
        (reason, otherwise): (&'static str, &'static str),
        now: Seconds,
    ) -> (bool, &'static str, String) {
        let names = self.children_with(key, kind, now);
        let names: Vec<_> = names.iter().map(AsRef::as_ref).collect();
        if names.is_empty() {
            return (false, otherwise, "none of its Budgets".to_owned());
        }
        (true, reason, format!("the Budgets in {}", some_of(&names)))
    }

    pub(super) fn selected(&self, key: &BudgetKey, now: Seconds) -> Vec<Name> {
        let Some(children) = self.children_of(key) else { return Vec::new() };
        self.matching(&children.selector, now).cloned().collect()
    }

    pub(super) fn count_children(&self, key: &BudgetKey, now: Seconds) -> Option<i64> {
        self.children_of(key)?;
        i64::try_from(self.selected(key, now).len()).ok()
    }
}

// === impl Held ===

impl Held {
    /// Whether it says what its ClusterBudget wants.
    fn is(&self, spec: &Arc<api::BudgetSpec>, name: &Name, uid: Option<&String>) -> bool {
        let label = self.meta.labels.as_ref().and_then(|labels| labels.get(CLUSTER_BUDGET_LABEL));
        let owner = self.meta.owner_references.iter().flatten().find(|owner| is_parent(owner, name));
        *self.spec == **spec
            && label.is_some_and(|label| **label == **name)
            && uid.is_none_or(|uid| owner.is_some_and(|owner| owner.uid == *uid))
    }

    /// Its metadata with this owner in the place of the one that it names.
    fn owned_by(&self, owner: OwnerReference, name: &Name) -> ObjectMeta {
        let mut labels = self.meta.labels.clone().unwrap_or_default();
        labels.insert(CLUSTER_BUDGET_LABEL.to_owned(), name.to_string());
        let others = self.meta.owner_references.iter().flatten().filter(|owner| !is_parent(owner, name));
        ObjectMeta {
            labels: Some(labels),
            owner_references: Some(others.cloned().chain([owner]).collect()),
            resource_version: self.meta.resource_version.clone(),
            ..ObjectMeta::default()
        }
    }
}

/// Whether a ClusterBudget of its name owns a Budget.
pub(super) fn is_owned(meta: &ObjectMeta, name: &Name) -> bool {
    meta.owner_references.iter().flatten().any(|owner| is_parent(owner, name))
}

fn is_parent(owner: &OwnerReference, name: &Name) -> bool {
    let ours = owner.api_version.split_once('/').is_some_and(|(group, _)| group == api::GROUP);
    ours && owner.kind == "ClusterBudget" && *owner.name == **name && owner.controller == Some(true)
}

fn owner(name: &Name, uid: Option<String>) -> OwnerReference {
    OwnerReference {
        api_version: format!("{}/{}", api::GROUP, api::VERSION),
        kind: "ClusterBudget".to_owned(),
        name: name.to_string(),
        uid: uid.unwrap_or_default(),
        controller: Some(true),
        block_owner_deletion: None,
    }
}

fn created(meta: &ObjectMeta) -> Option<Seconds> {
    meta.creation_timestamp.as_ref().map(|time| time.0.as_second())
}

fn some_of(names: &[&str]) -> String {
    let shown = names[..names.len().min(NAMED)].join(", ");
    let more = names.len().saturating_sub(NAMED);
    if more == 0 { shown } else { format!("{shown} and {more} more") }
}
