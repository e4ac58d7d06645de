//! What Prometheus counts: the meters of a plan, what is asked of it, and what came of it.
//!
//! Time is cut into windows. A window is asked for once it is over, belongs whole to the instant at which it begins (the
//! plan, the terms and the namespaces' labels of then decide), and is booked at its last second.

use super::ledger::LineKey;
use super::meter::{Growth, Terms};
use super::money::{Unit, UnitPrice};
use super::rate::{PriceList, Rate, Rates};
use super::world::World;
use crate::api::ChargeFrequency;
use crate::facts::count::{Counts, Unknown};
use crate::facts::{Name, Seconds};

/// How Prometheus is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counting {
    /// The length of a window; windows lie on whole multiples of it.
    pub window: Seconds,
    /// How long after its end a window is asked for: by then everything was scraped.
    pub delay: Seconds,
}

/// A meter of one version of a plan, its price net of discounts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Meter {
    /// `meter/egress`.
    pub name: Name,
    pub category: Name,
    pub unit: Name,
    pub price: UnitPrice,
    pub query: Name,
}

/// What is counted.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Subject {
    /// A meter of a plan, by namespace.
    Meter { plan: Name, meter: Name },
}

/// A window, and what is to be counted in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    pub from: Seconds,
    pub to: Seconds,
    /// What, and by which query.
    pub queries: Vec<(Subject, Name)>,
}

/// What was counted in a window.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    pub from: Seconds,
    pub to: Seconds,
    pub counts: Vec<(Subject, Result<Counted, Unknown>)>,
}

/// What was counted of one subject, in billionths of its unit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Counted {
    ByNamespace(Counts),
}

// === impl Meter ===

impl Meter {
    /// As gaps and conditions name it: `meter egress`.
    pub fn said(&self) -> String {
        said(&self.name)
    }

    fn rate(&self, plan: &Name) -> Rate {
        Rate {
            plan: plan.clone(),
            name: self.name.clone(),
            category: self.category.clone(),
            price: Some(self.price.clone()),
            grade: None,
            unit: Unit::BillionthsOf(self.unit.clone()),
            frequency: ChargeFrequency::UsageBased,
            correction: false,
        }
    }

    /// What a window that began at `from` adds to a ledger of these terms, booked at `at`.
    pub fn growth(
        &self,
        world: &World,
        rates: &mut Rates,
        terms: &Terms,
        counts: &Counts,
        (from, at): (Seconds, Seconds),
    ) -> Vec<Growth> {
        let rate = rates.id(self.rate(&terms.plan));
        let counted = covered(world, terms, counts, from).filter_map(|(namespace, count)| {
            let step = *count.as_ref().ok().filter(|step| **step != 0)?;
            let line = LineKey { namespace: Some(namespace.clone()), workload: None, rate };
            Some(Growth { line, at, rate: 0, step })
        });
        counted.collect()
    }

    /// Why it is not known what a window that began at `from` adds to a ledger of these terms.
    pub fn unknown<'a>(world: &'a World, terms: &'a Terms, counts: &'a Counts, from: Seconds) -> Option<&'a Unknown> {
        covered(world, terms, counts, from).find_map(|(_, count)| count.as_ref().err())
    }
}

/// `meter egress` of `meter/egress`.
pub fn said(meter: &str) -> String {
    meter.replacen('/', " ", 1)
}

fn covered<'a>(
    world: &'a World,
    terms: &'a Terms,
    counts: &'a Counts,
    t: Seconds,
) -> impl Iterator<Item = (&'a Name, &'a Result<i128, Unknown>)> {
    counts.iter().filter(move |(namespace, _)| terms.scope.holds(world, namespace, t))
}

// === impl Terms ===

impl Terms {
    /// The meters that count for a ledger of these terms at `t`; they belong to no Pod.
    pub fn meters<'a>(&self, world: &'a World, t: Seconds) -> &'a [Meter] {
        let list = self.price_list(world, t).filter(|_| self.pods.is_none());
        list.map_or(&[], |list: &'a std::sync::Arc<PriceList>| &list.meters)
    }
}
