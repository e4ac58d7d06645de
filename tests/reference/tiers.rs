//! Graduated prices: each resource of a budget has a position that goes up all through the period, whatever it costs
//! there; each part of it bears the price of the tier that it falls into.

use std::collections::BTreeMap;

use num_bigint::BigInt;
use num_rational::BigRational;
use num_traits::Zero;

use super::Key;
use super::tally::{Lines, Tally};

/// A net price, and up to which position in ledger units; the last tier has no end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tier {
    pub up_to: Option<BigInt>,
    pub price: BigRational,
}

/// The quantities of each rate, in the order in which they came.
#[derive(Default)]
pub struct Positions {
    rates: BTreeMap<String, Vec<Run>>,
}

/// What came under the same prices, one after the other.
struct Run {
    plan: Option<String>,
    tiers: Vec<Tier>,
    amounts: Lines,
}

// === impl Positions ===

impl Positions {
    /// A line's next quantity; without tiers it has its price already.
    pub fn go_on(&mut self, key: Key, tiers: Vec<Tier>, amount: BigInt) {
        let runs = self.rates.entry(key.rate.clone()).or_default();
        if runs.last().is_none_or(|run| run.plan != key.plan || run.tiers != tiers) {
            runs.push(Run { plan: key.plan.clone(), tiers, amounts: Lines::new() });
        }
        let run = runs.last_mut().expect("a run");
        *run.amounts.entry(key).or_default() += amount;
    }

    pub fn priced(self, tally: &mut Tally) {
        for (rate, runs) in self.rates {
            let mut position = BigInt::zero();
            for run in runs {
                if !run.tiers.is_empty() && run.amounts.len() > 1 {
                    tally.split.insert(rate.clone());
                }
                let from = position.clone();
                position += run.amounts.values().sum::<BigInt>();
                for (key, amount) in run.priced(&from, &position) {
                    tally.add(key, amount);
                }
            }
        }
    }
}

// === impl Run ===

impl Run {
    fn priced(self, from: &BigInt, to: &BigInt) -> Vec<(Key, BigInt)> {
        if self.tiers.is_empty() {
            return self.amounts.into_iter().collect();
        }
        let mut priced = Vec::new();
        let mut below = BigInt::zero();
        for tier in &self.tiers {
            let end = tier.up_to.as_ref().unwrap_or(to).min(to);
            let begin = (&below).max(from);
            if begin < end {
                for (key, amount) in split(&self.amounts, &(end - begin)) {
                    priced.push((Key { unit_price: Some(tier.price.clone()), ..key }, amount));
                }
            }
            below.clone_from(end);
        }
        priced
    }
}

/// A part of all amounts, in proportion to each; what is left over goes to the largest remainders.
fn split(amounts: &Lines, part: &BigInt) -> Vec<(Key, BigInt)> {
    let all: BigInt = amounts.values().sum();
    let mut shares: Vec<_> = amounts.iter().map(|(key, amount)| (key.clone(), amount * part / &all)).collect();
    let left = part - shares.iter().map(|(_, share)| share).sum::<BigInt>();
    let remainder = |key: &Key| &amounts[key] * part % &all;
    shares.sort_by_key(|(key, _)| -remainder(key));
    for (_, share) in shares.iter_mut().take(usize::try_from(left).expect("fewer than there are lines")) {
        *share += 1;
    }
    shares
}
