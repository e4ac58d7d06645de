//! Kubernetes quantities, exactly: `500m`, `1.5Gi`, `1e3`, `8Ei`.
//!
//! The API machinery rounds fractions to nano units and caps at 2^63 − 1 while it parses; a bill must do neither.
//! A quantity here is an exact decimal, sums are exact, and rounding happens once, by [`Quantity::round_up`], on the
//! amount that is billed. Grammar: sign, digits with an optional point, then one of the suffixes `n u m k M G T P E`,
//! `Ki Mi Gi Ti Pi Ei`, or an exponent `e3`, `E-3` (`1E` is 10^18, `1E3` is 1000).

use std::cmp::Ordering;
use std::fmt;
use std::ops::AddAssign;
use std::str::FromStr;

use num_bigint::BigUint;
use num_integer::Integer;
use num_traits::{ToPrimitive, Zero};

#[cfg(test)]
mod tests;

/// Decimal places of the small form: nano units, the finest that a Kubernetes suffix names.
const NANO: u32 = 9;
const NANOS_PER_ONE: u128 = 1_000_000_000;
/// The largest quantity is ten to this power: a hundred thousand times `8Ei`, and its seconds still fit in an i128.
const LARGEST_POWER: u32 = 24;
/// Longer texts and larger exponents are refused: they mean nothing and would cost memory.
const LONGEST_TEXT: usize = 1_000;
const LARGEST_EXPONENT: u64 = 1_000;
/// As much of a refused text as a message repeats.
const SHOWN: usize = 40;

/// An exact amount, never negative.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Quantity(Repr);

/// One value has one form, so that equality can be derived.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Repr {
    /// Whole nano units: what nearly every quantity is.
    Nanos(u128),
    /// `digits / 10^scale`, where nano units do not suffice; `scale` is at least nine and as small as it can be.
    Long(Box<Long>),
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Long {
    digits: BigUint,
    scale: u32,
}

/// Why a text is no quantity; each message says what would be one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs)]
pub enum QuantityError {
    #[error("`{0}` is not a quantity; expected a number such as 500m, 1.5Gi or 1e3")]
    NoNumber(String),
    #[error(
        "`{0}` is not a quantity; after the number only n, u, m, k, M, G, T, P, E, Ki, Mi, Gi, Ti, Pi, Ei or an exponent such as e3 may follow"
    )]
    Suffix(String),
    #[error("`{0}` is negative; a quantity is 0 or more")]
    Negative(String),
    #[error("`{0}` is more than 10^24, the largest quantity that is metered")]
    TooLarge(String),
    #[error("the exponent of `{0}` is out of range; it may be -1000 to 1000")]
    Exponent(String),
    #[error("`{0}…` is too long for a quantity; it may have 1000 characters")]
    TooLong(String),
}

impl Quantity {
    /// Nothing.
    pub const ZERO: Self = Self(Repr::Nanos(0));

    /// Parses a text as it stands in a manifest.
    pub fn parse(text: &str) -> Result<Self, QuantityError> {
        let shown = || text.chars().take(SHOWN).collect::<String>();
        if text.len() > LONGEST_TEXT {
            return Err(QuantityError::TooLong(shown()));
        }
        let negative = text.starts_with('-');
        let (whole, rest) = split_digits(text.strip_prefix(['+', '-']).unwrap_or(text));
        let (fraction, suffix) = rest.strip_prefix('.').map_or(("", rest), split_digits);
        if whole.is_empty() && fraction.is_empty() {
            return Err(QuantityError::NoNumber(shown()));
        }
        let Multiplier { two, ten } = Multiplier::parse(suffix).ok_or_else(|| QuantityError::Suffix(shown()))?;
        if ten.unsigned_abs() > LARGEST_EXPONENT {
            return Err(QuantityError::Exponent(shown()));
        }
        let places = i64::try_from(fraction.len()).unwrap_or(i64::MAX).saturating_sub(ten);
        let value = small(whole, fraction, two, places).unwrap_or_else(|| large(whole, fraction, two, places));
        if negative && value != Self::ZERO {
            return Err(QuantityError::Negative(shown()));
        }
        if value > Self(Repr::Nanos(10_u128.pow(LARGEST_POWER + NANO))) {
            return Err(QuantityError::TooLarge(shown()));
        }
        Ok(value)
    }

    /// The amount in units of which `per_one` make one, rounded up: 1000 for millicores, 1 for bytes and devices.
    pub fn round_up(&self, per_one: u32) -> i128 {
        let units = match &self.0 {
            Repr::Nanos(nanos) => match nanos.checked_mul(per_one.into()) {
                Some(scaled) => i128::try_from(scaled.div_ceil(NANOS_PER_ONE)).ok(),
                None => (BigUint::from(*nanos) * per_one).div_ceil(&BigUint::from(NANOS_PER_ONE)).to_i128(),
            },
            Repr::Long(long) => (&long.digits * per_one).div_ceil(&power_of_ten(long.scale)).to_i128(),
        };
        // Sums of parsed quantities stay far below this.
        units.unwrap_or(i128::MAX)
    }

    /// The canonical form of `digits / 10^scale`.
    fn from_decimal(mut digits: BigUint, mut scale: u32) -> Self {
        while scale > NANO {
            let (rest, last) = digits.div_rem(&BigUint::from(10_u32));
            if !last.is_zero() {
                return Self(Repr::Long(Box::new(Long { digits, scale })));
            }
            digits = rest;
            scale -= 1;
        }
        let nanos = digits * power_of_ten(NANO - scale);
        match nanos.to_u128() {
            Some(nanos) => Self(Repr::Nanos(nanos)),
            None => Self(Repr::Long(Box::new(Long { digits: nanos, scale: NANO }))),
        }
    }

    /// Digits as multiples of `10^-scale`; `scale` is at least that of the quantity itself.
    fn digits_at(&self, scale: u32) -> BigUint {
        match &self.0 {
            Repr::Nanos(nanos) => BigUint::from(*nanos) * power_of_ten(scale - NANO),
            Repr::Long(long) => &long.digits * power_of_ten(scale - long.scale),
        }
    }

    fn scale(&self) -> u32 {
        match &self.0 {
            Repr::Nanos(_) => NANO,
            Repr::Long(long) => long.scale,
        }
    }
}

/// What a suffix multiplies by: `2^two · 10^ten`.
struct Multiplier {
    two: u32,
    ten: i64,
}

impl Multiplier {
    fn parse(suffix: &str) -> Option<Self> {
        let (two, ten) = match suffix {
            "" => (0, 0),
            "n" => (0, -9),
            "u" => (0, -6),
            "m" => (0, -3),
            "k" => (0, 3),
            "M" => (0, 6),
            "G" => (0, 9),
            "T" => (0, 12),
            "P" => (0, 15),
            "E" => (0, 18),
            "Ki" => (10, 0),
            "Mi" => (20, 0),
            "Gi" => (30, 0),
            "Ti" => (40, 0),
            "Pi" => (50, 0),
            "Ei" => (60, 0),
            _ => (0, exponent(suffix.strip_prefix(['e', 'E'])?)?),
        };
        Some(Self { two, ten })
    }
}

/// A signed whole number; one that does not fit in an i64 is as good as the largest that does.
fn exponent(text: &str) -> Option<i64> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    Some(text.parse().unwrap_or(i64::MAX))
}

fn split_digits(text: &str) -> (&str, &str) {
    text.split_at(text.bytes().take_while(u8::is_ascii_digit).count())
}

fn power_of_ten(power: u32) -> BigUint {
    BigUint::from(10_u32).pow(power)
}

/// `whole.fraction` read as one number, times `2^two`, over `10^places`: where all of it fits in nano units.
fn small(whole: &str, fraction: &str, two: u32, places: i64) -> Option<Quantity> {
    let mut digits = 0_u128;
    for digit in whole.bytes().chain(fraction.bytes()) {
        digits = digits.checked_mul(10)?.checked_add(u128::from(digit - b'0'))?;
    }
    let zeros = u32::try_from(i64::from(NANO) - places).ok()?;
    let nanos = digits.checked_mul(1 << two)?.checked_mul(10_u128.checked_pow(zeros)?)?;
    Some(Quantity(Repr::Nanos(nanos)))
}

/// The same for everything else.
fn large(whole: &str, fraction: &str, two: u32, places: i64) -> Quantity {
    let text = format!("0{whole}{fraction}");
    let digits = BigUint::parse_bytes(text.as_bytes(), 10).expect("digits only") << two;
    let power = u32::try_from(places.unsigned_abs()).expect("bounded by LONGEST_TEXT and LARGEST_EXPONENT");
    if places > 0 {
        Quantity::from_decimal(digits, power)
    } else {
        Quantity::from_decimal(digits * power_of_ten(power), 0)
    }
}

// === impl Quantity ===

impl Default for Quantity {
    fn default() -> Self {
        Self::ZERO
    }
}

impl FromStr for Quantity {
    type Err = QuantityError;

    fn from_str(text: &str) -> Result<Self, QuantityError> {
        Self::parse(text)
    }
}

/// A plain decimal without a suffix, in full: what [`Quantity::parse`] reads back as the same value.
impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scale = self.scale() as usize;
        let digits = match &self.0 {
            Repr::Nanos(nanos) => nanos.to_string(),
            Repr::Long(long) => long.digits.to_string(),
        };
        let padded = format!("{digits:0>width$}", width = scale + 1);
        let (whole, fraction) = padded.split_at(padded.len() - scale);
        match fraction.trim_end_matches('0') {
            "" => f.write_str(whole),
            fraction => write!(f, "{whole}.{fraction}"),
        }
    }
}

impl AddAssign<&Quantity> for Quantity {
    fn add_assign(&mut self, other: &Quantity) {
        if let (Repr::Nanos(a), Repr::Nanos(b)) = (&self.0, &other.0)
            && let Some(nanos) = a.checked_add(*b)
        {
            self.0 = Repr::Nanos(nanos);
            return;
        }
        let scale = self.scale().max(other.scale());
        *self = Self::from_decimal(self.digits_at(scale) + other.digits_at(scale), scale);
    }
}

impl Ord for Quantity {
    fn cmp(&self, other: &Self) -> Ordering {
        if let (Repr::Nanos(a), Repr::Nanos(b)) = (&self.0, &other.0) {
            return a.cmp(b);
        }
        let scale = self.scale().max(other.scale());
        self.digits_at(scale).cmp(&other.digits_at(scale))
    }
}

impl PartialOrd for Quantity {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
