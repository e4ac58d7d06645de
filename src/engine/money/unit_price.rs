//! The price of one unit-hour on a ledger line: a decimal, or a fraction where no short decimal is exact.

use std::cmp::Ordering;
use std::fmt;

use num_bigint::{BigInt, Sign};
use num_integer::Integer;
use num_traits::{One, Signed, ToPrimitive};

use super::{Exact, ParseExactError, Price, parse_exact};

/// A unit price: what it was set to, or what a division or a discount made of it.
///
/// A value has one form, whichever way it was made, so equality, hash and text all follow the value.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct UnitPrice(Form);

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Form {
    Decimal(Price),
    /// Reduced, and no decimal of at most 28 digits.
    Fraction(Exact),
}

// === impl UnitPrice ===

impl UnitPrice {
    /// The unit price equal to `value`; `None` where that is negative, which no price is.
    pub fn new(value: &Exact) -> Option<Self> {
        if value.is_negative() {
            return None;
        }
        let value = value.reduced();
        Some(Self(short_decimal(&value).map_or(Form::Fraction(value), Form::Decimal)))
    }

    /// Parses what [`Display`](fmt::Display) prints: `0.031611`, or `12/34567`.
    pub fn parse(text: &str) -> Result<Self, ParseExactError> {
        if let Ok(price) = Price::parse(text) {
            return Ok(price.into());
        }
        Self::new(&parse_exact(text)?).ok_or_else(|| ParseExactError::Negative(text.to_owned()))
    }

    /// The same as a fraction, to calculate with.
    pub fn exact(&self) -> Exact {
        match &self.0 {
            Form::Decimal(price) => price.exact(),
            Form::Fraction(value) => value.clone(),
        }
    }

    /// The decimal, where it is one.
    pub fn decimal(&self) -> Option<Price> {
        match self.0 {
            Form::Decimal(price) => Some(price),
            Form::Fraction(_) => None,
        }
    }
}

/// `value` (reduced, not negative) as a decimal of at most 28 digits: its denominator has no factor but 2 and 5.
fn short_decimal(value: &Exact) -> Option<Price> {
    let (mut rest, mut scale) = (value.denom().clone(), 0);
    for factor in [2, 5] {
        let factor = BigInt::from(factor);
        let mut power = 0;
        while let (quotient, remainder) = rest.div_rem(&factor)
            && remainder.sign() == Sign::NoSign
        {
            rest = quotient;
            power += 1;
        }
        scale = scale.max(power);
    }
    if !rest.is_one() || scale > 62 {
        return None;
    }
    let mantissa = (value * BigInt::from(10).pow(scale)).to_integer().to_u128()?;
    Price::from_parts(mantissa, scale)
}

impl From<Price> for UnitPrice {
    fn from(price: Price) -> Self {
        Self(Form::Decimal(price))
    }
}

/// The shortest decimal of at most 28 digits where there is one, else a reduced fraction `12/34567`.
impl fmt::Display for UnitPrice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Form::Decimal(price) => price.fmt(f),
            Form::Fraction(value) => write!(f, "{}/{}", value.numer(), value.denom()),
        }
    }
}

impl Ord for UnitPrice {
    fn cmp(&self, other: &Self) -> Ordering {
        match (&self.0, &other.0) {
            (Form::Decimal(one), Form::Decimal(two)) => one.cmp(two),
            _ => self.exact().cmp(&other.exact()),
        }
    }
}

impl PartialOrd for UnitPrice {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn of(numerator: i128, denominator: i128) -> UnitPrice {
        UnitPrice::new(&Exact::new(numerator.into(), denominator.into())).unwrap()
    }

    #[test]
    fn prints_a_decimal_where_there_is_one() {
        for (price, printed) in [
            (of(31_611, 1_000_000), "0.031611"),
            (of(1, 3), "1/3"),
            (of(24, 69_134), "12/34567"),
            (of(6, 3), "2"),
            (of(1, 1 << 10), "0.0009765625"),
            (of(7, 40), "0.175"),
            // 20 significant digits, and 35.
            (of(1, 1 << 28), "0.0000000037252902984619140625"),
            (of(1, 1 << 50), "1/1125899906842624"),
        ] {
            assert_eq!(price.to_string(), printed);
            assert_eq!(UnitPrice::parse(printed).unwrap(), price);
        }
        assert_eq!(UnitPrice::new(&Exact::new((-1).into(), 3.into())), None);
        assert!(matches!(UnitPrice::parse("-1/3"), Err(ParseExactError::Negative(_))));
        assert!(of(1, 3) < UnitPrice::parse("0.34").unwrap());
    }

    proptest! {
        #[test]
        fn one_form_for_a_value(numerator in 0..10_i128.pow(20), denominator in 1..10_i128.pow(18), by in 1..1000_i128) {
            let price = of(numerator, denominator);
            prop_assert_eq!(&of(numerator * by, denominator * by), &price);
            prop_assert_eq!(&UnitPrice::parse(&price.to_string()).unwrap(), &price);
            prop_assert_eq!(price.exact(), Exact::new(numerator.into(), denominator.into()));
        }

        #[test]
        fn decimals_stay_decimals(text in "[0-9]{1,14}\\.[0-9]{1,14}") {
            let price = Price::parse(&text).unwrap();
            prop_assert_eq!(UnitPrice::new(&price.exact()).unwrap().decimal(), Some(price));
        }
    }
}
