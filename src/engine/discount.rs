//! What is left of a price: discounts compound, and a unit price is net of them (COST_RULES 19).

use num_traits::One;

use super::money::{Exact, UnitPrice};
use crate::facts::Name;

/// The discounts of a plan.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Discounts(Vec<Discount>);

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Discount {
    /// 1 − percent ÷ 100.
    pub left: Exact,
    /// What it is taken off; absent: everything that is used.
    pub names: Option<Vec<Name>>,
}

// === impl Discounts ===

impl Discounts {
    pub fn new(discounts: Vec<Discount>) -> Self {
        Self(discounts)
    }

    /// The price of what bears this name (a resource, `storage`, `load-balancer`) with everything taken off.
    pub fn net(&self, price: UnitPrice, name: &str) -> UnitPrice {
        let applies = |d: &&Discount| d.names.as_ref().is_none_or(|names| names.iter().any(|n| **n == *name));
        let mut discounts = self.0.iter().filter(applies).peekable();
        if discounts.peek().is_none() {
            return price;
        }
        let left = discounts.fold(Exact::one(), |left, discount| left * &discount.left);
        UnitPrice::new(&(price.exact() * left)).unwrap_or(price)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn discount(percent: i64, names: Option<&[&str]>) -> Discount {
        let left = Exact::new((100 - percent).into(), 100.into());
        Discount { left, names: names.map(|names| names.iter().map(|name| Name::from(*name)).collect()) }
    }

    #[test]
    fn several_compound() {
        let discounts = Discounts::new(vec![
            discount(30, None),
            discount(10, Some(&["cpu", "storage"])),
            discount(100, Some(&["load-balancer"])),
        ]);
        for (price, name, net) in [
            ("0.04", "cpu", "0.0252"),
            ("0.04", "memory", "0.028"),
            ("1/3", "cpu", "0.21"),
            ("2/7", "storage", "0.18"),
            ("2/7", "memory", "0.2"),
            ("1/9", "memory", "7/90"),
            ("0.025", "load-balancer", "0"),
        ] {
            let price = UnitPrice::parse(price).unwrap();
            assert_eq!(discounts.net(price.clone(), name).to_string(), net, "{price} of {name}");
            assert_eq!(Discounts::default().net(price.clone(), name), price);
        }
    }
}
