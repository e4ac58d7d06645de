//! What Prometheus counts, in the ledgers.
//!
//! The leader asks for one window after the other, in order, so that an instant says all: a Statement bears it as
//! `observed.meters`, beside its cut. Whoever takes over, or finds Prometheus again, asks for the windows after it, and
//! nothing is lost or counted twice. Nothing waits for an answer: watermarks go on, and what is counted late is netted
//! as any late fact is. What is not answered for long is a gap for as long as it is not; what was answered and is not
//! known is one for good.

use std::collections::BTreeMap;

use super::change::Difference;
use super::{BudgetState, Entry, LedgerId, Machine};
use crate::api;
use crate::engine::counted::{Answer, Counted, Counting, Meter, Question, Subject, said};
use crate::engine::ledger::Gap;
use crate::engine::meter::Terms;
use crate::engine::observed::{Cut, Source, Tag};
use crate::facts::count::{Counts, Unknown};
use crate::facts::{Name, Seconds};

/// What was not counted for so many windows is a gap.
pub(super) const PATIENCE: Seconds = 5;

/// Nothing that lies farther back is asked for.
const LONGEST: Seconds = 7 * 86_400;

/// Reasons of gaps that end when Prometheus answers.
const SILENT: &str = "Prometheus does not answer";
const ABSENT: &str = "no Prometheus";
/// The reason of one that does not.
const TOO_LATE: &str = "Prometheus did not answer for 7 days";

/// Whether a gap of this reason may still be filled.
pub(super) fn is_passing(reason: &str) -> bool {
    reason.starts_with("meter ") && (reason.ends_with(SILENT) || reason.ends_with(ABSENT))
}

/// The version of the window that ends at `t`.
pub(super) fn window_until(t: Seconds) -> Tag {
    Tag { source: Source::Meters, version: u64::try_from(t).unwrap_or_default() }
}

impl Machine {
    /// The next window to be asked for, if one is due.
    pub fn question(&mut self, now: Seconds) -> Option<Question> {
        let counting = self.settings.counting.filter(|_| self.running && self.leading && self.counts())?;
        let ready = counting.floor(now - counting.delay.max(self.settings.lag));
        self.give_up_before(counting.floor(now - LONGEST));
        let mut from = self.progress()?;
        while from < ready {
            let queries = self.queries(from);
            if !queries.is_empty() {
                let to = self.next_counted(from).min(counting.floor(from + counting.window));
                return Some(Question { from, to, queries });
            }
            let change = counting.floor(self.next_change(from, ready)).max(counting.floor(from + counting.window));
            self.skip(from, self.next_counted(from).min(change).min(ready));
            from = self.progress()?;
        }
        None
    }

    /// Takes in what was counted in a window.
    pub(super) fn count(&mut self, answer: &Answer, at: Seconds) {
        self.silent = None;
        self.dirty_plans = true;
        let (from, to) = (answer.from, answer.to);
        let mut difference = Difference::new();
        let mut gaps = Vec::new();
        for (id, terms) in self.counting_at(from) {
            let Self { world, rates, ledgers, .. } = &mut *self;
            let until = ledgers[&id].ledger.span.until;
            let booked = to.min(until) - 1;
            for meter in terms.meters(world, from) {
                let subject = Subject::Meter { plan: terms.plan.clone(), meter: meter.name.clone() };
                let counted = answer.counted(&subject);
                let unknown = match counted {
                    Some(Ok(Counted::ByNamespace(counts))) => {
                        let growth = meter.growth(world, rates, &terms, counts, (from, booked));
                        difference.extend(growth.into_iter().map(|growth| (id, growth)));
                        Meter::unknown(world, &terms, counts, from).cloned()
                    }
                    Some(Err(unknown)) => Some(unknown.clone()),
                    Some(Ok(Counted::Whole(_))) => Some(Unknown::NoNamespace),
                    // The plan was not in force when it was asked.
                    None => Some(Unknown::NoSamples),
                };
                let reason = unknown.map(|unknown| format!("{}: {unknown}", meter.said()));
                gaps.extend(reason.map(|reason| (id, Gap { from, to: to.min(until), reason })));
            }
        }
        self.settle(difference, window_until(to), at);
        for (id, gap) in gaps {
            if let Some(entry) = self.ledgers.get_mut(&id).filter(|entry| entry.closed_at.is_none()) {
                entry.note_gap(gap);
            }
        }
        self.count_values(answer, from, to);
        self.skip(from, to);
        self.note_unknown(answer, at);
    }

    pub(super) fn keep_silent(&mut self, why: Name, at: Seconds) {
        let since = self.silent.as_ref().map_or(at, |(since, _)| *since);
        self.trouble("Meter", "Prometheus", why.to_string());
        self.silent = Some((since, why));
        self.dirty_plans = true;
    }

    /// From where on a ledger that begins at `from` is to be counted.
    pub(super) fn counted_from(&self, from: Seconds) -> Seconds {
        let Some(counting) = self.settings.counting else { return from };
        let first = counting.floor(from + counting.window - 1);
        self.progress().map_or(first, |progress| progress.min(first))
    }

    /// Up to where a Statement holds what Prometheus counted.
    pub(super) fn counted_by(&self, spec: &api::StatementSpec) -> Seconds {
        let said = spec.observed.get(Source::Meters.resource()).and_then(|text| text.parse::<Seconds>().ok());
        let watermark = spec.watermark.0.as_second();
        let next = |counting: Counting| counting.floor(watermark + counting.window - 1);
        said.unwrap_or_else(|| self.settings.counting.map_or(watermark, next))
    }

    /// Up to which versions a ledger has seen the cluster, and Prometheus. It is asked for nothing that is not persisted
    /// as well.
    pub(super) fn seen_by(&self, entry: &Entry) -> Cut {
        let mut cut = self.cut.clone();
        if !self.settings.replay && self.counts() {
            cut.see(window_until(entry.counted));
        }
        cut
    }

    /// What is not counted of `[.., t)`, and should be; of a ledger that is closed all of it.
    pub(super) fn uncounted(&self, entry: &Entry, t: Seconds, closed: bool) -> Vec<Gap> {
        let ledger = &entry.ledger;
        let (patience, reason) = match self.settings.counting {
            Some(_) if closed => (0, SILENT),
            Some(Counting { window, delay }) => (PATIENCE * window + delay, SILENT),
            None => (0, ABSENT),
        };
        let begin = if self.settings.replay { ledger.span.from } else { entry.counted.max(ledger.span.from) };
        let (t, mut gaps) = (ledger.clamp(t), Vec::<Gap>::new());
        if !self.has_meters() || t - begin <= patience {
            return gaps;
        }
        for (from, to) in ledger.span.stretches(&self.world, begin, t) {
            let Some(Some(terms)) = ledger.span.terms.at(from) else { continue };
            for meter in terms.meters(&self.world, from) {
                let reason = format!("{}: {reason}", meter.said());
                match gaps.iter_mut().find(|gap| gap.to == from && gap.reason == reason) {
                    Some(gap) => gap.to = to,
                    None => gaps.push(Gap { from, to, reason }),
                }
            }
        }
        gaps
    }

    /// What is wrong with the meters of a plan.
    pub(super) fn meter_problem(&self, plan: &Name) -> Option<(&'static str, String)> {
        let meters = self.world.price_list(plan, self.now).map(|list| &list.meters)?;
        meters.first()?;
        if self.settings.counting.is_none() {
            let message = "the operator was not told where Prometheus is, so what meters count is a gap on the Statements: set prometheus.url in the chart";
            return Some(("NoPrometheus", message.to_owned()));
        }
        if let Some((_, why)) = &self.silent {
            return Some(("PrometheusSilent", format!("Prometheus does not answer, and will be asked again: {why}")));
        }
        let mut said = self.unknown.iter().filter_map(|(subject, unknown)| match subject {
            Subject::Meter { plan: of, meter } if of == plan => Some(format!("{}: {unknown}", said(meter))),
            _ => None,
        });
        let first = said.next()?;
        Some(("MeterUnknown", said.fold(first, |all, one| format!("{all}; {one}"))))
    }

    /// Why what Prometheus counts for a ledger is not fresh.
    pub(super) fn stale_meter(&self, entry: &Entry, now: Seconds) -> Option<String> {
        let terms = entry.ledger.span.terms.at(now)?.as_ref()?;
        let late = self.uncounted(entry, now, false);
        let unknown = |meter: &&Meter| {
            self.unknown.contains_key(&Subject::Meter { plan: terms.plan.clone(), meter: meter.name.clone() })
        };
        let late = late.first().map(|gap| gap.reason.clone());
        let unknown = terms.meters(&self.world, now).iter().find(unknown);
        let late =
            late.or_else(|| unknown.map(|meter| format!("{}: what was counted last is not known", meter.said())));
        late.or_else(|| self.stale_value(entry, now))
    }

    // === windows ===

    /// Whether anything is to be counted at all.
    fn counts(&self) -> bool {
        let valued =
            |state: &BudgetState| state.specs.iter().any(|(_, spec)| spec.as_ref().is_some_and(|s| s.value.is_some()));
        self.has_meters() || self.budgets.values().any(|state| valued(state))
    }

    fn has_meters(&self) -> bool {
        self.world.lists().any(|list| !list.meters.is_empty())
    }

    pub(super) fn open_ledgers(&self) -> impl Iterator<Item = (LedgerId, &Entry)> {
        self.ledgers.iter().filter(|(_, e)| e.closed_at.is_none()).map(|(id, e)| (*id, &**e))
    }

    /// Up to where every open ledger is counted.
    fn progress(&self) -> Option<Seconds> {
        self.open_ledgers().map(|(_, e)| e.counted).min()
    }

    /// What is to be counted in a window that begins at `t`.
    fn queries(&self, t: Seconds) -> Vec<(Subject, Name)> {
        let mut queries = BTreeMap::new();
        for (_, terms) in self.counting_at(t) {
            for meter in terms.meters(&self.world, t) {
                let subject = Subject::Meter { plan: terms.plan.clone(), meter: meter.name.clone() };
                queries.insert(subject, meter.query.clone());
            }
        }
        for (_, e) in self.open_ledgers().filter(|(_, e)| e.counted == t && e.spans(t)) {
            if let Some((_, query)) = self.value_at(&e.budget, t) {
                queries.insert(Subject::Value(e.budget.clone()), query.clone());
            }
        }
        queries.into_iter().collect()
    }

    /// The ledgers that take what is counted in a window that begins at `t`, and their terms. What belongs to one that is
    /// closed is a Correction, as long as the one that takes it has not had it.
    fn counting_at(&self, t: Seconds) -> Vec<(LedgerId, Terms)> {
        let takes = |id: &LedgerId, e: &Entry| {
            let terms = e.ledger.span.terms.at(t)?.clone().filter(|terms| e.spans(t) && terms.pods.is_none())?;
            let due = |e: &Entry| e.counted == t;
            let taker = || self.open_ledger(&e.budget, self.now).map(|id| &*self.ledgers[&id]);
            let open = match e.closed_at {
                None => due(e),
                Some(_) => e.counted <= t && taker().is_some_and(due),
            };
            open.then_some((*id, terms))
        };
        self.ledgers.iter().filter_map(|(id, e)| takes(id, e)).collect()
    }

    /// The window is over and done with.
    fn skip(&mut self, from: Seconds, to: Seconds) {
        self.ledgers.values_mut().filter(|e| e.counted == from).for_each(|e| e.counted = to);
    }

    /// The first instant after `from` at which something may be to be counted that was not.
    fn next_change(&self, from: Seconds, ready: Seconds) -> Seconds {
        let begin = self.open_ledgers().map(|(_, e)| e.ledger.span.from).filter(|t| *t > from);
        let terms = self.open_ledgers().filter_map(|(_, e)| e.ledger.span.terms.changes(from, ready).next());
        let plans = self.world.plans.values().filter_map(|plan| plan.versions.changes(from, ready).next());
        let specs = self.budgets.values().filter_map(|state| state.specs.changes(from, ready).next());
        begin.chain(terms).chain(plans).chain(specs).min().unwrap_or(ready)
    }

    /// The first instant after `from` up to which an open ledger is counted: no window lies across it.
    fn next_counted(&self, from: Seconds) -> Seconds {
        self.open_ledgers().map(|(_, e)| e.counted).filter(|t| *t > from).min().unwrap_or(Seconds::MAX)
    }

    /// Ledgers that are farther behind are not counted up to `horizon`.
    fn give_up_before(&mut self, horizon: Seconds) {
        let behind: Vec<_> = self.open_ledgers().filter(|(_, e)| e.counted < horizon).map(|(id, _)| id).collect();
        for id in behind {
            let gaps = self.uncounted(&self.ledgers[&id], horizon, true);
            let entry = self.ledgers.get_mut(&id).expect("listed");
            for gap in gaps {
                entry.note_gap(Gap { reason: gap.reason.replace(SILENT, TOO_LATE), ..gap });
            }
            entry.counted = horizon;
        }
    }

    fn note_unknown(&mut self, answer: &Answer, at: Seconds) {
        let before = self.unknown.clone();
        for (subject, counted) in &answer.counts {
            let partly = |counts: &Counts| counts.values().find_map(|count| count.clone().err());
            let unknown = match counted {
                Ok(Counted::ByNamespace(counts)) => partly(counts),
                Ok(Counted::Whole(_)) => None,
                Err(unknown) => Some(unknown.clone()),
            };
            let about = match subject {
                Subject::Meter { plan, meter } => format!("PricePlan {plan} {}", said(meter)),
                Subject::Value(budget) => format!("{} {} value", budget.kind(), budget.name),
            };
            match unknown {
                None => drop(self.unknown.remove(subject)),
                Some(unknown) => {
                    self.trouble("Meter", about, unknown.to_string());
                    self.unknown.insert(subject.clone(), unknown);
                }
            }
        }
        if before != self.unknown {
            let users: Vec<_> = self.budgets.keys().cloned().collect();
            for key in &users {
                self.wake_budget(key, at);
            }
        }
    }
}

// === impl Counting ===

impl Counting {
    /// The last boundary between windows that is not later.
    fn floor(self, t: Seconds) -> Seconds {
        t - t.rem_euclid(self.window)
    }
}

// === impl Answer ===

impl Answer {
    pub(super) fn counted(&self, of: &Subject) -> Option<&Result<Counted, Unknown>> {
        self.counts.iter().find(|(subject, _)| subject == of).map(|(_, counted)| counted)
    }
}
