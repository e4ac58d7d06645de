//! Exact amounts as text: `exactCost: "12345/678"` on lines that are no product of a price and a quantity.

use std::str::FromStr;

use num_bigint::BigInt;
use num_traits::{Signed, Zero};

use super::Exact;
use super::round::to_decimals;

/// Longest text of a fraction; a longer one is rounded.
const MAX_CHARACTERS: usize = 1000;

/// Decimals that a fraction too long to print is rounded to.
const ROUNDED_DIGITS: u32 = 60;

/// Why a text is no exact amount.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParseExactError {
    /// Neither a fraction nor a decimal.
    #[error("{0:?} is no exact amount: write a fraction such as \"12345/678\" or a decimal such as \"0.5\"")]
    Form(String),
    /// Something divided by nothing.
    #[error("{0:?} divides by zero")]
    Denominator(String),
    /// A negative unit price.
    #[error("{0:?} is negative: prices never are")]
    Negative(String),
}

/// `12345/678`, reduced; a whole amount without a denominator. A text of more than 1,000 characters is rounded to a
/// decimal of 60 digits after the point.
pub fn exact_text(value: &Exact) -> String {
    let text = value.reduced().to_string();
    if text.len() > MAX_CHARACTERS { to_decimals(value, ROUNDED_DIGITS) } else { text }
}

/// Parses what [`exact_text`], [`to_decimals`](super::to_decimals) and prices print: a sign, then a fraction or a
/// decimal.
pub fn parse_exact(text: &str) -> Result<Exact, ParseExactError> {
    let form = || ParseExactError::Form(text.chars().take(MAX_CHARACTERS).collect());
    let (negative, number) = text.strip_prefix('-').map_or((false, text), |number| (true, number));
    let digits = |part: &str| {
        let fine = !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        if fine { BigInt::from_str(part).map_err(|_| form()) } else { Err(form()) }
    };
    let value = if let Some((numerator, denominator)) = number.split_once('/') {
        let (numerator, denominator) = (digits(numerator)?, digits(denominator)?);
        if denominator.is_zero() {
            return Err(ParseExactError::Denominator(text.to_owned()));
        }
        Exact::new(numerator, denominator)
    } else if let Some((whole, decimals)) = number.split_once('.') {
        let scale = u32::try_from(decimals.len()).map_err(|_| form())?;
        let unit = BigInt::from(10).pow(scale);
        Exact::new(digits(whole)? * &unit + digits(decimals)?, unit)
    } else {
        Exact::from_integer(digits(number)?)
    };
    Ok(if negative { -value } else { value.abs() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn prints_reduced() {
        for (numerator, denominator, text) in [(24_690, 1_356, "4115/226"), (5, 1, "5"), (0, 7, "0"), (-1, 3, "-1/3")] {
            assert_eq!(exact_text(&Exact::new(numerator.into(), denominator.into())), text);
        }
        assert_eq!(exact_text(&Exact::new_raw(2.into(), 4.into())), "1/2");
    }

    #[test]
    fn a_long_fraction_is_rounded() {
        let third = Exact::new(1.into(), 3.into());
        let near = &third + Exact::new(1.into(), BigInt::from(10).pow(600));
        let text = exact_text(&near);
        assert_eq!(text, format!("0.{}", "3".repeat(60)));
        assert_eq!(parse_exact(&text).unwrap(), Exact::new("3".repeat(60).parse().unwrap(), BigInt::from(10).pow(60)));
    }

    #[test]
    fn refuses_what_is_no_amount() {
        for text in ["", "-", "/", "1/", "/2", "1/-2", "--1", "1.", ".5", "1e3", "+1", "1/2/3", "1.5/2", " 1"] {
            assert_eq!(parse_exact(text), Err(ParseExactError::Form(text.to_owned())), "{text}");
        }
        assert_eq!(parse_exact("1/0"), Err(ParseExactError::Denominator("1/0".to_owned())));
    }

    proptest! {
        #[test]
        fn print_then_parse_is_the_same(numerator in any::<i128>(), denominator in 1..i128::MAX) {
            let value = Exact::new(numerator.into(), denominator.into());
            prop_assert_eq!(parse_exact(&exact_text(&value)).unwrap(), value);
        }
    }
}
