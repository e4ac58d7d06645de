//! Ledger units: what a line's integer quantity counts, and how people read it.

use std::fmt;
use std::str::FromStr;

use num_bigint::BigInt;

use super::Exact;
use super::round::to_decimals;

/// Hours of a month where a price is per GiB-month.
const HOURS_OF_A_MONTH: i128 = 730;

const SECONDS_OF_AN_HOUR: i128 = 3600;

/// Most decimals of what is shown to people.
const CONSUMED_DIGITS: u32 = 3;

/// What one ledger unit is. A line costs `unit price × quantity ÷ factor`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Unit {
    /// `cpu`, priced per core-hour.
    MillicoreSeconds,
    /// `memory`, `ephemeral-storage`, `hugepages-*` and claims, priced per GiB-hour.
    ByteSeconds,
    /// Claims priced per GiB-month of 730 hours.
    ByteSecondsOfMonth,
    /// Every other resource, priced per hour of one. Time-sliced replicas count that many to a device; else 1.
    DeviceMilliseconds {
        /// Replicas that share a device, at least 1.
        replicas: u32,
    },
    /// Load balancers and other things that are there or not, priced per hour.
    Seconds,
}

/// A text that names no ledger unit.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is no ledger unit: expected millicore-seconds, byte-seconds, byte-seconds/730h, device-milliseconds, device-milliseconds/4 or seconds"
)]
pub struct ParseUnitError(String);

// === impl Unit ===

impl Unit {
    /// Ledger units in the hour of one unit that prices are for.
    pub fn factor(self) -> i128 {
        match self {
            Self::MillicoreSeconds => SECONDS_OF_AN_HOUR * 1000,
            Self::ByteSeconds => SECONDS_OF_AN_HOUR << 30,
            Self::ByteSecondsOfMonth => (HOURS_OF_A_MONTH * SECONDS_OF_AN_HOUR) << 30,
            Self::DeviceMilliseconds { replicas } => SECONDS_OF_AN_HOUR * 1000 * i128::from(replicas),
            Self::Seconds => SECONDS_OF_AN_HOUR,
        }
    }

    /// `consumed` for people: `12 core-hours`, `3.5 GiB-hours`, `1 device-hour`; rounded half-even to at most three
    /// decimals, without trailing zeros. What is not 1 is plural.
    pub fn consumed(self, quantity: i128) -> String {
        let hours = to_decimals(&Exact::new(quantity.into(), BigInt::from(self.factor())), CONSUMED_DIGITS);
        let hours = hours.trim_end_matches('0').trim_end_matches('.');
        let plural = if hours == "1" { "" } else { "s" };
        format!("{hours} {}{plural}", self.of_one())
    }

    fn of_one(self) -> &'static str {
        match self {
            Self::MillicoreSeconds => "core-hour",
            Self::ByteSeconds => "GiB-hour",
            Self::ByteSecondsOfMonth => "GiB-month",
            Self::DeviceMilliseconds { .. } => "device-hour",
            Self::Seconds => "hour",
        }
    }
}

/// As in a Statement's `unit`.
impl fmt::Display for Unit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::MillicoreSeconds => f.write_str("millicore-seconds"),
            Self::ByteSeconds => f.write_str("byte-seconds"),
            Self::ByteSecondsOfMonth => f.write_str("byte-seconds/730h"),
            Self::DeviceMilliseconds { replicas: 1 } => f.write_str("device-milliseconds"),
            Self::DeviceMilliseconds { replicas } => write!(f, "device-milliseconds/{replicas}"),
            Self::Seconds => f.write_str("seconds"),
        }
    }
}

impl FromStr for Unit {
    type Err = ParseUnitError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "millicore-seconds" => Ok(Self::MillicoreSeconds),
            "byte-seconds" => Ok(Self::ByteSeconds),
            "byte-seconds/730h" => Ok(Self::ByteSecondsOfMonth),
            "device-milliseconds" => Ok(Self::DeviceMilliseconds { replicas: 1 }),
            "seconds" => Ok(Self::Seconds),
            _ => text
                .strip_prefix("device-milliseconds/")
                .and_then(|replicas| replicas.parse().ok())
                .filter(|&replicas| replicas > 1)
                .map(|replicas| Self::DeviceMilliseconds { replicas })
                .ok_or_else(|| ParseUnitError(text.to_owned())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEVICES: Unit = Unit::DeviceMilliseconds { replicas: 1 };

    #[test]
    fn reads_well() {
        for (unit, quantity, text) in [
            (Unit::MillicoreSeconds, 43_200_000, "12 core-hours"),
            (Unit::MillicoreSeconds, 3_600_000, "1 core-hour"),
            (Unit::MillicoreSeconds, 216_500, "0.06 core-hours"),
            (Unit::MillicoreSeconds, 36_000_000, "10 core-hours"),
            (Unit::MillicoreSeconds, 0, "0 core-hours"),
            (Unit::MillicoreSeconds, -1_800_000, "-0.5 core-hours"),
            (Unit::ByteSeconds, (7 << 29) * 3600, "3.5 GiB-hours"),
            (Unit::ByteSeconds, (100 << 30) * 3600, "100 GiB-hours"),
            (Unit::ByteSecondsOfMonth, (100 << 30) * 3600 * 365, "50 GiB-months"),
            (DEVICES, 7_200_000, "2 device-hours"),
            (Unit::DeviceMilliseconds { replicas: 4 }, 7_200_000, "0.5 device-hours"),
            (Unit::Seconds, 86_400, "24 hours"),
            (Unit::Seconds, 5, "0.001 hours"),
        ] {
            assert_eq!(unit.consumed(quantity), text);
        }
    }

    #[test]
    fn factors_are_those_of_the_rules() {
        assert_eq!(Unit::MillicoreSeconds.factor(), 3_600_000);
        assert_eq!(Unit::ByteSeconds.factor(), 3600 * (1 << 30));
        assert_eq!(Unit::ByteSecondsOfMonth.factor(), 730 * 3600 * (1 << 30));
        assert_eq!(DEVICES.factor(), 3_600_000);
        assert_eq!(Unit::DeviceMilliseconds { replicas: 4 }.factor(), 4 * 3_600_000);
        assert_eq!(Unit::Seconds.factor(), 3600);
    }

    #[test]
    fn print_then_parse_is_the_same() {
        let shared = Unit::DeviceMilliseconds { replicas: 7 };
        for unit in
            [Unit::MillicoreSeconds, Unit::ByteSeconds, Unit::ByteSecondsOfMonth, DEVICES, shared, Unit::Seconds]
        {
            assert_eq!(unit.to_string().parse(), Ok(unit));
        }
        for text in ["", "core-hours", "device-milliseconds/1", "device-milliseconds/x"] {
            assert!(text.parse::<Unit>().is_err(), "{text}");
        }
    }
}
