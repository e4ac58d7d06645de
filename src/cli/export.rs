//! `kubectl opex export`: Statements for a warehouse.

use std::io::{self, BufWriter, Write, stdout};
use std::str::FromStr;

use anyhow::Context;
use clap::Args;
use jiff::Timestamp;
use jiff::civil::{Date, ISOWeekDate, Weekday};
use serde_json::value::RawValue;

use crate::api::{Statement, StatementPeriod};
use crate::clock::Clock;
use crate::cluster::connect::connect;
use crate::cluster::list::Pages;
use crate::engine::observed::Source;
use crate::focus::rows::{Format, Rows};

/// Prints the Statements of a cluster as rows of FOCUS 1.3, for a warehouse or a spreadsheet.
///
/// A Statement is exported whole, if its period begins in the time asked for; an open one up to its watermark.
#[derive(Args, Debug)]
pub struct ExportArgs {
    /// The first day on which a period may begin, by its own time zone (2026-10-01); or an instant (RFC 3339).
    #[arg(long, value_name = "DATE")]
    from: Bound,
    /// The first day, or instant, on which it may not begin any more.
    #[arg(long, value_name = "DATE")]
    to: Bound,
    /// Comma-separated with a header, or with the same names a JSON object a line.
    #[arg(long, default_value = "focus-csv", value_enum)]
    format: Format,
    /// Of this namespace alone; default: of all.
    #[arg(short, long, value_name = "NAME")]
    namespace: Option<String>,
    /// Of Statements with these labels alone, such as opex.dev/budget-kind=Budget.
    #[arg(short = 'l', long, value_name = "LABELS")]
    selector: Option<String>,
    /// The context of the kubeconfig to use.
    #[arg(long, value_name = "NAME")]
    context: Option<String>,
}

/// A day, or an instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Bound {
    Day(Date),
    Instant(Timestamp),
}

#[derive(Debug, thiserror::Error)]
#[error("write a date such as 2026-10-01, or an instant such as 2026-10-01T00:00:00Z")]
struct ParseBoundError;

// === impl ExportArgs ===

impl ExportArgs {
    pub fn run(self) -> anyhow::Result<()> {
        anyhow::ensure!(self.from.is_before(self.to), "--from is not before --to");
        super::block_on(self.export())
    }

    async fn export(self) -> anyhow::Result<()> {
        let client = connect(self.context.clone(), &Clock::default()).await?;
        let mut pages = Pages::of(client, Source::Statements, self.namespace.as_deref(), self.selector.as_deref());
        let mut rows: Option<Rows<_>> = None;
        let (mut picked, mut unread) = (0_u64, 0);
        while let Some(page) = pages.next().await? {
            let rows = match &mut rows {
                Some(rows) => rows,
                // Nothing is printed before it is known that there is something to print.
                none => none.insert(Rows::new(self.format, BufWriter::new(stdout().lock()))?),
            };
            for object in &page {
                match self.statement(object, rows)? {
                    Some(is_picked) => picked += u64::from(is_picked),
                    None => unread += 1,
                }
            }
        }
        let left_out = rows.context("an empty list")?.finish()?;
        for note in left_out.notes() {
            eprintln!("Note: {note}");
        }
        if picked == 0 && unread == 0 {
            eprintln!("Note: no Statement of that time matches: see kubectl get statements -A --show-labels");
        }
        let unread = unread + left_out.unread;
        anyhow::ensure!(unread == 0, "not exported, for it cannot be read: {unread}");
        Ok(())
    }

    /// Prints its rows if it is of the time asked for, and says whether; none where it cannot be read, which is said and
    /// does not stop the rest.
    fn statement(&self, object: &RawValue, rows: &mut Rows<impl Write>) -> io::Result<Option<bool>> {
        let statement: Statement = match serde_json::from_str(object.get()) {
            Ok(statement) => statement,
            Err(error) => {
                let name: Named = serde_json::from_str(object.get()).unwrap_or_default();
                let Metadata { namespace, name } = name.metadata;
                eprintln!("Statement {namespace}/{name}: {error}");
                return Ok(None);
            }
        };
        let period = &statement.spec.period;
        let is_picked = !self.from.is_after(period) && self.to.is_after(period);
        if is_picked {
            rows.write(&statement, |unread| eprintln!("{unread}"))?;
        }
        Ok(Some(is_picked))
    }
}

/// Who an object is that cannot be read.
#[derive(Default, serde::Deserialize)]
#[serde(default)]
struct Named {
    metadata: Metadata,
}

#[derive(Default, serde::Deserialize)]
#[serde(default)]
struct Metadata {
    namespace: String,
    name: String,
}

// === impl Bound ===

impl Bound {
    /// Whether a period begins before it.
    fn is_after(self, period: &StatementPeriod) -> bool {
        match self {
            Self::Day(day) => first_day(period) < day,
            Self::Instant(instant) => period.start.0 < instant,
        }
    }

    fn is_before(self, other: Self) -> bool {
        match (self, other) {
            (Self::Day(from), Self::Day(to)) => from < to,
            (Self::Instant(from), Self::Instant(to)) => from < to,
            // A day begins at another instant in each zone.
            (Self::Day(_), Self::Instant(_)) | (Self::Instant(_), Self::Day(_)) => true,
        }
    }
}

impl FromStr for Bound {
    type Err = ParseBoundError;

    fn from_str(text: &str) -> Result<Self, ParseBoundError> {
        // A civil date would be read from the beginning of an instant as well.
        if text.len() > "2026-10-01".len() {
            return text.parse().map(Self::Instant).map_err(|_| ParseBoundError);
        }
        text.parse().map(Self::Day).map_err(|_| ParseBoundError)
    }
}

/// The day on which a period begins where its Budget lives: its label says it, and the instant does not.
fn first_day(period: &StatementPeriod) -> Date {
    let utc = || jiff::tz::Offset::UTC.to_datetime(period.start.0).date();
    labelled(&period.label).unwrap_or_else(utc)
}

/// `2026`, `2026-q4`, `2026-11`, `2026-w47`, `2026-11-21`.
fn labelled(label: &str) -> Option<Date> {
    let (year, rest) = label.split_once('-').unwrap_or((label, "01"));
    let year = year.parse().ok()?;
    if let Some(week) = rest.strip_prefix('w') {
        return Some(ISOWeekDate::new(year, week.parse().ok()?, Weekday::Monday).ok()?.date());
    }
    if let Some(quarter) = rest.strip_prefix('q') {
        return Date::new(year, quarter.parse::<i8>().ok()?.checked_mul(3)?.checked_sub(2)?, 1).ok();
    }
    match rest.split_once('-') {
        Some((month, day)) => Date::new(year, month.parse().ok()?, day.parse().ok()?).ok(),
        None => Date::new(year, rest.parse().ok()?, 1).ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::budget::Budget;
    use jiff::civil::date;
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

    /// Whatever zone and anchor a period has, its label tells the day on which it begins.
    #[test]
    fn a_label_tells_the_first_day() {
        for zone in ["UTC", "Pacific/Kiritimati", "America/New_York"] {
            for spec in [
                "{every: Day}",
                "{every: Week}",
                "{every: Week, startWeekday: Sunday}",
                "{every: Month}",
                "{every: Month, startDay: 15}",
                "{every: Quarter}",
                "{every: Quarter, startMonth: 2}",
                "{every: Year}",
                "{every: Year, startMonth: 4}",
                "{start: '2025-12-31T23:30:00Z', end: '2026-12-31T00:00:00Z'}",
            ] {
                let spec = spec.replace('}', &format!(", timeZone: {zone}}}"));
                let spec = serde_saphyr::from_str(&format!("{{contact: c, pricePlan: p, period: {spec}}}")).unwrap();
                let schedule = Budget::of_namespace(&"a".into(), &spec).unwrap().schedule;
                let zone = jiff::tz::TimeZone::get(zone).unwrap();
                for at in (1_767_222_000..1_798_000_000).step_by(86_400 * 13) {
                    let Some(window) = schedule.at(at) else { continue };
                    let start = Timestamp::from_second(window.start).unwrap();
                    let period = StatementPeriod { label: window.label, start: Time(start), end: Time(start) };
                    assert_eq!(first_day(&period), start.to_zoned(zone.clone()).date(), "{zone:?} {}", period.label);
                }
            }
        }
    }

    #[test]
    fn bounds_are_days_or_instants() {
        let period = |label: &str, start: &str| {
            let start = Time(start.parse().unwrap());
            StatementPeriod { label: label.to_owned(), end: start.clone(), start }
        };
        let berlin = period("2026-10", "2026-09-30T22:00:00Z");
        let bound = |text: &str| text.parse::<Bound>().unwrap();
        assert_eq!(bound("2026-10-01"), Bound::Day(date(2026, 10, 1)));
        for (text, after) in [
            ("2026-10-01", false),
            ("2026-10-02", true),
            ("2026-09-30T22:00:00Z", false),
            ("2026-10-01T00:00:00Z", true),
            ("2026-10-01T00:00:01+02:00", true),
        ] {
            assert_eq!(bound(text).is_after(&berlin), after, "{text}");
        }
        assert!(bound("2026-11-01").is_after(&period("written by hand", "2026-10-31T00:00:00Z")));
        for text in ["", "yesterday", "2026-10", "2026-13-01", "2026-10-01T00:00:00"] {
            assert!(text.parse::<Bound>().is_err(), "{text}");
        }
        assert!(!bound("2026-10-01").is_before(bound("2026-10-01")));
    }
}
