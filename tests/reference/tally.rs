//! What a time costs, line by line.

use std::collections::{BTreeMap, BTreeSet};

use num_bigint::BigInt;
use num_rational::BigRational;
use num_traits::Zero;

use super::{Charge, Key};

pub type Lines = BTreeMap<Key, BigInt>;

/// Lines, and the rates whose tiers were split over several of them.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    pub lines: Lines,
    pub split: BTreeSet<String>,
    pub charges: BTreeMap<Charge, BigRational>,
}

// === impl Tally ===

impl Tally {
    pub fn add(&mut self, key: Key, quantity: BigInt) {
        *self.lines.entry(key).or_default() += quantity;
    }

    pub fn charge(&mut self, charge: Charge, cost: BigRational) {
        *self.charges.entry(charge).or_insert_with(BigRational::zero) += cost;
    }

    pub fn merge(&mut self, other: &Self) {
        other.lines.iter().for_each(|(key, quantity)| self.add(key.clone(), quantity.clone()));
        other.charges.iter().for_each(|(charge, cost)| self.charge(charge.clone(), cost.clone()));
        self.split.extend(other.split.iter().cloned());
    }

    /// Adds what was found since `before`.
    pub fn correct(&mut self, after: &Self, before: &Self) {
        let added = after.lines.iter().map(|(key, quantity)| (key.clone(), quantity.clone()));
        let taken_back = before.lines.iter().map(|(key, quantity)| (key.clone(), -quantity));
        for (key, quantity) in added.chain(taken_back) {
            self.add(Key { correction: true, ..key }, quantity);
        }
        let added = after.charges.iter().map(|(charge, cost)| (charge.clone(), cost.clone()));
        let taken_back = before.charges.iter().map(|(charge, cost)| (charge.clone(), -cost));
        for (charge, cost) in added.chain(taken_back) {
            self.charge(Charge { correction: true, ..charge }, cost);
        }
        self.split.extend(after.split.union(&before.split).cloned());
    }

    /// The exact cost of everything.
    pub fn total(&self) -> BigRational {
        let of_line = |(key, quantity): (&Key, &BigInt)| {
            let price = key.unit_price.clone().unwrap_or_else(BigRational::zero);
            price * BigRational::new(quantity.clone(), key.factor.clone())
        };
        self.lines.iter().map(of_line).chain(self.charges.values().cloned()).sum()
    }

    /// Without lines of nothing.
    pub fn cleared(mut self) -> Self {
        self.lines.retain(|_, quantity| !quantity.is_zero());
        self.charges.retain(|_, cost| !cost.is_zero());
        self
    }
}
