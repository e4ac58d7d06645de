//! Which period an instant belongs to.

use jiff::civil::{Date, Weekday, date};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use serde_json::{Value, json};

use super::Seconds;
use super::world::time;

/// A period with its label.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Period {
    pub label: String,
    pub start: Seconds,
    pub end: Seconds,
}

/// A period's spec with its defaults filled in.
pub fn with_defaults(spec: &Value) -> Value {
    let mut full = json!({"timeZone": "UTC"});
    if spec["start"].is_null() {
        full["every"] = json!("Month");
        full["startDay"] = json!(1);
        full["startMonth"] = json!(1);
        full["startWeekday"] = json!("Monday");
    }
    for (name, value) in spec.as_object().into_iter().flatten() {
        full[name] = value.clone();
    }
    full
}

/// The period that holds an instant; none outside a fixed window.
pub fn at(spec: &Value, instant: Seconds) -> Option<Period> {
    let spec = with_defaults(spec);
    let zone = zone(&spec);
    let day = |instant: Seconds| Timestamp::from_second(instant).expect("an instant").to_zoned(zone.clone()).date();
    if let (Some(start), Some(end)) = (time(&spec["start"]), time(&spec["end"])) {
        let label = day(start).to_string();
        return (start <= instant && instant < end).then_some(Period { label, start, end });
    }
    let begins = |date: Date| date.to_zoned(zone.clone()).expect("a day").timestamp().as_second();
    let near = day(instant);
    let reach = if spec["every"] == "Day" { 3 } else { 400 };
    let mut starts: Vec<_> =
        (-reach..=reach).map(|days| near + days.days()).filter(|date| anchors(&spec, *date)).collect();
    starts.sort();
    let next = starts.iter().position(|date| begins(*date) > instant).expect("a later period");
    Some(Period { label: label(&spec, starts[next - 1]), start: begins(starts[next - 1]), end: begins(starts[next]) })
}

/// The first instant of a date in the zone of a period's spec, and the date of an instant.
pub fn first_instant(spec: &Value, date: Date) -> Seconds {
    date.to_zoned(zone(&with_defaults(spec))).expect("a day").timestamp().as_second()
}

pub fn date_at(spec: &Value, instant: Seconds) -> Date {
    Timestamp::from_second(instant).expect("an instant").to_zoned(zone(&with_defaults(spec))).date()
}

fn zone(spec: &Value) -> TimeZone {
    TimeZone::get(spec["timeZone"].as_str().expect("a zone")).expect("a known zone")
}

/// Whether a period begins on this day.
fn anchors(spec: &Value, day: Date) -> bool {
    let number = |field: &str| i8::try_from(spec[field].as_i64().expect("a number")).expect("a small number");
    let first_of_month = day.day() == number("startDay").min(day.days_in_month());
    match spec["every"].as_str().expect("every") {
        "Day" => true,
        "Week" => day.weekday() == weekday(&spec["startWeekday"]),
        "Month" => first_of_month,
        "Quarter" => first_of_month && (day.month() - number("startMonth")) % 3 == 0,
        "Year" => first_of_month && day.month() == number("startMonth"),
        other => panic!("every: {other}"),
    }
}

fn label(spec: &Value, day: Date) -> String {
    let every = spec["every"].as_str().expect("every");
    let usual = spec["startDay"] == 1 && spec["startMonth"] == 1 && spec["startWeekday"] == "Monday";
    let week = day.iso_week_date();
    match every {
        "Week" if usual => format!("{:04}-w{:02}", week.year(), week.week()),
        "Month" if usual => format!("{:04}-{:02}", day.year(), day.month()),
        "Quarter" if usual => format!("{:04}-q{}", day.year(), (day.month() + 2) / 3),
        "Year" if usual => format!("{:04}", day.year()),
        _ => date(day.year(), day.month(), day.day()).to_string(),
    }
}

fn weekday(name: &Value) -> Weekday {
    match name.as_str().expect("a weekday") {
        "Monday" => Weekday::Monday,
        "Tuesday" => Weekday::Tuesday,
        "Wednesday" => Weekday::Wednesday,
        "Thursday" => Weekday::Thursday,
        "Friday" => Weekday::Friday,
        "Saturday" => Weekday::Saturday,
        _ => Weekday::Sunday,
    }
}
