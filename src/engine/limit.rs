//! What a budget may spend in a period: its limit, or what was planned instead, with peaks, what the period before left
//! over, and how much overrides may add. It is a matter of the present: an edit counts for the whole period at once.

use std::collections::BTreeSet;

use iso_currency::Currency;
use jiff::civil::Date;
use num_traits::{Signed, Zero};

use super::money::{Exact, ParsePriceError, Price};
use super::period::{Schedule, Window, Zone};
use crate::api::{self, Amount};
use crate::facts::Seconds;

/// The beginning of 2024, and the most periods of a month or longer that begin in a year.
const ANY_YEAR: Seconds = 1_704_067_200;
const MONTHS: usize = 12;

/// A Budget's limit as its manifest has it, ready to be asked. Amounts are in its currency.
#[derive(Clone, Debug, PartialEq)]
pub struct Limit {
    pub currency: Currency,
    amount: Exact,
    planned: Vec<Planned>,
    peaks: Vec<Peak>,
    /// How many percent of what was left over are added.
    rollover: Option<i32>,
    pub caps: Caps,
    strays: Vec<String>,
}

/// How much overrides may add.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Caps {
    /// All in force together, of the limit without them.
    pub percent: Option<i32>,
    pub per_period: Option<i32>,
}

#[derive(Clone, Debug, PartialEq)]
struct Planned {
    /// The label of one period, or months, 1 to 12.
    period: Option<String>,
    months: Vec<i32>,
    amount: Exact,
}

#[derive(Clone, Debug, PartialEq)]
struct Peak {
    from: Seconds,
    extra: Exact,
}

/// What of a limit cannot be computed with.
#[derive(Debug, thiserror::Error)]
pub enum LimitError {
    #[error("spec.{field}: {source}")]
    Amount { field: String, source: ParsePriceError },
    #[error("spec.peaks[{index}].from {text:?} is no date: write one such as 2026-11-26")]
    Date { index: usize, text: String },
}

// === impl Limit ===

impl Limit {
    /// None where the Budget has no limit. Dates are of the schedule's zone.
    pub fn compile(spec: &api::BudgetSpec, schedule: &Schedule) -> Result<Option<Self>, LimitError> {
        let Some(limit) = &spec.limit else { return Ok(None) };
        let zone = schedule.zone();
        let planned = spec.planned_limits.iter().enumerate().map(|(i, one)| {
            let amount = amount(&one.amount, || format!("plannedLimits[{i}].amount"))?;
            Ok(Planned { period: one.period.clone(), months: one.months.clone(), amount })
        });
        let peaks = spec.peaks.iter().enumerate().map(|(index, peak)| {
            let extra = amount(&peak.extra_amount, || format!("peaks[{index}].extraAmount"))?;
            let date = peak.from.parse::<Date>().ok().and_then(|date| zone.first_instant(date));
            let from = date.ok_or_else(|| LimitError::Date { index, text: peak.from.clone() })?;
            Ok(Peak { from, extra })
        });
        Ok(Some(Self {
            currency: limit.currency,
            amount: amount(&limit.amount, || "limit.amount".to_owned())?,
            planned: planned.collect::<Result<_, _>>()?,
            peaks: peaks.collect::<Result<_, _>>()?,
            rollover: spec.rollover.as_ref().map(|rollover| rollover.unspent_percent),
            caps: spec.overrides.as_ref().map(Caps::from).unwrap_or_default(),
            strays: strays(&spec.planned_limits, schedule),
        }))
    }

    /// What was planned for a period: the first entry that matches, as listed, and the peaks that begin in it.
    pub fn planned(&self, window: &Window, zone: &Zone) -> Exact {
        let month = zone.date_at(window.start).map(|date| i32::from(date.month()));
        let matches = |one: &&Planned| {
            one.period.as_ref() == Some(&window.label) || month.is_some_and(|month| one.months.contains(&month))
        };
        let amount = self.planned.iter().find(matches).map_or(&self.amount, |planned| &planned.amount);
        let peaks = self.peaks.iter().filter(|peak| (window.start..window.end).contains(&peak.from));
        peaks.fold(amount.clone(), |sum, peak| sum + &peak.extra)
    }

    /// Which planned amounts no period of the Budget ever matches, and why.
    pub fn strays(&self) -> &[String] {
        &self.strays
    }

    pub fn rolls_over(&self) -> bool {
        self.rollover.is_some()
    }

    /// What is added of a period for which so much was planned and in which so much was spent.
    pub fn rolled_over(&self, planned: &Exact, spent: &Exact) -> Exact {
        let left = planned - spent;
        if left.is_positive() { share(&left, self.rollover.unwrap_or_default()) } else { Exact::zero() }
    }
}

// === impl Caps ===

impl Caps {
    /// What overrides may add to a limit in all.
    pub fn most(&self, limit: &Exact) -> Option<Exact> {
        self.percent.map(|percent| share(limit, percent))
    }
}

impl From<&api::OverrideCaps> for Caps {
    fn from(caps: &api::OverrideCaps) -> Self {
        Self { percent: caps.max_percent, per_period: caps.max_per_period }
    }
}

/// Planned amounts that count in no period, and why.
fn strays(planned: &[api::PlannedLimit], schedule: &Schedule) -> Vec<String> {
    if planned.is_empty() {
        return Vec::new();
    }
    // Any year does: periods begin in the same months in all, and what is shorter than a month in every one.
    let first = schedule.at(schedule.fixed().map_or(ANY_YEAR, |(start, _)| start));
    let called = first.as_ref().map(|window| window.label.clone()).unwrap_or_default();
    let months: BTreeSet<i32> = if schedule.is_shorter_than_a_month() {
        (1..=12).collect()
    } else {
        let windows = std::iter::successors(first, |window| schedule.next(window)).take(MONTHS);
        windows.filter_map(|window| Some(schedule.zone().date_at(window.start)?.month().into())).collect()
    };
    let listed = |months: Vec<&i32>| months.into_iter().map(i32::to_string).collect::<Vec<_>>().join(", ");
    let stray = |(i, one): (usize, &api::PlannedLimit)| {
        if let Some(label) = one.period.as_ref().filter(|label| schedule.labelled(label).is_none()) {
            return Some(format!(
                "plannedLimits[{i}]: no period of this budget is called {label}: they are called like {called}"
            ));
        }
        if one.months.is_empty() || one.months.iter().any(|month| months.contains(month)) {
            return None;
        }
        let (asked, known) = (listed(one.months.iter().collect()), listed(months.iter().collect()));
        Some(format!("plannedLimits[{i}]: no period of this budget begins in month {asked}: they begin in {known}"))
    };
    planned.iter().enumerate().filter_map(stray).collect()
}

fn share(of: &Exact, percent: i32) -> Exact {
    of * Exact::new(percent.into(), 100.into())
}

fn amount(amount: &Amount, field: impl Fn() -> String) -> Result<Exact, LimitError> {
    let price = Price::parse(amount.as_str()).map_err(|source| LimitError::Amount { field: field(), source })?;
    Ok(price.exact())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::period::Schedule;
    use serde_json::{Value, json};

    /// The limit of a monthly budget in Berlin, and what it is for the period that holds an instant.
    fn planned(rest: &Value, instant: &str) -> String {
        let mut spec = json!({
            "limit": {"amount": 1000, "currency": "EUR"}, "period": {"every": "Month", "timeZone": "Europe/Berlin"},
        });
        spec.as_object_mut().unwrap().extend(rest.as_object().unwrap().clone());
        let spec: api::BudgetSpec = serde_json::from_value(spec).unwrap();
        let schedule = Schedule::try_from(&spec.period).unwrap();
        let instant = instant.parse::<jiff::Timestamp>().unwrap().as_second();
        let window = schedule.at(instant).unwrap();
        Limit::compile(&spec, &schedule).unwrap().unwrap().planned(&window, schedule.zone()).to_string()
    }

    #[test]
    fn the_first_planned_amount_that_matches_counts() {
        let plans = json!({"plannedLimits": [
            {"period": "2026-12", "amount": 900}, {"months": [11, 12], "amount": 1500}, {"months": [12], "amount": 1},
        ]});
        for (instant, amount) in [
            ("2026-10-31T22:59:59Z", "1000"),
            ("2026-10-31T23:00:00Z", "1500"),
            ("2026-12-15T00:00:00Z", "900"),
            ("2027-12-15T00:00:00Z", "1500"),
            ("2027-01-15T00:00:00Z", "1000"),
        ] {
            assert_eq!(planned(&plans, instant), amount, "{instant}");
        }
        let week = json!({"period": {"every": "Week"}, "plannedLimits": [{"period": "2026-w47", "amount": 5}]});
        assert_eq!(planned(&week, "2026-11-16T00:00:00Z"), "5");
        assert_eq!(planned(&week, "2026-11-23T00:00:00Z"), "1000");
        // The month in which it starts.
        let quarter = json!({"period": {"every": "Quarter"}, "plannedLimits": [{"months": [12, 11], "amount": 5}]});
        assert_eq!(planned(&quarter, "2026-11-16T00:00:00Z"), "1000");
    }

    #[test]
    fn a_planned_amount_that_never_counts_is_named() {
        let strays = |period: &Value, mut planned: Value| {
            planned["amount"] = json!(1);
            let spec = json!({"limit": {"amount": 1, "currency": "EUR"}, "period": period, "plannedLimits": [planned]});
            let spec: api::BudgetSpec = serde_json::from_value(spec).unwrap();
            let schedule = Schedule::try_from(&spec.period).unwrap();
            Limit::compile(&spec, &schedule).unwrap().unwrap().strays().join("; ")
        };
        let fixed = json!({"start": "2026-11-10T00:00:00Z", "end": "2027-02-01T00:00:00Z"});
        let cases = [
            (json!({"every": "Month"}), json!({"period": "2026-11"}), ""),
            (json!({"every": "Month"}), json!({"period": "2027-q1"}), "called 2027-q1: they are called like 2024-01"),
            (json!({"every": "Month", "startDay": 15}), json!({"period": "2026-11"}), "called like 2023-12-15"),
            (json!({"every": "Month", "startDay": 15}), json!({"period": "2026-11-15"}), ""),
            (json!({"every": "Quarter"}), json!({"period": "2026-q4"}), ""),
            (json!({"every": "Quarter"}), json!({"months": [11, 12]}), "month 11, 12: they begin in 1, 4, 7, 10"),
            (json!({"every": "Quarter", "startMonth": 2}), json!({"months": [11, 12]}), ""),
            (json!({"every": "Year"}), json!({"period": "2026"}), ""),
            (json!({"every": "Year"}), json!({"months": [2]}), "month 2: they begin in 1"),
            (json!({"every": "Week"}), json!({"period": "2026-w53"}), ""),
            (json!({"every": "Week"}), json!({"period": "2027-w53"}), "called 2027-w53"),
            (json!({"every": "Week"}), json!({"months": [2]}), ""),
            (json!({"every": "Day", "timeZone": "Pacific/Apia"}), json!({"period": "2011-12-30"}), "2011-12-30"),
            (json!({"every": "Day"}), json!({"period": "2011-12-30"}), ""),
            (fixed.clone(), json!({"period": "2026-11-10"}), ""),
            (fixed.clone(), json!({"period": "2026-11"}), "called like 2026-11-10"),
            (fixed.clone(), json!({"months": [11]}), ""),
            (fixed, json!({"months": [12]}), "begin in 11"),
        ];
        for (period, planned, says) in cases {
            let said = strays(&period, planned.clone());
            assert!(said.contains(says) && said.is_empty() == says.is_empty(), "{period} {planned}: {said}");
        }
    }

    #[test]
    fn a_peak_belongs_to_the_period_in_which_it_begins() {
        let peaks = json!({"peaks": [
            {"from": "2026-11-01", "to": "2026-12-05", "extraAmount": "0.5"},
            {"from": "2026-11-30", "to": "2026-12-05", "extraAmount": 7},
        ]});
        for (instant, amount) in
            [("2026-10-15T00:00:00Z", "1000"), ("2026-11-15T00:00:00Z", "2015/2"), ("2026-12-15T00:00:00Z", "1000")]
        {
            assert_eq!(planned(&peaks, instant), amount, "{instant}");
        }
    }

    #[test]
    fn what_is_left_over_is_never_negative() {
        let spec = json!({"limit": {"amount": 1, "currency": "EUR"}, "rollover": {"unspentPercent": 20}});
        let spec: api::BudgetSpec = serde_json::from_value(spec).unwrap();
        let limit = Limit::compile(&spec, &Schedule::try_from(&spec.period).unwrap()).unwrap().unwrap();
        let rolled = |planned: i32, spent: i32| {
            limit.rolled_over(&Exact::from_integer(planned.into()), &Exact::from_integer(spent.into())).to_string()
        };
        assert_eq!([rolled(100, 72), rolled(100, 100), rolled(100, 101)], ["28/5", "0", "0"]);
    }
}
