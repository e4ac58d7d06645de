//! What is due about the Lease: pure, so that it can be tested by a table.

use std::time::{Duration, Instant};

use k8s_openapi::api::coordination::v1::LeaseSpec;

use super::DURATION;

/// The Lease as it was seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// Empty where nobody holds it.
    holder: String,
    duration: Duration,
    /// Tells one renewal from another.
    renewal: String,
    /// Since when it is seen like this, by local time.
    since: Instant,
}

/// What to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// There is none.
    Create,
    /// Nobody holds it, or its holder is gone.
    Take,
    /// It is ours.
    Renew,
    /// It is another's for so long, unless renewed.
    Wait(Duration),
}

// === impl Seen ===

impl Seen {
    /// As seen at `now`; `before` is how it was seen last.
    pub fn of(spec: Option<&LeaseSpec>, before: Option<Self>, now: Instant) -> Self {
        let holder = spec.and_then(|spec| spec.holder_identity.clone()).unwrap_or_default();
        let seconds = spec.and_then(|spec| spec.lease_duration_seconds).and_then(|s| u64::try_from(s).ok());
        let duration = seconds.map_or(DURATION, Duration::from_secs);
        let renewal = spec.map(|spec| format!("{:?} {:?}", spec.renew_time, spec.acquire_time)).unwrap_or_default();
        match before {
            Some(before) if before.holder == holder && before.renewal == renewal => Self { duration, ..before },
            _ => Self { holder, duration, renewal, since: now },
        }
    }
}

/// What is due at `now` for `me`.
pub fn step(seen: Option<&Seen>, me: &str, now: Instant) -> Step {
    let Some(seen) = seen else { return Step::Create };
    if seen.holder == me {
        return Step::Renew;
    }
    let left = (seen.since + seen.duration).saturating_duration_since(now);
    if seen.holder.is_empty() || left.is_zero() { Step::Take } else { Step::Wait(left) }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;

    use super::*;

    fn spec(holder: &str, renewed: i64) -> LeaseSpec {
        LeaseSpec {
            holder_identity: Some(holder.to_owned()),
            lease_duration_seconds: Some(10),
            renew_time: Some(MicroTime(Timestamp::from_second(renewed).unwrap())),
            ..LeaseSpec::default()
        }
    }

    #[test]
    fn what_is_due() {
        let now = Instant::now();
        let later = |seconds| now + Duration::from_secs(seconds);
        let seen = |holder: &str| Some(Seen::of(Some(&spec(holder, 5)), None, now));
        let cases = [
            ("there is none", None, 0, Step::Create),
            ("nobody holds it", seen(""), 0, Step::Take),
            ("it is ours", seen("me"), 0, Step::Renew),
            ("it is ours, and was not renewed for long", seen("me"), 100, Step::Renew),
            ("another's", seen("other"), 0, Step::Wait(Duration::from_secs(10))),
            ("another's, nearly over", seen("other"), 9, Step::Wait(Duration::from_secs(1))),
            ("another's, over", seen("other"), 10, Step::Take),
            ("without a spec", Some(Seen::of(None, None, now)), 0, Step::Take),
        ];
        for (name, seen, after, expected) in cases {
            assert_eq!(step(seen.as_ref(), "me", later(after)), expected, "{name}");
        }
    }

    #[test]
    fn a_renewal_counts_from_when_it_is_seen_whatever_its_clock_says() {
        let now = Instant::now();
        let later = |seconds| now + Duration::from_secs(seconds);
        let first = Seen::of(Some(&spec("other", 1_000_000)), None, now);
        let same = Seen::of(Some(&spec("other", 1_000_000)), Some(first.clone()), later(8));
        assert_eq!(step(Some(&same), "me", later(9)), Step::Wait(Duration::from_secs(1)));
        let renewed = Seen::of(Some(&spec("other", 999_999)), Some(same), later(9));
        assert_eq!(step(Some(&renewed), "me", later(10)), Step::Wait(Duration::from_secs(9)));
        let taken = Seen::of(Some(&spec("third", 999_999)), Some(renewed), later(18));
        assert_eq!(step(Some(&taken), "me", later(19)), Step::Wait(Duration::from_secs(9)));
    }
}
