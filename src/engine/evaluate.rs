//! Where a ledger stands and where it is going: spend, forecast, crossings. Exact, and of `now` alone.

use std::collections::BTreeMap;

use super::ledger::{Ledger, LineKey};
use super::money::{Exact, Fraction};
use super::rate::Rates;
use super::share::Shares;
use crate::facts::Seconds;

const DAY: i64 = 86_400;

/// How far apart a ledger is looked at whose charges are divided by usage: in between it is taken to rise.
const LOOK: Seconds = 60;

/// A ledger with what it takes to read it.
#[derive(Clone, Debug)]
pub struct Reading<'a> {
    pub ledger: &'a Ledger,
    pub rates: &'a Rates,
    /// Present where charges are divided by usage.
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

// === impl Figures ===

impl Figures {
    pub fn of(reading: &Reading<'_>, now: Seconds) -> Self {
        let Reading { ledger, rates, .. } = *reading;
        let (at, end) = (ledger.clamp(now), ledger.span.until);
        let shared = |upto| reading.shared(upto, at);
        let (spent, now_shared) = (ledger.spent(rates, at), shared(at));
        let spent = spent.plus(&now_shared);
        let mut slope = if at < end { ledger.slope(rates, at) } else { Fraction::ZERO };
        if at < end && reading.shares.is_some() {
            slope = slope.plus(&shared(at + 1)).plus(&now_shared.times(-1));
        }
        let (fixed, committed) = (ledger.fixed(rates, at), ledger.fixed(rates, end));
        let (fixed, committed) = (fixed.plus(&now_shared), committed.plus(&shared(end)));
        let usage = if fixed == committed { slope.clone() } else { ledger.usage_slope(rates, at) };
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
        self.ledger.spent(self.rates, t).plus(&self.shared(t, t))
    }

    /// The parts of charges divided by usage that fall to this ledger by `t`.
    pub fn parts(&self, t: Seconds) -> BTreeMap<LineKey, Exact> {
        let t = self.ledger.clamp(t);
        let parts = self.shares.as_ref().map(|shares| shares.parts(self.rates, &self.ledger.span, t, t));
        parts.unwrap_or_default()
    }

    /// What they come to of what is charged by `upto`, as usage stood at `at`.
    fn shared(&self, upto: Seconds, at: Seconds) -> Fraction {
        let Some(shares) = &self.shares else { return Fraction::ZERO };
        let parts = shares.parts(self.rates, &self.ledger.span, upto, at);
        parts.values().fold(Exact::default(), |sum, part| sum + part).into()
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
