//! When use was not sampled, so that a ledger which is metered by use is estimated.
//!
//! Every Pod starts before its first sample is taken, so the times of many are joined: of each thirtieth of the period
//! there is one at most. How many Pods are without a sample is kept as a line is, so that it nets as lines do.

use super::{Gap, Ledger, LineKey};
use crate::engine::rate::RateId;
use crate::facts::Seconds;

/// Why such a time stands among the gaps of a Statement.
pub const ESTIMATED: &str = "estimated: of some Pods there was no sample of what they used";

/// Times of a period that are told apart.
const PARTS: i64 = 30;

/// Times in order, apart from each other.
#[derive(Clone, Debug, Default)]
pub(super) struct Times(Vec<(Seconds, Seconds)>);

// === impl LineKey ===

impl LineKey {
    /// No line: how many Pods are without a sample.
    pub const UNSAMPLED: Self = Self { namespace: None, workload: None, rate: RateId::NONE };
}

// === impl Ledger ===

impl Ledger {
    /// The times before `t` that are estimated, as gaps.
    pub fn estimated(&self, t: Seconds) -> impl Iterator<Item = Gap> {
        let times = self.estimated_times(self.clamp(t));
        times.0.into_iter().map(|(from, to)| Gap { from, to, reason: ESTIMATED.to_owned() })
    }

    /// Takes over what a Statement says of the time before its watermark, and leaves its other gaps.
    pub fn take_estimated(&mut self, gaps: &mut Vec<Gap>, watermark: Seconds) {
        let mut times = Times::default();
        for gap in gaps.extract_if(.., |gap| gap.reason == ESTIMATED) {
            times.note(gap.from, gap.to, |t| self.part(t));
        }
        self.estimated = times;
        self.told = self.clamp(watermark);
    }

    /// Forgets what exactly happened before `t`.
    pub(super) fn fold_unsampled(&mut self, t: Seconds) {
        if t > self.told {
            self.estimated = self.estimated_times(t);
            self.told = t;
        }
        self.unsampled.fold(self.told, None);
    }

    fn estimated_times(&self, t: Seconds) -> Times {
        let mut times = self.estimated.clone();
        let mut from = self.told;
        for to in self.unsampled.turns(from).take_while(|turn| *turn < t).chain([t]) {
            if from < to && self.unsampled.rate(from) > 0 {
                times.note(from, to, |t| self.part(t));
            }
            from = to;
        }
        times
    }

    /// In which part of the period an instant lies.
    fn part(&self, t: Seconds) -> i64 {
        let length = i128::from(self.window.end) - i128::from(self.window.start);
        let part = i128::from(PARTS) * (i128::from(t) - i128::from(self.window.start)) / length.max(1);
        i64::try_from(part).unwrap_or(PARTS)
    }
}

// === impl Times ===

impl Times {
    /// Adds a time that is not before the others.
    fn note(&mut self, from: Seconds, to: Seconds, part: impl Fn(Seconds) -> i64) {
        match self.0.last_mut() {
            Some(last) if from <= last.1 || part(last.1 - 1) == part(from) => last.1 = last.1.max(to),
            _ => self.0.push((from, to)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::accrual::Ramp;
    use crate::engine::history::History;
    use crate::engine::meter::Span;
    use crate::engine::observed::Tag;
    use crate::engine::period::Window;

    fn ledger() -> Ledger {
        let window = Window { label: "2026".to_owned(), start: 0, end: 3000, resets: jiff::civil::date(2026, 1, 1) };
        let span = Span { from: 0, until: 3000, sampled: 0, terms: History::default() };
        Ledger::new(window, span, "EUR".into())
    }

    fn without(ledger: &mut Ledger, from: Seconds, to: Seconds) {
        for (at, rate) in [(from, 1), (to, -1)] {
            ledger.add(&LineKey::UNSAMPLED, Ramp { at, rate, step: 0, tag: Tag::KNOWN });
        }
    }

    fn times(ledger: &Ledger, t: Seconds) -> Vec<(Seconds, Seconds)> {
        ledger.estimated(t).map(|gap| (gap.from, gap.to)).collect()
    }

    #[test]
    fn times_of_one_part_are_joined() {
        let mut ledger = ledger();
        for (from, to) in [(10, 20), (40, 50), (95, 120), (130, 140), (250, 260), (300, 310), (255, 300)] {
            without(&mut ledger, from, to);
        }
        let expected = [(10, 140), (250, 310)];
        assert_eq!(times(&ledger, 3000), expected);
        assert_eq!(times(&ledger, 135), [(10, 135)]);
        for folded in [45, 100, 255, 3000] {
            ledger.fold(folded, None);
            assert_eq!(times(&ledger, 3000), expected, "{folded}");
        }
        assert!(ledger.lines(&crate::engine::rate::Rates::default(), 3000).is_empty());
    }

    #[test]
    fn what_a_statement_says_goes_on() {
        let mut ledger = ledger();
        without(&mut ledger, 480, 520);
        let gap = |from, reason: &str| Gap { from, to: from + 10, reason: reason.to_owned() };
        let mut gaps = vec![gap(5, "another"), gap(10, ESTIMATED), gap(400, ESTIMATED)];
        ledger.take_estimated(&mut gaps, 500);
        assert_eq!(gaps, [gap(5, "another")]);
        assert_eq!(times(&ledger, 3000), [(10, 20), (400, 410), (500, 520)]);
    }
}
