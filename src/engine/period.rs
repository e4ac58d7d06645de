//! Budget periods, computed from time: labels, bounds, anchors, zones.
//!
//! A period is a function of the instant and the Budget's `period` alone; nothing is observed or remembered, so two
//! replicas and a replay years later agree. Periods are half-open and tile time: where one ends the next begins.
//! A period begins with its first civil day in the Budget's zone, at that day's first instant, whatever daylight
//! saving does to midnight; a date that the zone skipped makes none.

mod step;
mod zone;

use jiff::civil::{Date, ISOWeekDate, Weekday};

use crate::facts::Seconds;
pub use step::Step;
pub use zone::Zone;

/// The zone of a Budget that names none.
const DEFAULT_ZONE: &str = "UTC";

/// How often a Budget starts anew.
#[allow(missing_docs)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Every {
    Day,
    Week,
    Month,
    Quarter,
    Year,
}

/// Where periods begin, as written; what is absent takes its default, what does not apply is ignored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Anchors {
    /// Day of the month, 1 to 31, in shorter months their last; default 1. For Month, Quarter, Year.
    pub start_day: Option<i64>,
    /// Month, 1 to 12; default January. For Quarter and Year.
    pub start_month: Option<i64>,
    /// Default Monday. For Week.
    pub start_weekday: Option<Weekday>,
}

/// A Budget's `period` as written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Period {
    /// One after the other, for ever.
    Every(Every, Anchors),
    /// One window `[start, end)`, and nothing before or after.
    Fixed {
        /// First second.
        start: Seconds,
        /// First second after it.
        end: Seconds,
    },
}

/// A Budget's periods, ready to be asked. Two are equal if they were written alike, with defaults filled in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schedule {
    rule: Rule,
    zone: Zone,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rule {
    Every { every: Every, step: Step },
    Fixed { start: Seconds, end: Seconds },
}

/// One period: `[start, end)`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Window {
    /// What names its Statement: `2026-11`, `2026-q4`, `2026`, `2026-w47`, `2026-11-21`; the start date where the
    /// anchors are unusual or the window is fixed.
    pub label: String,
    /// First second.
    pub start: Seconds,
    /// First second after it.
    pub end: Seconds,
    /// The civil date of `end` in the Budget's zone.
    pub resets: Date,
}

/// What is wrong with a `period`; each message says what is allowed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PeriodError {
    /// No such zone in the time-zone database.
    #[error("timeZone {0:?} is no IANA time zone: write a name such as \"Europe/Paris\" or \"UTC\"")]
    Zone(String),
    /// Outside of any month.
    #[error("startDay {0} is no day of a month: 1 to 31 are allowed (in a shorter month its last day counts)")]
    StartDay(i64),
    /// Outside of the year.
    #[error("startMonth {0} is no month: 1 to 12 are allowed")]
    StartMonth(i64),
    /// Both kinds of period, half a window, or nothing.
    #[error("a period has either `every`, or both `start` and `end`")]
    Kind,
    /// A fixed window that holds no time, or ends beyond the year 9999.
    #[error("a fixed period's end must be later than its start, and both within the years 1 to 9999")]
    Window,
}

// === impl Schedule ===

impl Schedule {
    /// Checks `period`, fills in the defaults and looks up the zone (absent: UTC).
    pub fn new(period: Period, zone: Option<&str>) -> Result<Self, PeriodError> {
        let zone = Zone::named(zone.unwrap_or(DEFAULT_ZONE))?;
        let rule = match period {
            Period::Every(every, anchors) => Rule::Every { every, step: Step::new(every, anchors)? },
            Period::Fixed { start, end } => {
                let dated = zone.date_at(start).is_some() && zone.date_at(end).is_some();
                if start >= end || !dated {
                    return Err(PeriodError::Window);
                }
                Rule::Fixed { start, end }
            }
        };
        Ok(Self { rule, zone })
    }

    /// The period that holds the instant. None before and after a fixed window, and near the ends of the calendar
    /// (years −9999 and 9999).
    pub fn at(&self, instant: Seconds) -> Option<Window> {
        match self.rule {
            Rule::Every { every, step } => self.recurring_at(every, step, instant),
            Rule::Fixed { start, end } => {
                let date = self.zone.date_at(start)?;
                let window = Window { label: date.to_string(), start, end, resets: self.zone.date_at(end)? };
                (start..end).contains(&instant).then_some(window)
            }
        }
    }

    /// The period that is called so, if one ever is.
    pub fn labelled(&self, label: &str) -> Option<Window> {
        let start = match self.rule {
            Rule::Every { .. } => self.zone.first_instant(first_date(label)?)?,
            Rule::Fixed { start, .. } => start,
        };
        self.at(start).filter(|window| window.label == label)
    }

    /// The period after `window`. None after a fixed one.
    pub fn next(&self, window: &Window) -> Option<Window> {
        self.at(window.end)
    }

    /// Start and end of a fixed window.
    pub fn fixed(&self) -> Option<(Seconds, Seconds)> {
        match self.rule {
            Rule::Every { .. } => None,
            Rule::Fixed { start, end } => Some((start, end)),
        }
    }

    pub fn is_shorter_than_a_month(&self) -> bool {
        matches!(self.rule, Rule::Every { every: Every::Day | Every::Week, .. })
    }

    /// The zone that dates are written in.
    pub fn zone(&self) -> &Zone {
        &self.zone
    }

    fn recurring_at(&self, every: Every, step: Step, instant: Seconds) -> Option<Window> {
        let bound = |number| self.zone.first_instant(step.anchor(number)?);
        let mut number = step.number_at(self.zone.date_at(instant)?);
        // The next one may have begun where clocks went back to the day before, after its first midnight.
        while bound(number + 1)? <= instant {
            number += 1;
        }
        let (start, end) = (bound(number)?, bound(number + 1)?);
        let label = match usual_label(every, step, step.anchor(number)?) {
            Some(label) => label,
            None => self.zone.date_at(start)?.to_string(),
        };
        Some(Window { label, start, end, resets: self.zone.date_at(end)? })
    }
}

impl TryFrom<&crate::api::PeriodSpec> for Schedule {
    type Error = PeriodError;

    fn try_from(spec: &crate::api::PeriodSpec) -> Result<Self, PeriodError> {
        let period = match (spec.every, &spec.start, &spec.end) {
            (Some(every), None, None) => Period::Every(
                every.into(),
                Anchors {
                    start_day: spec.start_day.map(i64::from),
                    start_month: spec.start_month.map(i64::from),
                    start_weekday: spec.start_weekday.map(|day| Weekday::Monday.wrapping_add(day as i64)),
                },
            ),
            (None, Some(start), Some(end)) => Period::Fixed { start: start.0.as_second(), end: end.0.as_second() },
            _ => return Err(PeriodError::Kind),
        };
        Self::new(period, Some(&spec.time_zone))
    }
}

impl From<crate::api::Every> for Every {
    fn from(every: crate::api::Every) -> Self {
        match every {
            crate::api::Every::Day => Self::Day,
            crate::api::Every::Week => Self::Week,
            crate::api::Every::Month => Self::Month,
            crate::api::Every::Quarter => Self::Quarter,
            crate::api::Every::Year => Self::Year,
        }
    }
}

/// The first date that a label speaks of.
fn first_date(label: &str) -> Option<Date> {
    let (year, rest) = label.split_once('-').unwrap_or((label, "01"));
    let year: i16 = year.parse().ok()?;
    let (month, day) = match rest.split_at_checked(1)? {
        ("q", quarter) => (quarter.parse::<i8>().ok()?.checked_mul(3)?.checked_sub(2)?, 1),
        ("w", week) => return Some(ISOWeekDate::new(year, week.parse().ok()?, Weekday::Monday).ok()?.date()),
        _ => {
            let (month, day) = rest.split_once('-').unwrap_or((rest, "1"));
            (month.parse().ok()?, day.parse().ok()?)
        }
    };
    Date::new(year, month, day).ok()
}

/// The short label, where periods begin where people expect it.
fn usual_label(every: Every, step: Step, anchor: Date) -> Option<String> {
    if step != Step::usual(every) {
        return None;
    }
    let year = anchor.year();
    match every {
        Every::Day => None,
        Every::Week => {
            let week = anchor.iso_week_date();
            Some(format!("{:04}-w{:02}", week.year(), week.week()))
        }
        Every::Month => Some(format!("{year:04}-{:02}", anchor.month())),
        Every::Quarter => Some(format!("{year:04}-q{}", (anchor.month() + 2) / 3)),
        Every::Year => Some(format!("{year:04}")),
    }
}

#[cfg(test)]
mod tests;
