//! Statements of a Namespace that goes: all of them are kept in the operator's, as `NAMESPACE.NAME`.
//!
//! Closed ones are copied as soon as the Namespace is seen going, while they can still be read; one that vanishes first
//! is written from what the watch showed last. An open one is kept up to date where it is for as long as it is there,
//! goes on in the operator's namespace after that, and closes when the Namespace is gone.

use std::collections::BTreeSet;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use super::metered::LAGGING;
use super::persist::pause;
use super::{Entry, LedgerId, Machine, StatementState};
use crate::api::{self, Phase, StatementSpec};
use crate::engine::budget::BudgetKey;
use crate::engine::write::{Outcome, Write, WriteKey};
use crate::facts::{Name, Seconds};

/// A closed Statement that is to be copied, or may have to be.
#[derive(Debug)]
pub(super) struct Leaving {
    budget: BudgetKey,
    period_end: Seconds,
    seal: u64,
    /// As the watch showed it last when it was deleted; until then it is read where it is.
    spec: Option<Arc<StatementSpec>>,
    /// Its Namespace goes. One whose Namespace stays was removed by hand, and is forgotten.
    wanted: bool,
    since: Seconds,
    failures: u32,
    retry_at: Seconds,
}

impl Machine {
    /// A Namespace is seen going, or gone: its closed Statements are wanted.
    pub(super) fn leave(&mut self, namespace: &Name, at: Seconds) {
        if self.settings.replay || *namespace == self.settings.namespace {
            return;
        }
        for ((of, _), leaving) in &mut self.leaving {
            leaving.wanted |= of == namespace;
        }
        let own = self.statements.range((namespace.clone(), Name::from(""))..);
        let own = own.take_while(|((of, _), _)| of == namespace).filter(|(_, state)| state.closed);
        let own: Vec<_> = own.map(|(name, _)| name.clone()).collect();
        for name in own {
            let state = &self.statements[&name];
            let (budget, period_end, seal) = (state.budget.clone(), state.period_end, state.seal);
            self.want(name, budget, period_end, seal, None, at);
        }
    }

    /// A closed Statement is gone. Whether that is because its Namespace goes may be seen later.
    pub(super) fn keep_deleted(&mut self, name: &(Name, Name), statement: &api::Statement, at: Seconds) {
        let budget = self.billed(statement, &name.0);
        if budget.namespace.as_ref() != Some(&name.0) || name.0 == self.settings.namespace {
            return;
        }
        let spec = Some(Arc::new(statement.spec.clone()));
        let period_end = statement.spec.period.end.0.as_second();
        self.want(name.clone(), budget, period_end, seal(&statement.spec), spec, at);
    }

    /// It is gone, and nobody saw how it last stood: what cannot be read any more is lost.
    pub(super) fn miss_statement(&mut self, name: &(Name, Name)) {
        if self.leaving.get(name).is_some_and(|leaving| leaving.wanted && leaving.spec.is_none()) {
            self.leaving.remove(name);
            let about = format!("Statement {}/{}", name.0, name.1);
            self.trouble("StatementLost", about, "it went with its Namespace before it could be copied");
        }
    }

    fn want(
        &mut self,
        name: (Name, Name),
        budget: BudgetKey,
        period_end: Seconds,
        seal: u64,
        spec: Option<Arc<StatementSpec>>,
        at: Seconds,
    ) {
        if let Some(known) = self.leaving.get_mut(&name).filter(|known| known.seal == seal) {
            known.spec = spec.or(known.spec.take());
            known.retry_at = at;
            return;
        }
        let copied = self.closed_of(&budget).any(|((of, _), s)| *of == self.settings.namespace && s.seal == seal);
        if copied || !self.is_retained(&budget, period_end, seal) {
            return;
        }
        let wanted = self.namespaces.get(&name.0).is_none_or(|state| state.fact.deleting);
        let leaving = Leaving { budget, period_end, seal, spec, wanted, since: at, failures: 0, retry_at: at };
        self.leaving.insert(name, leaving);
    }

    /// Whether it is among those that are kept of a budget.
    fn is_retained(&self, budget: &BudgetKey, period_end: Seconds, seal: u64) -> bool {
        let there = self.closed_of(budget).map(|(_, s)| (s.period_end, s.seal));
        let leaving = self.leaving.values().filter(|l| l.budget == *budget).map(|l| (l.period_end, l.seal));
        let newer: BTreeSet<_> = there.chain(leaving).filter(|other| *other > (period_end, seal)).collect();
        newer.len() < self.settings.retained
    }

    /// Every closed Statement of a budget: where it belongs, and in the operator's namespace.
    pub(super) fn closed_of<'a>(
        &'a self,
        budget: &'a BudgetKey,
    ) -> impl Iterator<Item = (&'a (Name, Name), &'a StatementState)> + 'a {
        let home = &self.settings.namespace;
        let own = (budget.namespace.as_ref().unwrap_or(home), format!("{}-", budget.name));
        let moved = budget.namespace.as_ref().filter(|namespace| *namespace != home);
        let moved = moved.map(|namespace| (home, format!("{namespace}.{}-", budget.name)));
        [Some(own), moved].into_iter().flatten().flat_map(move |(namespace, first)| {
            let from = (namespace.clone(), Name::from(first.as_str()));
            let named = move |(of, name): &(Name, Name)| of == namespace && name.starts_with(&first);
            let there = self.statements.range(from..).take_while(move |(name, _)| named(name));
            there.filter(move |(_, state)| state.closed && state.budget == *budget)
        })
    }

    /// A closed Statement is seen: a copy that is there is wanted no more, one in a Namespace that goes is to be copied.
    pub(super) fn see_closed(&mut self, name: &(Name, Name), at: Seconds) {
        let state = &self.statements[name];
        let (budget, period_end, seal) = (state.budget.clone(), state.period_end, state.seal);
        if budget.namespace.as_ref() == Some(&name.0) {
            if self.is_going(&name.0) && name.0 != self.settings.namespace {
                self.want(name.clone(), budget, period_end, seal, None, at);
            }
        } else if budget.namespace.is_some() {
            self.leaving.retain(|_, leaving| leaving.seal != seal || leaving.budget != budget);
            // Of what is kept there the oldest may be one too many.
            self.touch(&budget);
        }
    }

    pub(super) fn copy_writes(&mut self, now: Seconds, writes: &mut Vec<Write>) {
        let due = self.leaving.iter().filter(|(name, leaving)| {
            leaving.wanted
                && leaving.retry_at <= now
                && !self.inflight.contains(&WriteKey::Copy(name.0.clone(), name.1.clone()))
        });
        let most = usize::try_from(self.tokens).unwrap_or_default();
        let due: Vec<_> = due.take(most).map(|(name, l)| (name.clone(), l.budget.clone(), l.spec.clone())).collect();
        self.tokens -= i64::try_from(due.len()).unwrap_or(i64::MAX);
        for (original, budget, spec) in due {
            let namespace = self.settings.namespace.clone();
            let name = self.free_name(&namespace, &format!("{}.{}", original.0, original.1));
            writes.push(Write::Copy { original, namespace, name, budget, spec });
        }
    }

    /// A copy that exists under that name may be ours, of a try without an answer: the watch shows it.
    pub(super) fn copied(&mut self, original: &(Name, Name), outcome: &Outcome, at: Seconds) {
        if matches!(outcome, Outcome::Written { .. }) {
            self.leaving.remove(original);
        } else if let Some(leaving) = self.leaving.get_mut(original) {
            leaving.failures += 1;
            leaving.retry_at = at + pause(leaving.failures);
        }
    }

    /// When the next copy is due.
    pub(super) fn next_copy(&self) -> Option<Seconds> {
        let wanted = self.leaving.values().filter(|leaving| leaving.wanted);
        wanted.map(|leaving| leaving.retry_at).min().filter(|_| self.leading)
    }

    /// Forgets what was removed by hand.
    pub(super) fn forget_leaving(&mut self) {
        let now = self.now;
        self.leaving.retain(|_, leaving| leaving.wanted || leaving.since + LAGGING > now);
    }

    // === open ones ===

    /// A Namespace is gone: its statements end there and then.
    pub(super) fn close_namespace(&mut self, namespace: &Name, at: Seconds) {
        let open = |e: &Entry| e.budget.namespace.as_ref() == Some(namespace) && e.closed_at.is_none();
        for id in self.ledgers.iter().filter(|(_, e)| open(e)).map(|(id, _)| *id).collect::<Vec<_>>() {
            if self.ledgers[&id].namespace == *namespace {
                self.move_home(id);
            }
            let entry = self.ledgers.get_mut(&id).expect("listed");
            entry.ledger.span.until = entry.ledger.span.until.min(at).max(entry.ledger.span.from);
            entry.urgent = true;
            if self.settings.replay {
                entry.closed_at = Some(at);
            }
            self.divide(id);
        }
        let gone: Vec<_> = self.budgets.keys().filter(|k| k.namespace.as_ref() == Some(namespace)).cloned().collect();
        for key in gone {
            self.forget_budget(&key, at);
            self.wake_budget(&key, at);
        }
        self.statements.retain(|(ns, _), _| ns != namespace);
        self.find_boundary(at);
    }

    /// Its Statement is no more where it was, and is made in the operator's namespace.
    pub(super) fn move_home(&mut self, id: LedgerId) {
        let (entry, home) = (&self.ledgers[&id], self.settings.namespace.clone());
        let name = self.free_name(&home, &format!("{}.{}", entry.namespace, entry.name));
        self.rename(id, home, name);
        let entry = self.ledgers.get_mut(&id).expect("present");
        (entry.persisted, entry.attempted, entry.urgent) = (None, None, true);
        // What failed where it was says nothing of where it goes.
        (entry.failures, entry.retry_at) = (0, Seconds::MIN);
    }

    /// Whether its Statement can only be made in the operator's namespace: its own takes nothing new, or is not there.
    pub(super) fn is_homeless(&self, entry: &Entry) -> bool {
        let going = self.namespaces.get(&entry.namespace).map(|state| state.fact.deleting);
        entry.persisted.is_none() && entry.namespace != self.settings.namespace && going.unwrap_or(entry.failures > 0)
    }

    pub(super) fn is_going(&self, namespace: &Name) -> bool {
        self.namespaces.get(namespace).is_some_and(|state| state.fact.deleting)
    }

    /// The open ledger that an unknown Statement is of, under another name than the ledger's: another replica moved it.
    pub(super) fn moved_ledger(&self, budget: &BudgetKey, namespace: &Name, spec: &StatementSpec) -> Option<LedgerId> {
        if *namespace != self.settings.namespace || budget.namespace.as_ref().is_none_or(|own| own == namespace) {
            return None;
        }
        let (start, end) = (spec.period.start.0.as_second(), spec.period.end.0.as_second());
        let same = |e: &Entry| {
            (e.ledger.window.start, e.ledger.window.end) == (start, end)
                && *e.ledger.currency == *spec.currency.code()
                && e.ledger.span.from <= spec.watermark.0.as_second()
        };
        let mut own = self.ledgers_of(budget);
        own.find(|(_, e)| e.closed_at.is_none() && e.persisted.is_none() && same(e)).map(|(id, _)| id)
    }

    pub(super) fn rename(&mut self, id: LedgerId, namespace: Name, name: Name) {
        let entry = self.ledgers.get_mut(&id).expect("present");
        let before = (
            std::mem::replace(&mut entry.namespace, namespace.clone()),
            std::mem::replace(&mut entry.name, name.clone()),
        );
        self.named.remove(&before);
        self.named.insert((namespace, name), id);
    }
}

/// To know a closed Statement again under another name.
pub(super) fn seal(spec: &StatementSpec) -> u64 {
    if spec.phase == Phase::Open {
        return 0;
    }
    let mut hasher = DefaultHasher::new();
    let second = |time: &k8s_openapi::apimachinery::pkg::apis::meta::v1::Time| time.0.as_second();
    (&spec.period.label, second(&spec.period.start), second(&spec.period.end)).hash(&mut hasher);
    (spec.closed_at.as_ref().map(second), second(&spec.watermark), &spec.total).hash(&mut hasher);
    hasher.finish()
}
