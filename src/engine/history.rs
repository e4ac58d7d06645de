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
        self.0.retain(|(since, _)| *since < from);
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

    /// Instants of change within `(from, to)`.
    pub fn changes(&self, from: Seconds, to: Seconds) -> impl Iterator<Item = Seconds> + '_ {
        self.0.iter().map(|(at, _)| *at).filter(move |at| from < *at && *at < to)
    }

    pub fn values_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.0.iter_mut().map(|(_, value)| value)
    }

    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &(Seconds, T)> {
        self.0.iter()
    }

    /// Forgets versions that ended before `t`.
    pub fn forget_before(&mut self, t: Seconds) {
        let after = self.0.partition_point(|(from, _)| *from <= t);
        self.0.drain(..after.saturating_sub(1));
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
        h.forget_before(16);
        assert_eq!((h.at(14), h.at(15)), (None, Some(&'c')));
    }
}
