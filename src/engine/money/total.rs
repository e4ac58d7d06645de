//! A sum of `unit price × quantity ÷ factor`, exact, in machine integers as long as they suffice.

use num_bigint::BigInt;
use num_integer::Integer;
use num_traits::Zero;

use super::{Exact, Fraction, UnitPrice};

/// An exact sum in the making: numerators added per denominator, reduced once when asked for.
///
/// The lines of a statement share few denominators (a factor times a power of ten), so adding one is a
/// multiplication and an addition. What exceeds 128 bits goes on in integers of any size.
#[derive(Clone, Debug, Default)]
pub struct Total {
    /// (denominator, numerator), one entry a denominator.
    narrow: Vec<(i128, i128)>,
    /// The same, for what does not fit.
    wide: Vec<(BigInt, BigInt)>,
}

/// Powers of ten that fit, by exponent.
const POWERS_OF_TEN: [i128; 39] = {
    let mut powers = [1; 39];
    let mut exponent = 1;
    while exponent < powers.len() {
        powers[exponent] = powers[exponent - 1] * 10;
        exponent += 1;
    }
    powers
};

// === impl Total ===

impl Total {
    /// Adds `price × quantity ÷ factor`. `factor` (ledger units in a unit-hour, see [`super::Unit::factor`]) is
    /// positive; `quantity` may be negative in a correction.
    pub fn add(&mut self, price: &UnitPrice, quantity: i128, factor: i128) {
        if self.add_narrow(price, quantity, factor).is_none() {
            let price = price.exact();
            self.add_wide(price.denom() * factor, price.numer() * quantity);
        }
    }

    /// Adds an amount that is no such product.
    pub fn add_exact(&mut self, amount: &Exact) {
        self.add_wide(amount.denom().clone(), amount.numer().clone());
    }

    /// The sum, reduced.
    pub fn exact(&self) -> Exact {
        self.narrow_sum().map_or_else(
            || self.wide_sum(),
            |(denominator, numerator)| {
                let divisor = gcd(numerator, denominator);
                Exact::new_raw((numerator / divisor).into(), (denominator / divisor).into())
            },
        )
    }

    /// The sum, not reduced.
    pub fn fraction(&self) -> Fraction {
        self.narrow_sum()
            .map_or_else(|| self.wide_sum().into(), |(denominator, numerator)| Fraction::new(numerator, denominator))
    }

    fn add_narrow(&mut self, price: &UnitPrice, quantity: i128, factor: i128) -> Option<()> {
        let price = price.decimal()?;
        let numerator = price.mantissa().checked_mul(quantity)?;
        let denominator = POWERS_OF_TEN.get(price.scale() as usize)?.checked_mul(factor)?;
        match self.narrow.iter_mut().find(|(at, _)| *at == denominator) {
            Some((_, sum)) => *sum = sum.checked_add(numerator)?,
            None => self.narrow.push((denominator, numerator)),
        }
        Some(())
    }

    fn add_wide(&mut self, denominator: BigInt, numerator: BigInt) {
        match self.wide.iter_mut().find(|(at, _)| *at == denominator) {
            Some((_, sum)) => *sum += numerator,
            None => self.wide.push((denominator, numerator)),
        }
    }

    /// (denominator, numerator) of the sum, not reduced, where it never leaves 128 bits.
    fn narrow_sum(&self) -> Option<(i128, i128)> {
        if !self.wide.is_empty() {
            return None;
        }
        self.narrow.iter().try_fold((1, 0), |(denominator, numerator): (i128, i128), &(by, part)| {
            let divisor = gcd(denominator, by);
            let (widen, widen_part) = (by / divisor, denominator / divisor);
            let sum = numerator.checked_mul(widen)?.checked_add(part.checked_mul(widen_part)?)?;
            Some((denominator.checked_mul(widen)?, sum))
        })
    }

    fn wide_sum(&self) -> Exact {
        let narrow = self.narrow.iter().map(|&(denominator, numerator)| (denominator.into(), numerator.into()));
        let mut all = narrow.chain(self.wide.iter().cloned()).collect::<Vec<(BigInt, BigInt)>>();
        let denominator = all.iter().fold(BigInt::from(1), |lcm, (denominator, _)| lcm.lcm(denominator));
        let numerator = all.drain(..).fold(BigInt::zero(), |sum, (by, part)| sum + part * (&denominator / by));
        Exact::new(numerator, denominator)
    }
}

/// Greatest common divisor; in 64 bits where both fit, which is most of the time and several times faster.
fn gcd(one: i128, two: i128) -> i128 {
    match (u64::try_from(one.unsigned_abs()), u64::try_from(two.unsigned_abs())) {
        (Ok(one), Ok(two)) => one.gcd(&two).into(),
        _ => one.gcd(&two),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::money::{Price, Unit, parse_exact, to_decimals};
    use proptest::prelude::*;

    const DEVICES: Unit = Unit::DeviceMilliseconds { replicas: 1 };
    const CPU: Unit = Unit::MillicoreSeconds;
    const MEMORY: Unit = Unit::ByteSeconds;

    fn total(lines: &[(&str, i128, Unit)]) -> Exact {
        let mut total = Total::default();
        for (price, quantity, unit) in lines {
            total.add(&UnitPrice::parse(price).unwrap(), *quantity, unit.factor());
        }
        total.exact()
    }

    #[test]
    fn agrees_with_the_cost_model_s_vectors() {
        let gib = 1_i128 << 30;
        for (lines, result) in [
            (&[("0.031611", 500 * 86_400, CPU), ("0.004237", gib * 86_400, MEMORY)][..], "0.48102"),
            (&[("0.031611", 500 * 433, CPU), ("0.004237", gib * 433, MEMORY)], "3471361/1440000000"),
            (&[("0.006655", 2000 * 36_000, CPU), ("0.000892", 8 * gib * 36_000, MEMORY)], "0.20446"),
            (&[("0.00005479452", 100 * gib * 21_600 + 200 * gib * 64_800, MEMORY)], "0.230136984"),
            (&[("0.004237", (1 << 63) * 86_400, MEMORY)], "873493268.791296"),
            (&[("0.95", 2 * 3_600_000, DEVICES), ("0.025", 7200, Unit::Seconds)], "1.95"),
            (&[("0.04", gib * 3600 * 365, Unit::ByteSecondsOfMonth)], "0.02"),
            (&[("1/3", 3600, Unit::Seconds), ("0.5", -3600, Unit::Seconds)], "-1/6"),
            (&[], "0"),
        ] {
            assert_eq!(total(lines), parse_exact(result).unwrap());
        }
        let decimal_gigabyte = total(&[("0.004237", 1_000_000_000 * 86_400, MEMORY)]);
        assert_eq!(to_decimals(&decimal_gigabyte, 20), "0.09470432996749877930");
    }

    #[test]
    fn goes_on_beyond_128_bits() {
        let price = "9999999999999999999999999999";
        let quantity = 10_i128.pow(20);
        let sum =
            total(&[(price, quantity, Unit::Seconds), (price, -quantity, Unit::Seconds), ("1", 3600, Unit::Seconds)]);
        assert_eq!(sum, Exact::from_integer(1.into()));
        // A sum that overflows where none of its parts does.
        let half = i128::MAX / 2 + 1;
        let sum = total(&[("1", half, Unit::Seconds), ("1", half, Unit::Seconds), ("0.5", 1, Unit::Seconds)]);
        let expected = BigInt::from(half) * 4 + 1;
        assert_eq!(sum, Exact::new(expected, 7200.into()));
    }

    fn any_unit() -> impl Strategy<Value = Unit> {
        let shared = Unit::DeviceMilliseconds { replicas: 7 };
        prop::sample::select(vec![Unit::MillicoreSeconds, Unit::ByteSeconds, Unit::ByteSecondsOfMonth, DEVICES, shared])
    }

    fn any_price() -> impl Strategy<Value = UnitPrice> {
        let decimal = "[0-9]{1,14}\\.[0-9]{1,14}".prop_map(|text| Price::parse(&text).unwrap().into());
        let fraction = (0..10_i64.pow(12), 1..10_i64.pow(12)).prop_map(|(numerator, denominator)| {
            UnitPrice::new(&Exact::new(numerator.into(), denominator.into())).unwrap()
        });
        prop_oneof![decimal, fraction]
    }

    fn any_quantity() -> impl Strategy<Value = i128> {
        prop_oneof![any::<i64>().prop_map(i128::from), any::<i128>()]
    }

    proptest! {
        #[test]
        fn is_the_sum_of_its_parts_in_any_order(
            lines in prop::collection::vec((any_price(), any_quantity(), any_unit()), 0..12),
        ) {
            let (mut total, mut backwards) = (Total::default(), Total::default());
            let mut expected = Exact::zero();
            for (price, quantity, unit) in &lines {
                total.add(price, *quantity, unit.factor());
                expected += price.exact() * BigInt::from(*quantity) / BigInt::from(unit.factor());
            }
            for (price, quantity, unit) in lines.iter().rev() {
                backwards.add(price, *quantity, unit.factor());
            }
            let sum = total.exact();
            prop_assert_eq!(&sum, &expected);
            prop_assert_eq!(&total.fraction().exact(), &expected);
            prop_assert_eq!(sum.to_string(), expected.to_string(), "reduced");
            prop_assert_eq!(&backwards.exact(), &expected);
            total.add_exact(&-expected);
            prop_assert!(total.exact().is_zero());
        }
    }
}
