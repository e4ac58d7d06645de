//! Ledger units: what a line's integer quantity counts, and how people read it.

use std::fmt;
use std::str::FromStr;

use num_bigint::BigInt;

use super::Exact;
use super::round::short_decimals;
use crate::facts::Name;

/// Hours of a month where a price is per GiB-month.
const HOURS_OF_A_MONTH: i128 = 730;

const SECONDS_OF_AN_HOUR: i128 = 3600;

/// Ledger units in one of what a meter counts.
pub const BILLIONTHS: u32 = 1_000_000_000;

/// Begins the names of their units.
const NANO: &str = "nano-";

/// Most decimals of what is shown to people.
const CONSUMED_DIGITS: u32 = 3;

/// What one ledger unit is. A line costs `unit price × quantity ÷ factor`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
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
    /// Billionths of what a meter counts, such as GiB: fine enough for a byte of it.
    BillionthsOf(Name),
    /// A charge that accrues evenly over a charge period of so many seconds.
    SecondsOf {
        /// At least 1.
        period: i64,
    },
    /// Charges that are booked whole.
    Charges,
    /// A part of a charge, which is no unit price times an integer: shown as an exact amount. Seconds of a charge
    /// period, or whole charges where that is 1.
    Share {
        /// At least 1.
        period: i64,
    },
    /// No quantity at all, only an exact amount.
    Amount,
}

/// A text that names no ledger unit.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is no ledger unit: expected millicore-seconds, byte-seconds, byte-seconds/730h, device-milliseconds, device-milliseconds/4, seconds, seconds/744h, charges or nano- and what a meter counts"
)]
pub struct ParseUnitError(String);

// === impl Unit ===

impl Unit {
    /// Ledger units in the hour of one unit that prices are for.
    pub fn factor(&self) -> i128 {
        match self {
            Self::MillicoreSeconds => SECONDS_OF_AN_HOUR * 1000,
            Self::ByteSeconds => SECONDS_OF_AN_HOUR << 30,
            Self::ByteSecondsOfMonth => (HOURS_OF_A_MONTH * SECONDS_OF_AN_HOUR) << 30,
            Self::DeviceMilliseconds { replicas } => SECONDS_OF_AN_HOUR * 1000 * i128::from(*replicas),
            Self::Seconds => SECONDS_OF_AN_HOUR,
            Self::BillionthsOf(_) => BILLIONTHS.into(),
            Self::SecondsOf { period } | Self::Share { period } => i128::from(*period),
            Self::Charges | Self::Amount => 1,
        }
    }

    /// Ledger units that one of what is held adds a second.
    pub fn per_second(&self) -> i128 {
        if matches!(self, Self::DeviceMilliseconds { .. }) { 1000 } else { 1 }
    }

    /// Whether a line of it shows its exact cost instead of a unit price and a quantity.
    pub fn is_amount(&self) -> bool {
        matches!(self, Self::Share { .. } | Self::Amount)
    }

    /// `consumed` for people: `12 core-hours`, `3.5 GiB-hours`, `1 device-hour`; rounded half-even to at most three
    /// decimals, without trailing zeros. What is not 1 is plural.
    pub fn consumed(&self, quantity: i128) -> String {
        let factor = if matches!(self, Self::SecondsOf { .. }) { SECONDS_OF_AN_HOUR } else { self.factor() };
        let number = decimals(&Exact::new(quantity.into(), BigInt::from(factor)));
        if let Self::SecondsOf { period } = self {
            return format!("{number} of {} hours", decimals(&Exact::new((*period).into(), SECONDS_OF_AN_HOUR.into())));
        }
        if let Self::BillionthsOf(unit) = self {
            return format!("{number} {unit}");
        }
        let plural = if number == "1" { "" } else { "s" };
        format!("{number} {}{plural}", self.of_one())
    }

    fn of_one(&self) -> &'static str {
        match self {
            Self::MillicoreSeconds => "core-hour",
            Self::ByteSeconds => "GiB-hour",
            Self::ByteSecondsOfMonth => "GiB-month",
            Self::DeviceMilliseconds { .. } => "device-hour",
            Self::Seconds | Self::SecondsOf { .. } => "hour",
            Self::BillionthsOf(_) => "unit",
            Self::Charges | Self::Share { .. } | Self::Amount => "charge",
        }
    }
}

fn decimals(number: &Exact) -> String {
    short_decimals(number, CONSUMED_DIGITS)
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
            Self::BillionthsOf(unit) => write!(f, "{NANO}{unit}"),
            Self::SecondsOf { period } if period % 3600 == 0 => write!(f, "seconds/{}h", period / 3600),
            Self::SecondsOf { period } => write!(f, "seconds/{period}s"),
            Self::Charges => f.write_str("charges"),
            Self::Share { .. } | Self::Amount => f.write_str("amount"),
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
            "charges" => Ok(Self::Charges),
            _ => sliced(text)
                .or_else(|| accrued(text))
                .or_else(|| text.strip_prefix(NANO).map(|unit| Self::BillionthsOf(unit.into())))
                .ok_or_else(|| ParseUnitError(text.to_owned())),
        }
    }
}

fn sliced(text: &str) -> Option<Unit> {
    let replicas = text.strip_prefix("device-milliseconds/")?.parse().ok()?;
    (replicas > 1).then_some(Unit::DeviceMilliseconds { replicas })
}

fn accrued(text: &str) -> Option<Unit> {
    let length = text.strip_prefix("seconds/")?;
    let hours = length.strip_suffix('h').and_then(|hours| hours.parse::<i64>().ok()?.checked_mul(3600));
    let seconds = || length.strip_suffix('s')?.parse::<i64>().ok();
    let period = hours.or_else(seconds).filter(|period| *period > 0)?;
    Some(Unit::SecondsOf { period })
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
            (Unit::SecondsOf { period: 2_678_400 }, 864_000, "240 of 744 hours"),
            (Unit::Charges, 1, "1 charge"),
            (Unit::BillionthsOf("GiB".into()), 12_500_000_000, "12.5 GiB"),
            (Unit::BillionthsOf("order".into()), 1_000_000_000, "1 order"),
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
        let (month, odd) = (Unit::SecondsOf { period: 2_678_400 }, Unit::SecondsOf { period: 86_399 });
        for unit in [
            Unit::MillicoreSeconds,
            Unit::ByteSeconds,
            Unit::ByteSecondsOfMonth,
            DEVICES,
            shared,
            Unit::Seconds,
            month,
            odd,
            Unit::Charges,
            Unit::BillionthsOf("1000 requests".into()),
        ] {
            assert_eq!(unit.to_string().parse(), Ok(unit));
        }
        for text in ["", "core-hours", "device-milliseconds/1", "device-milliseconds/x", "seconds/0h", "amount"] {
            assert!(text.parse::<Unit>().is_err(), "{text}");
        }
    }
}
