//! What recurring charges add to a ledger: each namespace's part, under the plan's version in force at each instant.
//!
//! A namespace's part accrues, or is booked, whether or not it uses anything; a budget that counts some Pods only bears
//! none of it (COST_RULES 16, 17).

use num_bigint::BigInt;

use super::ledger::LineKey;
use super::meter::{Growth, Scope, Span, Terms, between};
use super::money::{Exact, Unit, UnitPrice};
use super::rate::{Rate, Rates};
use super::recurring::{Bearers, Charge, Due};
use super::selector::Selector;
use super::world::World;
use crate::facts::{Name, Seconds};

/// A stretch of a ledger's time under one version of a plan.
struct Stretch<'a> {
    terms: &'a Terms,
    from: Seconds,
    to: Seconds,
}

/// All that charges add to a ledger of this span from `since` on; `sign` is 1, or −1 to take it back.
pub fn growth(world: &World, rates: &mut Rates, span: &Span, since: Seconds, sign: i128, out: &mut Vec<Growth>) {
    let from = span.from.max(since);
    for (from, to) in span.stretches(world, from, span.until) {
        let Some(Some(terms)) = span.terms.at(from) else { continue };
        let list = terms.price_list(world, from);
        if !terms.charges {
            continue;
        }
        for charge in list.iter().flat_map(|list| &list.recurring) {
            if let Bearers::Usage(_) = charge.bearers {
                // Divided when it is read; its lines have a name from now on.
                rates.id(charge.shared(&terms.plan));
                continue;
            }
            Stretch { terms, from, to }.grow(world, rates, span, charge, sign, out);
        }
    }
}

/// `[from, to)` cut where a namespace comes, goes or is labelled otherwise.
pub(super) fn standing(world: &World, from: Seconds, to: Seconds) -> Vec<(Seconds, Seconds)> {
    let mut cuts = vec![from, to];
    for namespace in world.namespaces.values() {
        cuts.extend(namespace.labels.changes(from, to));
        cuts.extend(namespace.lives.iter().flat_map(|life| [life.0, life.1]).filter(|t| from < *t && *t < to));
    }
    between(cuts)
}

// === impl Stretch ===

impl Stretch<'_> {
    fn grow(&self, world: &World, rates: &mut Rates, span: &Span, charge: &Charge, sign: i128, out: &mut Vec<Growth>) {
        for due in charge.due(self.from, self.to) {
            match due {
                Due::Booked(at) => {
                    for (namespace, part) in self.parts(world, charge, at) {
                        let rate = rates.id(self.rate(charge, &part, None));
                        let line = LineKey { namespace: Some(namespace), workload: None, rate };
                        out.push(Growth { line, at, rate: 0, step: sign });
                    }
                }
                Due::Accrued { from, to, length } => {
                    for (from, to) in self.standing(world, charge, from.max(self.from), to.min(self.to)) {
                        for (namespace, part) in self.parts(world, charge, from) {
                            let rate = rates.id(self.rate(charge, &part, Some(length)));
                            let line = LineKey { namespace: Some(namespace), workload: None, rate };
                            if to < span.until {
                                out.push(Growth { line: line.clone(), at: to, rate: -sign, step: 0 });
                            }
                            out.push(Growth { line, at: from, rate: sign, step: 0 });
                        }
                    }
                }
            }
        }
    }

    /// `[from, to)` cut where namespaces come, go or change so that the parts may.
    fn standing(&self, world: &World, charge: &Charge, from: Seconds, to: Seconds) -> Vec<(Seconds, Seconds)> {
        let even = matches!(charge.bearers, Bearers::Even(_));
        let wide = matches!(self.terms.scope, Scope::Namespaces(_));
        if even || wide { standing(world, from, to) } else { vec![(from, to)] }
    }

    /// Each namespace of the budget with its part of the charge at `t`.
    fn parts(&self, world: &World, charge: &Charge, t: Seconds) -> Vec<(Name, Exact)> {
        let covers = |namespace: &Name| self.terms.scope.holds(world, namespace, t);
        match &charge.bearers {
            Bearers::Listed(parts) => {
                let own = parts.iter().filter(|(namespace, _)| covers(namespace));
                own.map(|(namespace, part)| (namespace.clone(), part.clone())).collect()
            }
            Bearers::Even(selector) => {
                let bearing: Vec<_> = bearing(world, selector, t).collect();
                let part = Exact::new(1.into(), BigInt::from(bearing.len().max(1)));
                bearing.into_iter().filter(|namespace| covers(namespace)).map(|n| (n.clone(), part.clone())).collect()
            }
            Bearers::Usage(_) => Vec::new(),
        }
    }

    /// The rate of a part of a charge; `length` is that of the period over which it accrues.
    fn rate(&self, charge: &Charge, part: &Exact, length: Option<Seconds>) -> Rate {
        let unit = match (&charge.bearers, length) {
            (Bearers::Listed(_), Some(period)) => Unit::SecondsOf { period },
            (Bearers::Listed(_), None) => Unit::Charges,
            (_, length) => Unit::Share { period: length.unwrap_or(1) },
        };
        Rate { price: UnitPrice::new(&(&charge.amount * part)), unit, ..charge.shared(&self.terms.plan) }
    }
}

/// The namespaces that exist at `t` and match.
pub(super) fn bearing<'a>(world: &'a World, selector: &Selector, t: Seconds) -> impl Iterator<Item = &'a Name> {
    let there = move |(_, namespace): &(&Name, &super::world::Namespace)| {
        namespace.is_there(t) && namespace.labels.at(t).is_some_and(|labels| selector.matches(labels))
    };
    world.namespaces.iter().filter(there).map(|(name, _)| name)
}
