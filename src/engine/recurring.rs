//! A recurring charge as its plan has it: on which instants it falls due, and over which time each accrues.
//!
//! The k-th charge date is the first one plus k units, its day clamped to the month's end each time and never
//! drifting; its instant is the first of that civil day in the plan's zone (COST_RULES 16).

use jiff::civil::Date;

use super::money::{Exact, ParsePriceError, Price, Unit};
use super::period::{Step, Zone};
use super::rate::Rate;
use super::selector::{Selector, SelectorError};
use super::weights::{self, Parts, WeightError};
use crate::api::{AllocateBy, Allocation, Booking, ChargeFrequency, RecurringCharge};
use crate::facts::{Name, Seconds};

/// One charge of one version of a plan, ready to be asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Charge {
    pub name: Name,
    pub category: Name,
    pub amount: Exact,
    /// Absent: it comes once.
    step: Option<Step>,
    zone: Zone,
    pub from: Date,
    /// The instant from which it no longer counts.
    until: Seconds,
    booking: Booking,
    pub bearers: Bearers,
}

/// Who bears a charge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Bearers {
    /// The part of each namespace: its weight divided by the sum of all.
    Listed(Parts),
    /// In equal parts those that exist and match at each instant.
    Even(Selector),
    /// Those, in proportion to what each has used in the period so far.
    Usage(Selector),
}

/// One falling due of a charge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Due {
    /// Whole, at an instant.
    Booked(Seconds),
    /// Evenly over `[from, to)`, which is `length` long unless the charge ends before.
    Accrued { from: Seconds, to: Seconds, length: Seconds },
}

/// Why a charge cannot be billed. The API server refuses most of it; replay reads files.
#[derive(Debug, thiserror::Error)]
pub enum ChargeError {
    #[error("amount: {0}")]
    Amount(#[source] ParsePriceError),
    #[error("{field} {text:?} is no date: write one such as 2026-01-31")]
    Date { field: &'static str, text: String },
    #[error("until must be later than from, and goes with every")]
    Until,
    #[error("allocate.selector: {0}")]
    Selector(#[source] SelectorError),
    #[error("allocate.namespaces{0}")]
    Weights(#[source] WeightError),
}

// === impl Charge ===

impl Charge {
    pub fn compile(spec: &RecurringCharge, zone: &Zone) -> Result<Self, ChargeError> {
        let date =
            |field, text: &str| text.parse::<Date>().map_err(|_| ChargeError::Date { field, text: text.to_owned() });
        let from = date("from", &spec.from)?;
        let until = spec.until.as_deref().map(|text| date("until", text)).transpose()?;
        if until.is_some_and(|until| until <= from || spec.every.is_none()) {
            return Err(ChargeError::Until);
        }
        let category = serde_json::to_value(spec.category).unwrap_or_default();
        Ok(Self {
            name: format!("recurring/{}", spec.name).into(),
            category: category.as_str().unwrap_or("Other").into(),
            amount: Price::parse(spec.amount.as_str()).map_err(ChargeError::Amount)?.exact(),
            step: spec.every.map(|every| Step::from_date(every.into(), from)),
            zone: zone.clone(),
            from,
            until: until.and_then(|until| zone.first_instant(until)).unwrap_or(Seconds::MAX),
            booking: spec.booking,
            bearers: Bearers::compile(&spec.allocate)?,
        })
    }

    pub fn frequency(&self) -> ChargeFrequency {
        if self.step.is_some() { ChargeFrequency::Recurring } else { ChargeFrequency::OneTime }
    }

    /// The rate of parts of it that are shown as amounts.
    pub fn shared(&self, plan: &Name) -> Rate {
        Rate {
            plan: plan.clone(),
            name: self.name.clone(),
            category: self.category.clone(),
            price: None,
            grade: None,
            unit: Unit::Amount,
            frequency: self.frequency(),
            correction: false,
        }
    }

    /// Whether nothing falls due any more from `t` on.
    pub fn is_over(&self, t: Seconds) -> bool {
        if self.step.is_some() { self.until <= t } else { self.first().is_none_or(|at| at < t) }
    }

    /// When it is booked for the first time; none of what accrues.
    pub fn first_booked(&self) -> Option<Seconds> {
        let accrues = self.step.is_some() && self.booking == Booking::Accrued;
        self.first().filter(|_| !accrues)
    }

    fn first(&self) -> Option<Seconds> {
        self.zone.first_instant(self.from)
    }

    /// What falls due within `[from, to)`, in order. What accrues may begin before and end after.
    pub fn due(&self, from: Seconds, to: Seconds) -> Vec<Due> {
        let to = to.min(self.until);
        let Some(step) = self.step else {
            return self.first().filter(|at| (from..to).contains(at)).map(Due::Booked).into_iter().collect();
        };
        let first = step.number_at(self.from);
        let near = self.zone.date_at(from).map_or(first, |date| step.number_at(date));
        // A day may begin a little after its date: one earlier is no harm.
        let mut number = first.max(near - 1);
        let mut due = Vec::new();
        let mut start = self.instant(step, number);
        while let Some(begin) = start.filter(|begin| *begin < to) {
            let next = self.instant(step, number + 1);
            if self.booking == Booking::OnChargeDate && begin >= from {
                due.push(Due::Booked(begin));
            }
            if let (Booking::Accrued, Some(end)) = (self.booking, next)
                && end > begin
                && end.min(self.until) > from
            {
                due.push(Due::Accrued { from: begin, to: end.min(self.until), length: end - begin });
            }
            number += 1;
            start = next;
        }
        due
    }

    fn instant(&self, step: Step, number: i64) -> Option<Seconds> {
        self.zone.first_instant(step.anchor(number)?)
    }
}

// === impl Bearers ===

impl Bearers {
    fn compile(spec: &Allocation) -> Result<Self, ChargeError> {
        let selector = || {
            let selector = spec.selector.as_ref().map(Selector::compile).transpose();
            Ok(selector.map_err(ChargeError::Selector)?.unwrap_or_default())
        };
        match spec.by {
            AllocateBy::Namespaces => Ok(Self::Listed(weights::parts(&spec.namespaces).map_err(ChargeError::Weights)?)),
            AllocateBy::Even => Ok(Self::Even(selector()?)),
            AllocateBy::Usage => Ok(Self::Usage(selector()?)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::Timestamp;
    use serde_json::{Value, json};

    fn charge(zone: &str, fields: &Value) -> Charge {
        let mut spec = json!({"name": "x", "amount": "100", "allocate": {"by": "Even"}});
        spec.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        Charge::compile(&serde_json::from_value(spec).unwrap(), &Zone::named(zone).unwrap()).unwrap()
    }

    fn second(text: &str) -> Seconds {
        text.parse::<Timestamp>().unwrap().as_second()
    }

    fn booked(charge: &Charge, from: &str, to: &str) -> Vec<String> {
        let due = charge.due(second(from), second(to));
        let at = |due: &Due| match due {
            Due::Booked(at) => Timestamp::from_second(*at).unwrap().to_string(),
            Due::Accrued { from, to, length } => format!("{}h of {}h", (to - from) / 3600, length / 3600),
        };
        due.iter().map(at).collect()
    }

    #[test]
    fn charge_dates_clamp_each_time_and_never_drift() {
        let monthly = charge("UTC", &json!({"every": "Month", "from": "2025-01-31", "booking": "OnChargeDate"}));
        assert_eq!(
            booked(&monthly, "2024-01-01T00:00:00Z", "2025-04-01T00:00:00Z"),
            ["2025-01-31T00:00:00Z", "2025-02-28T00:00:00Z", "2025-03-31T00:00:00Z"]
        );
        let quarterly = charge("UTC", &json!({"every": "Quarter", "from": "2024-11-30", "booking": "OnChargeDate"}));
        assert_eq!(
            booked(&quarterly, "2025-02-01T00:00:00Z", "2025-06-01T00:00:00Z"),
            ["2025-02-28T00:00:00Z", "2025-05-30T00:00:00Z"]
        );
        let yearly = charge("UTC", &json!({"every": "Year", "from": "2024-02-29", "booking": "OnChargeDate"}));
        assert_eq!(
            booked(&yearly, "2025-01-01T00:00:00Z", "2028-12-31T00:00:00Z"),
            ["2025-02-28T00:00:00Z", "2026-02-28T00:00:00Z", "2027-02-28T00:00:00Z", "2028-02-29T00:00:00Z"]
        );
    }

    #[test]
    fn accrues_over_the_real_length_in_the_zone_until_it_ends() {
        let march = charge("Europe/Berlin", &json!({"every": "Month", "from": "2025-01-01", "until": "2025-04-16"}));
        assert_eq!(
            booked(&march, "2025-03-10T00:00:00Z", "2026-01-01T00:00:00Z"),
            ["743h of 743h", "360h of 720h"],
            "the hour that March loses, and half of April"
        );
        assert_eq!(booked(&march, "2025-05-01T00:00:00Z", "2026-01-01T00:00:00Z"), [""; 0]);
        assert_eq!(booked(&march, "2025-04-20T00:00:00Z", "2026-01-01T00:00:00Z"), [""; 0], "it ended before");
        let weekly = charge("UTC", &json!({"every": "Week", "from": "2025-01-01", "booking": "OnChargeDate"}));
        assert_eq!(booked(&weekly, "2025-01-08T00:00:00Z", "2025-01-15T00:00:00Z"), ["2025-01-08T00:00:00Z"]);
    }

    #[test]
    fn comes_once_without_a_frequency() {
        let once = charge("Europe/Berlin", &json!({"from": "2025-03-10"}));
        assert_eq!(booked(&once, "2025-03-01T00:00:00Z", "2025-04-01T00:00:00Z"), ["2025-03-09T23:00:00Z"]);
        assert_eq!(booked(&once, "2025-03-10T00:00:00Z", "2025-04-01T00:00:00Z"), [""; 0]);
        assert_eq!(once.frequency(), ChargeFrequency::OneTime);
    }

    #[test]
    fn says_what_is_wrong() {
        for (fields, says) in [
            (json!({"from": "2025-02-30"}), "from \"2025-02-30\" is no date"),
            (json!({"from": "2025-02-01", "every": "Month", "until": "2025-02-01"}), "until must be later"),
            (json!({"from": "2025-02-01", "until": "2025-03-01"}), "goes with every"),
            (
                json!({"from": "2025-02-01", "allocate": {"by": "Namespaces", "namespaces": {"a": 0}}}),
                "at least one weight",
            ),
            (json!({"from": "2025-02-01", "allocate": {"by": "Namespaces"}}), "at least one weight"),
        ] {
            let mut spec = json!({"name": "x", "amount": "100", "allocate": {"by": "Even"}});
            spec.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
            let error = Charge::compile(&serde_json::from_value(spec).unwrap(), &Zone::named("UTC").unwrap());
            let text = error.unwrap_err().to_string();
            assert!(text.contains(says), "{text}");
        }
    }
}
