//! An exact amount as it is computed with: a fraction that is never reduced, in machine integers while they suffice.
//!
//! Whether a budget has reached a threshold, and when it will, is asked far more often than an amount is shown: a few
//! multiplications answer it, where a reduced fraction of big integers costs a greatest common divisor each step.

use std::cmp::Ordering;

use num_bigint::BigInt;
use num_traits::{Signed, ToPrimitive, Zero};

use super::Exact;

/// An exact amount. Equality and order are those of the value.
#[derive(Clone, Debug)]
pub struct Fraction(Form);

#[derive(Clone, Debug)]
enum Form {
    /// The denominator is positive.
    Narrow {
        numerator: i128,
        denominator: i128,
    },
    Wide(Box<Exact>),
}

// === impl Fraction ===

impl Fraction {
    pub const ZERO: Self = Self::new(0, 1);

    /// `denominator` is positive.
    pub(super) const fn new(numerator: i128, denominator: i128) -> Self {
        Self(Form::Narrow { numerator, denominator })
    }

    /// `percent` hundredths of it.
    #[must_use]
    pub fn percent(&self, percent: i32) -> Self {
        let narrow = self.narrow().and_then(|(numerator, denominator)| {
            Some(Self::new(numerator.checked_mul(percent.into())?, denominator.checked_mul(100)?))
        });
        narrow.unwrap_or_else(|| Self::from(self.exact() * Exact::new(percent.into(), 100.into())))
    }

    /// `n` times it.
    #[must_use]
    pub fn times(&self, n: i64) -> Self {
        let narrow = self
            .narrow()
            .and_then(|(numerator, denominator)| Some(Self::new(numerator.checked_mul(n.into())?, denominator)));
        narrow.unwrap_or_else(|| Self::from(self.exact() * BigInt::from(n)))
    }

    #[must_use]
    pub fn plus(&self, other: &Self) -> Self {
        if other.is_zero() {
            return self.clone();
        }
        let sum = |(a, by): (i128, i128), (b, over): (i128, i128)| {
            if by == over {
                return Some(Self::new(a.checked_add(b)?, by));
            }
            let numerator = a.checked_mul(over)?.checked_add(b.checked_mul(by)?)?;
            Some(Self::new(numerator, by.checked_mul(over)?))
        };
        let narrow = self.narrow().zip(other.narrow()).and_then(|(a, b)| sum(a, b));
        narrow.unwrap_or_else(|| Self::from(self.exact() + other.exact()))
    }

    /// How many steps of `slope` lead from here to `level`, rounded up; none where the way does not lead there.
    pub fn steps_to(&self, level: &Self, slope: &Self) -> Option<i64> {
        if self >= level {
            return Some(0);
        }
        if !slope.is_positive() {
            return None;
        }
        match self.narrow_steps(level, slope) {
            Some(steps) => i64::try_from(steps).ok(),
            None => ((level.exact() - self.exact()) / slope.exact()).ceil().to_integer().to_i64(),
        }
    }

    /// Reduced, to be shown or kept.
    pub fn exact(&self) -> Exact {
        match &self.0 {
            Form::Narrow { numerator, denominator } => Exact::new((*numerator).into(), (*denominator).into()),
            Form::Wide(exact) => (**exact).clone(),
        }
    }

    pub fn is_zero(&self) -> bool {
        match &self.0 {
            Form::Narrow { numerator, .. } => *numerator == 0,
            Form::Wide(exact) => exact.is_zero(),
        }
    }

    fn is_positive(&self) -> bool {
        match &self.0 {
            Form::Narrow { numerator, .. } => *numerator > 0,
            Form::Wide(exact) => exact.is_positive(),
        }
    }

    fn narrow(&self) -> Option<(i128, i128)> {
        match self.0 {
            Form::Narrow { numerator, denominator } => Some((numerator, denominator)),
            Form::Wide(_) => None,
        }
    }

    /// What was spent and what a second costs come over the same denominator.
    fn narrow_steps(&self, level: &Self, slope: &Self) -> Option<i128> {
        let ((a, by), (level, over), (slope, of)) = (self.narrow()?, level.narrow()?, slope.narrow()?);
        if by != of {
            return None;
        }
        let missing = level.checked_mul(by)?.checked_sub(a.checked_mul(over)?)?;
        let step = slope.checked_mul(over)?;
        Some((missing - 1) / step + 1)
    }
}

impl From<Exact> for Fraction {
    fn from(exact: Exact) -> Self {
        match (exact.numer().to_i128(), exact.denom().to_i128()) {
            (Some(numerator), Some(denominator)) => Self::new(numerator, denominator),
            _ => Self(Form::Wide(Box::new(exact))),
        }
    }
}

impl From<&Exact> for Fraction {
    fn from(exact: &Exact) -> Self {
        match (exact.numer().to_i128(), exact.denom().to_i128()) {
            (Some(numerator), Some(denominator)) => Self::new(numerator, denominator),
            _ => Self(Form::Wide(Box::new(exact.clone()))),
        }
    }
}

impl Ord for Fraction {
    fn cmp(&self, other: &Self) -> Ordering {
        let crosswise = |(a, by): (i128, i128), (b, over): (i128, i128)| {
            if by == over {
                return Some(a.cmp(&b));
            }
            Some(a.checked_mul(over)?.cmp(&b.checked_mul(by)?))
        };
        let narrow = self.narrow().zip(other.narrow()).and_then(|(a, b)| crosswise(a, b));
        narrow.unwrap_or_else(|| self.exact().cmp(&other.exact()))
    }
}

impl PartialOrd for Fraction {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Fraction {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Fraction {}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Some fit, some only just, some not.
    fn any_integer() -> impl Strategy<Value = i128> {
        prop_oneof![-9_i128..9, any::<i64>().prop_map(i128::from), any::<i128>()]
    }

    fn any_fraction() -> impl Strategy<Value = Fraction> {
        let positive = any_integer().prop_map(|n| n.checked_abs().unwrap_or(1).max(1));
        (any_integer(), positive).prop_map(|(numerator, denominator)| Fraction::new(numerator, denominator))
    }

    proptest! {
        #[test]
        fn calculates_as_reduced_ones_do(a in any_fraction(), b in any_fraction(), n: i64, percent in -9..1000) {
            prop_assert_eq!(a.cmp(&b), a.exact().cmp(&b.exact()));
            prop_assert_eq!(a.plus(&b).exact(), a.exact() + b.exact());
            prop_assert_eq!(a.times(n).exact(), a.exact() * BigInt::from(n));
            prop_assert_eq!(a.percent(percent).exact(), a.exact() * Exact::new(percent.into(), 100.into()));
            prop_assert_eq!(&Fraction::from(a.exact()), &a);
        }

        #[test]
        fn climbs_in_whole_steps(
            from in any_integer(), slope in any_integer(), by in 1_i128..1_000_000, of in 1_i128..3, level in any_fraction(),
        ) {
            let (from, slope) = (Fraction::new(from, by), Fraction::new(slope, by * of));
            match from.steps_to(&level, &slope) {
                Some(0) => prop_assert!(from >= level),
                Some(n) => {
                    prop_assert!(from.plus(&slope.times(n)) >= level, "not there after {n}");
                    prop_assert!(from.plus(&slope.times(n - 1)) < level, "there before {n}");
                }
                None => prop_assert!(slope <= Fraction::ZERO || from.plus(&slope.times(i64::MAX)) < level),
            }
        }
    }
}
