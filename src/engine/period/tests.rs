use std::collections::BTreeSet;

use jiff::Timestamp;
use jiff::tz::TimeZoneDatabase;
use proptest::prelude::*;

use super::*;

const HOUR: Seconds = 3600;

fn instant(text: &str) -> Seconds {
    text.parse::<Timestamp>().unwrap().as_second()
}

fn schedule(every: Every, zone: &str) -> Schedule {
    Schedule::new(Period::Every(every, Anchors::default()), Some(zone)).unwrap()
}

fn anchored(every: Every, start_month: i64, start_day: i64, zone: &str) -> Schedule {
    let anchors = Anchors { start_day: Some(start_day), start_month: Some(start_month), start_weekday: None };
    Schedule::new(Period::Every(every, anchors), Some(zone)).unwrap()
}

fn weekly(start: Weekday, zone: &str) -> Schedule {
    let anchors = Anchors { start_weekday: Some(start), ..Anchors::default() };
    Schedule::new(Period::Every(Every::Week, anchors), Some(zone)).unwrap()
}

/// A row: every, zone, startMonth/startDay or startWeekday (`-`: the default), an instant, and the window's label,
/// start and end.
const CALENDAR: &str = "
    month   UTC           -      2026-11-21T10:03:00Z 2026-11    2026-11-01T00:00:00Z 2026-12-01T00:00:00Z
    month   Europe/Berlin -      2025-03-30T10:00:00Z 2025-03    2025-02-28T23:00:00Z 2025-03-31T22:00:00Z
    quarter Europe/Paris  -      2026-12-31T22:59:59Z 2026-q4    2026-09-30T22:00:00Z 2026-12-31T23:00:00Z
    quarter UTC           -      2026-01-01T00:00:00Z 2026-q1    2026-01-01T00:00:00Z 2026-04-01T00:00:00Z
    year    Asia/Tokyo    -      2026-12-31T15:00:00Z 2027       2026-12-31T15:00:00Z 2027-12-31T15:00:00Z
    day     UTC           -      2026-11-21T23:59:59Z 2026-11-21 2026-11-21T00:00:00Z 2026-11-22T00:00:00Z
    month   UTC           -      1969-12-31T23:59:59Z 1969-12    1969-12-01T00:00:00Z 1970-01-01T00:00:00Z
    week    UTC           -      2026-11-21T00:00:00Z 2026-w47   2026-11-16T00:00:00Z 2026-11-23T00:00:00Z
    week    UTC           -      2027-01-03T00:00:00Z 2026-w53   2026-12-28T00:00:00Z 2027-01-04T00:00:00Z
    week    UTC           -      2027-01-04T00:00:00Z 2027-w01   2027-01-04T00:00:00Z 2027-01-11T00:00:00Z
    week    UTC           -      2024-12-30T00:00:00Z 2025-w01   2024-12-30T00:00:00Z 2025-01-06T00:00:00Z
    week    UTC           sunday 2026-11-21T00:00:00Z 2026-11-15 2026-11-15T00:00:00Z 2026-11-22T00:00:00Z
    quarter UTC           4/1    2026-04-01T00:00:00Z 2026-04-01 2026-04-01T00:00:00Z 2026-07-01T00:00:00Z
    year    UTC           4/1    2026-03-31T23:59:59Z 2025-04-01 2025-04-01T00:00:00Z 2026-04-01T00:00:00Z
    month   UTC           1/15   2026-01-14T00:00:00Z 2025-12-15 2025-12-15T00:00:00Z 2026-01-15T00:00:00Z
";

/// The same, of days whose midnight is missing, comes twice, or that are missing themselves.
const UNUSUAL_DAYS: &str = "
    # 00:00 becomes 01:00
    day America/Sao_Paulo   -    2018-11-04T12:00:00Z 2018-11-04 2018-11-04T03:00:00Z 2018-11-05T02:00:00Z
    day Africa/Cairo        -    2025-04-25T12:00:00Z 2025-04-25 2025-04-24T22:00:00Z 2025-04-25T21:00:00Z
    day Asia/Beirut         -    2025-03-30T12:00:00Z 2025-03-30 2025-03-29T22:00:00Z 2025-03-30T21:00:00Z
    day America/Havana      -    2025-03-09T12:00:00Z 2025-03-09 2025-03-09T05:00:00Z 2025-03-10T04:00:00Z
    # 00:00 becomes 23:00 of the day before: midnight comes once, an hour later
    day America/Sao_Paulo   -    2018-02-18T02:30:00Z 2018-02-17 2018-02-17T02:00:00Z 2018-02-18T03:00:00Z
    day Africa/Cairo        -    2025-10-30T21:30:00Z 2025-10-30 2025-10-29T21:00:00Z 2025-10-30T22:00:00Z
    day Asia/Beirut         -    2025-10-25T21:30:00Z 2025-10-25 2025-10-24T21:00:00Z 2025-10-25T22:00:00Z
    # 01:00 becomes 00:00: midnight comes twice, and the first one counts
    day America/Havana      -    2025-11-02T05:00:00Z 2025-11-02 2025-11-02T04:00:00Z 2025-11-03T05:00:00Z
    # 00:01 becomes 23:01 of the day before: the day has begun, and goes on
    day America/St_Johns    -    2010-11-07T02:31:00Z 2010-11-07 2010-11-07T02:30:00Z 2010-11-08T03:30:00Z
    day America/St_Johns    -    2010-11-07T02:29:59Z 2010-11-06 2010-11-06T02:30:00Z 2010-11-07T02:30:00Z
    # 23:30 becomes 00:30: the day begins with the jump
    day America/Toronto     -    1919-03-31T12:00:00Z 1919-03-31 1919-03-31T04:30:00Z 1919-04-01T04:00:00Z
    # no 30 December 2011, no 21 August 1993
    day Pacific/Apia        -    2011-12-30T09:59:59Z 2011-12-29 2011-12-29T10:00:00Z 2011-12-30T10:00:00Z
    day Pacific/Apia        -    2011-12-30T10:00:00Z 2011-12-31 2011-12-30T10:00:00Z 2011-12-31T10:00:00Z
    day Pacific/Kwajalein   -    1993-08-21T12:00:00Z 1993-08-22 1993-08-21T12:00:00Z 1993-08-22T12:00:00Z
    # a month anchored on the missing date begins, and is named, on the next
    month Pacific/Apia      1/30 2012-01-01T00:00:00Z 2011-12-31 2011-12-30T10:00:00Z 2012-01-29T10:00:00Z
    # half an hour of daylight saving
    day Australia/Lord_Howe -    2025-04-05T15:15:00Z 2025-04-06 2025-04-05T13:00:00Z 2025-04-06T13:30:00Z
";

fn check(table: &str) {
    let rows = table.lines().map(str::trim);
    for row in rows.filter(|row| !row.is_empty() && !row.starts_with('#')) {
        let columns = row.split_whitespace().collect::<Vec<_>>();
        let [every, zone, anchor, at, label, start, end] = columns[..] else { panic!("{row}") };
        let every = every_named(every);
        let schedule = match anchor.split_once('/') {
            Some((month, day)) => anchored(every, month.parse().unwrap(), day.parse().unwrap(), zone),
            None if anchor == "sunday" => weekly(Weekday::Sunday, zone),
            None => schedule(every, zone),
        };
        let window = schedule.at(instant(at)).unwrap();
        let read = |instant| Timestamp::from_second(instant).unwrap().to_string();
        let bounds = (read(window.start), read(window.end));
        assert_eq!(bounds, (start.to_owned(), end.to_owned()), "{row}");
        assert_eq!(window.label, label, "{row}");
        assert_eq!(schedule.zone().date_at(window.end), Some(window.resets), "{row}");
    }
}

fn every_named(name: &str) -> Every {
    match name {
        "day" => Every::Day,
        "week" => Every::Week,
        "month" => Every::Month,
        "quarter" => Every::Quarter,
        "year" => Every::Year,
        _ => panic!("{name}"),
    }
}

#[test]
fn windows_of_the_calendar() {
    check(CALENDAR);
    let march = schedule(Every::Month, "Europe/Berlin").at(instant("2025-03-15T00:00:00Z"));
    let march = march.unwrap();
    assert_eq!((march.end - march.start) / HOUR, 743);
    assert_eq!(march.resets.to_string(), "2025-04-01");
}

#[test]
fn days_of_unusual_length() {
    check(UNUSUAL_DAYS);
    let apia = schedule(Every::Day, "Pacific/Apia");
    let last = apia.at(instant("2011-12-30T09:59:59Z")).unwrap();
    assert_eq!(last.resets.to_string(), "2011-12-31");
    assert_eq!(apia.next(&last).unwrap().label, "2011-12-31");
}

/// Anchors are clamped anew each time and never drift.
#[test]
fn clamped_anchors() {
    for (schedule, from, labels) in [
        (
            anchored(Every::Month, 1, 31, "UTC"),
            "2026-01-31T00:00:00Z",
            ["2026-01-31", "2026-02-28", "2026-03-31", "2026-04-30", "2026-05-31"],
        ),
        (
            anchored(Every::Quarter, 2, 31, "UTC"),
            "2024-02-29T00:00:00Z",
            ["2024-02-29", "2024-05-31", "2024-08-31", "2024-11-30", "2025-02-28"],
        ),
        (
            anchored(Every::Year, 2, 29, "UTC"),
            "2023-02-28T00:00:00Z",
            ["2023-02-28", "2024-02-29", "2025-02-28", "2026-02-28", "2027-02-28"],
        ),
    ] {
        let first = schedule.at(instant(from)).unwrap();
        assert_eq!(first.start, instant(from));
        let windows = std::iter::successors(Some(first), |window| schedule.next(window));
        assert_eq!(windows.take(5).map(|window| window.label).collect::<Vec<_>>(), labels);
    }
}

#[test]
fn a_fixed_window_is_one() {
    let (start, end) = (instant("2026-11-25T23:00:00Z"), instant("2026-12-01T23:00:00Z"));
    let fixed = |zone| Schedule::new(Period::Fixed { start, end }, zone).unwrap();
    let schedule = fixed(Some("Europe/Berlin"));
    let window = schedule.at(start).unwrap();
    assert_eq!((window.start, window.end, window.label.as_str()), (start, end, "2026-11-26"));
    assert_eq!(window.resets.to_string(), "2026-12-02");
    assert_eq!(schedule.at(end - 1).as_ref(), Some(&window));
    assert_eq!((schedule.at(start - 1), schedule.at(end), schedule.next(&window)), (None, None, None));
    assert_eq!(fixed(None).at(start).unwrap().label, "2026-11-25");
    for (start, end) in [(end, start), (start, start), (start, i64::MAX), (i64::MIN, end)] {
        let refused = Schedule::new(Period::Fixed { start, end }, None);
        assert_eq!(refused, Err(PeriodError::Window), "{start} to {end}");
    }
}

#[test]
fn equal_with_defaults_filled_in() {
    let plain = Schedule::new(Period::Every(Every::Month, Anchors::default()), None).unwrap();
    let ignored = Anchors { start_day: Some(1), start_month: Some(7), start_weekday: Some(Weekday::Friday) };
    assert_eq!(Schedule::new(Period::Every(Every::Month, ignored), Some("utc")).unwrap(), plain);
    assert_eq!(schedule(Every::Day, "europe/PARIS"), schedule(Every::Day, "Europe/Paris"));
    assert_eq!(weekly(Weekday::Monday, "UTC"), schedule(Every::Week, "UTC"));
    assert_ne!(anchored(Every::Quarter, 4, 1, "UTC"), schedule(Every::Quarter, "UTC"));
    assert_ne!(anchored(Every::Month, 1, 2, "UTC"), plain);
    assert_ne!(schedule(Every::Month, "Europe/Paris"), plain);
    assert_ne!(schedule(Every::Year, "UTC"), plain);
}

#[test]
fn an_unknown_zone_is_named() {
    for name in ["Mars/Phobos", "", "Etc/Unknown", "+02:00", "Europe/Paris ", "localtime"] {
        let error = Schedule::new(Period::Every(Every::Day, Anchors::default()), Some(name)).unwrap_err();
        assert_eq!(error, PeriodError::Zone(name.to_owned()));
        assert!(error.to_string().contains("Europe/Paris"), "{error}");
    }
}

#[test]
fn nothing_panics_at_the_ends_of_the_calendar() {
    for instant in [i64::MIN, i64::MAX, Timestamp::MIN.as_second(), Timestamp::MAX.as_second()] {
        for every in [Every::Day, Every::Week, Every::Month, Every::Quarter, Every::Year] {
            assert_eq!(schedule(every, "UTC").at(instant).filter(|window| instant >= window.end), None);
        }
    }
}

/// In all zones, around all changes of the clock: a day's first instant bears its date or, where the zone skipped
/// that, a later one; and no earlier instant does.
#[test]
fn first_instants_are_the_first() {
    let (from, to) = (instant("2000-01-01T00:00:00Z"), instant("2040-01-01T00:00:00Z"));
    for name in TimeZoneDatabase::bundled().available() {
        let Ok(zone) = Zone::named(name.as_str()) else {
            continue;
        };
        let known = TimeZoneDatabase::bundled().get(name.as_str()).unwrap();
        let start = Timestamp::from_second(from).unwrap();
        let jumps = known.following(start).map(|jump| jump.timestamp().as_second()).take_while(|&jump| jump < to);
        for jump in jumps {
            let before = zone.date_at(jump - 1).unwrap();
            let after = zone.date_at(jump).unwrap();
            for date in [before, after, before.tomorrow().unwrap(), after.tomorrow().unwrap()] {
                let first = zone.first_instant(date).unwrap();
                assert!(zone.date_at(first).unwrap() >= date, "{name:?} {date}");
                assert!(zone.date_at(first - 1).unwrap() < date, "{name:?} {date}");
                // Between two changes of the clock dates only grow, so that this is the one other place to look.
                assert!(first < jump || before < date, "{name:?} {date}");
            }
        }
    }
}

/// Forty years are tiled without a gap or an overlap in every zone: by months, quarters and years all of them, by days
/// and weeks around every change of the clock.
#[test]
fn windows_tile_forty_years_in_every_zone() {
    let (from, to) = (instant("2000-01-01T00:00:00Z"), instant("2040-01-01T00:00:00Z"));
    let mut zones = 0;
    for name in TimeZoneDatabase::bundled().available() {
        if Zone::named(name.as_str()).is_err() {
            continue;
        }
        zones += 1;
        let known = TimeZoneDatabase::bundled().get(name.as_str()).unwrap();
        let start = Timestamp::from_second(from).unwrap();
        let jumps: Vec<_> = known.following(start).map(|j| j.timestamp().as_second()).take_while(|j| *j < to).collect();
        for every in [Every::Month, Every::Quarter, Every::Year] {
            tile(&schedule(every, name.as_str()), from, to);
        }
        for every in [Every::Day, Every::Week] {
            let schedule = schedule(every, name.as_str());
            for jump in &jumps {
                tile(&schedule, jump - 86_400, jump + 86_400);
            }
        }
    }
    assert!(zones > 400, "{zones} zones");
}

fn tile(schedule: &Schedule, from: Seconds, to: Seconds) {
    let mut window = schedule.at(from).unwrap();
    while window.end < to {
        let next = schedule.next(&window).unwrap();
        assert!(window.start < window.end && next.start == window.end, "{schedule:?}: {window:?}, {next:?}");
        assert_eq!(schedule.at(next.start - 1).as_ref(), Some(&window), "{schedule:?}");
        assert_eq!(schedule.at(next.start).as_ref(), Some(&next), "{schedule:?}");
        window = next;
    }
}

fn any_zone() -> impl Strategy<Value = String> {
    let database = TimeZoneDatabase::bundled();
    let names = database.available().map(|name| name.as_str().to_owned());
    prop::sample::select(names.filter(|name| Zone::named(name).is_ok()).collect::<Vec<_>>())
}

fn any_schedule() -> impl Strategy<Value = Schedule> {
    let every = prop::sample::select(vec![Every::Day, Every::Week, Every::Month, Every::Quarter, Every::Year]);
    (every, any_zone(), 1..=31_i64, 1..=12_i64, 1..=7_i8).prop_map(|(every, zone, day, month, weekday)| {
        let anchors = Anchors {
            start_day: Some(day),
            start_month: Some(month),
            start_weekday: Some(Weekday::from_monday_one_offset(weekday).unwrap()),
        };
        Schedule::new(Period::Every(every, anchors), Some(&zone)).unwrap()
    })
}

proptest! {
    #[test]
    fn windows_tile_time(schedule in any_schedule(), at in 946_684_800..2_208_988_800_i64, part in 0..1000_i64) {
        let mut labels = BTreeSet::new();
        let mut window = schedule.at(at).unwrap();
        prop_assert!(window.start <= at && at < window.end);
        for _ in 0..20 {
            prop_assert!(window.start < window.end);
            let within = window.start + (window.end - window.start) * part / 1000;
            for instant in [window.start, within, window.end - 1] {
                let same = schedule.at(instant);
                prop_assert_eq!(same.as_ref(), Some(&window));
            }
            let next = schedule.next(&window).unwrap();
            prop_assert_eq!(next.start, window.end);
            prop_assert_eq!(schedule.zone().date_at(next.start), Some(window.resets));
            prop_assert!(labels.insert(window.label.clone()), "{} twice", window.label);
            window = next;
        }
    }
}
