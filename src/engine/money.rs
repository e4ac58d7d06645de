//! Exact prices and amounts; money is rounded once, on output.
//!
//! Prices are decimals of at most 28 significant digits, quantities are integers in a ledger [`Unit`], and what
//! comes of them is an exact rational ([`Exact`]). A [`Total`] sums products per denominator and reduces once:
//! reducing after each addition would cost thirty times as much. Rounding is half-even everywhere, and the
//! functions that round return text, so that a rounded amount cannot flow back into a sum.

mod exact;
mod fraction;
mod price;
mod round;
mod split;
mod total;
mod unit;
mod unit_price;

/// An exact amount of money (or an exact price): a fraction of integers of any size.
pub type Exact = num_rational::BigRational;

pub use exact::{ParseExactError, exact_text, parse_exact};
pub use fraction::Fraction;
pub use price::{ParsePriceError, Price};
pub use round::{amount_text, cost_text, minor_digits, reaches, short_decimals, to_decimals, used_percent};
pub use split::{amounts_adding_up, apportion, split};
pub use total::Total;
pub use unit::{BILLIONTHS, ParseUnitError, Unit};
pub use unit_price::UnitPrice;
