//! What a unit of a node costs where the plan prices the whole node: its price split over its capacity in the ratio of
//! the plan's base prices, exactly (COST_RULES 10).

use std::collections::BTreeMap;

use num_traits::Zero;

use super::money::{Exact, UnitPrice};
use super::rate::{OnNode, slices};
use crate::facts::Name;

/// What the split says of one resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Share {
    Priced(UnitPrice),
    /// The node's price cannot be split: nothing that it has is worth anything by the base prices.
    Unpriced,
    /// The node's price has no part for it: the base prices count.
    Elsewhere,
}

/// The price of one unit of a resource of a node that costs `price` an hour.
pub fn share(price: &UnitPrice, base: &BTreeMap<Name, UnitPrice>, node: OnNode<'_>, resource: &str) -> Share {
    if !is_split_over(resource) {
        return Share::Elsewhere;
    }
    let priced = node.capacity.iter().filter(|(name, _)| is_split_over(name));
    let worth = priced.filter_map(|(name, amount)| Some(base.get(name)?.exact() * units(name, *amount, node)));
    let worth: Exact = worth.sum();
    if worth.is_zero() {
        return Share::Unpriced;
    }
    let has = node.capacity.iter().any(|(name, _)| **name == *resource);
    let unit =
        base.get(resource).filter(|_| has).and_then(|one| UnitPrice::new(&(price.exact() * one.exact() / worth)));
    unit.map_or(Share::Elsewhere, Share::Priced)
}

/// cpu, memory and extended resources; not ephemeral-storage, hugepages-*, pods.
pub(super) fn is_split_over(resource: &str) -> bool {
    matches!(resource, "cpu" | "memory") || resource.contains('/')
}

/// An amount of capacity in the units that prices are for; replicas of a shared device are parts of it.
fn units(resource: &str, amount: i128, node: OnNode<'_>) -> Exact {
    let per_one = match resource {
        "cpu" => 1000,
        "memory" => 1 << 30,
        _ => slices(resource, node.labels).into(),
    };
    Exact::new(amount.into(), i128::into(per_one))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::{Amounts, Labels};
    use proptest::prelude::*;
    use std::sync::Arc;

    fn amounts(list: &[(&str, i128)]) -> Amounts {
        list.iter().map(|(name, amount)| (Name::from(*name), *amount)).collect()
    }

    fn prices(list: &[(&str, &str)]) -> BTreeMap<Name, UnitPrice> {
        list.iter().map(|(name, price)| (Name::from(*name), UnitPrice::parse(price).unwrap())).collect()
    }

    fn sliced(replicas: &str) -> Labels {
        Arc::new([(Name::from("a.b/gpu.replicas"), Name::from(replicas))].into_iter().collect())
    }

    #[test]
    fn follows_the_base_prices() {
        let base = prices(&[("cpu", "2"), ("memory", "1"), ("a.b/gpu", "10"), ("ephemeral-storage", "5")]);
        let gib = 1 << 30;
        let capacity = amounts(&[
            ("a.b/gpu", 4),
            ("a.b/nic", 8),
            ("cpu", 4000),
            ("ephemeral-storage", 100 * gib),
            ("memory", 2 * gib),
            ("pods", 110),
        ]);
        let labels = sliced("4");
        let node = OnNode { labels: &labels, capacity: &capacity };
        let price = UnitPrice::parse("5").unwrap();
        // 4 · 2 + 2 · 1 + 1 · 10 = 20: a quarter of the base prices.
        for (resource, expected) in [
            ("cpu", Share::Priced(UnitPrice::parse("0.5").unwrap())),
            ("memory", Share::Priced(UnitPrice::parse("0.25").unwrap())),
            ("a.b/gpu", Share::Priced(UnitPrice::parse("2.5").unwrap())),
            ("a.b/nic", Share::Elsewhere),
            ("a.b/other", Share::Elsewhere),
            ("ephemeral-storage", Share::Elsewhere),
            ("hugepages-2Mi", Share::Elsewhere),
        ] {
            assert_eq!(share(&price, &base, node, resource), expected, "{resource}");
        }
        let nothing = amounts(&[("ephemeral-storage", 1)]);
        let node = OnNode { labels: &labels, capacity: &nothing };
        assert_eq!(share(&price, &base, node, "cpu"), Share::Unpriced);
        assert_eq!(share(&price, &base, node, "ephemeral-storage"), Share::Elsewhere);
        let free = prices(&[("cpu", "0")]);
        assert_eq!(share(&price, &free, OnNode { capacity: &capacity, ..node }, "cpu"), Share::Unpriced);
    }

    proptest! {
        /// A full node costs its price.
        #[test]
        fn the_parts_make_up_the_whole(
            price in "[0-9]{1,6}\\.[0-9]{1,9}", cpu in 1..1_000_000_i128, memory in 1..1_i128 << 42, gpus in 1..64_i128, by in 1..9_u32,
            base in ("0\\.0[1-9]{1,9}", "0\\.00[1-9]{1,9}", "[1-9]\\.[0-9]{1,3}"),
        ) {
            let base = prices(&[("cpu", &base.0), ("memory", &base.1), ("a.b/gpu", &base.2)]);
            let (labels, capacity) = (sliced(&by.to_string()), amounts(&[("a.b/gpu", gpus), ("cpu", cpu), ("memory", memory)]));
            let (node, price) = (OnNode { labels: &labels, capacity: &capacity }, UnitPrice::parse(&price).unwrap());
            let sum: Exact = capacity.iter().map(|(resource, amount)| match share(&price, &base, node, resource) {
                Share::Priced(unit) => unit.exact() * units(resource, *amount, node),
                other => panic!("{other:?}"),
            }).sum();
            prop_assert_eq!(sum, price.exact());
        }
    }
}
