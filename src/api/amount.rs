//! An amount of money or a price, as the user wrote it: an exact decimal, never a binary fraction.
//!
//! The same grammar stands in the schema, so what the API server admitted can be read here.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use kube::core::Rule;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// Most significant digits: zeros before the first other digit are none.
const MAX_DIGITS: usize = 28;

/// Longest text, zeros after the point included.
const MAX_CHARACTERS: usize = 64;

/// What is written below 1, or from 1 on; there digits before and after the point are counted by a rule.
const PATTERN: &str = r"^([1-9][0-9]{0,27}(\.[0-9]{1,27})?|0(\.(0+|0*[1-9][0-9]{0,27}))?)$";

/// A decimal number that is not negative, as text: `1000`, `1000.50`, `0.031611`.
///
/// Equality is that of the text: `1.0` is not `1`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Amount(String);

/// Why a text is no amount.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AmountError {
    /// Signs, exponents, spaces, separators, a missing digit before or after the point, a superfluous zero.
    #[error(
        "{0:?} is not an amount: write digits with at most one point, without sign or exponent, such as \"1000.50\""
    )]
    Malformed(String),
    /// More digits than are kept exactly.
    #[error("{0:?} has more than 28 significant digits, or more than 64 characters")]
    TooManyDigits(String),
}

// === impl Amount ===

impl Amount {
    /// The decimal text: digits, with a point and more digits or without.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Amount {
    type Err = AmountError;

    fn from_str(text: &str) -> Result<Self, AmountError> {
        let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
        let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        if !digits(whole) || !digits(fraction) || (whole.len() > 1 && whole.starts_with('0')) {
            return Err(AmountError::Malformed(text.to_owned()));
        }
        let significant = text.trim_start_matches(['0', '.']).bytes().filter(u8::is_ascii_digit).count();
        if significant > MAX_DIGITS || text.len() > MAX_CHARACTERS {
            return Err(AmountError::TooManyDigits(text.to_owned()));
        }
        Ok(Self(text.to_owned()))
    }
}

/// The rule of a field that is one amount: it says in words what the schema's pattern says in signs. API servers before
/// 1.36 take a look at a text for one at three million characters, too expensive in maps and lists: there the pattern has
/// to do.
pub(super) fn rule() -> Rule {
    Rule::new(format!("type(self) == int ? self >= 0 : self.matches(r'{PATTERN}')")).message(
        "write an amount with at most 28 significant digits and one point, without sign or exponent, such as 1000 or \"1000.50\"",
    )
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for Amount {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Amount {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Visitor)
    }
}

impl JsonSchema for Amount {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Amount".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        // From 1 on, 28 digits and a point are 29 characters; below it the pattern counts.
        json_schema!({
            "x-kubernetes-int-or-string": true,
            "minimum": 0,
            "maxLength": MAX_CHARACTERS,
            "pattern": PATTERN,
            "anyOf": [{"maxLength": 29}, {"pattern": r"^0\."}],
        })
    }
}

// === impl Visitor ===

struct Visitor;

impl de::Visitor<'_> for Visitor {
    type Value = Amount;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a whole number, or a decimal number in quotes such as \"1000.50\"")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Amount, E> {
        text.parse().map_err(E::custom)
    }

    fn visit_u64<E: de::Error>(self, whole: u64) -> Result<Amount, E> {
        Ok(Amount(whole.to_string()))
    }

    fn visit_i64<E: de::Error>(self, whole: i64) -> Result<Amount, E> {
        whole.to_string().parse().map_err(E::custom)
    }

    fn visit_u128<E: de::Error>(self, whole: u128) -> Result<Amount, E> {
        whole.to_string().parse().map_err(E::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_kept_as_written() {
        let long = format!("0.{}{}", "0".repeat(34), "1".repeat(28));
        for text in
            ["0", "0.00", "1000", "1000.50", "0.031611", &"9".repeat(28), &long, "12345678901234.12345678901234"]
        {
            assert_eq!(text.parse::<Amount>().map(|amount| amount.to_string()), Ok(text.to_owned()));
        }
    }

    #[test]
    fn what_is_no_amount_is_refused() {
        for text in ["", ".", ".5", "5.", "-1", "+1", "1e3", "1E3", "1,000", "1 000", "١", "007", "1.2.3", "0x1", "NaN"]
        {
            assert_eq!(text.parse::<Amount>(), Err(AmountError::Malformed(text.to_owned())));
        }
        for text in [
            "1".repeat(29),
            format!("0.0{}", "1".repeat(29)),
            format!("1.{}", "1".repeat(28)),
            "0.".to_owned() + &"0".repeat(63),
        ] {
            assert_eq!(text.parse::<Amount>(), Err(AmountError::TooManyDigits(text)));
        }
    }

    #[test]
    fn json_gives_whole_numbers_or_strings() {
        let read = |json: &str| serde_json::from_str::<Amount>(json).map_err(|error| error.to_string());
        assert_eq!(read("1000").unwrap().as_str(), "1000");
        assert_eq!(read("\"1000.50\"").unwrap().as_str(), "1000.50");
        assert!(read("1000.5").unwrap_err().contains("expected a whole number, or a decimal number in quotes"));
        assert!(read("-1").unwrap_err().contains("without sign"));
        assert!(read("true").is_err());
    }

    #[test]
    fn yaml_is_read_alike() {
        let read = |yaml: &str| serde_saphyr::from_str::<Vec<Amount>>(yaml).map_err(|error| error.to_string());
        assert_eq!(read("[1000, \"1000.50\"]").unwrap().len(), 2);
        assert!(read("[1000.50]").unwrap_err().contains("expected a whole number, or a decimal number in quotes"));
    }
}
