//! What the calendar charges: straight-line over each charge period, or whole at an instant, and whose it is.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp, ToSpan};
use num_rational::BigRational;
use num_traits::{One, Zero};
use serde_json::Value;

use super::amounts::price;
use super::held::counts;
use super::plans::{specs, usable};
use super::selector::matches;
use super::spells::{Owner, Window};
use super::tally::Tally;
use super::world::World;
use super::{Charge, Seconds};

/// The metered cost of each namespace, by which a charge may be shared.
pub type Costs = BTreeMap<String, BigRational>;

/// An entry of a plan, with its charge dates around some time.
struct Entry<'a> {
    spec: &'a Value,
    dates: Vec<Seconds>,
    until: Option<Seconds>,
}

/// Adds what a budget's namespaces are charged in a window.
pub fn charge(world: &World, owner: &Owner, window: &Window, costs: &dyn Fn() -> Costs, tally: &mut Tally) {
    let (from, to, spec) = window;
    let name = spec["pricePlan"].as_str().unwrap_or("default");
    if !spec["podSelector"].is_null() || from >= to {
        return;
    }
    let mut edges: BTreeSet<_> = world.instants.range(from..to).copied().chain([*from, *to]).collect();
    for plan in specs(world, name) {
        for entry in entries(plan, *from, *to) {
            edges.extend(entry.dates.into_iter().chain(entry.until).filter(|date| (from..to).contains(&date)));
        }
    }
    let edges: Vec<_> = edges.into_iter().collect();
    for edge in edges.windows(2) {
        let Some(plan) = usable(world, owner, name, edge[0]) else { continue };
        for entry in entries(plan, edge[0], edge[1]) {
            let amount = entry.amount(edge[0], edge[1]);
            if amount.is_zero() {
                continue;
            }
            for (namespace, part) in parts(world, &entry.spec["allocate"], edge[0], costs) {
                if counts(world, owner, spec, &namespace, edge[0]) {
                    tally.charge(entry.line(name, namespace), &amount * part);
                }
            }
        }
    }
}

fn entries(plan: &Value, from: Seconds, to: Seconds) -> Vec<Entry<'_>> {
    let zone = plan["timeZone"].as_str().unwrap_or("UTC");
    let zone = TimeZone::get(zone).expect("a known zone");
    let listed = plan["recurring"].as_array().into_iter().flatten();
    listed.map(|spec| Entry::new(spec, &zone, from, to)).collect()
}

// === impl Entry ===

impl<'a> Entry<'a> {
    fn new(spec: &'a Value, zone: &TimeZone, from: Seconds, to: Seconds) -> Self {
        let begins = |date: Date| date.to_zoned(zone.clone()).expect("a day").timestamp().as_second();
        let date = |field: &str| spec[field].as_str().map(|date| date.parse::<Date>().expect("a date"));
        let until = date("until").map(begins);
        let first = date("from").expect("a first charge date");
        let Some((unit, longest)) = unit(&spec["every"]) else {
            return Self { spec, dates: vec![begins(first)], until: None };
        };
        let day = Timestamp::from_second(from).expect("an instant").to_zoned(zone.clone()).date();
        let days = first.until(day).expect("days").get_days();
        let mut dates = Vec::new();
        // So many units have passed at least, if each was as long as it can be.
        for k in (i64::from(days) / longest - 1).max(0).. {
            dates.push(begins(first + unit * k));
            if dates[dates.len() - 1] > to {
                break;
            }
        }
        Self { spec, dates, until }
    }

    /// What it charges in a stretch in which nothing changes, and no date lies but at its beginning.
    fn amount(&self, from: Seconds, to: Seconds) -> BigRational {
        let amount = price(&self.spec["amount"]).expect("an amount");
        if self.until.is_some_and(|until| from >= until) {
            return BigRational::zero();
        }
        if self.is_booked() {
            return if self.dates.contains(&from) { amount } else { BigRational::zero() };
        }
        let period = self.dates.windows(2).find(|period| (period[0]..period[1]).contains(&from));
        period.map_or_else(BigRational::zero, |period| {
            amount * BigRational::new((to - from).into(), (period[1] - period[0]).into())
        })
    }

    fn is_booked(&self) -> bool {
        self.spec["every"].is_null() || self.spec["booking"] == "OnChargeDate"
    }

    fn line(&self, plan: &str, namespace: String) -> Charge {
        let name = self.spec["name"].as_str().expect("a name");
        Charge {
            namespace,
            plan: Some(plan.to_owned()),
            rate: format!("recurring/{name}"),
            category: self.spec["category"].as_str().unwrap_or("Other").to_owned(),
            frequency: if self.spec["every"].is_null() { "OneTime" } else { "Recurring" }.to_owned(),
            correction: false,
        }
    }
}

/// A unit of the calendar, and how many days it has at most.
fn unit(every: &Value) -> Option<(Span, i64)> {
    match every.as_str()? {
        "Day" => Some((1.day(), 1)),
        "Week" => Some((1.week(), 7)),
        "Month" => Some((1.month(), 31)),
        "Quarter" => Some((3.months(), 92)),
        "Year" => Some((1.year(), 366)),
        other => panic!("every: {other}"),
    }
}

/// Each namespace's part of a charge at an instant.
fn parts(world: &World, allocate: &Value, instant: Seconds, costs: &dyn Fn() -> Costs) -> Vec<(String, BigRational)> {
    match allocate["by"].as_str().expect("how it is allocated") {
        "Namespaces" => weighted(&allocate["namespaces"]),
        "Even" => evenly(&selected(world, &allocate["selector"], instant)),
        "Usage" => by_cost(&selected(world, &allocate["selector"], instant), &costs()),
        other => panic!("by: {other}"),
    }
}

/// The namespaces that are there at an instant and match.
pub fn selected(world: &World, selector: &Value, instant: Seconds) -> Vec<String> {
    let there = world.all("Namespace").filter(|one| one.made(world.from) <= instant && one.lives_at(instant));
    let matching = there.filter(|one| matches(selector, &one.at(instant)["metadata"]["labels"]));
    matching.map(|one| one.name().to_owned()).collect()
}

/// By listed weights.
pub fn weighted(weights: &Value) -> Vec<(String, BigRational)> {
    let listed = weights.as_object().into_iter().flatten();
    let weights: Vec<_> = listed.map(|(name, weight)| (name.clone(), price(weight).expect("a weight"))).collect();
    let all: BigRational = weights.iter().map(|(_, weight)| weight).sum();
    weights.into_iter().map(|(name, weight)| (name, weight / &all)).collect()
}

pub fn evenly(names: &[String]) -> Vec<(String, BigRational)> {
    let part = |name: &String| (name.clone(), BigRational::one() / BigRational::from_integer(names.len().into()));
    names.iter().map(part).collect()
}

/// In proportion to cost; evenly where nothing costs anything.
pub fn by_cost(names: &[String], costs: &Costs) -> Vec<(String, BigRational)> {
    let cost = |name: &String| costs.get(name).cloned().unwrap_or_else(BigRational::zero);
    let all: BigRational = names.iter().map(cost).sum();
    if all.is_zero() {
        return evenly(names);
    }
    names.iter().map(|name| (name.clone(), cost(name) / &all)).collect()
}
