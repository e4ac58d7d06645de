//! What a budget's spend is worth: units that Prometheus counts, such as orders, and what one of them has cost so far.
//!
//! Only what was spent while units were counted is divided by them. What was spent before, or while it is not known how
//! many there were, is left out, so that an outage changes neither.

use num_bigint::BigInt;
use num_traits::{Signed, Zero};

use super::money::{BILLIONTHS, Exact};
use crate::facts::Name;

/// What is counted of one ledger.
#[derive(Clone, Debug, PartialEq)]
pub struct Worth {
    /// What is counted, such as order.
    pub unit: Name,
    /// Billionths of units.
    units: i128,
    /// Of what was spent, what belongs to none of them.
    left_out: Exact,
    /// What was spent by the end of the newest window of which that is known.
    mark: Option<Exact>,
    /// Billionths of units counted since then, and whether some are not known.
    pending: i128,
    broken: bool,
}

// === impl Worth ===

impl Worth {
    /// Counting begins when so much is spent.
    pub fn begin(unit: Name, spent: Exact) -> Self {
        Self { unit, units: 0, left_out: spent.clone(), mark: Some(spent), pending: 0, broken: false }
    }

    /// As a Statement has it.
    pub fn resume(unit: Name, units: i128, left_out: Exact) -> Self {
        Self { unit, units, left_out, mark: None, pending: 0, broken: false }
    }

    /// Takes in a window: what was counted in it, and what was spent by its end, as far as that is known.
    pub fn count(&mut self, counted: Option<i128>, spent: Option<Exact>) {
        match counted {
            Some(counted) => self.pending += counted,
            None => self.broken = true,
        }
        let Some(spent) = spent else { return };
        if !self.broken {
            self.units += self.pending;
        } else if let Some(mark) = &self.mark {
            self.left_out += &spent - mark;
        }
        (self.mark, self.pending, self.broken) = (Some(spent), 0, false);
    }

    pub fn units(&self) -> i128 {
        if self.broken { self.units } else { self.units + self.pending }
    }

    /// What belongs to none of the units when so much is spent in all, of which the end was not counted.
    pub fn left_out(&self, ends_at: Option<&Exact>) -> Exact {
        match (ends_at, &self.mark) {
            (Some(spent), Some(mark)) => &self.left_out + spent - mark,
            _ => self.left_out.clone(),
        }
    }

    /// What one unit has cost; none where there is none, or what was spent meanwhile is not known.
    pub fn per_unit(&self) -> Option<Exact> {
        self.of_one(self.mark.as_ref()?)
    }

    /// The same when so much is spent in all.
    pub fn of_one(&self, spent: &Exact) -> Option<Exact> {
        let (units, cost) = (self.units(), spent - &self.left_out);
        (units > 0 && !cost.is_negative() && !(cost.is_zero() && spent.is_zero()))
            .then(|| cost * BigInt::from(BILLIONTHS) / BigInt::from(units))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn money(amount: i64) -> Exact {
        Exact::from_integer(amount.into())
    }

    const ONE: i128 = BILLIONTHS as i128;

    #[test]
    fn what_is_spent_is_divided_by_what_is_counted() {
        let mut worth = Worth::begin("order".into(), money(100));
        assert_eq!(worth.per_unit(), None);
        worth.count(Some(4 * ONE), Some(money(106)));
        assert_eq!(worth.per_unit(), Some(Exact::new(3.into(), 2.into())));
        worth.count(Some(0), Some(money(108)));
        assert_eq!((worth.per_unit(), worth.units()), (Some(money(2)), 4 * ONE));
    }

    #[test]
    fn what_is_not_known_is_in_neither() {
        let mut worth = Worth::begin("order".into(), money(0));
        worth.count(Some(2 * ONE), Some(money(4)));
        worth.count(None, Some(money(50)));
        assert_eq!((worth.per_unit(), worth.left_out(None)), (Some(money(2)), money(46)));
        // Asked late: between the two nobody knows any more what was spent.
        worth.count(Some(7 * ONE), None);
        worth.count(None, None);
        worth.count(Some(9 * ONE), Some(money(80)));
        assert_eq!((worth.per_unit(), worth.units(), worth.left_out(None)), (Some(money(2)), 2 * ONE, money(76)));
        worth.count(Some(ONE), None);
        assert_eq!(worth.units(), 3 * ONE, "what is known is kept");
        worth.count(Some(ONE), Some(money(84)));
        assert_eq!(worth.per_unit(), Some(money(2)));
        assert_eq!(worth.left_out(Some(&money(90))), money(82));
    }

    #[test]
    fn a_new_process_goes_on() {
        let mut worth = Worth::resume("order".into(), 2 * ONE, money(76));
        assert_eq!(worth.per_unit(), None);
        worth.count(Some(2 * ONE), Some(money(84)));
        assert_eq!(worth.per_unit(), Some(money(2)));
    }
}
