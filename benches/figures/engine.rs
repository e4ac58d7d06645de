//! Ticks, evaluations and full passes of the machine, beside the bare arithmetic that they are made of.

use std::hint::black_box;
use std::time::Duration;

use opex_operator::engine::machine::Event;
use opex_operator::engine::money::{Total, Unit, UnitPrice};
use opex_operator::engine::observed::Source;

use super::cluster::{BUDGETS, Cluster, PODS, cluster_budget, plan};
use super::measure::{each, least, millis, time};
use super::table::{Figure, Target};

/// Rates of a budget: cores and memory.
const RATES: usize = 2;

pub fn figures() -> Vec<Figure> {
    let mut cluster = Cluster::listed(PODS);
    let begin = time(|| cluster.lead());
    cluster.live(900);
    let tick = tick(&mut cluster);
    let second = second(&mut cluster);
    let evaluation = evaluation(&mut cluster);
    let opening = opening(&mut cluster);
    let repricing = repricing(&mut cluster);
    let (sums, money, facts) = (standing_sums(), money(), facts());
    vec![
        figure("a tick with no change, 5,000 budgets", Some(millis(sums)), millis(tick), "ms", Target::AtMost(0.1)),
        figure("a second in use: what is due and its 20 writes", None, millis(second), "ms", Target::None),
        figure("evaluate 5,000 budgets", Some(millis(money)), millis(evaluation), "ms", Target::AtMost(5.0)),
        figure(
            "meter every fact into a new budget",
            Some(facts),
            each(opening, PODS),
            "ns a fact",
            Target::AtMost(5.0),
        ),
        figure("price every fact anew, 2 budgets each", Some(facts), each(repricing, PODS), "ns a fact", Target::None),
        figure("open all ledgers after the first lists", None, millis(begin), "ms", Target::None),
    ]
}

fn figure(what: &'static str, floor: Option<f64>, measured: f64, unit: &'static str, target: Target) -> Figure {
    Figure { what, floor, measured, unit, target }
}

/// Nothing is due, nothing has happened.
fn tick(cluster: &mut Cluster) -> Duration {
    least(201, || time(|| cluster.machine.pass(cluster.now)))
}

/// The mean over two minutes, in which every budget is looked at twice.
fn second(cluster: &mut Cluster) -> Duration {
    let passes = (0..120).map(|_| {
        cluster.now += 1;
        let mut writes = Vec::new();
        let took = time(|| writes = cluster.machine.pass(cluster.now).writes);
        cluster.write_all(writes);
        took
    });
    passes.sum::<Duration>() / 120
}

/// Every budget at once, as a standby does it: nothing is written.
fn evaluation(cluster: &mut Cluster) -> Duration {
    let time = least(9, || {
        cluster.now += 1;
        cluster.machine.ingest(Event::Leading(false), cluster.now);
        cluster.machine.ingest(Event::Leading(true), cluster.now);
        cluster.machine.ingest(Event::Leading(false), cluster.now);
        time(|| cluster.machine.pass(cluster.now))
    });
    cluster.machine.ingest(Event::Leading(true), cluster.now);
    time
}

/// A ClusterBudget over everything comes.
fn opening(cluster: &mut Cluster) -> Duration {
    let mut n = 0;
    least(3, || {
        n += 1;
        let manifest = cluster_budget(&format!("again-{n}")).to_string();
        time(|| cluster.observe(Source::ClusterBudgets, &manifest))
    })
}

/// The plan's prices change.
fn repricing(cluster: &mut Cluster) -> Duration {
    let mut n = 1;
    least(3, || {
        n += 1;
        cluster.now += 60;
        let manifest = plan(&format!("0.0{n}"), n).to_string();
        time(|| cluster.observe(Source::PricePlans, &manifest))
    })
}

/// A rate and a sum for each line, read at an instant.
fn standing_sums() -> Duration {
    let lines: Vec<(i128, i128)> = (0..i128::from(BUDGETS) * RATES as i128).map(|n| (n, n * 7)).collect();
    let mut t = 0;
    least(201, || {
        t += 1;
        time(|| black_box(&lines).iter().map(|(rate, sum)| sum + rate * t).fold(0, i128::wrapping_add))
    })
}

/// Quantities times prices for each budget, exact and reduced.
fn money() -> Duration {
    let prices =
        [(UnitPrice::parse("0.031611"), Unit::MillicoreSeconds), (UnitPrice::parse("0.004237"), Unit::ByteSeconds)]
            .map(|(price, unit)| (price.expect("a price"), unit.factor()));
    let mut quantity = 86_400 << 29;
    least(21, || {
        quantity += 1;
        time(|| {
            for _ in 0..BUDGETS {
                let mut sum = Total::default();
                for (price, factor) in &prices {
                    sum.add(price, quantity, *factor);
                }
                black_box(sum.exact());
            }
        })
    })
}

/// Nanoseconds a fact, where facts stand in a row and a rate is a number.
fn facts() -> f64 {
    struct Fact {
        start: i64,
        end: i64,
        amounts: [i64; RATES],
        rates: [u32; RATES],
    }
    let fact = |n: i64| Fact {
        start: n * 6151 % 2_000_000,
        end: i64::MAX,
        amounts: [n, n << 20],
        rates: [(n % 4).unsigned_abs() as u32, 4],
    };
    let facts: Vec<_> = (0..PODS.cast_signed()).map(fact).collect();
    let (from, mut until) = (1_000_000, 2_000_000);
    let time = least(21, || {
        until += 1;
        time(|| {
            let mut sums = [0_i128; 8];
            for fact in black_box(&facts) {
                let seconds = i128::from((fact.end.min(until) - fact.start.max(from)).max(0));
                for (amount, rate) in fact.amounts.iter().zip(&fact.rates) {
                    sums[*rate as usize] += i128::from(*amount) * seconds;
                }
            }
            sums
        })
    });
    each(time, PODS)
}
