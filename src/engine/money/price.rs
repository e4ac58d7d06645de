//! What a user writes as a price or an amount: an exact decimal, never negative.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

use num_bigint::BigInt;

use super::Exact;

/// Most significant digits of a price or amount.
const MAX_DIGITS: usize = 28;

/// Longest text of a price or amount, leading zeros included.
const MAX_CHARACTERS: usize = 64;

/// A non-negative decimal of at most 28 significant digits: `mantissa ÷ 10^scale`.
///
/// Kept without trailing zeros after the point, so that `0.10` and `0.1` are equal, hash alike and print alike.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Price {
    mantissa: u128,
    scale: u32,
}

/// Why a text is no price; each message says what is allowed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParsePriceError {
    /// Nothing, letters, a bare point, separators, an exponent.
    #[error(
        "{0:?} is no decimal number: write digits with at most one point, quoted, such as \"1000.50\"; no exponent, no separators"
    )]
    Form(String),
    /// A sign before the number.
    #[error(
        "{0:?} has a sign: prices and amounts are never negative; write digits with at most one point, such as \"0.031611\""
    )]
    Sign(String),
    /// More than 28 significant digits.
    #[error("{0:?} has more than 28 significant digits, which is the most that is kept exactly; round it")]
    Digits(String),
    /// More than 64 characters.
    #[error("{0:?} … is longer than 64 characters; a price or amount has at most 28 significant digits")]
    Length(String),
}

// === impl Price ===

impl Price {
    /// The price of what is free.
    pub const ZERO: Self = Self { mantissa: 0, scale: 0 };

    /// Parses text such as `"1000"` or `"0.031611"`: digits, and digits after a point if there is one. Leading zeros
    /// are no significant digits; trailing ones are.
    pub fn parse(text: &str) -> Result<Self, ParsePriceError> {
        if text.chars().count() > MAX_CHARACTERS {
            return Err(ParsePriceError::Length(text.chars().take(MAX_CHARACTERS).collect()));
        }
        if text.starts_with(['-', '+']) {
            return Err(ParsePriceError::Sign(text.to_owned()));
        }
        let form = || ParsePriceError::Form(text.to_owned());
        let (whole, decimals) = match text.split_once('.') {
            Some((_, "")) => return Err(form()),
            Some(parts) => parts,
            None => (text, ""),
        };
        let all_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        if whole.is_empty() || !all_digits(whole) || !all_digits(decimals) {
            return Err(form());
        }
        let digits = || whole.bytes().chain(decimals.bytes());
        if digits().skip_while(|&digit| digit == b'0').count() > MAX_DIGITS {
            return Err(ParsePriceError::Digits(text.to_owned()));
        }
        let mantissa = digits().fold(0, |sum, digit| sum * 10 + u128::from(digit - b'0'));
        let scale = u32::try_from(decimals.len()).map_err(|_| form())?;
        Ok(Self { mantissa, scale }.shortest())
    }

    /// `self` without trailing zeros after the point.
    fn shortest(mut self) -> Self {
        if self.mantissa == 0 {
            return Self::ZERO;
        }
        while self.scale > 0 && self.mantissa.is_multiple_of(10) {
            self.mantissa /= 10;
            self.scale -= 1;
        }
        self
    }

    /// The decimal equal to `numerator ÷ 10^scale`, where it has at most 28 significant digits.
    pub(super) fn from_parts(mantissa: u128, scale: u32) -> Option<Self> {
        let price = Self { mantissa, scale }.shortest();
        (price.mantissa < 10_u128.pow(28)).then_some(price)
    }

    /// The digits without the point; below 10^28.
    pub fn mantissa(self) -> i128 {
        self.mantissa.cast_signed()
    }

    /// Digits after the point, 62 at most.
    pub fn scale(self) -> u32 {
        self.scale
    }

    /// Whether it is nothing. A price of zero is a price.
    pub fn is_zero(self) -> bool {
        self.mantissa == 0
    }

    /// The same as a fraction, to calculate with.
    pub fn exact(self) -> Exact {
        Exact::new(BigInt::from(self.mantissa), BigInt::from(10).pow(self.scale))
    }
}

impl From<u64> for Price {
    fn from(whole: u64) -> Self {
        Self { mantissa: u128::from(whole), scale: 0 }
    }
}

impl FromStr for Price {
    type Err = ParsePriceError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

/// The shortest text: `0.1` for `0.10`, `1000` for `1000.00`.
impl fmt::Display for Price {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scale = self.scale as usize;
        if scale == 0 {
            return write!(f, "{}", self.mantissa);
        }
        let digits = format!("{:0>width$}", self.mantissa, width = scale + 1);
        let (whole, decimals) = digits.split_at(digits.len() - scale);
        write!(f, "{whole}.{decimals}")
    }
}

impl Ord for Price {
    fn cmp(&self, other: &Self) -> Ordering {
        self.exact().cmp(&other.exact())
    }
}

impl PartialOrd for Price {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn price(text: &str) -> Price {
        Price::parse(text).unwrap()
    }

    #[test]
    fn prints_the_shortest_text() {
        for (text, printed) in [
            ("0.031611", "0.031611"),
            ("0.10", "0.1"),
            ("1000.00", "1000"),
            ("1000", "1000"),
            ("007.50", "7.5"),
            ("0", "0"),
            ("0.000", "0"),
            ("9999999999999999999999999999", "9999999999999999999999999999"),
            ("0.0000000000000000000000000001", "0.0000000000000000000000000001"),
            ("0.00000000000000000000000000000000001", "0.00000000000000000000000000000000001"),
            ("1234567890123.456789012345678", "1234567890123.456789012345678"),
        ] {
            assert_eq!(price(text).to_string(), printed, "{text}");
        }
    }

    #[test]
    fn refuses_and_says_why() {
        type Why = fn(String) -> ParsePriceError;
        let form: Why = ParsePriceError::Form;
        for (text, why) in [
            ("", form),
            (" 1", form),
            ("1.", form),
            (".5", form),
            ("1,5", form),
            ("1e3", form),
            ("1E-3", form),
            ("1.5.0", form),
            ("1_000", form),
            ("NaN", form),
            ("٣", form),
            ("-1", ParsePriceError::Sign),
            ("+1", ParsePriceError::Sign),
            ("-0", ParsePriceError::Sign),
            ("12345678901234567890123456789", ParsePriceError::Digits),
            ("1.0000000000000000000000000000", ParsePriceError::Digits),
        ] {
            assert_eq!(Price::parse(text), Err(why(text.to_owned())), "{text}");
        }
        let long = "0".repeat(65);
        assert_eq!(Price::parse(&long), Err(ParsePriceError::Length("0".repeat(64))));
        let message = Price::parse("1e3").unwrap_err().to_string();
        assert!(message.contains("quoted") && message.contains("no exponent"), "{message}");
    }

    #[test]
    fn compares_by_value() {
        assert_eq!(price("0.10"), price("0.1"));
        assert_eq!(price("1000"), Price::from(1000));
        assert!(price("0.9") < price("0.10000001").max(price("1")));
        assert!(price("0.09") < price("0.1"));
    }

    proptest! {
        #[test]
        fn print_then_parse_is_the_same(text in "[0-9]{1,14}(\\.[0-9]{1,14})?", zeros in 0..5_usize) {
            let price = Price::parse(&text).unwrap();
            let printed = price.to_string();
            prop_assert_eq!(Price::parse(&printed).unwrap(), price);
            let padded = if text.contains('.') { text + &"0".repeat(zeros) } else { text };
            if let Ok(same) = Price::parse(&padded) {
                prop_assert_eq!(same.to_string(), printed);
            }
        }

        #[test]
        fn never_panics(text in "\\PC{0,80}") {
            let _ = Price::parse(&text);
        }
    }
}
