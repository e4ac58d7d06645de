//! How far the server's clock is from local monotonic time, from answers dated to the second.
//!
//! An answer that says `D` was made within `[D, D + 1 s)` of the server's time, and between its request and its arrival
//! here: so the offset lies in `[D − received, D + 1 s − sent]`. Intervals of many answers intersect to much less than
//! a second. Inside of what they leave open, the host's own clock is believed: where both keep time well, it is right
//! to the millisecond.

/// Nanoseconds: of the epoch, of local monotonic time, or between them.
pub type Nanos = i128;

pub const SECOND: Nanos = 1_000_000_000;

/// How fast two good clocks may drift apart: 100 µs a second, by which what is known widens with time.
const DRIFT: Nanos = 10_000;

/// What is known of the offset.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Offset(Option<Known>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Known {
    least: Nanos,
    most: Nanos,
    /// Local time at which this was learned.
    at: Nanos,
}

// === impl Offset ===

impl Offset {
    /// Takes in an answer dated `date`, with the local times of its request and of its arrival.
    pub fn learn(&mut self, date: Nanos, sent: Nanos, received: Nanos) {
        let (least, most) = (date - received, date + SECOND - sent);
        let met = self.0.map(|known| {
            let slack = (received - known.at).max(0) / DRIFT;
            (least.max(known.least - slack), most.min(known.most + slack))
        });
        // Where they do not meet, a clock was set: the newest answer is right.
        let (least, most) = met.filter(|(least, most)| least <= most).unwrap_or((least, most));
        self.0 = Some(Known { least, most, at: received });
    }

    /// At local time `local` the server's has reached `time`, which someone says who may err: answers count for more.
    pub fn reach(&mut self, time: Nanos, local: Nanos) {
        if let Some(known) = &mut self.0 {
            known.least = known.least.max((time - local).min(known.most));
        }
    }

    /// The offset; `host` is that of the host's own clock.
    pub fn estimate(&self, host: Nanos) -> Nanos {
        self.0.map_or(host, |known| host.clamp(known.least, known.most))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MILLI: Nanos = SECOND / 1000;

    /// Answers at these local times (milliseconds) of a server that is `ahead`, each under way for `delay` both ways.
    fn learned(ahead: Nanos, delay: Nanos, times: impl Iterator<Item = Nanos>) -> Offset {
        let mut offset = Offset::default();
        for sent in times.map(|t| t * MILLI) {
            let server = sent + delay + ahead;
            offset.learn(server.div_euclid(SECOND) * SECOND, sent, sent + 2 * delay);
        }
        offset
    }

    #[test]
    fn the_host_is_believed_within_what_answers_leave_open() {
        assert_eq!(Offset::default().estimate(7), 7);
        let one = learned(60 * SECOND + 400 * MILLI, 5 * MILLI, [0].into_iter());
        let cases = [
            // (host, estimate): the answer left 59.990 to 61.000 open.
            (0, 60 * SECOND - 10 * MILLI),
            (60 * SECOND, 60 * SECOND),
            (61 * SECOND, 61 * SECOND),
            (90 * SECOND, 61 * SECOND),
        ];
        for (host, expected) in cases {
            assert_eq!(one.estimate(host), expected, "{host}");
        }
    }

    #[test]
    fn many_answers_narrow_it_down() {
        let ahead = 60 * SECOND + 400 * MILLI;
        let many = learned(ahead, 5 * MILLI, (0..50).map(|i| i * 1970));
        for host in [0, 90 * SECOND] {
            assert!((many.estimate(host) - ahead).abs() < 40 * MILLI, "{}", many.estimate(host));
        }
    }

    #[test]
    fn what_was_made_narrows_it_down_within_what_answers_say() {
        // 59.990 to 61.000 is left open.
        let one = learned(60 * SECOND + 400 * MILLI, 5 * MILLI, [0].into_iter());
        let cases = [
            // (what was made when, seen when, estimate by a host that is behind)
            (60, 20 * MILLI, 60 * SECOND - 10 * MILLI),
            (61, 620 * MILLI, 61 * SECOND - 620 * MILLI),
            (90, 20 * MILLI, 61 * SECOND),
        ];
        for (made, seen, expected) in cases {
            let mut offset = one;
            offset.reach(made * SECOND, seen);
            assert_eq!(offset.estimate(0), expected, "made {made}");
            assert_eq!(offset.estimate(60 * SECOND + 900 * MILLI), expected.max(60 * SECOND + 900 * MILLI));
        }
        let mut unknown = Offset::default();
        unknown.reach(60 * SECOND, 0);
        assert_eq!(unknown.estimate(7), 7);
    }

    #[test]
    fn a_clock_that_was_set_is_followed_at_once() {
        let mut offset = learned(0, MILLI, (0..20).map(|i| i * 1970));
        offset.learn(3600 * SECOND, 40 * SECOND, 40 * SECOND + MILLI);
        assert_eq!(offset.estimate(0), 3560 * SECOND - MILLI);
    }

    #[test]
    fn what_is_known_widens_with_time() {
        let mut offset = learned(0, 0, [0].into_iter());
        // Ten hours later the server is 2 s behind: 3.6 s of drift are possible.
        offset.learn(35_998 * SECOND, 36_000 * SECOND, 36_000 * SECOND);
        assert_eq!(offset.estimate(-10 * SECOND), -2 * SECOND);
        assert_eq!(offset.estimate(10 * SECOND), -SECOND);
    }
}
