//! A ledger that is read back from what it shows goes on as the one that showed it.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::api::Basis;
use crate::engine::accrual::Ramp;
use crate::engine::history::History;
use crate::engine::meter::{Scope, Span, Terms};
use crate::engine::money::{Unit, UnitPrice};
use crate::engine::observed::Tag;
use crate::engine::period::Window;
use crate::engine::rate::{Held, OnNode, PriceList};
use crate::engine::tiers::{Regimes, Step};
use crate::engine::world::World;
use crate::facts::{Name, no_amounts, no_labels};

const HOUR: Seconds = 3600;

/// A version of the plan: flat, at no price, or graduated with these widths; prices are few, so that they meet again.
#[derive(Clone, Debug)]
enum Prices {
    Flat(u8),
    None,
    Tiers(Vec<(u16, u8)>, u8),
}

fn any_prices() -> impl Strategy<Value = Prices> {
    prop_oneof![
        1 => (1..5_u8).prop_map(Prices::Flat),
        1 => Just(Prices::None),
        4 => (prop::collection::vec((1..3000_u16, 1..5_u8), 1..4), 1..5_u8).prop_map(|(tiers, last)| Prices::Tiers(tiers, last)),
    ]
}

impl Prices {
    fn list(&self) -> PriceList {
        let price = |price: &u8| UnitPrice::parse(&price.to_string()).unwrap();
        let (mut prices, mut tiers) = (BTreeMap::new(), BTreeMap::new());
        match self {
            Self::Flat(flat) => drop(prices.insert(Name::from("cpu"), price(flat))),
            Self::None => {}
            Self::Tiers(widths, last) => {
                let mut end = 0;
                let mut steps: Vec<_> = Vec::new();
                for (width, at) in widths {
                    end += i128::from(*width);
                    steps.push(Step { end: Some(end), price: Some(price(at)) });
                }
                steps.push(Step { end: None, price: Some(price(last)) });
                tiers.insert(Name::from("cpu"), steps.into());
            }
        }
        PriceList { prices, tiers, ..PriceList::default() }
    }
}

struct Case {
    world: World,
    rates: Rates,
    span: Span,
}

// === impl Case ===

impl Case {
    /// A plan that has each of these prices for an hour.
    fn new(versions: &[Prices]) -> Self {
        let mut world = World::default();
        let plan = world.plans.entry("default".into()).or_default();
        for (i, prices) in (0..).zip(versions) {
            plan.versions.set(i * HOUR, Some(Arc::new(prices.list())));
        }
        let terms = Terms {
            scope: Scope::Namespace("a".into()),
            pods: None,
            charges: true,
            basis: Basis::Requests,
            idle: false,
            plan: "default".into(),
        };
        let span =
            Span { from: 0, until: 1000 * HOUR, sampled: 0, terms: History::starting(Seconds::MIN, Some(terms)) };
        Self { world, rates: Rates::default(), span }
    }

    fn ledger(&self) -> Ledger {
        let resets = jiff::civil::date(2025, 4, 1);
        let window = Window { label: "2025-03".to_owned(), start: 0, end: self.span.until, resets };
        Ledger::new(window, self.span.clone(), "EUR".into())
    }

    fn line(&mut self, workload: &str, t: Seconds) -> LineKey {
        let list = self.world.price_list("default", t).cloned();
        let (labels, capacity) = (no_labels(), no_amounts());
        let node = OnNode { labels: &labels, capacity: &capacity };
        let rate = PriceList::rate(list.as_deref(), &"default".into(), Held::Resource { resource: "cpu", node }, None);
        assert_eq!(rate.unit, Unit::MillicoreSeconds);
        let id = self.rates.id(rate);
        let regimes = Regimes::of(&self.world, &self.span);
        let rate = regimes.map_or(id, |regimes| regimes.rate(&mut self.rates, id, "cpu", &labels, t));
        LineKey { namespace: Some("a".into()), workload: Some(workload.into()), rate }
    }

    fn read_back(&mut self, shown: &HashMap<LineKey, i128>, at: Seconds) -> Ledger {
        let mut ledger = self.ledger();
        let regimes = Regimes::of(&self.world, &self.span);
        let recalled = regimes.map_or_else(|| shown.clone(), |r| r.recall(&mut self.rates, shown, &[]));
        ledger.rebase(&recalled, BTreeMap::new(), at, &Cut::default(), |_| false);
        ledger.reconcile(&self.rates, shown, at, &Cut::default());
        ledger
    }
}

fn step(at: Seconds, step: i128) -> Ramp {
    Ramp { at, rate: 0, step, tag: Tag::KNOWN }
}

fn by_rate(ledger: &Ledger, rates: &Rates, t: Seconds) -> BTreeMap<RateId, i128> {
    ledger.by_rate(rates, t).into_iter().filter(|(_, quantity)| *quantity != 0).collect()
}

proptest! {
    #[test]
    fn what_is_read_back_goes_on_alike(
        versions in prop::collection::vec((any_prices(), 0..2000_i128, 0..2000_i128), 1..5), more in 0..4000_i128,
    ) {
        let mut case = Case::new(&versions.iter().map(|(prices, ..)| prices.clone()).collect::<Vec<_>>());
        let mut ledger = case.ledger();
        for (i, (_, a, b)) in (0..).zip(&versions) {
            for (workload, quantity) in [("a", a), ("b", b)] {
                let line = case.line(workload, i * HOUR);
                ledger.add(&line, step(i * HOUR, *quantity));
            }
        }
        let now = HOUR * Seconds::try_from(versions.len()).unwrap();
        let shown: HashMap<_, _> = ledger.lines(&case.rates, now).into_iter().collect();
        let mut again = case.read_back(&shown, now);
        prop_assert_eq!(by_rate(&again, &case.rates, now), by_rate(&ledger, &case.rates, now));
        prop_assert_eq!(again.spent(&case.rates, now), ledger.spent(&case.rates, now));
        let workloads = |ledger: &Ledger| {
            let mut sums = BTreeMap::new();
            ledger.lines(&case.rates, now).into_iter().for_each(|(key, q)| *sums.entry(key.workload).or_default() += q);
            sums.retain(|_, quantity: &mut i128| *quantity != 0);
            sums
        };
        prop_assert_eq!(workloads(&again), workloads(&ledger));
        let line = case.line("a", now);
        for ledger in [&mut ledger, &mut again] {
            ledger.add(&line, step(now, more));
        }
        prop_assert_eq!(again.spent(&case.rates, now + 1), ledger.spent(&case.rates, now + 1));
        prop_assert_eq!(by_rate(&again, &case.rates, now + 1), by_rate(&ledger, &case.rates, now + 1));
    }

    /// A bend is where the straight line ends, and not before.
    #[test]
    fn lines_are_straight_between_bends(prices in any_prices(), speed in 1..50_i128, from in 0..400_i64) {
        let mut case = Case::new(&[prices]);
        let mut ledger = case.ledger();
        let line = case.line("a", 0);
        ledger.add(&line, Ramp { at: 0, rate: speed, step: 0, tag: Tag::KNOWN });
        let rates = &case.rates;
        let (spent, slope) = (ledger.spent(rates, from), ledger.slope(rates, from));
        let bend = ledger.bend(rates, from, from).unwrap_or(from + 1000);
        let straight = |t: Seconds| spent.plus(&slope.times(t - from));
        for t in [from, i64::midpoint(from, bend), bend] {
            prop_assert_eq!(ledger.spent(rates, t), straight(t));
        }
        for t in [bend, bend + 1, bend + 700] {
            prop_assert_eq!(ledger.spent(rates, t), straight(t).plus(&ledger.bent(rates, from, t)));
        }
        if let Some(bend) = ledger.bend(rates, from, from) {
            let next = ledger.heading(rates, bend + 1, bend + 1);
            prop_assert!(next == slope || ledger.spent(rates, bend + 2) != straight(bend + 2));
        }
    }
}
