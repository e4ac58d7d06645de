//! Amounts as text, rounded half-even from the exact fraction, and comparisons that round nothing.

use std::cmp::Ordering;

use iso_currency::Currency;
use num_bigint::{BigInt, Sign};
use num_integer::Integer;
use num_traits::{Signed, ToPrimitive, Zero};

use super::Exact;

/// Decimals of a Statement's `cost` and `total`.
const COST_DIGITS: u32 = 10;

/// Decimals of a currency that ISO 4217 gives none (gold, testing codes).
const DEFAULT_MINOR_DIGITS: u32 = 2;

/// `value` with exactly `digits` decimals, rounded half-even. Zero has no sign: never `-0.00`.
pub fn to_decimals(value: &Exact, digits: u32) -> String {
    let scaled = round_half_even(&(value.numer() * BigInt::from(10).pow(digits)), value.denom());
    decimal_text(&scaled, digits)
}

/// The same with at most `digits` decimals, which is at least 1: no zeros at their end.
pub fn short_decimals(value: &Exact, digits: u32) -> String {
    to_decimals(value, digits).trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// A Statement's `cost` or `total`: 10 decimals.
pub fn cost_text(value: &Exact) -> String {
    to_decimals(value, COST_DIGITS)
}

/// An amount in `status`: the currency's minor unit (EUR `412.37`, JPY `412`, KWD `412.371`).
pub fn amount_text(value: &Exact, currency: Currency) -> String {
    to_decimals(value, minor_digits(currency))
}

/// Decimals of the currency's minor unit.
pub fn minor_digits(currency: Currency) -> u32 {
    currency.exponent().map_or(DEFAULT_MINOR_DIGITS, u32::from)
}

/// `usedPercent`: rounded down. With a limit of zero 0 while nothing is spent, else 100.
pub fn used_percent(spent: &Exact, limit: &Exact) -> i64 {
    if limit.is_zero() {
        return if spent.is_positive() { 100 } else { 0 };
    }
    let hundredfold: BigInt = spent.numer() * limit.denom() * 100;
    let percent = hundredfold.div_floor(&(spent.denom() * limit.numer()));
    percent.to_i64().unwrap_or(if percent.is_negative() { i64::MIN } else { i64::MAX })
}

/// Whether `spent` is at least `percent` of `limit`, exactly: the condition of a crossing.
pub fn reaches(spent: &Exact, percent: u32, limit: &Exact) -> bool {
    spent.numer() * limit.denom() * 100 >= limit.numer() * spent.denom() * percent
}

/// The integer nearest to `numerator ÷ denominator`, of two equally near the even one.
pub(super) fn round_half_even(numerator: &BigInt, denominator: &BigInt) -> BigInt {
    let (down, rest): (BigInt, BigInt) = numerator.div_mod_floor(denominator);
    let up = match BigInt::cmp(&(rest * 2), denominator) {
        Ordering::Less => false,
        Ordering::Equal => down.is_odd(),
        Ordering::Greater => true,
    };
    if up { down + 1 } else { down }
}

/// `scaled ÷ 10^digits` as text with exactly `digits` decimals.
pub(super) fn decimal_text(scaled: &BigInt, digits: u32) -> String {
    let sign = if scaled.sign() == Sign::Minus { "-" } else { "" };
    let digits = digits as usize;
    let text = format!("{:0>width$}", scaled.magnitude().to_string(), width = digits + 1);
    let (whole, decimals) = text.split_at(text.len() - digits);
    let point = if digits == 0 { "" } else { "." };
    format!("{sign}{whole}{point}{decimals}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn exact(numerator: i128, denominator: i128) -> Exact {
        Exact::new(numerator.into(), denominator.into())
    }

    #[test]
    fn rounds_half_to_even() {
        for (numerator, denominator, digits, text) in [
            (3_471_361, 1_440_000_000, 10, "0.0024106674"),
            (5, 1000, 2, "0.00"),
            (15, 1000, 2, "0.02"),
            (25, 1000, 2, "0.02"),
            (25_001, 1_000_000, 2, "0.03"),
            (-5, 1000, 2, "0.00"),
            (-15, 1000, 2, "-0.02"),
            (-25, 1000, 2, "-0.02"),
            (-1, 1000, 2, "0.00"),
            (-3, 2, 0, "-2"),
            (-5, 2, 0, "-2"),
            (1, 2, 0, "0"),
            (3, 2, 0, "2"),
            (0, 1, 10, "0.0000000000"),
            (41_237, 100, 2, "412.37"),
            (-41_237, 100, 1, "-412.4"),
            (9_999, 1000, 2, "10.00"),
        ] {
            assert_eq!(to_decimals(&exact(numerator, denominator), digits), text, "{numerator}/{denominator}");
        }
    }

    #[test]
    fn amounts_have_their_currency_s_digits() {
        let value = exact(4_123_705, 10_000);
        for (currency, text) in
            [(Currency::EUR, "412.37"), (Currency::JPY, "412"), (Currency::KWD, "412.370"), (Currency::XAU, "412.37")]
        {
            assert_eq!(amount_text(&value, currency), text, "{currency}");
        }
        assert_eq!(cost_text(&value), "412.3705000000");
    }

    #[test]
    fn used_percent_is_rounded_down() {
        for (spent, limit, percent) in [
            ((41_237, 100), 1000, 41),
            ((999_999, 1000), 1000, 99),
            ((1000, 1), 1000, 100),
            ((0, 1), 0, 0),
            ((-1, 1), 0, 0),
            ((1, 1_000_000), 0, 100),
            ((-1, 1), 1000, -1),
            ((i128::MAX, 1), 1, i64::MAX),
        ] {
            assert_eq!(used_percent(&exact(spent.0, spent.1), &exact(limit, 1)), percent, "{spent:?} of {limit}");
        }
    }

    #[test]
    fn a_limit_is_reached_exactly() {
        let limit = exact(1000, 3);
        assert!(reaches(&exact(800, 3), 80, &limit));
        assert!(!reaches(&(exact(800, 3) - exact(1, i128::MAX)), 80, &limit));
        assert!(reaches(&exact(0, 1), 80, &exact(0, 1)));
        assert!(!reaches(&exact(-1, 3), 80, &exact(0, 1)));
    }

    proptest! {
        #[test]
        fn rounding_misses_by_half_a_unit_at_most(numerator in any::<i64>(), denominator in 1..i64::MAX, digits in 0..12_u32) {
            let value = Exact::new(numerator.into(), denominator.into());
            let text = to_decimals(&value, digits);
            let rounded = crate::engine::money::parse_exact(&text).unwrap();
            let unit = Exact::new(1.into(), BigInt::from(10).pow(digits));
            prop_assert!((&rounded - &value).abs() * BigInt::from(2) <= unit);
            prop_assert_eq!(text.split_once('.').map_or(0, |(_, decimals)| decimals.len()), digits as usize);
            prop_assert!(!(rounded.is_zero() && text.starts_with('-')));
        }
    }
}
