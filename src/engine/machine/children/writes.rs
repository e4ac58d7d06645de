//! What the Budget objects of a ClusterBudget have to become.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use super::owner;
use crate::api::CLUSTER_BUDGET_LABEL;
use crate::engine::budget::BudgetKey;
use crate::engine::machine::Machine;
use crate::engine::machine::persist::pause;
use crate::engine::write::{ChildWrite, Outcome, Write, WriteKey};
use crate::facts::Seconds;

impl Machine {
    pub(in crate::engine::machine) fn child_writes(&mut self, now: Seconds, writes: &mut Vec<Write>) {
        let due = self.family.amiss.iter().filter(|(key, retry)| {
            let going = key.namespace.as_ref().is_some_and(|namespace| self.is_going(namespace));
            retry.at <= now && !going && !self.inflight.contains(&WriteKey::Child((*key).clone()))
        });
        let most = usize::try_from(self.tokens).unwrap_or_default();
        let due: Vec<_> = due.take(most).map(|(key, _)| key.clone()).collect();
        self.tokens -= i64::try_from(due.len()).unwrap_or(i64::MAX);
        writes.extend(due.into_iter().map(|key| Write::Child { write: self.child_write(&key), key }));
    }

    fn child_write(&self, key: &BudgetKey) -> ChildWrite {
        let held = self.family.held.get(key);
        if !self.is_wanted(key) {
            return ChildWrite::Remove { uid: held.and_then(|held| held.meta.uid.clone()) };
        }
        let parent = BudgetKey::of(None, key.name.clone());
        let owner = owner(&key.name, self.budgets.get(&parent).and_then(|parent| parent.uid.clone()));
        let spec = self.budgets[key].manifest.clone();
        let meta = held.map(|held| held.owned_by(owner.clone(), &key.name));
        let made = || ObjectMeta {
            labels: Some([(CLUSTER_BUDGET_LABEL.to_owned(), key.name.to_string())].into()),
            owner_references: Some(vec![owner.clone()]),
            ..ObjectMeta::default()
        };
        match meta {
            Some(meta) => ChildWrite::Replace { meta: Box::new(meta), spec },
            None => ChildWrite::Create { meta: Box::new(made()), spec },
        }
    }

    /// The watch shows what came of it. Until then it is as it was, and is tried again ever more rarely.
    pub(in crate::engine::machine) fn child_written(&mut self, key: &BudgetKey, outcome: &Outcome, at: Seconds) {
        let Some(retry) = self.family.amiss.get_mut(key) else { return };
        retry.tries += 1;
        retry.at = at + pause(retry.tries);
        if retry.tries > 1 && !matches!(outcome, Outcome::Written { .. }) {
            self.wake_budget(&BudgetKey::of(None, key.name.clone()), at);
        }
    }

    /// When the next of them is due.
    pub(in crate::engine::machine) fn next_child(&self) -> Option<Seconds> {
        self.family.amiss.values().map(|retry| retry.at).min().filter(|_| self.leading)
    }
}
