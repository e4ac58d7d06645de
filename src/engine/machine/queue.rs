//! Which budgets are to be looked at for writes, and in which order: picking the next touches no other.

use std::collections::{BTreeMap, BTreeSet};

use crate::engine::budget::BudgetKey;
use crate::facts::Seconds;

/// Class, then since when its status stands: what is smaller comes first.
pub(super) type Rank = (u8, Seconds);

/// Budgets, each once, by rank.
#[derive(Debug, Default)]
pub(super) struct Queue {
    ranks: BTreeMap<BudgetKey, Rank>,
    order: BTreeSet<(Rank, BudgetKey)>,
}

// === impl Queue ===

impl Queue {
    /// Adds a budget, or gives it another rank.
    pub fn put(&mut self, key: &BudgetKey, rank: Rank) {
        match self.ranks.insert(key.clone(), rank) {
            Some(same) if same == rank => return,
            Some(before) => {
                self.order.remove(&(before, key.clone()));
            }
            None => {}
        }
        self.order.insert((rank, key.clone()));
    }

    pub fn pop(&mut self) -> Option<BudgetKey> {
        let (_, key) = self.order.pop_first()?;
        self.ranks.remove(&key);
        Some(key)
    }

    pub fn is_empty(&self) -> bool {
        self.order.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_once_by_its_newest_rank() {
        let key = |name: &str| BudgetKey::of(None, name.into());
        let mut queue = Queue::default();
        for (name, rank) in [("a", (2, 5)), ("b", (1, 9)), ("c", (2, 1)), ("a", (0, 7)), ("b", (1, 9)), ("c", (2, 8))] {
            queue.put(&key(name), rank);
        }
        let order: Vec<_> = std::iter::from_fn(|| queue.pop()).map(|key| key.name.to_string()).collect();
        assert_eq!(order, ["a", "b", "c"]);
        assert!(queue.is_empty());
    }
}
