//! What is divided among namespaces: charges in proportion to usage, idle capacity, namespaces that serve others.
//!
//! What a namespace has used is its metered cost over the whole period so far, so its part moves until the period is
//! over: it is computed anew whenever it is read, from what every namespace has used under the plan, and never kept
//! (COST_RULES 20). A charge is borne by the namespaces that exist and match when it accrues or is booked; if none of
//! them has used anything, they bear it evenly. The rest is [`pool`]'s.

mod pool;
mod used;

use std::collections::BTreeMap;

use num_traits::Zero;

use super::allocation::{bearing, standing};
use super::ledger::{Ledger, LineKey};
use super::meter::{By, Span};
use super::money::{Exact, Fraction, Total};
use super::rate::{Rate, RateId, Rates};
use super::recurring::{Bearers, Charge, Due};
use super::world::World;
use crate::api::{Basis, ChargeFrequency};
use crate::facts::{Name, Seconds};
use pool::Pool;
use used::Used;

pub use pool::{SHARED, shared_rates};

/// What is needed to divide what one ledger shares in.
#[derive(Clone, Debug)]
pub struct Shares<'a> {
    pub world: &'a World,
    /// By plan and basis: what every namespace has used under it in the same period, and what was idle.
    pub usage: Vec<(Name, Basis, &'a Ledger)>,
}

/// What of it falls to the ledger.
#[derive(Clone, Debug, Default)]
pub struct Parts {
    pub amounts: BTreeMap<LineKey, Exact>,
    /// What is not divided.
    pub quantities: BTreeMap<LineKey, i128>,
}

/// A charge, the namespaces that bear it together, and those of them that the ledger covers.
type Burden<'a> = (&'a Charge, Vec<&'a Name>, Vec<&'a Name>);

// === impl Shares ===

impl Shares<'_> {
    /// The parts of what came up in `[from, upto)` of the span, as usage stood at `at`.
    pub fn parts(&self, rates: &Rates, span: &Span, upto: Seconds, at: Seconds) -> Parts {
        let mut parts = Parts::default();
        let upto = upto.min(span.until);
        for (plan, basis, usage) in &self.usage {
            let (by, used) = ((plan, *basis), Used::of(rates, usage, at));
            self.charges(rates, span, upto, (by, &used), &mut parts);
            if let Some(pool) = Pool::of(self.world, rates, span, upto, (by, usage, &used)) {
                pool.divide(&mut parts);
            }
        }
        parts.amounts.retain(|_, part| !part.is_zero());
        parts.quantities.retain(|_, quantity| *quantity != 0);
        parts
    }

    /// The parts of charges by usage.
    fn charges(&self, rates: &Rates, span: &Span, upto: Seconds, (by, used): (By<'_>, &Used), parts: &mut Parts) {
        for ((charge, bearing, covered), amount) in self.burdens(span, upto, by) {
            let Some(rate) = rates.find(&charge.shared(by.0)) else { continue };
            let division = used.among(&bearing);
            for namespace in covered {
                parts.add(namespace, rate, &(&amount * division.part(namespace)));
            }
        }
    }

    /// What each group of namespaces bears together.
    fn burdens<'s>(&'s self, span: &'s Span, upto: Seconds, by: By<'_>) -> Vec<(Burden<'s>, Exact)> {
        let mut burdens: Vec<(Burden<'s>, Exact)> = Vec::new();
        for (from, to) in span.stretches(self.world, span.from, upto) {
            let Some(Some(terms)) = span.terms.at(from) else { continue };
            let Some(list) = terms.price_list(self.world, from).filter(|_| terms.charges) else { continue };
            for charge in list.recurring.iter().filter(|_| terms.by() == by) {
                let Bearers::Usage(selector) = &charge.bearers else { continue };
                for (t, amount) in charged(self.world, charge, from, to) {
                    let bearing: Vec<_> = bearing(self.world, selector, t).collect();
                    let covered: Vec<_> =
                        bearing.iter().copied().filter(|n| terms.scope.holds(self.world, n, t)).collect();
                    if covered.is_empty() {
                        continue;
                    }
                    let burden = (charge, bearing, covered);
                    match burdens.iter_mut().find(|(known, _)| *known == burden) {
                        Some((_, sum)) => *sum += amount,
                        None => burdens.push((burden, amount)),
                    }
                }
            }
        }
        burdens
    }
}

// === impl Parts ===

impl Parts {
    fn add(&mut self, namespace: &Name, rate: RateId, part: &Exact) {
        let line = LineKey { namespace: Some(namespace.clone()), workload: None, rate };
        *self.amounts.entry(line).or_default() += part;
    }

    /// What those come to whose rate counts.
    pub fn cost(&self, rates: &Rates, counts: impl Fn(&Rate) -> bool) -> Fraction {
        let mut sum = Total::default();
        for (_, amount) in self.amounts.iter().filter(|(line, _)| counts(rates.get(line.rate))) {
            sum.add_exact(amount);
        }
        for (line, quantity) in &self.quantities {
            let rate = rates.get(line.rate);
            if let Some(price) = rate.price.as_ref().filter(|_| counts(rate)) {
                sum.add(price, *quantity, rate.unit.factor());
            }
        }
        sum.fraction()
    }
}

/// Whether what it prices is used, and does not come by the calendar.
pub fn is_usage(rate: &Rate) -> bool {
    rate.frequency == ChargeFrequency::UsageBased
}

/// What is charged in `[from, to)`, piece by piece: from when on the same namespaces bear it, and how much.
fn charged(world: &World, charge: &Charge, from: Seconds, to: Seconds) -> Vec<(Seconds, Exact)> {
    let mut charged = Vec::new();
    for due in charge.due(from, to) {
        match due {
            Due::Booked(at) => charged.push((at, charge.amount.clone())),
            Due::Accrued { from: begin, to: end, length } => {
                for (from, to) in standing(world, begin.max(from), end.min(to)) {
                    let part = Exact::new((to - from).into(), length.into());
                    charged.push((from, &charge.amount * part));
                }
            }
        }
    }
    charged
}
