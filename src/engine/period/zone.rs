//! Civil days in a time zone, from the database that is part of the program: the machine's is never read, so that
//! every replica and every replay cuts time alike.

use jiff::Timestamp;
use jiff::civil::{Date, Time};
use jiff::tz::{AmbiguousOffset, TimeZone, TimeZoneDatabase};

use super::PeriodError;
use crate::facts::Seconds;

/// An IANA time zone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Zone(TimeZone);

// === impl Zone ===

impl Zone {
    /// The zone of that name, in any case of letters.
    pub fn named(name: &str) -> Result<Self, PeriodError> {
        let unknown = || PeriodError::Zone(name.to_owned());
        let zone = TimeZoneDatabase::bundled().get(name).map_err(|_| unknown())?;
        // `Etc/Unknown` is found, and is no zone.
        if zone.is_unknown() { Err(unknown()) } else { Ok(Self(zone)) }
    }

    /// The civil date at an instant; `None` beyond the calendar.
    pub fn date_at(&self, instant: Seconds) -> Option<Date> {
        Some(self.0.to_datetime(Timestamp::from_second(instant).ok()?).date())
    }

    /// The first instant of a civil day: the first midnight where there are two, the jump where there is none. For a
    /// date that the zone skipped, the first instant of the next. `None` beyond the calendar.
    pub fn first_instant(&self, date: Date) -> Option<Seconds> {
        let midnight = date.to_datetime(Time::midnight());
        let instant = match self.0.to_ambiguous_timestamp(midnight).offset() {
            AmbiguousOffset::Unambiguous { offset } => offset.to_timestamp(midnight),
            AmbiguousOffset::Fold { before, .. } => before.to_timestamp(midnight),
            AmbiguousOffset::Gap { after, .. } => {
                let before_jump = after.to_timestamp(midnight).ok()?;
                let mut jumps = self.0.following(before_jump).map(|jump| jump.timestamp().as_second());
                return jumps.find(|&jump| self.date_at(jump).is_some_and(|reached| reached >= date));
            }
        };
        Some(instant.ok()?.as_second())
    }
}
