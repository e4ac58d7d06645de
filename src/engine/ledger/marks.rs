//! How a ledger's lines stood at some instants: what others share in begins or ends there.
//!
//! A mark is kept whatever is folded, and what is learned late of the time before it counts in it.

use std::collections::{BTreeMap, HashMap};

use super::graduated::{by_rate, by_steps};
use super::{Ledger, LineKey};
use crate::engine::accrual::Ramp;
use crate::engine::rate::{RateId, Rates};
use crate::engine::tiers::stretches;
use crate::facts::{Name, Seconds};

impl Ledger {
    /// Keeps how it stands at `t`, which must not lie before the last [`Ledger::fold`].
    pub fn mark(&mut self, t: Seconds) {
        if t > self.span.from && !self.marks.contains_key(&t) {
            let lines = self.lines.iter().map(|(key, accrual)| (key.clone(), accrual.at(t.max(self.folded))));
            let lines = lines.filter(|(_, quantity)| *quantity != 0).collect();
            self.marks.insert(t, lines);
        }
    }

    pub fn is_marked(&self, t: Seconds) -> bool {
        t <= self.span.from || self.marks.contains_key(&t)
    }

    /// Takes over how it stood at `t`.
    pub fn adopt_mark(&mut self, t: Seconds, lines: HashMap<LineKey, i128>) {
        self.marks.insert(t, lines);
    }

    /// What its lines grew by in `times`, by namespace and rate.
    pub fn within(&self, rates: &Rates, times: &[(Seconds, Seconds)]) -> BTreeMap<(Option<Name>, RateId), i128> {
        let mut sums: BTreeMap<_, i128> = BTreeMap::new();
        for (from, to) in joined(times) {
            for (t, sign) in [(to, 1), (from, -1)].into_iter().filter(|(t, _)| *t > self.span.from) {
                for (line, quantity) in self.lines_as_marked(rates, t) {
                    *sums.entry((line.namespace, line.rate)).or_default() += sign * quantity;
                }
            }
        }
        sums.retain(|_, quantity| *quantity != 0);
        sums
    }

    /// What is learned of a line counts in the marks after it. Time without samples is no usage.
    pub(super) fn note(&mut self, line: &LineKey, ramp: Ramp) {
        if *line == LineKey::UNSAMPLED {
            return;
        }
        for (t, mark) in self.marks.range_mut(ramp.at.saturating_add(1)..) {
            *mark.entry(line.clone()).or_default() += ramp.value(*t);
        }
    }

    fn lines_as_marked(&self, rates: &Rates, t: Seconds) -> Vec<(LineKey, i128)> {
        let Some(mark) = self.marks.get(&t) else { return self.lines(rates, t.max(self.folded)) };
        let held: Vec<_> = mark.iter().map(|(key, quantity)| (key.clone(), *quantity)).collect();
        if !self.is_graduated(rates) {
            return held;
        }
        let stretches = stretches(rates, &by_rate(&held));
        by_steps(rates, held, &stretches).into_iter().collect()
    }
}

/// Times without the instants at which one ends and the next begins.
pub fn joined(times: &[(Seconds, Seconds)]) -> Vec<(Seconds, Seconds)> {
    let mut joined: Vec<(Seconds, Seconds)> = Vec::new();
    for (from, to) in times {
        match joined.last_mut() {
            Some(last) if last.1 == *from => last.1 = *to,
            _ => joined.push((*from, *to)),
        }
    }
    joined
}
