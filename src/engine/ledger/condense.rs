//! What workloads that are gone leave in a ledger: the largest are kept apart, the others become one.
//!
//! Of a Job of CI, or a Pod of nobody's, nothing more comes. A month has hundreds of thousands of them, and a
//! Statement has room for 150 lines.

use std::collections::{HashMap, HashSet};

use super::{Ledger, LineKey};
use crate::engine::money::Total;
use crate::engine::rate::Rates;
use crate::facts::Name;

/// The workload, or namespace, that the smallest are merged into.
pub const OTHER: &str = "other";

/// Workloads that are gone and kept apart, at most. They are halved when there are more, so that it is seldom.
const MOST_GONE: usize = 1000;

type Whose = (Option<Name>, Name);

impl Ledger {
    /// Adds what the smallest of very many workloads that are gone have left to `other` of their namespace.
    pub fn condense(&mut self, rates: &Rates) {
        let settled = self.lines.values().filter(|accrual| accrual.settled().is_some());
        if self.lines.len() <= MOST_GONE || settled.count() <= MOST_GONE {
            return;
        }
        let small = self.smallest_gone(rates);
        let gone = self.lines.extract_if(.., |key, _| whose(key).is_some_and(|whose| small.contains(&whose)));
        for (key, accrual) in gone.collect::<Vec<_>>() {
            let other = LineKey { workload: Some(OTHER.into()), ..key };
            self.lines.entry(other).or_default().shift(accrual.settled().unwrap_or_default());
        }
    }

    /// All but the largest, where they are too many.
    fn smallest_gone(&self, rates: &Rates) -> HashSet<Whose> {
        let mut sums: HashMap<Whose, Option<Total>> = HashMap::new();
        for (key, accrual) in &self.lines {
            let Some(whose) = whose(key) else { continue };
            let sum = sums.entry(whose).or_insert_with(|| Some(Total::default()));
            let (rate, Some(quantity)) = (rates.get(key.rate), accrual.settled()) else {
                // It is still there.
                *sum = None;
                continue;
            };
            // Steps differ little enough to tell large from small.
            let price = rates.steps(key.rate).first().map_or(&rate.price, |step| &rates.get(*step).price);
            if let (Some(sum), Some(price)) = (sum, price) {
                sum.add(price, quantity, rate.unit.factor());
            }
        }
        let gone = sums.into_iter().filter_map(|(whose, sum)| Some((sum?.fraction(), whose)));
        let mut gone: Vec<_> = gone.collect();
        if gone.len() <= MOST_GONE {
            return HashSet::new();
        }
        gone.sort_by(|(a, whose), (b, other)| b.cmp(a).then_with(|| whose.cmp(other)));
        gone.drain(MOST_GONE / 2..).map(|(_, whose)| whose).collect()
    }
}

/// The namespace and workload of a line; none of what is merged already, or is no workload's.
fn whose(key: &LineKey) -> Option<Whose> {
    let workload = key.workload.as_ref().filter(|workload| ***workload != *OTHER)?;
    Some((key.namespace.clone(), workload.clone()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::ChargeFrequency;
    use crate::engine::accrual::Ramp;
    use crate::engine::budget::BudgetKey;
    use crate::engine::evaluate::Reading;
    use crate::engine::history::History;
    use crate::engine::meter::Span;
    use crate::engine::money::{Unit, UnitPrice};
    use crate::engine::observed::Tag;
    use crate::engine::period::Window;
    use crate::engine::rate::Rate;
    use crate::engine::statement;
    use crate::facts::Seconds;

    const END: Seconds = 1_000_000;

    fn ledger() -> Ledger {
        let window = Window { label: "2026".to_owned(), start: 0, end: END, resets: jiff::civil::date(2026, 1, 1) };
        let terms = History::default();
        Ledger::new(window, Span { from: 0, until: END, sampled: 0, terms }, "EUR".into())
    }

    #[test]
    fn of_many_that_are_gone_the_largest_stay_apart() {
        let mut rates = Rates::default();
        let rate = rates.id(Rate {
            plan: "default".into(),
            name: "cpu".into(),
            category: "Compute".into(),
            price: UnitPrice::parse("1").ok(),
            grade: None,
            unit: Unit::Seconds,
            frequency: ChargeFrequency::UsageBased,
            correction: false,
        });
        let mut ledger = ledger();
        let grow = |ledger: &mut Ledger, workload: &str, rate_a_second, at| {
            let key = LineKey { namespace: Some("a".into()), workload: Some(workload.into()), rate };
            ledger.add(&key, Ramp { at, rate: rate_a_second, step: 0, tag: Tag::KNOWN });
        };
        grow(&mut ledger, "Deployment/runs", 1, 0);
        let sum = |ledger: &Ledger| ledger.lines(&rates, 500_000).iter().map(|(_, quantity)| *quantity).sum::<i128>();
        for n in 0..5000_i32 {
            grow(&mut ledger, &format!("Pod/p{n}"), n.into(), 10);
            grow(&mut ledger, &format!("Pod/p{n}"), (-n).into(), 20);
            ledger.fold(30, None);
            let before = sum(&ledger);
            ledger.condense(&rates);
            assert_eq!(sum(&ledger), before);
            assert!(ledger.lines.len() <= MOST_GONE + 2);
        }
        let named =
            |name: &str| ledger.lines(&rates, 500_000).iter().any(|(key, _)| key.workload.as_deref() == Some(name));
        assert!(named("Deployment/runs") && named("Pod/p4999") && named("Pod/p4500") && named(OTHER));
        assert!(!named("Pod/p1"));
        assert_eq!(ledger.by_rate(&rates, 500_000).iter().map(|(_, quantity)| *quantity).sum::<i128>(), sum(&ledger));

        // It ended a second earlier, as is learned late.
        grow(&mut ledger, "Pod/p1", -1, 19);
        grow(&mut ledger, "Pod/p1", 1, 20);
        let budget = BudgetKey::of(Some("a".into()), "a".into());
        let lines =
            statement::print(&Reading { ledger: &ledger, rates: &rates, shares: None }, &budget, 500_000, false, 0)
                .lines;
        let quantities: Vec<i128> = lines.iter().map(|line| line.quantity.as_ref().unwrap().parse().unwrap()).collect();
        assert!(quantities.iter().all(|quantity| *quantity > 0), "{quantities:?}");
        assert_eq!(quantities.iter().sum::<i128>(), sum(&ledger));
    }
}
