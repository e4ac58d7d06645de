//! Graduated prices in a ledger: what its rates come to by the steps that they reach.

use std::collections::{BTreeSet, HashMap};

use super::{Ledger, LineKey};
use crate::engine::accrual::Accrual;
use crate::engine::money::{Fraction, Total, Unit, apportion};
use crate::engine::observed::Cut;
use crate::engine::rate::{RateId, Rates};
use crate::engine::tiers::{Stretch, stretches};
use crate::facts::{Name, Seconds};

pub(in crate::engine) type Quantities = Vec<(RateId, i128)>;

impl Ledger {
    /// Lines with their quantity at `t`, graduated ones by the steps that they reach; those that hold nothing are left
    /// out.
    pub fn lines(&self, rates: &Rates, t: Seconds) -> Vec<(LineKey, i128)> {
        let t = self.clamp(t);
        let held = self.lines.iter().map(|(key, accrual)| (key.clone(), accrual.at(t)));
        let held = held.filter(|(_, quantity)| *quantity != 0).collect();
        if !self.is_graduated(rates) {
            return held;
        }
        let mut lines = by_steps(rates, held, &stretches(rates, &self.quantities(|accrual| accrual.at(t))));
        for (key, quantity) in &self.residue {
            *lines.entry(key.clone()).or_default() += quantity;
        }
        lines.into_iter().filter(|(_, quantity)| *quantity != 0).collect()
    }

    /// Quantities at `t` summed by rate.
    pub fn by_rate(&self, rates: &Rates, t: Seconds) -> Quantities {
        if !self.is_graduated(rates) {
            let t = self.clamp(t);
            return self.quantities(|accrual| accrual.at(t));
        }
        by_rate(&self.lines(rates, t))
    }

    /// The whole second up to which spend is a straight line from `at` on, as far as steps go, if what runs just after
    /// `from` runs on; `at` where it bends within the next second.
    pub fn bend(&self, rates: &Rates, from: Seconds, at: Seconds) -> Option<Seconds> {
        let bends = self.moving(rates, from, at).into_iter().filter_map(|(stretch, speed)| {
            let grade = stretch.grade(rates);
            let end = grade.steps[grade.step_at(stretch.end())].end?;
            let seconds = (speed > 0).then(|| (end - stretch.end()) / speed)?;
            at.checked_add(i64::try_from(seconds).ok()?)
        });
        bends.min()
    }

    /// What the bends up to `to` add to the straight line that leads on from `at`, if what runs at `at` runs on.
    pub fn bent(&self, rates: &Rates, at: Seconds, to: Seconds) -> Fraction {
        if !self.is_graduated(rates) {
            return Fraction::ZERO;
        }
        let ahead = i128::from(to - at);
        let then = self.by_step(rates, |accrual| accrual.at(at) + accrual.rate(at) * ahead);
        let straight = self.climb(rates, at, at).times(to - at);
        then.plus(&self.by_step(rates, |accrual| accrual.at(at)).plus(&straight).times(-1))
    }

    /// What a fact of `quantity` more of a rate, learned when all is closed, changes: by rates as they are shown.
    /// `corrected` is what was learned before.
    pub fn difference(
        &self,
        rates: &Rates,
        corrected: &mut HashMap<RateId, i128>,
        rate: RateId,
        quantity: i128,
    ) -> Quantities {
        if rates.get(rate).grade.is_none() && !self.is_graduated(rates) {
            return vec![(rate, quantity)];
        }
        let mut before = self.quantities(|accrual| accrual.at(self.span.until));
        for id in corrected.keys().chain([&rate]) {
            if !before.iter().any(|(known, _)| known == id) {
                before.push((*id, 0));
            }
        }
        for (id, quantity) in &mut before {
            *quantity += corrected.get(id).copied().unwrap_or_default();
        }
        let mut after = before.clone();
        after.iter_mut().filter(|(id, _)| *id == rate).for_each(|(_, sum)| *sum += quantity);
        *corrected.entry(rate).or_default() += quantity;
        let mut changes = Quantities::new();
        if rates.get(rate).grade.is_none() {
            changes.push((rate, quantity));
        }
        for (was, is) in stretches(rates, &before).iter().zip(stretches(rates, &after)) {
            let of = if is.members.contains(&rate) { rate } else { is.members[0] };
            let parts = is.parts(rates).into_iter().zip(was.parts(rates));
            changes.extend(rates.steps(of).iter().zip(parts).map(|(step, (is, was))| (*step, is - was)));
        }
        changes.retain(|(_, change)| *change != 0);
        changes
    }

    /// Lines of `watermark` from what `cut` had seen, by the ledger's own rates.
    pub(in crate::engine) fn own(&self, watermark: Seconds, cut: &Cut) -> Vec<(LineKey, i128)> {
        let t = watermark.max(self.folded);
        self.lines.iter().map(|(key, accrual)| (key.clone(), accrual.at_cut(t, cut))).collect()
    }

    /// What was persisted stands: keeps what a Statement shows otherwise than its quantities come to at its watermark.
    pub(in crate::engine) fn reconcile(
        &mut self,
        rates: &Rates,
        shown: &HashMap<LineKey, i128>,
        watermark: Seconds,
        cut: &Cut,
    ) {
        self.residue.clear();
        if !self.is_graduated(rates) {
            return;
        }
        let own = self.own(watermark, cut);
        let stretches = stretches(rates, &by_rate(&own));
        let expanded = by_steps(rates, own, &stretches);
        for position in self.positions(rates) {
            let counts = |key: &LineKey| !rates.get(key.rate).correction && self::position(rates, key.rate) == position;
            if is_same(shown, &expanded, counts) {
                continue;
            }
            let mut missing: HashMap<&LineKey, i128> = HashMap::new();
            for (key, quantity) in shown {
                *missing.entry(key).or_default() += quantity;
            }
            for (key, quantity) in &expanded {
                *missing.entry(key).or_default() -= quantity;
            }
            let differing = missing.into_iter().filter(|(key, quantity)| *quantity != 0 && counts(key));
            self.residue.extend(differing.map(|(key, quantity)| (key.clone(), quantity)));
        }
    }

    /// The resources whose quantities decide prices.
    pub(in crate::engine) fn positions(&self, rates: &Rates) -> BTreeSet<Position> {
        let graduated = self.totals.iter().filter(|(id, _)| rates.get(*id).grade.is_some());
        graduated.map(|(id, _)| position(rates, *id)).collect()
    }

    pub(in crate::engine) fn is_graduated(&self, rates: &Rates) -> bool {
        self.totals.iter().any(|(id, _)| rates.get(*id).grade.is_some())
    }

    /// What graduated rates come to.
    pub(super) fn by_step(&self, rates: &Rates, quantity: impl Fn(&Accrual) -> i128) -> Fraction {
        if !self.is_graduated(rates) {
            return Fraction::ZERO;
        }
        let mut sum = Total::default();
        let mut add = |id: RateId, quantity| {
            let rate = rates.get(id);
            if let Some(price) = &rate.price {
                sum.add(price, quantity, rate.unit.factor());
            }
        };
        for stretch in stretches(rates, &self.quantities(quantity)) {
            let steps = rates.steps(stretch.members[0]).iter();
            steps.zip(stretch.parts(rates)).for_each(|(step, part)| add(*step, part));
        }
        self.residue.iter().for_each(|(key, quantity)| add(key.rate, *quantity));
        sum.fraction()
    }

    /// What graduated rates cost a second at the positions of `at`, as they grow just after `from`.
    pub(super) fn climb(&self, rates: &Rates, from: Seconds, at: Seconds) -> Fraction {
        let mut sum = Total::default();
        for (stretch, speed) in self.moving(rates, from, at) {
            let step = rates.get(rates.steps(stretch.members[0])[stretch.grade(rates).step_at(stretch.end())]);
            if let Some(price) = &step.price {
                sum.add(price, speed, step.unit.factor());
            }
        }
        sum.fraction()
    }

    /// The stretches at `at` that grow just after `from`, with how fast.
    fn moving(&self, rates: &Rates, from: Seconds, at: Seconds) -> Vec<(Stretch, i128)> {
        if !self.is_graduated(rates) {
            return Vec::new();
        }
        let speeds: HashMap<_, _> = self.quantities(|accrual| accrual.rate(from)).into_iter().collect();
        let speed = |stretch: &Stretch| stretch.members.iter().filter_map(|id| speeds.get(id)).sum::<i128>();
        let stretches = stretches(rates, &self.quantities(|accrual| accrual.at(at)));
        stretches
            .into_iter()
            .map(|stretch| (stretch.clone(), speed(&stretch)))
            .filter(|(_, speed)| *speed != 0)
            .collect()
    }

    fn quantities(&self, quantity: impl Fn(&Accrual) -> i128) -> Quantities {
        self.totals.iter().map(|(id, accrual)| (*id, quantity(accrual))).collect()
    }
}

/// What one position counts.
pub(in crate::engine) type Position = (Name, Unit);

pub(in crate::engine) fn position(rates: &Rates, id: RateId) -> Position {
    let rate = rates.get(id);
    (rate.name.clone(), rate.unit.clone())
}

/// Whether both come to the same by rate and namespace, of the lines that count. Workloads and namespaces may have been
/// merged.
pub(in crate::engine) fn is_same(
    one: &HashMap<LineKey, i128>,
    other: &HashMap<LineKey, i128>,
    counts: impl Fn(&LineKey) -> bool,
) -> bool {
    let nowhere = one.keys().chain(other.keys()).any(|key| key.namespace.is_none() && counts(key));
    let mut sums: HashMap<(Option<&Name>, RateId), i128> = HashMap::new();
    for (lines, sign) in [(one, 1), (other, -1)] {
        for (key, quantity) in lines.iter().filter(|(key, _)| counts(key)) {
            let namespace = key.namespace.as_ref().filter(|_| !nowhere);
            *sums.entry((namespace, key.rate)).or_default() += sign * quantity;
        }
    }
    sums.values().all(|difference| *difference == 0)
}

pub(in crate::engine) fn by_rate(lines: &[(LineKey, i128)]) -> Quantities {
    let mut sums: HashMap<_, i128> = HashMap::new();
    for (key, quantity) in lines {
        *sums.entry(key.rate).or_default() += quantity;
    }
    sums.into_iter().collect()
}

/// Lines of graduated rates by step: a line's part of one is in proportion to its quantity.
pub(in crate::engine) fn by_steps(
    rates: &Rates,
    held: Vec<(LineKey, i128)>,
    stretches: &[Stretch],
) -> HashMap<LineKey, i128> {
    let mut lines: HashMap<LineKey, i128> = HashMap::new();
    let mut rows: Vec<Vec<(LineKey, i128)>> = vec![Vec::new(); stretches.len()];
    for (key, quantity) in held {
        match stretches.iter().position(|stretch| stretch.members.contains(&key.rate)) {
            Some(i) => rows[i].push((key, quantity)),
            None => *lines.entry(key).or_default() += quantity,
        }
    }
    for (stretch, mut rows) in stretches.iter().zip(rows) {
        let category = |key: &LineKey| rates.get(key.rate).category.clone();
        rows.sort_by_cached_key(|(key, _)| (key.namespace.clone(), key.workload.clone(), category(key)));
        let quantities: Vec<_> = rows.iter().map(|(_, quantity)| *quantity).collect();
        for ((key, _), parts) in rows.iter().zip(parts_of(stretch, rates, &quantities)) {
            for (step, part) in rates.steps(key.rate).iter().zip(parts) {
                *lines.entry(LineKey { rate: *step, ..key.clone() }).or_default() += part;
            }
        }
    }
    lines
}

/// What lies of each row in each step.
fn parts_of(stretch: &Stretch, rates: &Rates, rows: &[i128]) -> Vec<Vec<i128>> {
    let columns = stretch.parts(rates);
    if rows.iter().chain(&columns).all(|quantity| *quantity >= 0) {
        return apportion(&columns, rows);
    }
    // More was taken back than there was: each row whole in the last step, and the first one makes up the steps.
    let last = stretch.grade(rates).step_at(stretch.end());
    let whole = |row: i128| (0..columns.len()).map(|i| if i == last { row } else { 0 }).collect::<Vec<_>>();
    let mut parts: Vec<_> = rows.iter().map(|row| whole(*row)).collect();
    if let Some(first) = parts.first_mut() {
        for (i, (column, there)) in columns.iter().zip(whole(rows.iter().sum())).enumerate() {
            first[i] += column - there;
        }
    }
    parts
}

#[cfg(test)]
mod tests;
