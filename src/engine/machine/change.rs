//! A change to what is metered, as a difference of ledgers.
//!
//! What the objects it touches added before is taken back, what they add after it is added. What is the same in both
//! cancels, so a late fact nets exactly, however late it comes. What lies before the first instant at which anything can
//! differ is left out of both, so an object that changes all the time costs no more for what it did before.

use std::collections::{BTreeMap, HashMap};

use super::metered::Which;
use super::{BudgetState, Entry, LedgerId, Machine, Persisted};
use crate::api::Measure;
use crate::engine::accrual::Ramp;
use crate::engine::allocation;
use crate::engine::budget::{Budget, BudgetKey};
use crate::engine::idle;
use crate::engine::item::NEVER;
use crate::engine::ledger::LineKey;
use crate::engine::limit::Limit;
use crate::engine::meter::{self, Growth};
use crate::engine::observed::Tag;
use crate::facts::{Name, Seconds};

/// Differences up to this many are merged by looking; more are hashed.
const FEW: usize = 24;

pub(super) type Difference = Vec<(LedgerId, Growth)>;

/// What a change touches.
#[derive(Clone, Copy)]
pub(super) struct Touched<'a> {
    pub items: &'a [Which],
    /// Nodes that may have more or less left.
    pub nodes: &'a [Name],
    /// From when on they may add something else.
    pub since: Seconds,
    /// From when on recurring charges may fall to others, or be other charges; [`NEVER`] where they do not.
    pub charges: Seconds,
}

// === impl Machine ===

impl Machine {
    /// Takes back what `touched` added, makes the change, adds what they add now.
    pub(super) fn change(&mut self, touched: Touched<'_>, tag: Tag, at: Seconds, make: impl FnOnce(&mut Self)) {
        let mut difference = Difference::new();
        self.collect(touched, -1, &mut difference);
        make(self);
        self.collect(touched, 1, &mut difference);
        self.settle(difference, tag, at);
    }

    /// The same where it touches most of the cluster: `turn` makes the change, and undoes it when called again, so that
    /// one object after the other is taken through it, and no difference is ever large.
    pub(super) fn change_in_turn(
        &mut self,
        touched: Touched<'_>,
        tag: Tag,
        at: Seconds,
        mut turn: impl FnMut(&mut Self),
    ) {
        let one = Touched { items: &[], nodes: &[], charges: NEVER, ..touched };
        let items = touched.items.chunks(1).map(|items| Touched { items, ..one });
        let nodes = touched.nodes.chunks(1).map(|nodes| Touched { nodes, ..one });
        for one in items.chain(nodes).chain([Touched { charges: touched.charges, ..one }]) {
            let mut difference = Difference::new();
            self.collect(one, -1, &mut difference);
            turn(self);
            self.collect(one, 1, &mut difference);
            self.settle(difference, tag, at);
            turn(self);
        }
        turn(self);
    }

    fn collect(&mut self, touched: Touched<'_>, sign: i128, out: &mut Difference) {
        let Self { world, rates, ledgers, covering, wide, metered, .. } = self;
        let mut growth = Vec::new();
        if touched.charges != NEVER && world.charges().next().is_some() {
            for (id, entry) in ledgers.iter().filter(|(_, entry)| entry.ledger.span.until > touched.charges) {
                allocation::growth(world, rates, &entry.ledger.span, touched.charges, sign, &mut growth);
                out.extend(growth.drain(..).map(|growth| (*id, growth)));
            }
        }
        for (namespace, id) in touched.items {
            let Some(item) = world.item(namespace, *id) else { continue };
            for ledger in covering.get(namespace).into_iter().flatten().chain(wide.iter()) {
                let Some(entry) = ledgers.get(ledger) else { continue };
                *metered += meter::growth(world, rates, &entry.ledger.span, item, touched.since, sign, &mut growth);
                out.extend(growth.drain(..).map(|growth| (*ledger, kept(&entry.budget, growth))));
            }
        }
        for node in touched.nodes {
            for ledger in wide.iter() {
                let Some(entry) = ledgers.get(ledger).filter(|entry| entry.meters_idle()) else { continue };
                *metered += idle::growth(world, rates, &entry.ledger.span, node, touched.since, sign, &mut growth);
                out.extend(growth.drain(..).map(|growth| (*ledger, growth)));
            }
        }
    }

    pub(super) fn settle(&mut self, difference: Difference, tag: Tag, at: Seconds) {
        let mut late: BTreeMap<(LedgerId, LineKey), i128> = BTreeMap::new();
        for (id, growth) in combine(difference) {
            let entry = self.ledgers.get_mut(&id).expect("collected from it");
            let Some(growth) = entry.news(growth, tag) else { continue };
            let until = entry.ledger.span.until;
            let step = if growth.at < until { growth.step } else { 0 };
            let quantity = step + growth.rate * i128::from(until - growth.at.min(until));
            if growth.line == LineKey::UNSAMPLED {
                entry.ledger.grow(&growth, tag);
                continue;
            }
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
        // In an order that all replicas have: which tier a correction reaches depends on it.
        for ((id, line), quantity) in late {
            self.correct(id, &line, quantity, tag, at);
        }
    }

    /// A ledger grew otherwise. A replay looks when it must: crossings are found in hindsight, forecasts and what a period
    /// leaves over to the next are not.
    fn stir(&mut self, budget: &BudgetKey, at: Seconds) {
        let looks =
            |spec: &Budget| spec.looks_at(Measure::Forecast) || spec.limit.as_ref().is_some_and(Limit::rolls_over);
        let looks = |state: &BudgetState| state.specs.last().and_then(Option::as_deref).is_some_and(looks);
        if !self.settings.replay || self.budgets.get(budget).is_some_and(|state| looks(state)) {
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
            let note = "is closed, and what was learned late of its period found no open Statement: it is not counted";
            self.tell_of(&budget, "LateFact", &name, note, at);
            return;
        };
        let Self { ledgers, rates, .. } = self;
        let entry = ledgers.get_mut(&closed).expect("found");
        let changes = entry.ledger.difference(rates, &mut entry.corrected, line.rate, quantity);
        let ledger = &mut ledgers.get_mut(&open).expect("found").ledger;
        let booked = at.min(ledger.span.until) - 1;
        for (rate, quantity) in changes {
            let line = LineKey { rate: rates.correction(rate), ..line.clone() };
            ledger.add(&line, Ramp { at: booked, rate: 0, step: quantity, tag });
        }
        self.wake_budget(&budget, at);
    }

    /// Of the budget's ledgers that take lines at `at`, the one that closes first.
    pub(super) fn open_ledger(&self, budget: &BudgetKey, at: Seconds) -> Option<LedgerId> {
        let open = self.ledgers_of(budget).filter(|(_, e)| e.closed_at.is_none() && e.ledger.span.from <= at);
        open.min_by_key(|(_, e)| e.ledger.window.end).map(|(id, _)| id)
    }
}

// === impl Entry ===

impl Entry {
    /// Whether what is idle grows in it. A ClusterBudget that shows it has it from the usage of its plan.
    pub(super) fn meters_idle(&self) -> bool {
        let mut terms = self.ledger.span.terms.iter().filter_map(|(_, terms)| terms.as_ref());
        self.budget.usage.is_some() && terms.any(|terms| terms.idle)
    }

    /// What of it is news. A version that whoever wrote the Statement had seen and this replica had not is metered as the
    /// Statement says, up to its watermark.
    fn news(&self, growth: Growth, tag: Tag) -> Option<Growth> {
        let known = |p: &&Persisted| p.cut.covers(tag) && p.behind.as_ref().is_some_and(|seen| !seen.covers(tag));
        let persisted = self.persisted.as_ref().filter(known).map(|persisted| persisted.watermark);
        match persisted.max(self.resumes(tag)) {
            Some(metered) if growth.at < metered => {
                (growth.rate != 0).then_some(Growth { at: metered, step: 0, ..growth })
            }
            _ => Some(growth),
        }
    }
}

// === impl Touched ===

impl<'a> Touched<'a> {
    pub fn items(items: &'a [Which], since: Seconds) -> Self {
        Self { items, nodes: &[], since, charges: NEVER }
    }
}

/// As it counts for a budget: usage is kept by namespace, whoever used it within.
pub(super) fn kept(budget: &BudgetKey, growth: Growth) -> Growth {
    let Growth { line, at, rate, step } = growth;
    let workload = line.workload.filter(|_| budget.usage.is_none());
    Growth { line: LineKey { workload, ..line }, at, rate, step }
}

/// Entries for the same ledger, line and instant added up; those that come to nothing left out.
fn combine(difference: Difference) -> Difference {
    let mut combined = Difference::new();
    if difference.len() <= FEW {
        for (id, growth) in difference {
            let same = |(i, g): &&mut (LedgerId, Growth)| *i == id && g.at == growth.at && g.line == growth.line;
            match combined.iter_mut().find(same) {
                Some((_, known)) => {
                    known.rate += growth.rate;
                    known.step += growth.step;
                }
                None => combined.push((id, growth)),
            }
        }
    } else {
        let mut sums: HashMap<(LedgerId, Seconds, LineKey), (i128, i128)> = HashMap::new();
        for (id, growth) in difference {
            let (rate, step) = sums.entry((id, growth.at, growth.line)).or_default();
            *rate += growth.rate;
            *step += growth.step;
        }
        combined.extend(sums.into_iter().map(|((id, at, line), (rate, step))| (id, Growth { line, at, rate, step })));
    }
    combined.retain(|(_, growth)| growth.rate != 0 || growth.step != 0);
    combined
}
