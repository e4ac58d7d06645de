//! What a time costs, line by line.

use std::collections::{BTreeMap, BTreeSet};

use num_bigint::BigInt;
use num_traits::Zero;

use super::Key;

pub type Lines = BTreeMap<Key, BigInt>;

/// Lines, and the rates whose tiers were split over several of them.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    pub lines: Lines,
    pub split: BTreeSet<String>,
}

// === impl Tally ===

impl Tally {
    pub fn add(&mut self, key: Key, quantity: BigInt) {
        *self.lines.entry(key).or_default() += quantity;
    }

    /// Adds what was found since `before`.
    pub fn correct(&mut self, after: &Self, before: &Self) {
        let added = after.lines.iter().map(|(key, quantity)| (key.clone(), quantity.clone()));
        let taken_back = before.lines.iter().map(|(key, quantity)| (key.clone(), -quantity));
        for (key, quantity) in added.chain(taken_back) {
            self.add(Key { correction: true, ..key }, quantity);
        }
        self.split.extend(after.split.union(&before.split).cloned());
    }

    /// Without lines of nothing.
    pub fn cleared(mut self) -> Self {
        self.lines.retain(|_, quantity| !quantity.is_zero());
        self
    }
}
