//! What a line of a Statement says, in the terms of FOCUS: which kind of charge it is, how many units at which price,
//! and what it comes to. Exact: rounded once, where a column is printed.

use num_traits::{One, Zero};

use crate::api::{ChargeFrequency, Line, Statement};
use crate::engine::money::{Exact, ParseExactError, Unit, UnitPrice, parse_exact, short_decimals};

/// Most decimals of quantities, and of prices that no short decimal is exact for.
const DIGITS: u32 = 18;

/// One priced line of a Statement.
#[derive(Debug)]
pub struct Charge<'a> {
    pub statement: &'a Statement,
    pub line: &'a Line,
    pub kind: Kind,
    pub cost: Exact,
    /// Absent where the cost is no product of a price and a quantity.
    pub priced: Option<Priced>,
}

/// `ChargeCategory`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Something was used, and measured.
    Usage,
    /// It recurs or comes once, used or not.
    Purchase,
    /// A part of what others used, or what is too varied for one price.
    Adjustment,
}

/// So many units at such a price each.
#[derive(Debug)]
pub struct Priced {
    pub quantity: Exact,
    pub unit: String,
    /// As a decimal number.
    pub price: String,
}

/// A line that says no cost that could be read.
#[derive(Debug, thiserror::Error)]
pub enum ChargeError {
    #[error("{field}: {error}")]
    Number { field: &'static str, error: ParseExactError },
    #[error("it has a price without a quantity and a factor, or both a price and an exact cost")]
    Form,
}

// === impl Charge ===

impl<'a> Charge<'a> {
    /// None where the line has no price: it says how much was used, and not what that costs.
    pub fn of(statement: &'a Statement, line: &'a Line) -> Result<Option<Self>, ChargeError> {
        let number = |field, text: &str| parse_exact(text).map_err(|error| ChargeError::Number { field, error });
        let (kind, cost, priced) = match (&line.unit_price, &line.exact_cost) {
            (None, None) => return Ok(None),
            (Some(price), None) => {
                let (Some(quantity), Some(factor)) = (&line.quantity, &line.factor) else {
                    return Err(ChargeError::Form);
                };
                let factor = number("factor", factor)?;
                if factor.is_zero() {
                    return Err(ChargeError::Form);
                }
                let quantity = number("quantity", quantity)? / factor;
                let read =
                    UnitPrice::parse(price).map_err(|error| ChargeError::Number { field: "unitPrice", error })?;
                let unit = unit(line.unit.as_deref().unwrap_or_default());
                (
                    measured(line.charge_frequency),
                    read.exact() * &quantity,
                    Some(Priced { quantity, unit, price: decimal(&read) }),
                )
            }
            (None, Some(cost)) => {
                let cost = number("exactCost", cost)?;
                let kind =
                    if measured(line.charge_frequency) == Kind::Usage { Kind::Adjustment } else { Kind::Purchase };
                // One charge, at what it costs; a Correction has no price.
                let whole = kind == Kind::Purchase && line.charge_class.is_none();
                let priced =
                    whole.then(|| Priced { quantity: Exact::one(), unit: CHARGES.to_owned(), price: shortest(&cost) });
                (kind, cost, priced)
            }
            (Some(_), Some(_)) => return Err(ChargeError::Form),
        };
        Ok(Some(Self { statement, line, kind, cost, priced }))
    }

    /// Kind and name of what caused it, where that is one thing.
    pub fn resource(&self) -> Option<(&'a str, &'a str)> {
        self.line.workload.as_deref()?.split_once('/')
    }
}

/// What is booked, not measured, is counted in charges.
const CHARGES: &str = "Charges";

fn measured(frequency: ChargeFrequency) -> Kind {
    match frequency {
        ChargeFrequency::UsageBased => Kind::Usage,
        ChargeFrequency::Recurring | ChargeFrequency::OneTime => Kind::Purchase,
    }
}

/// What a price is for, as the specification spells units. What is not known here is passed on as it is.
fn unit(text: &str) -> String {
    let known = match text.parse() {
        Ok(Unit::MillicoreSeconds) => "Core-Hours",
        Ok(Unit::ByteSeconds) => "GiB-Hours",
        Ok(Unit::ByteSecondsOfMonth) => "GiB-Months",
        Ok(Unit::DeviceMilliseconds { .. }) => "Device-Hours",
        Ok(Unit::Seconds) => "Hours",
        Ok(Unit::BillionthsOf(unit)) => return unit.to_string(),
        Ok(Unit::SecondsOf { .. } | Unit::Charges | Unit::Share { .. } | Unit::Amount) => CHARGES,
        Err(_) => text,
    };
    known.to_owned()
}

/// A price as a decimal number: as it is written, where it is one.
fn decimal(price: &UnitPrice) -> String {
    price.decimal().map_or_else(|| shortest(&price.exact()), |decimal| decimal.to_string())
}

/// At most [`DIGITS`] decimals, and no zeros at their end.
pub fn shortest(number: &Exact) -> String {
    short_decimals(number, DIGITS)
}
