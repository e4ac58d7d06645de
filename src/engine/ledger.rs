//! One budget's ledger for one period: its lines, what they come to, and how it stands to what is persisted.
//!
//! A line is (namespace, workload, rate) with a quantity. Beside the lines stand their sums by rate, so that what a
//! budget has spent, and when it will cross a threshold, is arithmetic over a handful of rates.

mod condense;
mod estimated;
pub(in crate::engine) mod graduated;
mod marks;

use std::collections::{BTreeMap, HashMap};

use indexmap::IndexMap;

use super::accrual::{Accrual, Ramp};
use super::meter::{Growth, Span};
use super::money::{Exact, Fraction, Total};
use super::observed::{Cut, Tag};
use super::period::Window;
use super::rate::{Rate, RateId, Rates};
use super::share::Parts;
use crate::api::ChargeFrequency;
use crate::facts::{Name, Seconds};

pub use condense::OTHER;
pub use estimated::ESTIMATED;
pub use marks::joined;

/// Which line of a ledger.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LineKey {
    /// Absent where the smallest of several namespaces were merged, and of what is nobody's.
    pub namespace: Option<Name>,
    pub workload: Option<Name>,
    pub rate: RateId,
}

/// The ledger of one budget for one period.
#[derive(Clone, Debug)]
pub struct Ledger {
    pub window: Window,
    pub span: Span,
    pub currency: Name,
    /// In a row: in a large cluster most of the memory is here.
    lines: IndexMap<LineKey, Accrual, foldhash::fast::RandomState>,
    totals: Vec<(RateId, Accrual)>,
    /// What is known as an amount alone, by lines of [`Rates::amount`]: parts of charges that no longer grow, and what
    /// a Statement had merged.
    carried: BTreeMap<LineKey, Exact>,
    carried_sum: Fraction,
    /// Its parts of what is divided are its own, and move no more.
    divided: bool,
    /// What a Statement showed otherwise than its quantities of graduated rates come to.
    residue: Vec<(LineKey, i128)>,
    /// How many of the Pods that are metered by what they use are without a sample.
    unsampled: Accrual,
    /// When there were some, before `told`.
    estimated: estimated::Times,
    told: Seconds,
    /// How its lines stood at some instants, kept whatever is folded.
    marks: BTreeMap<Seconds, HashMap<LineKey, i128>>,
    /// Readings before this instant are lost.
    folded: Seconds,
}

/// A metered stretch of time that nobody watched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gap {
    pub from: Seconds,
    pub to: Seconds,
    pub reason: String,
}

// === impl LineKey ===

impl LineKey {
    /// The line of nobody and nothing.
    pub const NOTHING: Self = Self { namespace: None, workload: None, rate: RateId::FIRST };
}

// === impl Ledger ===

impl Ledger {
    pub fn new(window: Window, span: Span, currency: Name) -> Self {
        Self {
            window,
            folded: span.from,
            told: span.from,
            span,
            currency,
            lines: IndexMap::default(),
            totals: Vec::new(),
            carried: BTreeMap::new(),
            carried_sum: Fraction::ZERO,
            divided: false,
            residue: Vec::new(),
            unsampled: Accrual::default(),
            estimated: estimated::Times::default(),
            marks: BTreeMap::new(),
        }
    }

    /// The first instant of its period, and the first that no longer belongs to it.
    pub fn bounds(&self) -> (Seconds, Seconds) {
        (self.window.start, self.window.end)
    }

    /// The instant at which a reading at `t` stands: a ledger ends with its span.
    pub fn clamp(&self, t: Seconds) -> Seconds {
        t.clamp(self.span.from, self.span.until)
    }

    pub fn grow(&mut self, growth: &Growth, tag: Tag) {
        self.add(&growth.line, Ramp { at: growth.at, rate: growth.rate, step: growth.step, tag });
    }

    pub fn add(&mut self, line: &LineKey, ramp: Ramp) {
        self.note(line, ramp);
        self.both(line, |accrual| accrual.add(ramp));
    }

    /// Takes in what all objects add to a new ledger. It is not read before `t`: what is known and happened before
    /// needs no instant.
    pub fn fill(&mut self, growths: impl Iterator<Item = (Growth, Tag)>, t: Seconds) {
        let t = self.clamp(t);
        for (growth, tag) in growths {
            let ramp = Ramp { at: growth.at, rate: growth.rate, step: growth.step, tag };
            if tag == Tag::KNOWN && ramp.at < t && growth.line != LineKey::UNSAMPLED {
                self.both(&growth.line, |accrual| accrual.settle(ramp));
            } else {
                self.both(&growth.line, |accrual| accrual.push(ramp));
            }
        }
        let totals = self.totals.iter_mut().map(|(_, total)| total);
        for accrual in self.lines.values_mut().chain(totals).chain([&mut self.unsampled]) {
            accrual.order();
        }
        self.lines.shrink_to_fit();
        self.folded = self.folded.max(t);
    }

    /// Readings before this instant are lost.
    pub fn folded(&self) -> Seconds {
        self.folded
    }

    /// What was spent in `[from, t)`, priced and exact.
    pub fn spent(&self, rates: &Rates, t: Seconds) -> Fraction {
        let t = self.clamp(t);
        let flat = self.sum(rates, |_| true, |accrual| accrual.at(t)).fraction();
        flat.plus(&self.carried_sum).plus(&self.by_step(rates, |accrual| accrual.at(t)))
    }

    /// What of it no scaling can recover: charges that recur, or came once.
    pub fn fixed(&self, rates: &Rates, t: Seconds) -> Fraction {
        let t = self.clamp(t);
        let mut sum = self.sum(rates, is_fixed, |accrual| accrual.at(t));
        for (_, amount) in self.carried.iter().filter(|(line, _)| is_fixed(rates.get(line.rate))) {
            sum.add_exact(amount);
        }
        sum.fraction()
    }

    /// What of a second's cost just after `t` is use.
    pub fn usage_slope(&self, rates: &Rates, t: Seconds) -> Fraction {
        self.sum(rates, |rate| !is_fixed(rate), |accrual| accrual.rate(t)).fraction().plus(&self.climb(rates, t, t))
    }

    /// What a second costs just after `t`.
    pub fn slope(&self, rates: &Rates, t: Seconds) -> Fraction {
        self.heading(rates, t, t)
    }

    /// What a second costs at the positions of `at`, of what runs just after `from`.
    pub fn heading(&self, rates: &Rates, from: Seconds, at: Seconds) -> Fraction {
        let flat = self.sum(rates, |_| true, |accrual| accrual.rate(from)).fraction();
        flat.plus(&self.climb(rates, from, at))
    }

    /// Instants within `(from, to]` at which the slope changes or something is booked, in order.
    pub fn turns(&self, from: Seconds, to: Seconds) -> Vec<Seconds> {
        let mut turns: Vec<_> = self.totals.iter().flat_map(|(_, a)| a.turns(from)).filter(|t| *t <= to).collect();
        turns.sort_unstable();
        turns.dedup();
        turns
    }

    /// The next instant after `t` at which the slope changes by itself.
    pub fn next_turn(&self, rates: &Rates, t: Seconds) -> Option<Seconds> {
        let bend = self.bend(rates, t, t).and_then(|bend| bend.checked_add(1));
        self.totals.iter().flat_map(|(_, a)| a.turns(t)).chain(bend).min()
    }

    /// From here on its parts of what is divided are these.
    pub fn divide(&mut self, parts: Parts) {
        for (line, part) in parts.amounts {
            self.carried_sum = self.carried_sum.plus(&(&part).into());
            *self.carried.entry(line).or_default() += part;
        }
        for (line, quantity) in parts.quantities {
            self.both(&line, |accrual| accrual.shift(quantity));
        }
        self.divided = true;
    }

    pub fn is_divided(&self) -> bool {
        self.divided
    }

    /// What is known as an amount alone, beside the lines.
    pub fn carried(&self) -> &BTreeMap<LineKey, Exact> {
        &self.carried
    }

    /// Whether anything accrues just after `t`.
    pub fn accrues(&self, t: Seconds) -> bool {
        t < self.span.until && self.totals.iter().any(|(_, a)| a.rate(t) != 0)
    }

    /// Whether something that is or was metered has no price.
    pub fn unpriced(&self, rates: &Rates, t: Seconds) -> Vec<Name> {
        let t = self.clamp(t);
        let open = |(id, a): &(RateId, Accrual)| {
            let rate = rates.get(*id);
            (rate.is_unpriced() && (a.at(t) != 0 || a.rate(t) != 0)).then(|| rate.name.clone())
        };
        let mut names: Vec<_> = self.totals.iter().filter_map(open).collect();
        names.sort_unstable();
        names.dedup();
        names
    }

    /// Whether something without a price runs just after `t`.
    pub fn runs_unpriced(&self, rates: &Rates, t: Seconds) -> bool {
        self.totals.iter().any(|(id, accrual)| rates.get(*id).is_unpriced() && accrual.rate(t) != 0)
    }

    /// From here on, what was metered up to `watermark` from what `cut` had seen is what `lines` and `carried` say.
    ///
    /// Newer versions keep their full effect, so that a correction of what was persisted is not lost. What is `divided`
    /// by usage is computed anew whatever was persisted.
    pub fn rebase(
        &mut self,
        lines: &HashMap<LineKey, i128>,
        mut carried: BTreeMap<LineKey, Exact>,
        watermark: Seconds,
        cut: &Cut,
        divided: impl Fn(&LineKey) -> bool,
    ) {
        let watermark = watermark.max(self.folded);
        carried.retain(|line, _| !divided(line));
        let mut sum = Total::default();
        for amount in carried.values() {
            sum.add_exact(amount);
        }
        (self.carried, self.carried_sum) = (carried, sum.fraction());
        for key in lines.keys() {
            self.lines.entry(key.clone()).or_default();
        }
        for (key, accrual) in self.lines.iter_mut().filter(|(key, _)| !divided(key)) {
            let shift = lines.get(key).copied().unwrap_or_default() - accrual.at_cut(watermark, cut);
            if shift != 0 {
                accrual.shift(shift);
                total(&mut self.totals, key.rate).shift(shift);
            }
        }
        self.fold(watermark, Some(cut));
    }

    /// See [`Accrual::know_above`].
    pub fn know_above(&mut self, tag: Tag) {
        let totals = self.totals.iter_mut().map(|(_, total)| total);
        self.lines.values_mut().chain(totals).chain([&mut self.unsampled]).for_each(|accrual| accrual.know_above(tag));
    }

    /// Parts of charges that no longer grow are carried as amounts: each time that a namespace comes or goes the parts
    /// change, and with them the lines.
    pub fn carry(&mut self, rates: &Rates) {
        let Self { lines, totals, carried, carried_sum, .. } = self;
        lines.retain(|key, accrual| {
            let (rate, quantity) = (rates.get(key.rate), accrual.settled());
            let (true, Some(quantity), Some(price)) = (rate.unit.is_amount(), quantity, &rate.price) else {
                return true;
            };
            let mut cost = Total::default();
            cost.add(price, quantity, rate.unit.factor());
            let line = LineKey { rate: rates.amount(key.rate), ..key.clone() };
            *carried.entry(line).or_default() += cost.exact();
            *carried_sum = carried_sum.plus(&cost.fraction());
            total(totals, key.rate).shift(-quantity);
            false
        });
    }

    /// Forgets when exactly things happened before `t`, as far as `cut` has seen them.
    pub fn fold(&mut self, t: Seconds, cut: Option<&Cut>) {
        let t = self.clamp(t);
        self.lines.retain(|_, accrual| {
            accrual.fold(t, cut);
            !accrual.is_void()
        });
        for (_, accrual) in &mut self.totals {
            accrual.fold(t, cut);
        }
        self.fold_unsampled(t);
        self.folded = self.folded.max(t);
    }

    /// The same to a line and to the sum of its rate.
    fn both(&mut self, line: &LineKey, change: impl Fn(&mut Accrual)) {
        if *line == LineKey::UNSAMPLED {
            return change(&mut self.unsampled);
        }
        let accrual = match self.lines.get_mut(line) {
            Some(accrual) => accrual,
            None => self.lines.entry(line.clone()).or_default(),
        };
        change(accrual);
        change(total(&mut self.totals, line.rate));
    }

    fn sum(&self, rates: &Rates, counts: impl Fn(&Rate) -> bool, quantity: impl Fn(&Accrual) -> i128) -> Total {
        let mut sum = Total::default();
        for (id, accrual) in &self.totals {
            let rate = rates.get(*id);
            if let Some(price) = rate.price.as_ref().filter(|_| counts(rate)) {
                sum.add(price, quantity(accrual), rate.unit.factor());
            }
        }
        sum
    }
}

fn is_fixed(rate: &Rate) -> bool {
    rate.frequency != ChargeFrequency::UsageBased
}

fn total(totals: &mut Vec<(RateId, Accrual)>, rate: RateId) -> &mut Accrual {
    let i = totals.iter().position(|(id, _)| *id == rate).unwrap_or_else(|| {
        totals.push((rate, Accrual::default()));
        totals.len() - 1
    });
    &mut totals[i].1
}
