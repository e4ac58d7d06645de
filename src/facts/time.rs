//! Times as objects bear them: RFC 3339, with a fraction or without, cut to the whole second (COST_RULES 4).
//!
//! A time that cannot be read is a [`Problem`] and counts as absent: one odd field must not hide an object.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::Offset;
use serde::de::{Deserialize, DeserializeSeed, Deserializer};

use super::nullable::Reading;
use super::{Problem, Seconds};

/// A time of an object.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Time {
    #[default]
    Absent,
    At(Seconds),
    /// A text that is no time.
    Unreadable(String),
}

impl Time {
    /// Reads a text such as `2026-11-21T10:03:00Z`.
    pub fn parse(text: &str) -> Self {
        if let Some(at) = usual(text) {
            return Self::At(at);
        }
        text.parse::<Timestamp>()
            .map_or_else(|_| Self::Unreadable(text.chars().take(40).collect()), |at| Self::At(floor(at)))
    }

    /// The time, if it is there and can be read.
    pub fn seconds(&self) -> Option<Seconds> {
        match self {
            Self::At(seconds) => Some(*seconds),
            Self::Absent | Self::Unreadable(_) => None,
        }
    }

    /// Reports a time that cannot be read; `field` is its path.
    pub fn check(&self, problems: &mut Vec<Problem>, field: impl FnOnce() -> String) {
        if let Self::Unreadable(text) = self {
            let message = format!("`{text}` is not a time; expected RFC 3339 such as 2026-11-21T10:03:00Z");
            problems.push(Problem { field: field(), message });
        }
    }
}

/// As the API server writes nearly every time, `2026-11-21T10:03:00Z`: a Pod has twenty of them.
fn usual(text: &str) -> Option<Seconds> {
    let text: &[u8; 20] = text.as_bytes().try_into().ok()?;
    let digits = |from: usize, to: usize| {
        text[from..to].iter().try_fold(0_i16, |n, byte| byte.is_ascii_digit().then(|| n * 10 + i16::from(byte - b'0')))
    };
    let pair = |from: usize| i8::try_from(digits(from, from + 2)?).ok();
    let [_, _, _, _, b'-', _, _, b'-', _, _, b'T', _, _, b':', _, _, b':', _, _, b'Z'] = text else { return None };
    let time = DateTime::new(digits(0, 4)?, pair(5)?, pair(8)?, pair(11)?, pair(14)?, pair(17)?, 0).ok()?;
    Some(Offset::UTC.to_timestamp(time).ok()?.as_second())
}

/// Whole seconds, towards the past also before 1970.
pub fn floor(at: Timestamp) -> Seconds {
    at.as_second() - Seconds::from(at.subsec_nanosecond() < 0)
}

// === impl Time ===

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Reading(Self::parse).deserialize(deserializer)?.unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// What is usual is read as anything is.
        #[test]
        fn reads_the_usual_as_all(text in "[0-9]{4}-[01][0-9]-[0-3][0-9][Tt ][0-2][0-9]:[0-5][0-9]:[0-6][0-9]Z") {
            let all = text.parse::<Timestamp>().map(floor).ok();
            prop_assert_eq!(Time::parse(&text).seconds(), all);
            if let Some(usual) = usual(&text) {
                prop_assert_eq!(Some(usual), all);
            }
        }
    }

    #[test]
    fn cuts_fractions_towards_the_past() {
        let cases = [
            ("\"1970-01-01T00:00:10Z\"", Time::At(10)),
            ("\"1970-01-01T00:00:10.999999Z\"", Time::At(10)),
            ("\"1970-01-01T01:00:10.5+01:00\"", Time::At(10)),
            ("\"1969-12-31T23:59:59.5Z\"", Time::At(-1)),
            ("\"1969-12-31T23:59:59Z\"", Time::At(-1)),
            ("null", Time::Absent),
            ("\"yesterday\"", Time::Unreadable("yesterday".into())),
            ("\"\"", Time::Unreadable(String::new())),
            ("\"2026-11-21\"", Time::Unreadable("2026-11-21".into())),
        ];
        for (json, expected) in cases {
            assert_eq!(serde_json::from_str::<Time>(json).unwrap(), expected, "{json}");
        }
        assert!(serde_json::from_str::<Time>("12").unwrap_err().to_string().contains("a text or null"));
    }
}
