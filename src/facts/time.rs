//! Times as objects bear them: RFC 3339, with a fraction or without, cut to the whole second (COST_RULES 4).
//!
//! A time that cannot be read is a [`Problem`] and counts as absent: one odd field must not hide an object.

use jiff::Timestamp;
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
