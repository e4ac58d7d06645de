//! What was true when: values that hold from an instant on.

use crate::facts::Seconds;

/// Versions of a value, oldest first. Before the first one, nothing holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct History<T>(Vec<(Seconds, T)>);

// === impl History ===

impl<T> Default for History<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T: PartialEq> History<T> {
    pub fn starting(from: Seconds, value: T) -> Self {
        Self(vec![(from, value)])
    }

    /// From `from` on, `value` holds. What was to hold later is replaced; what holds already makes no new version.
    pub fn set(&mut self, from: Seconds, value: T) {
        self.0.truncate(self.before(from));
        if self.0.last().is_none_or(|(_, last)| *last != value) {
            self.0.push((from, value));
        }
    }

    pub fn at(&self, t: Seconds) -> Option<&T> {
        let after = self.0.partition_point(|(from, _)| *from <= t);
        after.checked_sub(1).map(|i| &self.0[i].1)
    }

    pub fn last(&self) -> Option<&T> {
        self.0.last().map(|(_, value)| value)
    }

    /// When the newest version began.
    pub fn since(&self) -> Option<Seconds> {
        self.0.last().map(|(from, _)| *from)
    }

    /// Whether from `from` on nothing but `value` holds.
    pub fn is_from(&self, from: Seconds, value: &T) -> bool {
        self.0.last().is_some_and(|(since, last)| *since <= from && last == value)
    }

    /// Instants of change within `(from, to)`.
    pub fn changes(&self, from: Seconds, to: Seconds) -> impl Iterator<Item = Seconds> + '_ {
        let first = self.0.partition_point(|(at, _)| *at <= from);
        self.0[first..].iter().map(|(at, _)| *at).take_while(move |at| *at < to)
    }

    /// What holds at some instant of `[from, to)`.
    pub fn within(&self, from: Seconds, to: Seconds) -> impl Iterator<Item = &T> {
        let first = self.0.partition_point(|(at, _)| *at <= from).saturating_sub(1);
        self.0[first..].iter().take_while(move |(at, _)| *at < to).map(|(_, value)| value)
    }

    /// What [`Self::set`] would have hold from `from` on.
    pub fn tail(&self, from: Seconds, value: T) -> Vec<(Seconds, T)> {
        let before = self.0[..self.before(from)].last();
        if before.is_some_and(|(_, last)| *last == value) { Vec::new() } else { vec![(from, value)] }
    }

    /// All of it, as [`Self::exchange`] takes it.
    pub fn into_tail(self) -> Vec<(Seconds, T)> {
        self.0
    }

    /// Has `tail` hold from `from` on, and gives back what held instead.
    pub fn exchange(&mut self, from: Seconds, tail: &mut Vec<(Seconds, T)>) {
        let held = self.0.split_off(self.before(from));
        self.0.append(tail);
        *tail = held;
    }

    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &(Seconds, T)> {
        self.0.iter()
    }

    /// Forgets what went before `t`: what holds then counts as having held since the first version did.
    pub fn forget_before(&mut self, t: Seconds) {
        let past = self.0.partition_point(|(from, _)| *from <= t).saturating_sub(1);
        if past > 0 {
            self.0[past].0 = self.0[0].0;
            self.0.drain(..past);
            self.0.shrink_to_fit();
        }
    }

    /// The only version, where there is one.
    pub fn only(&self) -> Option<&T> {
        if let [(_, value)] = &self.0[..] { Some(value) } else { None }
    }

    /// How many versions began before `from`.
    fn before(&self, from: Seconds) -> usize {
        self.0.partition_point(|(since, _)| *since < from)
    }
}

impl<T: PartialEq> FromIterator<(Seconds, T)> for History<T> {
    fn from_iter<I: IntoIterator<Item = (Seconds, T)>>(versions: I) -> Self {
        let mut history = Self::default();
        for (from, value) in versions {
            history.set(from, value);
        }
        history
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_version_that_began_holds() {
        let mut h = History::starting(10, 'a');
        h.set(20, 'b');
        h.set(30, 'b');
        assert_eq!(
            [h.at(9), h.at(10), h.at(19), h.at(20), h.at(99)],
            [None, Some(&'a'), Some(&'a'), Some(&'b'), Some(&'b')]
        );
        assert_eq!(h.changes(10, 40).collect::<Vec<_>>(), [20]);
        h.set(15, 'c');
        assert_eq!((h.at(14), h.at(25), h.since()), (Some(&'a'), Some(&'c'), Some(15)));
        let within = |from, to| h.within(from, to).collect::<String>();
        assert_eq!(
            [within(0, 10), within(0, 11), within(10, 15), within(14, 16), within(15, 99)],
            ["", "a", "a", "ac", "c"]
        );
        assert_eq!([h.is_from(14, &'c'), h.is_from(15, &'c'), h.is_from(15, &'a')], [false, true, false]);
        h.forget_before(14);
        assert_eq!((h.at(9), h.at(14), h.at(15)), (None, Some(&'a'), Some(&'c')));
        h.forget_before(15);
        assert_eq!((h.at(9), h.at(14), h.only()), (None, Some(&'c'), Some(&'c')));
    }

    #[test]
    fn a_tail_is_exchanged_and_back() {
        let mut h = History::starting(10, 'a');
        h.set(20, 'b');
        for (from, value, expected) in
            [(15, 'c', "ac"), (20, 'a', "a"), (25, 'b', "ab"), (5, 'd', "d"), (25, 'c', "abc")]
        {
            let (before, mut set, mut tail) = (h.clone(), h.clone(), h.tail(from, value));
            set.set(from, value);
            h.exchange(from, &mut tail);
            assert_eq!((h.within(0, 99).collect::<String>().as_str(), &h), (expected, &set), "{from} {value}");
            h.exchange(from, &mut tail);
            assert_eq!(h, before);
        }
    }
}
