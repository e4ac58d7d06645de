//! Graduated prices: which steps of a resource's prices a quantity reaches (COST_RULES 23).
//!
//! A resource has one position in a ledger. It goes on through every change of price: what was used at other prices
//! before moves it as well, and what was used keeps the steps that it reached. So a ledger's time is cut into
//! stretches in which a resource's price stands still, and what is used in a stretch begins where the stretch before
//! ended. From the first graduated stretch on each has rates of its own, a flat price being one step without an end.

mod recall;

use std::sync::Arc;

use super::meter::Span;
use super::money::UnitPrice;
use super::rate::{PriceList, RateId, Rates, base_name, slices};
use super::world::{Plan, World};
use crate::facts::{Labels, Name, Seconds};

/// The prices of a resource in one stretch of a ledger's time.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Grade {
    /// The stretch's first instant: stretches come in this order.
    pub since: Seconds,
    pub steps: Arc<[Step]>,
}

/// One tier.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Step {
    /// The position up to which it reaches, in ledger units; absent: it has no end.
    pub end: Option<i128>,
    /// Absent: unpriced.
    pub price: Option<UnitPrice>,
}

/// The price lists of a ledger's time, where one of them is graduated.
#[derive(Debug)]
pub struct Regimes<'a>(Vec<Regime<'a>>);

#[derive(Debug)]
struct Regime<'a> {
    since: Seconds,
    plan: &'a Name,
    list: Option<&'a PriceList>,
}

/// What was used of a resource in one stretch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stretch {
    /// Rates that differ in category alone.
    pub members: Vec<RateId>,
    /// The position at which it begins.
    pub start: i128,
    pub quantity: i128,
}

// === impl Grade ===

impl Grade {
    /// How much lies in each step of what begins at `start`. What is negative goes back from there.
    pub fn parts(&self, start: i128, quantity: i128) -> Vec<i128> {
        let mut begin = None;
        let within = |position: i128, begin: Option<i128>, end: Option<i128>| {
            let position = end.map_or(position, |end| position.min(end));
            begin.map_or(position, |begin| position.max(begin))
        };
        let part = |step: &Step| {
            let part = within(start + quantity, begin, step.end) - within(start, begin, step.end);
            begin = step.end;
            part
        };
        self.steps.iter().map(part).collect()
    }

    /// The step in which the next unit lies.
    pub fn step_at(&self, position: i128) -> usize {
        self.steps.iter().position(|step| step.end.is_none_or(|end| position < end)).unwrap_or_default()
    }
}

// === impl Regimes ===

impl<'a> Regimes<'a> {
    /// None where nothing is graduated.
    pub fn of(world: &'a World, span: &'a Span) -> Option<Self> {
        let plans = span.terms.iter().filter_map(|(_, terms)| world.plans.get(&terms.as_ref()?.plan));
        plans.into_iter().any(Plan::is_graduated).then(|| {
            let regime = |(since, _): (Seconds, Seconds)| {
                let terms = span.terms.at(since)?.as_ref()?;
                let list = terms.price_list(world, since).map(AsRef::as_ref);
                // Where the ledger began is no matter of prices.
                let since = if since == span.from { Seconds::MIN } else { since };
                Some(Regime { since, plan: &terms.plan, list })
            };
            Self(span.stretches(world, span.from, span.until).into_iter().filter_map(regime).collect())
        })
    }

    /// The rate of a resource at `t`, which is `id` where it is not graduated, or by its node's class.
    pub fn rate(&self, rates: &mut Rates, id: RateId, resource: &str, node: &Labels, t: Seconds) -> RateId {
        let slices = slices(resource, node);
        let Some(now) = self.0.iter().rposition(|regime| regime.since <= t) else { return id };
        let rate = rates.get(id);
        if rate.name != base_name(resource, slices) || self.first(resource).is_none_or(|first| first > now) {
            return id;
        }
        let steps = self.0[now].steps(resource, slices, rate.price.as_ref());
        let grade = Grade { since: self.0[self.run(resource, now)].since, steps };
        rates.graduated(id, &grade)
    }

    /// The plan and prices of each stretch from the first graduated one on.
    fn grades(&self, resource: &str, slices: u32) -> Vec<(&'a Name, Grade)> {
        let Some(first) = self.first(resource) else { return Vec::new() };
        let begins = (first..self.0.len()).filter(|i| self.run(resource, *i) == *i);
        let grade = |i: usize| {
            let Regime { since, plan, list } = &self.0[i];
            let price = list.and_then(|list| list.prices.get(resource));
            (*plan, Grade { since: *since, steps: self.0[i].steps(resource, slices, price) })
        };
        begins.map(grade).collect()
    }

    fn first(&self, resource: &str) -> Option<usize> {
        self.0.iter().position(|regime| regime.list.is_some_and(|list| list.tiers.contains_key(resource)))
    }

    /// Where the prices that stand at `now` began to.
    fn run(&self, resource: &str, now: usize) -> usize {
        let first = self.first(resource).unwrap_or(now);
        (first..now).rev().take_while(|i| self.0[*i].prices_as(&self.0[now], resource)).last().unwrap_or(now)
    }
}

// === impl Regime ===

impl Regime<'_> {
    fn steps(&self, resource: &str, slices: u32, flat: Option<&UnitPrice>) -> Arc<[Step]> {
        let Some(steps) = self.list.and_then(|list| list.tiers.get(resource)) else {
            return [Step { end: None, price: flat.cloned() }].into();
        };
        let parts = i128::from(slices);
        let of_parts = |step: &Step| Step { end: step.end.map(|end| end.saturating_mul(parts)), ..step.clone() };
        if slices > 1 { steps.iter().map(of_parts).collect() } else { steps.clone() }
    }

    fn prices_as(&self, other: &Self, resource: &str) -> bool {
        let prices = |regime: &Self| regime.list.map(|list| (list.tiers.get(resource), list.prices.get(resource)));
        self.plan == other.plan && prices(self) == prices(other)
    }
}

// === impl Stretch ===

/// The stretches of quantities by rate, each where the one before it ended.
pub fn stretches(rates: &Rates, quantities: &[(RateId, i128)]) -> Vec<Stretch> {
    let mut stretches: Vec<Stretch> = Vec::new();
    let grade = |id: &RateId| rates.get(*id).grade.as_ref();
    for (id, quantity) in quantities.iter().filter(|(id, _)| grade(id).is_some()) {
        let same = |s: &&mut Stretch| grade(&s.members[0]) == grade(id) && is_one_position(rates, s.members[0], *id);
        match stretches.iter_mut().find(same) {
            Some(known) => {
                known.members.push(*id);
                known.quantity += quantity;
            }
            None => stretches.push(Stretch { members: vec![*id], start: 0, quantity: *quantity }),
        }
    }
    let since = |stretch: &Stretch| grade(&stretch.members[0]).map(|grade| grade.since);
    stretches.sort_by_key(since);
    for i in 0..stretches.len() {
        let of = stretches[i].members[0];
        let flat = quantities.iter().filter(|(id, _)| grade(id).is_none() && is_one_position(rates, of, *id));
        let before = stretches[..i].iter().filter(|other| is_one_position(rates, of, other.members[0]));
        stretches[i].start =
            flat.map(|(_, quantity)| quantity).sum::<i128>() + before.map(|other| other.quantity).sum::<i128>();
    }
    stretches
}

/// Whether both count for one position: the same resource, but for late facts of another period.
fn is_one_position(rates: &Rates, one: RateId, other: RateId) -> bool {
    let (one, other) = (rates.get(one), rates.get(other));
    one.unit == other.unit && one.name == other.name && !one.correction && !other.correction
}

impl Stretch {
    pub fn grade<'a>(&self, rates: &'a Rates) -> &'a Grade {
        rates.get(self.members[0]).grade.as_ref().expect("of graduated rates alone")
    }

    pub fn parts(&self, rates: &Rates) -> Vec<i128> {
        self.grade(rates).parts(self.start, self.quantity)
    }

    /// The position that it has reached.
    pub fn end(&self) -> i128 {
        self.start + self.quantity
    }
}
