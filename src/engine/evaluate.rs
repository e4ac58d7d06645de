//! Where a ledger stands and where it is going: spend, forecast, crossings. Exact, and of `now` alone.

use super::ledger::Ledger;
use super::money::{Exact, Fraction};
use super::rate::Rates;
use crate::facts::Seconds;

const DAY: i64 = 86_400;

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
    pub fn of(ledger: &Ledger, rates: &Rates, now: Seconds) -> Self {
        let at = ledger.clamp(now);
        let spent = ledger.spent(rates, at);
        let slope = if at < ledger.span.until { ledger.slope(rates, at) } else { Fraction::ZERO };
        let (fixed, committed) = (ledger.fixed(rates, at), ledger.fixed(rates, ledger.span.until));
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

/// The first whole second `t` in `(after, now]` at which the spend of `[start, t)` is at least `level`; `after` itself
/// where it was so then already.
pub fn crossed(ledger: &Ledger, rates: &Rates, level: &Fraction, after: Seconds, now: Seconds) -> Option<Seconds> {
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
