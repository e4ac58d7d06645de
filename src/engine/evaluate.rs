//! Where a ledger stands and where it is going: spend, forecast, crossings. Exact, and of `now` alone.

use num_bigint::BigInt;
use num_traits::{Signed, ToPrimitive, Zero};

use super::ledger::Ledger;
use super::money::Exact;
use super::rate::Rates;
use crate::facts::Seconds;

const DAY: i64 = 86_400;

/// A ledger's figures at one instant.
#[derive(Clone, Debug, PartialEq)]
pub struct Figures {
    pub at: Seconds,
    /// Of `[start, at)`.
    pub spent: Exact,
    /// A second of what runs now.
    pub slope: Exact,
    /// The whole period, if what runs now runs on.
    pub forecast: Exact,
}

// === impl Figures ===

impl Figures {
    pub fn of(ledger: &Ledger, rates: &Rates, now: Seconds) -> Self {
        let at = ledger.clamp(now);
        let spent = ledger.spent(rates, at);
        let slope = if at < ledger.span.until { ledger.slope(rates, at) } else { Exact::zero() };
        let forecast = &spent + &slope * seconds(ledger.span.until - at);
        Self { at, spent, slope, forecast }
    }

    pub fn per_day(&self) -> Exact {
        &self.slope * seconds(DAY)
    }

    /// The first whole second at which spend reaches `level` at this rate.
    pub fn reaches(&self, level: &Exact) -> Option<Seconds> {
        climb(self.at, &self.spent, &self.slope, level)
    }
}

/// The first whole second `t` in `(after, now]` at which the spend of `[start, t)` is at least `level`; `after` itself
/// where it was so then already.
pub fn crossed(ledger: &Ledger, rates: &Rates, level: &Exact, after: Seconds, now: Seconds) -> Option<Seconds> {
    let (after, now) = (ledger.clamp(after).max(ledger.folded()), ledger.clamp(now));
    if ledger.spent(rates, now) < *level {
        return None;
    }
    if ledger.spent(rates, after) >= *level {
        return Some(after);
    }
    let mut from = after;
    for turn in ledger.turns(after, now - 1).into_iter().chain([now]) {
        // What is booked at `from` counts a second later; from there on it is a straight line.
        let first = from + 1;
        let spent = ledger.spent(rates, first);
        let reached = climb(first, &spent, &ledger.slope(rates, from), level);
        if let Some(t) = reached.filter(|t| *t <= turn) {
            return Some(t);
        }
        from = turn;
    }
    Some(now)
}

/// `percent` of `limit`.
pub fn level(limit: &Exact, percent: i32) -> Exact {
    limit * Exact::new(BigInt::from(percent), BigInt::from(100))
}

fn climb(at: Seconds, spent: &Exact, slope: &Exact, level: &Exact) -> Option<Seconds> {
    if spent >= level {
        return Some(at);
    }
    if !slope.is_positive() {
        return None;
    }
    let more = ((level - spent) / slope).ceil().to_integer().to_i64()?;
    at.checked_add(more)
}

fn seconds(n: i64) -> Exact {
    Exact::from_integer(n.into())
}
