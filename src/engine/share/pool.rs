//! What is nobody's own while a budget uses a plan, and who bears it: what is idle of the Nodes, and what namespaces
//! cost that serve others (COST_RULES 21, 22).
//!
//! What is divided came up in the ledger's own time, the proportions are those of the whole period so far. The rule, and
//! the namespaces, are those at the end of the time in which the plan was used.

use std::collections::{BTreeMap, BTreeSet};

use num_traits::Zero;

use super::used::{Division, Used};
use super::{Parts, charged, is_usage};
use crate::api::{ChargeFrequency, ShareIdle, ShareNamespaces};
use crate::engine::allocation::bearing;
use crate::engine::ledger::{Ledger, LineKey};
use crate::engine::meter::{By, Span, Terms};
use crate::engine::money::{Exact, Total, Unit};
use crate::engine::rate::{IDLE, PriceList, Rate, RateId, Rates};
use crate::engine::recurring::{Bearers, Charge};
use crate::engine::selector::Selector;
use crate::engine::sharing::{SharedNamespaces, Sharing};
use crate::engine::world::World;
use crate::facts::{Name, Seconds};

/// What the names of the rates of shared namespaces begin with.
pub const SHARED: &str = "shared/";

/// What may bring about a cost that is shared.
const FREQUENCIES: [ChargeFrequency; 3] =
    [ChargeFrequency::UsageBased, ChargeFrequency::Recurring, ChargeFrequency::OneTime];

/// See the module's documentation.
pub struct Pool<'a> {
    world: &'a World,
    rates: &'a Rates,
    plan: &'a Name,
    used: &'a Used,
    sharing: Option<&'a Sharing>,
    /// As the budget's are last, and the last second at which they are.
    terms: &'a Terms,
    last: Seconds,
    /// In which the plan was used.
    times: Vec<(Seconds, Seconds)>,
    /// What everybody used in it, and what was idle.
    lines: BTreeMap<(Option<Name>, RateId), i128>,
    /// The namespaces that there are at the end.
    there: Vec<&'a Name>,
}

/// The rates at which others bear what a namespace costs: by what brought it about.
pub fn shared_rates(plan: &Name, namespace: &str) -> [Rate; 3] {
    FREQUENCIES.map(|frequency| shared_rate(plan, namespace, frequency))
}

fn shared_rate(plan: &Name, namespace: &str, frequency: ChargeFrequency) -> Rate {
    Rate {
        plan: plan.clone(),
        name: format!("{SHARED}{namespace}").into(),
        category: "Other".into(),
        price: None,
        grade: None,
        unit: Unit::Amount,
        frequency,
        correction: false,
    }
}

// === impl Pool ===

impl<'a> Pool<'a> {
    /// None where the plan is not used, or nothing is shared by it.
    pub fn of(
        world: &'a World,
        rates: &'a Rates,
        span: &'a Span,
        upto: Seconds,
        (by, usage, used): (By<'a>, &Ledger, &'a Used),
    ) -> Option<Self> {
        let times = span.uses(world, by, upto);
        let last = times.last()?.1 - 1;
        let terms = span.terms.at(last)?.as_ref()?;
        let sharing = world.price_list(by.0, last)?.sharing.as_ref();
        if sharing.is_none() && !terms.idle {
            return None;
        }
        let lines = usage.within(rates, &times);
        let there = bearing(world, &Selector::default(), last).collect();
        Some(Self { world, rates, plan: by.0, used, sharing, terms, last, times, lines, there })
    }

    /// Adds what falls to the namespaces that the budget covers, and what is idle and falls to none.
    pub fn divide(&self, parts: &mut Parts) {
        let mut given: BTreeMap<&Name, Exact> = BTreeMap::new();
        for (resource, idle) in self.idle() {
            let Some(division) = self.idle_division(resource) else {
                let own = idle.iter().filter(|_| self.terms.idle);
                parts.quantities.extend(
                    own.map(|(rate, quantity)| (LineKey { namespace: None, workload: None, rate: *rate }, *quantity)),
                );
                continue;
            };
            let cost = self.cost(idle.iter().copied());
            let rate = self.rates.amount(idle[0].0);
            for namespace in &self.there {
                let part = &cost * division.part(namespace);
                if self.covers(namespace) {
                    parts.add(namespace, rate, &part);
                }
                *given.entry(namespace).or_default() += part;
            }
        }
        if let Some(rule) = self.sharing.and_then(|sharing| sharing.namespaces.as_ref()) {
            self.share(rule, &given, parts);
        }
    }

    /// What was idle, by resource.
    fn idle(&self) -> BTreeMap<&str, Vec<(RateId, i128)>> {
        let mut idle: BTreeMap<&str, Vec<(RateId, i128)>> = BTreeMap::new();
        for ((_, id), quantity) in &self.lines {
            if let Some(resource) = self.rates.get(*id).name.strip_prefix(IDLE) {
                idle.entry(resource).or_default().push((*id, *quantity));
            }
        }
        idle
    }

    /// How a resource's idle capacity is divided; none where no namespace bears it.
    fn idle_division(&self, resource: &str) -> Option<Division<'_>> {
        match self.sharing.map_or(ShareIdle::Keep, |sharing| sharing.idle) {
            _ if self.there.is_empty() => None,
            ShareIdle::Keep => None,
            ShareIdle::Even => Some(Division::even(&self.there)),
            ShareIdle::Usage => Some(self.used.of_resource(resource, &self.there)),
        }
    }

    /// Divides what shared namespaces cost, their parts of what is idle included.
    fn share(&self, rule: &SharedNamespaces, given: &BTreeMap<&Name, Exact>, parts: &mut Parts) {
        let shared = self.shared(&rule.selector);
        let others: Vec<_> = self.there.iter().copied().filter(|name| !shared.contains(name)).collect();
        let division = match rule.by {
            ShareNamespaces::Usage => self.used.among(&others),
            ShareNamespaces::Even | ShareNamespaces::Weights => Division::even(&others),
        };
        let part = |namespace: &Name| match rule.by {
            ShareNamespaces::Weights => rule.weights.get(namespace).cloned().unwrap_or_default(),
            ShareNamespaces::Even | ShareNamespaces::Usage => division.part(namespace),
        };
        let listed = rule.weights.keys().filter(|namespace| !shared.contains(namespace));
        let receivers = if rule.by == ShareNamespaces::Weights { listed.collect() } else { others.clone() };
        let receivers: Vec<_> = receivers.into_iter().filter(|namespace| self.covers(namespace)).collect();
        for namespace in shared.iter().filter(|_| !receivers.is_empty()) {
            let mut costs = self.calendar(namespace);
            *costs.entry(ChargeFrequency::UsageBased).or_default() +=
                self.metered(namespace) + given.get(namespace).cloned().unwrap_or_default();
            for (frequency, cost) in costs {
                let Some(rate) = self.rates.find(&shared_rate(self.plan, namespace, frequency)) else { continue };
                for receiver in &receivers {
                    parts.add(receiver, rate, &(&cost * part(receiver)));
                }
            }
        }
    }

    /// The namespaces that match at the end, or did when they went.
    fn shared(&self, selector: &Selector) -> BTreeSet<&'a Name> {
        let known = self.world.namespaces.iter().filter(|(_, namespace)| namespace.made() <= self.last);
        let matches = known
            .filter(|(_, namespace)| namespace.labels.at(self.last).is_some_and(|labels| selector.matches(labels)));
        matches.map(|(name, _)| name).collect()
    }

    /// What a namespace's objects cost.
    fn metered(&self, namespace: &Name) -> Exact {
        let own = self.lines.range((Some(namespace.clone()), RateId::FIRST)..);
        let own = own.take_while(|((of, _), _)| of.as_ref() == Some(namespace));
        self.cost(own.map(|((_, id), quantity)| (*id, *quantity)).filter(|(id, _)| is_usage(self.rates.get(*id))))
    }

    /// What the calendar charges a namespace, by how often it comes.
    fn calendar(&self, namespace: &Name) -> BTreeMap<ChargeFrequency, Exact> {
        let mut costs: BTreeMap<_, Exact> = BTreeMap::new();
        for (from, to) in &self.times {
            let Some(list) = self.world.price_list(self.plan, *from) else { continue };
            for charge in &list.recurring {
                let cost = costs.entry(charge.frequency()).or_default();
                for (t, amount) in charged(self.world, charge, *from, *to) {
                    *cost += amount * self.charged_part(charge, namespace, t);
                }
            }
        }
        costs
    }

    fn charged_part(&self, charge: &Charge, namespace: &Name, t: Seconds) -> Exact {
        let (Bearers::Even(selector) | Bearers::Usage(selector)) = &charge.bearers else {
            let Bearers::Listed(parts) = &charge.bearers else { return Exact::zero() };
            return parts.get(namespace).cloned().unwrap_or_default();
        };
        let bearing: Vec<_> = bearing(self.world, selector, t).collect();
        if !bearing.contains(&namespace) {
            return Exact::zero();
        }
        let by_usage = matches!(charge.bearers, Bearers::Usage(_));
        let division = if by_usage { self.used.among(&bearing) } else { Division::even(&bearing) };
        division.part(namespace)
    }

    fn covers(&self, namespace: &Name) -> bool {
        self.terms.scope.holds(self.world, namespace, self.last)
    }

    fn cost(&self, lines: impl Iterator<Item = (RateId, i128)>) -> Exact {
        let mut sum = Total::default();
        for (id, quantity) in lines {
            let rate = self.rates.get(id);
            if let Some(price) = &rate.price {
                sum.add(price, quantity, rate.unit.factor());
            }
        }
        sum.exact()
    }
}

// === impl PriceList ===

impl PriceList {
    /// Whether what everybody uses has to be known to bill by it.
    pub fn shares(&self) -> bool {
        self.sharing.is_some() || self.recurring.iter().any(|charge| matches!(charge.bearers, Bearers::Usage(_)))
    }
}
