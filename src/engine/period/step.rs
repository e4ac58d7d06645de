//! The civil dates on which periods begin, numbered. Each is computed from its number, never from the one before,
//! so that a day clamped to the end of a short month does not drift.

use jiff::civil::{Date, Weekday, date};
use jiff::{Span, Unit};

use super::{Anchors, Every, PeriodError};

/// Day 0. It was a Thursday.
const EPOCH: Date = date(1970, 1, 1);

/// Every so many days or months, counted from an offset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// `offset` in days since 1970-01-01, less than `length`.
    Days { length: i64, offset: i64 },
    /// `offset` in months since January; `day` of the month, clamped to its end.
    Months { length: i64, offset: i64, day: i8 },
}

// === impl Step ===

impl Step {
    /// Checks the anchors that apply and fills in the defaults.
    pub fn new(every: Every, anchors: Anchors) -> Result<Self, PeriodError> {
        let start_day = anchors.start_day.unwrap_or(1);
        let start_month = anchors.start_month.unwrap_or(1);
        let months = |length, month: i64| {
            if !(1..=12).contains(&month) {
                return Err(PeriodError::StartMonth(month));
            }
            let day = i8::try_from(start_day).ok().filter(|day| (1..=31).contains(day));
            let day = day.ok_or(PeriodError::StartDay(start_day))?;
            Ok(Self::Months { length, offset: month - 1, day })
        };
        match every {
            Every::Day => Ok(Self::Days { length: 1, offset: 0 }),
            Every::Week => {
                let weekday = anchors.start_weekday.unwrap_or(Weekday::Monday);
                Ok(Self::Days { length: 7, offset: EPOCH.weekday().until(weekday).into() })
            }
            Every::Month => months(1, 1),
            Every::Quarter => months(3, start_month),
            Every::Year => months(12, start_month),
        }
    }

    /// Whole units from a date on, its day clamped to each month's end.
    pub fn from_date(every: Every, date: Date) -> Self {
        let month = i64::from(date.year()) * 12 + i64::from(date.month()) - 1;
        let months = |length: i64| Self::Months { length, offset: month.rem_euclid(length), day: date.day() };
        match every {
            Every::Day => Self::Days { length: 1, offset: 0 },
            Every::Week => Self::Days { length: 7, offset: days_since_epoch(date).rem_euclid(7) },
            Every::Month => months(1),
            Every::Quarter => months(3),
            Every::Year => months(12),
        }
    }

    /// With the default anchors.
    pub fn usual(every: Every) -> Self {
        match every {
            Every::Day => Self::Days { length: 1, offset: 0 },
            Every::Week => Self::Days { length: 7, offset: 4 },
            Every::Month => Self::Months { length: 1, offset: 0, day: 1 },
            Every::Quarter => Self::Months { length: 3, offset: 0, day: 1 },
            Every::Year => Self::Months { length: 12, offset: 0, day: 1 },
        }
    }

    /// The number of the last anchor on or before `date`.
    pub fn number_at(self, date: Date) -> i64 {
        match self {
            Self::Days { length, offset } => (days_since_epoch(date) - offset).div_euclid(length),
            Self::Months { length, offset, day } => {
                let month = i64::from(date.year()) * 12 + i64::from(date.month()) - 1;
                // In an anchor month, before its day, the one before is meant.
                let begun = if date.day() < day.min(date.days_in_month()) { month - 1 } else { month };
                (begun - offset).div_euclid(length)
            }
        }
    }

    /// The date of an anchor; `None` beyond the calendar.
    pub fn anchor(self, number: i64) -> Option<Date> {
        match self {
            Self::Days { length, offset } => {
                let days = Span::new().try_days(number * length + offset).ok()?;
                EPOCH.checked_add(days).ok()
            }
            Self::Months { length, offset, day } => {
                let month = number * length + offset;
                let year = i16::try_from(month.div_euclid(12)).ok()?;
                let first = Date::new(year, i8::try_from(month.rem_euclid(12) + 1).ok()?, 1).ok()?;
                Date::new(year, first.month(), day.min(first.days_in_month())).ok()
            }
        }
    }
}

fn days_since_epoch(date: Date) -> i64 {
    // The difference of two dates in days exists for every pair.
    EPOCH.until((Unit::Day, date)).map_or(0, |span| span.get_days().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_usual_is_the_default() {
        for every in [Every::Day, Every::Week, Every::Month, Every::Quarter, Every::Year] {
            assert_eq!(Step::new(every, Anchors::default()), Ok(Step::usual(every)), "{every:?}");
        }
    }

    #[test]
    fn refuses_impossible_anchors() {
        let day = |start_day| Anchors { start_day: Some(start_day), ..Anchors::default() };
        let month = |start_month| Anchors { start_month: Some(start_month), ..Anchors::default() };
        for bad in [0, 32, -1, i64::MAX] {
            assert_eq!(Step::new(Every::Month, day(bad)), Err(PeriodError::StartDay(bad)));
            assert_eq!(Step::new(Every::Year, month(bad)), Err(PeriodError::StartMonth(bad)));
        }
        assert_eq!(Step::new(Every::Quarter, month(13)), Err(PeriodError::StartMonth(13)));
        assert_eq!(Step::new(Every::Day, day(32)), Ok(Step::usual(Every::Day)), "does not apply");
    }

    #[test]
    fn numbers_and_anchors_agree_on_every_day() {
        let mut steps = Vec::new();
        for weekday in EPOCH.weekday().cycle_forward().take(7) {
            let anchors = Anchors { start_weekday: Some(weekday), ..Anchors::default() };
            steps.push(Step::new(Every::Week, anchors).unwrap());
        }
        for (every, month, day) in [
            (Every::Month, 1, 31),
            (Every::Month, 1, 29),
            (Every::Quarter, 2, 31),
            (Every::Quarter, 12, 15),
            (Every::Year, 2, 29),
            (Every::Year, 7, 1),
        ] {
            let anchors = Anchors { start_day: Some(day), start_month: Some(month), start_weekday: None };
            steps.push(Step::new(every, anchors).unwrap());
        }
        let first = date(1967, 11, 3);
        for day in first.series(Span::new().days(1)).take(5 * 366) {
            for step in &steps {
                let number = step.number_at(day);
                let (from, to) = (step.anchor(number).unwrap(), step.anchor(number + 1).unwrap());
                assert!(from <= day && day < to, "{step:?}: {day} is not in {from} to {to}");
            }
        }
    }
}
