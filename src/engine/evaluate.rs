//! Where a ledger stands and where it is going: spend, forecast, crossings. Exact, and of `now` alone.

use super::ledger::Ledger;
use super::money::{Exact, Fraction};
use super::rate::{Rate, Rates};
use super::share::{Parts, Shares, is_usage};
use crate::facts::Seconds;

const DAY: i64 = 86_400;

/// How far apart a ledger is looked at that shares in what is divided: in between it is taken to rise.
const LOOK: Seconds = 60;

/// A ledger with what it takes to read it.
#[derive(Clone, Debug)]
pub struct Reading<'a> {
    pub ledger: &'a Ledger,
    pub rates: &'a Rates,
    /// Present where something is divided.
    pub shares: Option<Shares<'a>>,
}

/// A ledger's figures at one instant.
#[derive(Clone, Debug, PartialEq)]
pub struct Figures {
    pub at: Seconds,
    /// Of `[start, at)`.
    pub spent: Fraction,
    /// A second of what runs now.
    pub slope: Fraction,
    /// The whole period, if what runs now runs on, and with the charges that will come.
    pub forecast: Fraction,
    /// What of `spent` no scaling can recover, and what it will be at the end of the period.
    pub fixed: Fraction,
    pub committed: Fraction,
}

/// What the parts of what is divided come to.
#[derive(Clone, Debug)]
struct Shared {
    all: Fraction,
    /// What of it comes by the calendar.
    fixed: Fraction,
}

// === impl Shared ===

impl Shared {
    const NOTHING: Self = Self { all: Fraction::ZERO, fixed: Fraction::ZERO };

    fn usage(&self) -> Fraction {
        self.all.plus(&self.fixed.times(-1))
    }
}

// === impl Figures ===

impl Figures {
    pub fn of(reading: &Reading<'_>, now: Seconds) -> Self {
        let Reading { ledger, rates, .. } = *reading;
        let (at, end) = (ledger.clamp(now), ledger.span.until);
        let shared = |upto| reading.shared(upto, at);
        let (now, then) = (shared(at), shared(end));
        let spent = ledger.spent(rates, at).plus(&now.all);
        let fixed = ledger.fixed(rates, at).plus(&now.fixed);
        let committed = ledger.fixed(rates, end).plus(&then.fixed);
        let (mut slope, mut usage) = (Fraction::ZERO, Fraction::ZERO);
        if at < end {
            let next = if reading.shares.is_some() { shared(at + 1) } else { Shared::NOTHING };
            slope = ledger.slope(rates, at).plus(&next.all).plus(&now.all.times(-1));
            usage = if fixed == committed {
                slope.clone()
            } else {
                ledger.usage_slope(rates, at).plus(&next.usage()).plus(&now.usage().times(-1))
            };
        }
        let forecast = spent.plus(&usage.times(ledger.span.until - at)).plus(&committed).plus(&fixed.times(-1));
        let forecast = forecast.plus(&ledger.bent(rates, at, ledger.span.until));
        Self { at, spent, slope, forecast, fixed, committed }
    }

    pub fn per_day(&self) -> Fraction {
        self.slope.times(DAY)
    }

    /// The first whole second at which spend reaches `level` if what runs now runs on; of graduated prices none after the
    /// ledger's end.
    pub fn reaches(&self, ledger: &Ledger, rates: &Rates, level: &Fraction) -> Option<Seconds> {
        if !ledger.is_graduated(rates) {
            return climb(self.at, &self.spent, &self.slope, level);
        }
        let reached = |t: Seconds| {
            let straight = self.spent.plus(&self.slope.times(t - self.at));
            straight.plus(&ledger.bent(rates, self.at, t)) >= *level
        };
        let (mut before, mut after) = (self.at, ledger.span.until);
        if reached(before) {
            return Some(before);
        }
        if before >= after || !reached(after) {
            return None;
        }
        while after - before > 1 {
            let middle = before + (after - before) / 2;
            *(if reached(middle) { &mut after } else { &mut before }) = middle;
        }
        Some(after)
    }
}

// === impl Reading ===

impl Reading<'_> {
    /// What was spent in `[from, t)`.
    pub fn spent(&self, t: Seconds) -> Fraction {
        let t = self.ledger.clamp(t);
        self.ledger.spent(self.rates, t).plus(&self.shared(t, t).all)
    }

    /// The parts of what is divided that fall to this ledger by `t`.
    pub fn parts(&self, t: Seconds) -> Parts {
        let t = self.ledger.clamp(t);
        let parts = self.shares.as_ref().map(|shares| shares.parts(self.rates, &self.ledger.span, t, t));
        parts.unwrap_or_default()
    }

    /// What they come to of what came up by `upto`, as usage stood at `at`.
    fn shared(&self, upto: Seconds, at: Seconds) -> Shared {
        let Some(shares) = &self.shares else { return Shared::NOTHING };
        let parts = shares.parts(self.rates, &self.ledger.span, upto, at);
        let cost = |counts: fn(&Rate) -> bool| parts.cost(self.rates, counts);
        Shared { all: cost(|_| true), fixed: cost(|rate| !is_usage(rate)) }
    }

    /// The first whole second in `(after, now]` at which spend is at least `level`; `after` where it was so already.
    pub fn crossed(&self, level: &Fraction, after: Seconds, now: Seconds) -> Option<Seconds> {
        if self.shares.is_none() {
            return crossed(self.ledger, self.rates, level, after, now);
        }
        let (mut from, now) = (self.ledger.clamp(after).max(self.ledger.folded()), self.ledger.clamp(now));
        if self.spent(from) >= *level {
            return Some(from);
        }
        while from < now {
            let to = now.min(from + LOOK);
            if self.spent(to) >= *level {
                return Some(self.climbed(level, from, to));
            }
            from = to;
        }
        None
    }

    /// Between an instant below `level` and one that is not.
    fn climbed(&self, level: &Fraction, mut below: Seconds, mut reached: Seconds) -> Seconds {
        while reached - below > 1 {
            let middle = below + (reached - below) / 2;
            if self.spent(middle) >= *level { reached = middle } else { below = middle }
        }
        reached
    }
}

/// The first whole second `t` in `(after, now]` at which the spend of `[start, t)` is at least `level`; `after` itself
/// where it was so then already.
fn crossed(ledger: &Ledger, rates: &Rates, level: &Fraction, after: Seconds, now: Seconds) -> Option<Seconds> {
    let (after, now) = (ledger.clamp(after).max(ledger.folded()), ledger.clamp(now));
    if ledger.spent(rates, now) < *level {
        return None;
    }
    if ledger.spent(rates, after) >= *level {
        return Some(after);
    }
    let mut from = after;
    for turn in ledger.turns(after, now - 1).into_iter().chain([now]) {
        while from < turn {
            // What is booked at `from` counts a second later; from there on it is a straight line, as far as tiers go.
            let first = from + 1;
            let to = ledger.bend(rates, from, first).map_or(turn, |bend| bend.clamp(first, turn));
            let spent = ledger.spent(rates, first);
            let reached = climb(first, &spent, &ledger.heading(rates, from, first), level);
            if let Some(t) = reached.filter(|t| *t <= to) {
                return Some(t);
            }
            from = to;
        }
    }
    Some(now)
}

/// `percent` of `limit`.
pub fn level(limit: &Exact, percent: i32) -> Fraction {
    Fraction::from(limit).percent(percent)
}

fn climb(at: Seconds, spent: &Fraction, slope: &Fraction, level: &Fraction) -> Option<Seconds> {
    at.checked_add(spent.steps_to(level, slope)?)
}
