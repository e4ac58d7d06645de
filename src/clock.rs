//! What time it is: the API server's time, told by the machine we run on.
//!
//! Replicas may run on hosts whose clocks differ; the API server's is the one that all share, and the one that objects
//! bear. Its answers carry a `Date`, which dates them to within a second; many of them, and when objects were made,
//! narrow that down (see [`offset`]). Between answers the local monotonic clock counts on, so a step of the host's clock
//! moves nothing.

pub mod http;
mod offset;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use jiff::Timestamp;

use crate::facts::Seconds;
use offset::{Nanos, Offset, SECOND};

/// How far off the host's clock may be before people are told.
const TOLERATED: Nanos = 5 * SECOND;

/// What a wake-up comes later than its second begins: a timer is never early, and a second that has just begun has
/// begun by everyone's clock.
const AFTER: Duration = Duration::from_millis(2);

/// A clock that follows the API server's. Clones are the same clock.
#[derive(Clone, Debug)]
pub struct Clock(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    /// Where local monotonic time begins.
    origin: Instant,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    offset: Offset,
    newest: Nanos,
    off: bool,
}

// === impl Clock ===

impl Default for Clock {
    fn default() -> Self {
        Self(Arc::new(Shared { origin: Instant::now(), state: Mutex::default() }))
    }
}

impl Clock {
    /// The API server's time; it never goes back.
    pub fn now(&self) -> Timestamp {
        let (host, local) = self.read();
        let mut state = self.0.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.newest = state.newest.max(local + state.offset.estimate(host - local));
        Timestamp::from_nanosecond(state.newest).unwrap_or_default()
    }

    /// [`Clock::now`] in whole seconds.
    pub fn second(&self) -> Seconds {
        self.now().as_second()
    }

    /// When the second `t` has begun; at once if it has.
    pub fn instant_of(&self, t: Seconds) -> Instant {
        let (host, local) = self.read();
        let state = self.0.state.lock().unwrap_or_else(PoisonError::into_inner);
        let left = Nanos::from(t) * SECOND - state.offset.estimate(host - local) - local;
        Instant::now() + u64::try_from(left).map_or(Duration::ZERO, |left| Duration::from_nanos(left) + AFTER)
    }

    /// How far the API server's clock is ahead of this host's, in seconds.
    pub fn offset_seconds(&self) -> f64 {
        let (host, local) = self.read();
        let state = self.0.state.lock().unwrap_or_else(PoisonError::into_inner);
        seconds(state.offset.estimate(host - local) - (host - local))
    }

    /// Learns from an answer that bears `date` and came between `sent` and `received`.
    pub fn learn(&self, date: Seconds, sent: Instant, received: Instant) {
        let since = |instant: Instant| Nanos::try_from((instant - self.0.origin).as_nanos()).unwrap_or_default();
        let (host, local) = self.read();
        let mut state = self.0.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.offset.learn(Nanos::from(date) * SECOND, since(sent), since(received));
        let ahead = state.offset.estimate(host - local) - (host - local);
        let off = ahead.abs() > TOLERATED;
        if off != state.off {
            state.off = off;
            drop(state);
            let ahead = seconds(ahead);
            if off {
                tracing::warn!(ahead, "the API server's clock and this host's differ: the API server's counts");
            } else {
                tracing::info!(ahead, "the API server's clock and this host's agree again");
            }
        }
    }

    /// Learns that the second `t` has begun: an object that is seen was made by then.
    pub fn reach(&self, t: Seconds) {
        let (_, local) = self.read();
        let mut state = self.0.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.offset.reach(Nanos::from(t) * SECOND, local);
    }

    /// The host's clock, and local monotonic time.
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the host's clock")]
    fn read(&self) -> (Nanos, Nanos) {
        let host = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let nanos = |duration: Duration| Nanos::try_from(duration.as_nanos()).unwrap_or_default();
        (nanos(host), nanos(self.0.origin.elapsed()))
    }
}

#[expect(clippy::cast_precision_loss, reason = "shown to people")]
fn seconds(nanos: Nanos) -> f64 {
    nanos as f64 / SECOND as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_follows_the_server_and_never_goes_back() {
        let clock = Clock::default();
        let host = clock.second();
        let at = Instant::now();
        clock.learn(host + 60, at, at);
        let ahead = clock.now();
        assert!((59..=61).contains(&(ahead.as_second() - host)), "{ahead}");
        assert!(clock.offset_seconds() > 58.0);

        clock.learn(host - 60, at, at);
        assert!(clock.now() >= ahead);
        assert!(clock.offset_seconds() < -58.0);
    }

    #[test]
    fn a_second_is_waited_for_by_the_servers_clock() {
        let clock = Clock::default();
        let at = Instant::now();
        clock.learn(clock.second() - 3600, at, at);
        // Never back: what was read before an hour was taken off is still the newest.
        let begun = clock.instant_of(clock.second() - 3600 - 10);
        assert!(begun <= Instant::now());
        let left = clock.instant_of(clock.second() - 3600 + 30) - Instant::now();
        assert!((28..=32).contains(&left.as_secs()), "{left:?}");
    }
}
