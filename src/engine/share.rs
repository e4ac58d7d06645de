//! Charges that are divided in proportion to usage: each namespace's part, as of an instant.
//!
//! What a namespace has used is its metered cost over the whole period so far, so its part of a charge moves until the
//! period is over: it is computed anew whenever it is read, from what every namespace has used under the plan, and
//! never kept (COST_RULES 20). Namespaces bear a charge that exist and match when it accrues or is booked; if none of
//! them has used anything, they bear it evenly.

use std::collections::{BTreeMap, HashMap};

use num_bigint::BigInt;
use num_traits::Zero;

use super::allocation::{bearing, standing};
use super::ledger::{Ledger, LineKey};
use super::meter::Span;
use super::money::{Exact, Total};
use super::rate::Rates;
use super::recurring::{Bearers, Charge, Due};
use super::world::World;
use crate::api::{Basis, ChargeFrequency};
use crate::facts::{Name, Seconds};

/// What is needed to divide the charges of one ledger.
#[derive(Clone, Debug)]
pub struct Shares<'a> {
    pub world: &'a World,
    /// By plan and basis: what every namespace has used under it in the same period.
    pub usage: Vec<(Name, Basis, &'a Ledger)>,
}

/// A charge under a plan, on a basis, the namespaces that bear it together, and those of them that the ledger covers.
type Burden<'a> = (&'a Charge, &'a Name, Basis, Vec<&'a Name>, Vec<&'a Name>);

// === impl Shares ===

impl Shares<'_> {
    /// The parts of what was charged in `[from, upto)` of the span, as usage stood at `at`.
    pub fn parts(&self, rates: &Rates, span: &Span, upto: Seconds, at: Seconds) -> BTreeMap<LineKey, Exact> {
        let mut parts = BTreeMap::new();
        let mut used = HashMap::new();
        for ((charge, plan, basis, bearing, covered), amount) in self.burdens(span, upto) {
            let used = used.entry((plan, basis)).or_insert_with(|| self.used(rates, plan, basis, at));
            let Some(rate) = rates.find(&charge.shared(plan)) else { continue };
            let of = |namespace: &Name| used.get(namespace).cloned().unwrap_or_default();
            let all = bearing.iter().fold(Exact::zero(), |sum, namespace| sum + of(namespace));
            for namespace in covered {
                let even = || &amount / BigInt::from(bearing.len());
                let part = if all.is_zero() { even() } else { &amount * of(namespace) / &all };
                let line = LineKey { namespace: Some(namespace.clone()), workload: None, rate };
                *parts.entry(line).or_default() += part;
            }
        }
        parts.retain(|_, part: &mut Exact| !part.is_zero());
        parts
    }

    /// What every namespace's metered cost is under the plan, on the basis, up to `at`.
    fn used(&self, rates: &Rates, plan: &Name, basis: Basis, at: Seconds) -> HashMap<Name, Exact> {
        let mut used: HashMap<Name, Total> = HashMap::new();
        let usage = self.usage.iter().filter(|(of, on, _)| (of, *on) == (plan, basis));
        for ledger in usage.map(|(_, _, ledger)| ledger) {
            for (line, quantity) in ledger.lines(rates, at) {
                let rate = rates.get(line.rate);
                let usage = rate.frequency == ChargeFrequency::UsageBased;
                if let (Some(namespace), Some(price), true) = (&line.namespace, &rate.price, usage) {
                    used.entry(namespace.clone()).or_default().add(price, quantity, rate.unit.factor());
                }
            }
            for (line, amount) in ledger.carried() {
                if let (Some(namespace), ChargeFrequency::UsageBased) =
                    (&line.namespace, rates.get(line.rate).frequency)
                {
                    used.entry(namespace.clone()).or_default().add_exact(amount);
                }
            }
        }
        used.into_iter().map(|(namespace, sum)| (namespace, sum.exact())).collect()
    }

    /// What each group of namespaces bears together.
    fn burdens<'s>(&'s self, span: &'s Span, upto: Seconds) -> Vec<(Burden<'s>, Exact)> {
        let mut burdens: Vec<(Burden<'s>, Exact)> = Vec::new();
        for (from, to) in span.stretches(self.world, span.from, upto.min(span.until)) {
            let Some(Some(terms)) = span.terms.at(from) else { continue };
            let Some(list) = terms.price_list(self.world, from).filter(|_| terms.charges) else { continue };
            for charge in &list.recurring {
                let Bearers::Usage(selector) = &charge.bearers else { continue };
                for (t, amount) in charged(self.world, charge, from, to) {
                    let bearing: Vec<_> = bearing(self.world, selector, t).collect();
                    let covered: Vec<_> =
                        bearing.iter().copied().filter(|n| terms.scope.holds(self.world, n, t)).collect();
                    if covered.is_empty() {
                        continue;
                    }
                    let burden = (charge, &terms.plan, terms.basis, bearing, covered);
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
