//! What Prometheus answered, as numbers: what was counted in a window of time, in billionths of a unit.
//!
//! A sample's value is a text (`"1.5e-07"`). It is read as the decimal number that it says, values of one namespace are
//! added up, and the sum is rounded up once, to a billionth (COST_RULES 18). What cannot be read is not known, and is
//! never guessed.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use super::Name;
use super::quantity::{Quantity, QuantityError};

/// Billionths in a unit.
const BILLIONTHS: u32 = 1_000_000_000;

/// The most that may be counted in one window, in billionths: a year of such windows is still an exact number.
const MOST: i128 = 1_000_000_000_000_000_000 * BILLIONTHS as i128;

/// Most series of an answer: twice the namespaces of the largest cluster.
pub const MOST_SERIES: usize = 20_000;

/// One series of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Series {
    /// Its label namespace.
    pub namespace: Option<String>,
    /// Its only sample, as text.
    pub value: String,
}

/// What was counted in a window, by namespace.
pub type Counts = BTreeMap<Name, Result<i128, Unknown>>;

/// Why what was counted is not known. The texts follow `meter NAME: `.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, thiserror::Error)]
pub enum Unknown {
    #[error("Prometheus refuses the query: {0}")]
    Refused(String),
    #[error("Prometheus takes too long over the query")]
    TooLong,
    #[error("Prometheus has no samples of this time")]
    NoSamples,
    #[error("the answer cannot be read: {0}")]
    Unreadable(String),
    #[error("the answer has more than {MOST_SERIES} series: sum by (namespace)")]
    TooMany,
    #[error("a series of the answer has no label namespace that names one: sum by (namespace)")]
    NoNamespace,
    #[error("the answer has several series where one is expected: sum without labels")]
    Several,
    #[error("the answer is not a number")]
    NotANumber,
    #[error("the answer is negative")]
    Negative,
    #[error("the answer is too large to be counted")]
    TooLarge,
}

/// By namespace.
pub fn by_namespace(series: &[Series]) -> Result<Counts, Unknown> {
    if series.len() > MOST_SERIES {
        return Err(Unknown::TooMany);
    }
    let mut sums: BTreeMap<&str, Result<Quantity, Unknown>> = BTreeMap::new();
    for one in series {
        let namespace = one.namespace.as_deref().filter(|name| is_name(name)).ok_or(Unknown::NoNamespace)?;
        let value = read(&one.value);
        match sums.entry(namespace) {
            Entry::Vacant(vacant) => drop(vacant.insert(value)),
            Entry::Occupied(mut known) => match (known.get_mut(), value) {
                (Ok(sum), Ok(value)) => *sum += &value,
                (sum @ Ok(_), Err(unknown)) => *sum = Err(unknown),
                (Err(_), _) => {}
            },
        }
    }
    Ok(sums.into_iter().map(|(name, sum)| (name.into(), sum.and_then(|sum| billionths(&sum)))).collect())
}

/// The only number of an answer; no series at all is nothing.
pub fn whole(series: &[Series]) -> Result<i128, Unknown> {
    match series {
        [] => Ok(0),
        [one] => billionths(&read(&one.value)?),
        _ => Err(Unknown::Several),
    }
}

fn read(value: &str) -> Result<Quantity, Unknown> {
    let numeric = |c: char| c.is_ascii_digit() || matches!(c, '.' | 'e' | '+' | '-');
    // A quantity may have a suffix, a sample has none.
    if !value.chars().all(numeric) {
        return Err(Unknown::NotANumber);
    }
    Quantity::parse(value).map_err(|error| match error {
        QuantityError::Negative(_) => Unknown::Negative,
        QuantityError::TooLarge(_) => Unknown::TooLarge,
        _ => Unknown::NotANumber,
    })
}

fn billionths(quantity: &Quantity) -> Result<i128, Unknown> {
    let billionths = quantity.round_up(BILLIONTHS);
    if billionths > MOST { Err(Unknown::TooLarge) } else { Ok(billionths) }
}

/// Whether a text is the name of a namespace: a label as of RFC 1123.
fn is_name(text: &str) -> bool {
    let inner = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    let edges = !text.starts_with('-') && !text.ends_with('-');
    (1..=63).contains(&text.len()) && edges && text.bytes().all(inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series(namespace: &str, value: &str) -> Series {
        Series { namespace: Some(namespace.to_owned()), value: value.to_owned() }
    }

    #[test]
    fn values_are_the_decimals_that_they_say() {
        for (value, expected) in [
            ("0", Ok(0)),
            ("-0", Ok(0)),
            ("1", Ok(1_000_000_000)),
            ("1.5e-07", Ok(150)),
            ("1.5e-09", Ok(2)),
            ("1e-300", Ok(1)),
            ("5e-324", Ok(1)),
            ("0.1", Ok(100_000_000)),
            ("0.30000000000000004", Ok(300_000_001)),
            ("1.23456789012e+11", Ok(123_456_789_012_000_000_000)),
            ("1e+18", Ok(MOST)),
            ("1.0000000000000002e+18", Err(Unknown::TooLarge)),
            ("1.7976931348623157e+308", Err(Unknown::TooLarge)),
            ("-1e-300", Err(Unknown::Negative)),
            ("-3", Err(Unknown::Negative)),
            ("NaN", Err(Unknown::NotANumber)),
            ("+Inf", Err(Unknown::NotANumber)),
            ("-Inf", Err(Unknown::NotANumber)),
            ("", Err(Unknown::NotANumber)),
            ("1E", Err(Unknown::NotANumber)),
            ("1Ki", Err(Unknown::NotANumber)),
            ("1_000", Err(Unknown::NotANumber)),
            ("0x10", Err(Unknown::NotANumber)),
        ] {
            assert_eq!(whole(&[series("a", value)]), expected, "{value}");
        }
    }

    #[test]
    fn a_namespace_is_rounded_once() {
        let all = [series("a", "4e-10"), series("b", "2"), series("a", "4e-10"), series("c", "NaN"), series("c", "1")];
        let expected: Counts =
            [("a".into(), Ok(1)), ("b".into(), Ok(2_000_000_000)), ("c".into(), Err(Unknown::NotANumber))].into();
        assert_eq!(by_namespace(&all), Ok(expected));
        assert_eq!(by_namespace(&[]), Ok(Counts::new()));
    }

    #[test]
    fn every_series_is_a_namespaces() {
        let long = "a".repeat(64);
        for namespace in [None, Some(""), Some("A"), Some("-a"), Some("a-"), Some("a b"), Some("a.b"), Some(&long)] {
            let one = Series { namespace: namespace.map(ToOwned::to_owned), value: "1".to_owned() };
            assert_eq!(by_namespace(&[series("a", "1"), one]), Err(Unknown::NoNamespace), "{namespace:?}");
        }
        let many: Vec<_> = (0..=MOST_SERIES).map(|i| series(&format!("n{i}"), "1")).collect();
        assert_eq!(by_namespace(&many), Err(Unknown::TooMany));
        assert_eq!(by_namespace(&many[1..]).map(|counts| counts.len()), Ok(MOST_SERIES));
    }

    #[test]
    fn one_number_is_asked_for_or_none_comes() {
        assert_eq!(whole(&[]), Ok(0));
        assert_eq!(whole(&[series("a", "1"), series("b", "1")]), Err(Unknown::Several));
        assert_eq!(whole(&[Series { namespace: None, value: "17".to_owned() }]), Ok(17_000_000_000));
    }
}
