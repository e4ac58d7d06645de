//! A quantity that grows: what has been metered so far, and what runs now.
//!
//! A line's quantity is a sum of *ramps*: from an instant on it grows by so much a second (a Pod starts: plus its
//! request; it ends: minus the same). Together they are one straight line, so reading costs nothing per Pod. The recent
//! ones are remembered beside it, because a ledger is shown up to now, persisted up to a little earlier, and compared
//! with what another replica persisted: a reading takes back those that began later.

use thin_vec::ThinVec;

use super::observed::{Cut, Tag};
use crate::facts::Seconds;

/// From `at` on, `rate` units a second more, and `step` units at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ramp {
    pub at: Seconds,
    pub rate: i128,
    pub step: i128,
    /// The version of the object from which this was learned.
    pub tag: Tag,
}

/// A quantity in ledger units as a function of time.
#[derive(Clone, Debug, Default)]
pub struct Accrual {
    /// Of all ramps, those that begin later included.
    rate: i128,
    constant: i128,
    /// In order of time.
    recent: ThinVec<Ramp>,
}

// === impl Ramp ===

impl Ramp {
    fn join(&mut self, same: Self) {
        self.rate += same.rate;
        self.step += same.step;
    }

    /// As far as it began before `t`.
    pub fn value(&self, t: Seconds) -> i128 {
        if t > self.at { self.line(t) } else { 0 }
    }

    /// As if it had always been so.
    fn line(&self, t: Seconds) -> i128 {
        self.step + self.rate * i128::from(t - self.at)
    }
}

// === impl Accrual ===

impl Accrual {
    pub fn constant(quantity: i128) -> Self {
        Self { constant: quantity, ..Self::default() }
    }

    pub fn add(&mut self, ramp: Ramp) {
        self.settle(ramp);
        let after = self.recent.partition_point(|r| r.at <= ramp.at);
        match self.recent[..after].iter_mut().rev().take_while(|r| r.at == ramp.at).find(|r| r.tag == ramp.tag) {
            Some(same) => same.join(ramp),
            None => self.recent.insert(after, ramp),
        }
    }

    /// Adds without looking for the place: many at once, before [`Self::order`].
    pub fn push(&mut self, ramp: Ramp) {
        self.settle(ramp);
        self.recent.push(ramp);
    }

    /// Brings in order what was pushed.
    pub fn order(&mut self) {
        self.recent.sort_unstable_by_key(|r| (r.at, r.tag.source, r.tag.version));
        self.recent.dedup_by(|ramp, kept| {
            let same = (kept.at, kept.tag) == (ramp.at, ramp.tag);
            if same {
                kept.join(*ramp);
            }
            same
        });
        self.recent.shrink_to_fit();
    }

    /// What was learned from newer versions of this source counts as known: they will come again, and be others.
    pub fn know_above(&mut self, tag: Tag) {
        let newer = self.recent.iter_mut().filter(|r| r.tag.source == tag.source && r.tag.version > tag.version);
        newer.for_each(|ramp| ramp.tag = Tag::KNOWN);
    }

    /// Adds a ramp whose instant nobody will ask about.
    pub fn settle(&mut self, ramp: Ramp) {
        self.rate += ramp.rate;
        self.constant += ramp.step - ramp.rate * i128::from(ramp.at);
    }

    /// Adds a constant, wherever in time it is read.
    pub fn shift(&mut self, quantity: i128) {
        self.constant += quantity;
    }

    /// The quantity of `[start, t)`. `t` must not lie before the last [`Self::fold`].
    pub fn at(&self, t: Seconds) -> i128 {
        let later = &self.recent[self.recent.partition_point(|r| r.at < t)..];
        self.rate * i128::from(t) + self.constant - later.iter().map(|r| r.line(t)).sum::<i128>()
    }

    /// As [`Self::at`], counting only what `cut` had seen.
    pub fn at_cut(&self, t: Seconds, cut: &Cut) -> i128 {
        self.at(t) - self.recent.iter().filter(|r| !cut.covers(r.tag)).map(|r| r.value(t)).sum::<i128>()
    }

    /// Units a second just after `t`.
    pub fn rate(&self, t: Seconds) -> i128 {
        self.rate - self.after(t).iter().map(|r| r.rate).sum::<i128>()
    }

    /// Forgets when what happened before `t` and `cut` has seen happened (all of it where `cut` is none).
    pub fn fold(&mut self, t: Seconds, cut: Option<&Cut>) {
        self.recent.retain(|r| r.at >= t || cut.is_some_and(|cut| !cut.covers(r.tag)));
        if self.recent.len() * 4 <= self.recent.capacity() {
            self.recent.shrink_to_fit();
        }
    }

    /// The quantity, where it never changes any more and nothing is known of when it came.
    pub fn settled(&self) -> Option<i128> {
        (self.rate == 0 && self.recent.is_empty()).then_some(self.constant)
    }

    /// Instants after `t` at which the rate changes or a step is added. Ramps that cancel each other are none.
    pub fn turns(&self, t: Seconds) -> impl Iterator<Item = Seconds> + '_ {
        let changes = |same: &&[Ramp]| {
            same.iter().map(|r| r.rate).sum::<i128>() != 0 || same.iter().map(|r| r.step).sum::<i128>() != 0
        };
        self.after(t).chunk_by(|a, b| a.at == b.at).filter(changes).map(|same| same[0].at)
    }

    /// Whether it is nothing, was nothing and will be nothing.
    pub fn is_void(&self) -> bool {
        self.rate == 0 && self.constant == 0 && self.recent.iter().all(|r| r.rate == 0 && r.step == 0)
    }

    fn after(&self, t: Seconds) -> &[Ramp] {
        &self.recent[self.recent.partition_point(|r| r.at <= t)..]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn ramp(at: Seconds, rate: i128) -> Ramp {
        Ramp { at, rate, step: 0, tag: Tag::KNOWN }
    }

    #[test]
    fn grows_between_its_ramps() {
        let mut a = Accrual::default();
        a.add(ramp(10, 5));
        a.add(ramp(30, -5));
        assert_eq!([a.at(10), a.at(11), a.at(30), a.at(99)], [0, 5, 100, 100]);
        assert_eq!([a.rate(9), a.rate(10), a.rate(30)], [0, 5, 0]);
    }

    #[test]
    fn a_step_counts_after_its_instant() {
        let mut a = Accrual::default();
        a.add(Ramp { at: 10, rate: 0, step: 7, tag: Tag::KNOWN });
        assert_eq!([a.at(10), a.at(11)], [0, 7]);
        a.fold(10, None);
        assert_eq!(a.at(10), 0, "a step at the horizon is not folded");
    }

    proptest! {
        #[test]
        fn is_the_sum_of_what_began_before(
            ramps in prop::collection::vec((0i64..9, -9i128..9, 0i128..9, 0u64..3), 0..12), t in 0i64..12, seen in 0u64..3,
        ) {
            let mut a = Accrual::default();
            let mut cut = Cut::default();
            cut.see(Tag { version: seen, ..Tag::KNOWN });
            let (mut sum, mut of_cut, mut rate) = (0, 0, 0);
            for (at, per_second, step, version) in ramps {
                a.add(Ramp { step, tag: Tag { version, ..Tag::KNOWN }, ..ramp(at, per_second) });
                let value = if t > at { step + per_second * i128::from(t - at) } else { 0 };
                sum += value;
                of_cut += if version <= seen { value } else { 0 };
                rate += if at <= t { per_second } else { 0 };
            }
            prop_assert_eq!((a.at(t), a.at_cut(t, &cut), a.rate(t)), (sum, of_cut, rate));
        }

        #[test]
        fn pushing_is_adding(
            ramps in prop::collection::vec((0i64..9, -9i128..9, 0u64..3), 0..20), settled in 0usize..9, later in 0i64..12,
        ) {
            let (mut added, mut pushed) = (Accrual::default(), Accrual::default());
            for (i, (at, rate, version)) in ramps.into_iter().enumerate() {
                let ramp = Ramp { tag: Tag { version, ..Tag::KNOWN }, ..ramp(at, rate) };
                added.add(ramp);
                if i < settled && at < 9 { pushed.settle(ramp) } else { pushed.push(ramp) }
            }
            pushed.order();
            let t = 9 + later;
            prop_assert_eq!((added.at(t), added.rate(t)), (pushed.at(t), pushed.rate(t)));
            prop_assert!(pushed.recent.is_sorted_by_key(|r| r.at) && added.recent.is_sorted_by_key(|r| r.at));
            if settled == 0 {
                prop_assert_eq!(added.recent.len(), pushed.recent.len());
            }
        }

        #[test]
        fn folding_changes_no_later_reading(
            ramps in prop::collection::vec((0i64..100, -9i128..9), 0..12), horizon in 0i64..100, later in 0i64..100,
        ) {
            let mut a = Accrual::default();
            for (at, rate) in ramps {
                a.add(ramp(at, rate));
            }
            let t = horizon + later;
            let before = (a.at(t), a.rate(t));
            a.fold(horizon, None);
            prop_assert_eq!(before, (a.at(t), a.rate(t)));
        }
    }
}
