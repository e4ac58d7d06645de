//! When ledgers begin and end: periods, edits that cut them, and closing.

use std::collections::{BTreeMap, HashMap};

use litemap::LiteMap;

use super::change::{Touched, kept};
use super::metered::BROKEN;
use super::persist::HISTORY;
use super::shares::news;
use super::{BudgetState, CLOSING, Entry, LedgerId, Machine};
use crate::engine::allocation;
use crate::engine::budget::{Budget, BudgetKey};
use crate::engine::history::History;
use crate::engine::idle;
use crate::engine::item::{Item, NEVER};
use crate::engine::ledger::{Gap, Ledger};
use crate::engine::meter::{self, Growth, Scope, Span, Terms};
use crate::engine::observed::Tag;
use crate::engine::period::Window;
use crate::facts::{Name, Seconds};

/// Most gaps that a Statement names.
const MOST_GAPS: usize = 100;

const UNWATCHED: &str = "nothing watched the cluster";

/// The currency of what has neither a plan nor a limit (ISO 4217: no currency).
pub(super) const NO_CURRENCY: &str = "XXX";

impl Machine {
    /// Opens what should be open at `at`, after the first lists.
    pub(super) fn begin(&mut self, at: Seconds) {
        self.date_undated();
        self.register_usage();
        let sharing = self.unrestored.values().filter(|statement| !statement.spec.shares.is_empty());
        let statements: Vec<_> = sharing.cloned().collect();
        self.restore_all(at);
        self.end_superseded();
        for budget in self.billing.keys().cloned().collect::<Vec<_>>() {
            self.forget_closed(&budget);
        }
        for namespace in self.namespaces.keys().filter(|name| self.is_going(name)).cloned().collect::<Vec<_>>() {
            self.leave(&namespace, at);
        }
        self.close_due(at);
        let keys: Vec<_> = self.budgets.keys().cloned().collect();
        for key in &keys {
            self.roll(key, at);
        }
        for statement in &statements {
            self.adopt_shares(statement);
        }
        self.name_shared();
        self.mark_usage(at);
        for key in keys {
            self.wake_budget(&key, at);
        }
        self.touch_gone();
        self.dirty_gates.extend(self.namespaces.keys().cloned());
        self.find_boundary(at);
    }

    /// Lets time pass: periods begin and end, statements close, what is long gone is forgotten.
    pub(super) fn advance(&mut self, t: Seconds) {
        while let Some((forget_at, (namespace, id))) = self.gone.first()
            && *forget_at < t
        {
            self.world.remove(namespace, *id);
            self.gone.pop_first();
        }
        if !self.running || t < self.boundary {
            return;
        }
        let keys: Vec<_> = self.budgets.keys().cloned().collect();
        self.sampler.dirty = true;
        // Boundaries are taken in order, however long nobody looked.
        while self.boundary <= t {
            let boundary = self.boundary;
            self.close_due(boundary);
            for key in &keys {
                self.roll(key, boundary);
            }
            self.find_boundary(boundary);
        }
    }

    /// Opens the ledgers that a budget should have by `t` and has not.
    pub(super) fn roll(&mut self, key: &BudgetKey, t: Seconds) {
        while let Some((from, window, spec)) = self.next_opening(key, t) {
            let last = window.end - 1;
            self.open(key, window, from, &spec);
            // The plan may be younger than the budget.
            self.follow_currency(key, t.min(last));
        }
        // One that was over before it was opened.
        if self.settings.replay {
            for id in self.billing.get(key).into_iter().flatten() {
                self.ledgers.get_mut(id).expect("listed").close_by(t);
            }
        }
    }

    fn next_opening(&self, key: &BudgetKey, t: Seconds) -> Option<(Seconds, Window, Budget)> {
        let state = self.budgets.get(key)?;
        let spec = state.specs.last()?.as_deref()?;
        let last = self.ledgers_of(key).map(|(_, e)| e).max_by_key(|e| e.ledger.span.until);
        let from = match last {
            Some(last) if last.ledger.span.until > t => return None,
            Some(last) => last.ledger.span.until.max(state.since),
            None => state.since,
        };
        // A live operator that has just come opens the current period; a replay every one since it began.
        let from = if last.is_none() && !self.settings.replay {
            spec.schedule.at(t)?.start.max(from)
        } else {
            from.max(self.settings.from.unwrap_or(from))
        };
        let window = spec.schedule.at(from).or_else(|| spec.schedule.at(t))?;
        let from = from.max(window.start);
        (from <= t && from < window.end && self.is_needed(key)).then(|| (from, window, spec.clone()))
    }

    fn open(&mut self, key: &BudgetKey, window: Window, from: Seconds, spec: &Budget) {
        let terms = History::starting(Seconds::MIN, Some(spec.terms.clone()));
        let span = Span { from, until: window.end, sampled: Seconds::MIN, terms };
        let currency = self.currency(spec, from);
        let namespace = key.namespace.clone().unwrap_or_else(|| self.settings.namespace.clone());
        let name = self.free_name(&namespace, &format!("{}-{}", key.name, window.label));
        let gaps = self.unobserved(from, window.end).collect();
        let id = self.add(Entry {
            budget: key.clone(),
            namespace,
            name,
            ledger: Ledger::new(window, span, currency),
            gaps,
            counted: self.counted_from(from),
            worth: None,
            closed_at: None,
            persisted: None,
            urgent: true,
            attempted: None,
            late: Vec::new(),
            corrected: HashMap::new(),
            resumes: BTreeMap::new(),
            failures: 0,
            retry_at: Seconds::MIN,
        });
        let recent = if self.settings.replay { from } else { self.now - HISTORY };
        self.fill(id, recent, |_, growth| (growth, Tag::KNOWN));
        self.wake_budget(key, from);
    }

    /// Files a ledger under what it covers.
    pub(super) fn add(&mut self, entry: Entry) -> LedgerId {
        let id = LedgerId(self.next_ledger);
        self.next_ledger += 1;
        match &entry.budget.namespace {
            Some(namespace) => self.covering.entry(namespace.clone()).or_default().push(id),
            None => self.wide.push(id),
        }
        self.billing.entry(entry.budget.clone()).or_default().push(id);
        self.named.insert((entry.namespace.clone(), entry.name.clone()), id);
        self.ledgers.insert(id, Box::new(entry));
        id
    }

    /// The ledgers of a budget, oldest first.
    pub(super) fn ledgers_of(&self, key: &BudgetKey) -> impl Iterator<Item = (LedgerId, &Entry)> {
        self.billing.get(key).into_iter().flatten().map(|id| (*id, &*self.ledgers[id]))
    }

    pub(super) fn ledger_named(&self, namespace: &Name, name: &Name) -> Option<LedgerId> {
        self.named.get(&(namespace.clone(), name.clone())).copied()
    }

    /// Meters everything that exists into a new ledger. It will not be read before `recent`.
    pub(super) fn fill(&mut self, id: LedgerId, recent: Seconds, tag: impl Fn(&Item, Growth) -> (Growth, Tag)) {
        let Self { world, rates, ledgers, .. } = self;
        let entry = ledgers.get_mut(&id).expect("just added");
        let span = entry.ledger.span.clone();
        let wide = entry.budget.namespace.is_none();
        let own = entry.budget.namespace.as_ref().and_then(|namespace| world.items.get(namespace));
        let all = world.items.values().filter(|_| wide);
        let mut charges = Vec::new();
        allocation::growth(world, rates, &span, span.from, 1, &mut charges);
        let charges = charges.into_iter().map(|growth| (growth, Tag::KNOWN));
        let news = |pod: &Item| news(pod, &tag);
        let nodes = world.nodes.keys().filter(|_| entry.meters_idle());
        let idle: Vec<_> = nodes.flat_map(|node| idle::known_growth(world, rates, &span, node, recent, news)).collect();
        let Entry { budget, ledger, .. } = &mut **entry;
        let growths = own.into_iter().chain(all).flat_map(LiteMap::values).flat_map(|item| {
            let mut growths = Vec::new();
            meter::growth(world, rates, &span, item, Seconds::MIN, 1, &mut growths);
            growths.into_iter().map(|growth| tag(item, kept(budget, growth)))
        });
        ledger.fill(charges.chain(idle).chain(growths), recent);
    }

    /// New terms from `at` on, in every ledger of the budget that is not over.
    pub(super) fn set_terms(&mut self, key: &BudgetKey, tag: Tag, at: Seconds, terms: Option<&Terms>) {
        let open = self.ledgers_of(key).filter(|(_, e)| e.ledger.span.until > at);
        let mut others: Vec<_> = open.map(|(id, e)| (id, e.ledger.span.terms.tail(at, terms.cloned()))).collect();
        let touched = match &key.namespace {
            Some(namespace) => self.in_namespace(namespace),
            None => self.everything(),
        };
        self.change_in_turn(Touched { charges: at, ..Touched::items(&touched, at) }, tag, at, |machine| {
            for (id, other) in &mut others {
                machine.ledgers.get_mut(id).expect("listed").ledger.span.terms.exchange(at, other);
            }
        });
    }

    /// An edit of the period or of the currency: the statement ends at `at`, the next begins there (COST_RULES 31).
    pub(super) fn cut_at(&mut self, key: &BudgetKey, at: Seconds) {
        for id in self.ledgers_of(key).filter(|(_, e)| e.ledger.span.until > at).map(|(id, _)| id).collect::<Vec<_>>() {
            // Edited in the very second in which it began.
            if at <= self.ledgers[&id].ledger.span.from && self.drop_unwritten(id) {
                continue;
            }
            let entry = self.ledgers.get_mut(&id).expect("listed");
            entry.ledger.span.until = at.max(entry.ledger.span.from);
            if self.settings.replay {
                entry.closed_at = Some(at);
            }
            entry.urgent = true;
            self.divide(id);
        }
        self.roll(key, at);
        self.find_boundary(at);
    }

    /// When a ledger is to be closed: 10 minutes after its period, at once where an edit cut it.
    pub(super) fn closes_at(entry: &Entry) -> Seconds {
        let ledger = &entry.ledger;
        if ledger.span.until < ledger.window.end { ledger.span.until } else { ledger.window.end + CLOSING }
    }

    /// In a replay statements close by the clock; live, once they are persisted as closed.
    fn close_due(&mut self, t: Seconds) {
        if self.settings.replay {
            self.ledgers.values_mut().for_each(|entry| entry.close_by(t));
        }
    }

    /// Drops one that held for no instant, so that it never was (COST_RULES 29), unless it was written meanwhile.
    pub(super) fn drop_unwritten(&mut self, id: LedgerId) -> bool {
        let entry = &self.ledgers[&id];
        let unwritten = entry.persisted.is_none() && entry.attempted.is_none();
        if unwritten {
            self.drop_ledger(id);
        }
        unwritten
    }

    pub(super) fn drop_ledger(&mut self, id: LedgerId) {
        let Some(entry) = self.ledgers.remove(&id) else { return };
        self.wide.retain(|other| *other != id);
        self.named.remove(&(entry.namespace, entry.name));
        if let Some(ids) = self.billing.get_mut(&entry.budget) {
            ids.retain(|other| *other != id);
        }
        if let Some(namespace) = &entry.budget.namespace
            && let Some(ids) = self.covering.get_mut(namespace)
        {
            ids.retain(|other| *other != id);
        }
    }

    /// The current ledger of a budget: the one whose span holds `t`, else the newest.
    pub(super) fn current(&self, key: &BudgetKey, t: Seconds) -> Option<LedgerId> {
        let own = self.ledgers_of(key);
        own.max_by_key(|(id, e)| (e.ledger.span.from <= t && t < e.ledger.span.until, e.ledger.span.from, *id))
            .map(|(id, _)| id)
    }

    /// The plan's currency; of a missing plan the limit's.
    pub(super) fn currency(&self, spec: &Budget, t: Seconds) -> Name {
        let plan = self.world.price_list(&spec.terms.plan, t).map(|list| list.currency.clone());
        let limit = || spec.limit.as_ref().map(|limit| limit.currency.code().into());
        plan.or_else(limit).unwrap_or_else(|| NO_CURRENCY.into())
    }

    pub(super) fn gap_everywhere(&mut self, from: Seconds, to: Seconds, reason: &str) {
        for entry in self.ledgers.values_mut().filter(|e| e.closed_at.is_none()) {
            let gap = Gap { from: entry.ledger.clamp(from), to: entry.ledger.clamp(to), reason: reason.to_owned() };
            if gap.from < gap.to {
                entry.note_gap(gap);
            }
        }
    }

    pub(super) fn everything(&self) -> Vec<super::metered::Which> {
        let items = self.world.items.iter().flat_map(|(ns, items)| items.keys().map(move |id| (ns.clone(), *id)));
        items.collect()
    }

    /// That name, or with `.2`, `.3` where that is taken.
    pub(super) fn free_name(&self, namespace: &Name, first: &str) -> Name {
        let taken = |name: &str| {
            self.named.contains_key(&(namespace.clone(), name.into()))
                || self.statements.contains_key(&(namespace.clone(), name.into()))
        };
        let mut name = first.to_owned();
        let mut n = 2;
        while taken(&name) {
            name = format!("{first}.{n}");
            n += 1;
        }
        name.into()
    }

    /// Nothing was recorded of what is replayed between `from` and `to`.
    pub fn unrecorded(&mut self, from: Seconds, to: Seconds) {
        self.gap_everywhere(from, to, UNWATCHED);
        self.holes.push((from, to));
    }

    /// The time within `[from, to)` in which nobody watched: live, that before the first list.
    fn unobserved(&self, from: Seconds, to: Seconds) -> impl Iterator<Item = Gap> {
        let listed = self.first_listed().filter(|listed| !self.settings.replay && listed - from > BROKEN);
        let holes = self.holes.iter().copied().chain(listed.map(|listed| (from, listed)));
        let within = holes.map(move |(start, end)| (start.max(from), end.min(to)));
        let gap = |(from, to)| Gap { from, to, reason: UNWATCHED.to_owned() };
        within.map(gap).filter(|gap| gap.from < gap.to)
    }

    /// The next instant at which a period ends or begins, or a statement closes.
    pub(super) fn find_boundary(&mut self, after: Seconds) {
        let ends = self.ledgers.values().filter(|e| e.closed_at.is_none()).flat_map(|e| {
            let until = e.ledger.span.until;
            [Some(until), self.settings.replay.then(|| Self::closes_at(e))].into_iter().flatten()
        });
        let starts = self.budgets.values().filter_map(|state| state.begins());
        self.boundary = ends.chain(starts).filter(|t| *t > after).min().unwrap_or(NEVER);
    }
}

impl BudgetState {
    /// The start of a fixed window.
    fn begins(&self) -> Option<Seconds> {
        self.specs.last()?.as_deref()?.schedule.fixed().map(|(start, _)| start)
    }

    /// The Scope of a budget's terms.
    pub(super) fn scope(&self) -> Option<&Scope> {
        self.specs.last()?.as_deref().map(|spec| &spec.terms.scope)
    }
}

// === impl Entry ===

impl Entry {
    /// Closes it if that is due by `t`.
    fn close_by(&mut self, t: Seconds) {
        let closes = Machine::closes_at(self);
        if closes <= t {
            self.closed_at.get_or_insert(closes);
        }
    }

    /// Writes a gap down. Gaps of one reason that touch are one; of too many, the oldest are joined.
    pub(super) fn note_gap(&mut self, gap: Gap) {
        self.urgent = true;
        match self.gaps.iter_mut().find(|g| g.reason == gap.reason && g.from <= gap.to && gap.from <= g.to) {
            Some(known) => {
                known.from = known.from.min(gap.from);
                known.to = known.to.max(gap.to);
            }
            None => self.gaps.push(gap),
        }
        if self.gaps.len() > MOST_GAPS {
            let oldest = self.gaps.remove(0);
            self.gaps[0].from = self.gaps[0].from.min(oldest.from);
        }
    }
}
