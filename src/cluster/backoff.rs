//! How long to wait before trying again: longer each time, up to a cap, and never in step with others.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::time::Duration;

const FIRST: Duration = Duration::from_millis(250);
const CAP: Duration = Duration::from_secs(10);

/// Waits that double from one failure to the next.
#[derive(Clone, Debug)]
pub struct Backoff {
    next: Duration,
}

// === impl Backoff ===

impl Default for Backoff {
    fn default() -> Self {
        Self { next: FIRST }
    }
}

impl Backoff {
    /// How long to wait after one more failure.
    pub fn failed(&mut self) -> Duration {
        let wait = self.next;
        self.next = (wait * 2).min(CAP);
        jittered(wait, random())
    }

    pub fn succeeded(&mut self) {
        *self = Self::default();
    }
}

/// Between half of `wait` and the whole.
fn jittered(wait: Duration, random: u64) -> Duration {
    let half = wait / 2;
    let span = u64::try_from(half.as_nanos()).unwrap_or(u64::MAX).max(1);
    half + Duration::from_nanos(random % span)
}

/// A number that nobody else draws.
pub fn random() -> u64 {
    RandomState::new().build_hasher().finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_cap_and_start_anew() {
        let mut backoff = Backoff::default();
        let mut wait = FIRST;
        for _ in 0..10 {
            let waited = backoff.failed();
            assert!(wait / 2 <= waited && waited <= wait, "{waited:?} of {wait:?}");
            wait = (wait * 2).min(CAP);
        }
        assert_eq!(wait, CAP);
        backoff.succeeded();
        assert!(backoff.failed() <= FIRST);
    }

    #[test]
    fn jitter_stays_in_the_upper_half() {
        for random in [0, 1, u64::MAX / 3, u64::MAX] {
            let waited = jittered(CAP, random);
            assert!(CAP / 2 <= waited && waited < CAP, "{waited:?}");
        }
    }
}
