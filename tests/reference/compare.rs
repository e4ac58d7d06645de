//! Reads what the engine prints into the reference's own shape, so that the two can be compared, and holds every
//! printed Statement to its own arithmetic.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use num_bigint::BigInt;
use num_rational::BigRational;
use num_traits::{Signed, Zero};
use serde_json::Value;

use super::tally::Tally;
use super::world::time;
use super::{Bill, Charge, Key, Status};

/// Each workload's part of a tier is rounded.
const MOST_WORKLOADS: u32 = 100;

/// A number as Statements write it: whole, decimal, or a fraction.
pub fn number(text: &str) -> BigRational {
    match text.split_once('/') {
        Some((over, under)) => BigRational::new(whole(over), whole(under)),
        None => super::amounts::quantity(&text.into()),
    }
}

/// The printed Statements as bills.
pub fn bills(report: &Value) -> BTreeMap<(String, String), Bill> {
    report["statements"].as_array().expect("statements").iter().map(read).collect()
}

/// A printed Statement as a bill, with what it is known by.
pub fn read(statement: &Value) -> ((String, String), Bill) {
    let (namespace, name) = names(statement);
    let bill = bill(&statement["spec"]);
    let kind = statement["spec"]["budgetRef"]["kind"].as_str().unwrap_or("Budget");
    ((namespace, bill.told_apart(kind, &name)), bill)
}

/// The exact cost of all lines.
pub fn exact_total(spec: &Value) -> BigRational {
    lines(spec).map(exact_cost).sum()
}

/// In which bills the two differ, to be read by people.
pub fn differences(
    engine: &BTreeMap<(String, String), Bill>,
    reference: &BTreeMap<(String, String), Bill>,
) -> Vec<String> {
    let names: BTreeSet<_> = engine.keys().chain(reference.keys()).collect();
    // A plan may keep what was used for longer than a budget asks for it.
    let asked = names.into_iter().filter(|name| !name.1.ends_with(')') || reference.contains_key(*name));
    let differing = asked.filter(|name| !same(engine.get(name), reference.get(name)));
    differing
        .map(|(namespace, name)| {
            let of = |bills: &BTreeMap<(String, String), Bill>| {
                bills.get(&(namespace.clone(), name.clone())).map_or("    none".to_owned(), shown)
            };
            format!("{namespace}/{name}:\n   engine:\n{}\n   reference:\n{}", of(engine), of(reference))
        })
        .collect()
}

/// Equal, but for how the parts of a tier are rounded.
fn same(engine: Option<&Bill>, reference: Option<&Bill>) -> bool {
    let (Some(engine), Some(reference)) = (engine, reference) else { return engine.is_none() && reference.is_none() };
    let folded = |bill: &Bill| {
        let mut lines = BTreeMap::new();
        for (key, quantity) in &bill.lines {
            let mut key = key.clone();
            if reference.split.contains(&key.rate) {
                (key.namespace, key.category) = ("all".to_owned(), "all".to_owned());
            }
            *lines.entry(key).or_insert_with(BigInt::zero) += quantity;
        }
        lines.retain(|_, quantity| !quantity.is_zero());
        Bill { lines, split: BTreeSet::new(), ..bill.clone() }
    };
    let none = BigInt::zero();
    let apart = |key: &Key| (engine.lines.get(key).unwrap_or(&none) - reference.lines.get(key).unwrap_or(&none)).abs();
    let most = BigInt::from(MOST_WORKLOADS);
    // A Correction may leave the parts as they are, and say only what came.
    let mut kept = engine.lines.keys().chain(reference.lines.keys()).filter(|key| !key.correction);
    let near = kept.all(|key| apart(key) <= most);
    near && folded(engine) == folded(reference)
}

fn shown(bill: &Bill) -> String {
    let Bill { label, start, end, currency, closed_at, lines, charges, .. } = bill;
    let mut text = format!("    {label} [{start}, {end}) {currency} closed {closed_at:?}");
    for (key, quantity) in lines {
        let price = key.unit_price.as_ref().map_or("unpriced".to_owned(), ToString::to_string);
        let class = if key.correction { " Correction" } else { "" };
        let plan = key.plan.as_deref().unwrap_or("no plan");
        let Key { namespace, rate, category, unit, factor, .. } = key;
        let what = format!("{namespace} {plan} {rate} ({category})");
        let _ = write!(text, "\n    {what} at {price}: {quantity} {unit} over {factor}{class}");
    }
    for (charge, cost) in charges {
        let Charge { namespace, rate, category, frequency, correction, .. } = charge;
        let class = if *correction { " Correction" } else { "" };
        let plan = charge.plan.as_deref().unwrap_or("no plan");
        let _ = write!(text, "\n    {namespace} {plan} {rate} ({category}, {frequency}): {cost}{class}");
    }
    text
}

/// What is wrong with a printed Statement on its own.
pub fn faults(statement: &Value) -> Vec<String> {
    let (namespace, name) = names(statement);
    let mut faults = Vec::new();
    let spec = &statement["spec"];
    let mut check = |holds: bool, what: String| {
        if !holds {
            faults.push(format!("{namespace}/{name}: {what}"));
        }
    };
    for line in lines(spec) {
        let is_amount = line["exactCost"].is_string();
        let much = number(line[if is_amount { "exactCost" } else { "quantity" }].as_str().unwrap_or("0"));
        check(!much.is_zero(), format!("a line of nothing: {line}"));
        check(!much.is_negative() || line["chargeClass"] == "Correction", format!("negative: {line}"));
        let product = ["quantity", "unit", "factor", "consumed"].iter().all(|field| line[*field].is_string());
        check(product != is_amount, format!("a product, or an amount: {line}"));
        let priced = is_amount || line["unitPrice"].is_string();
        check(priced == line["cost"].is_string(), format!("price and cost: {line}"));
        if let Some(cost) = line["cost"].as_str() {
            let expected = ten_decimals(&exact_cost(line));
            check(cost == expected, format!("cost {cost} is not {expected}"));
        }
        let frequency = line["chargeFrequency"].as_str().unwrap_or("none");
        check(frequencies(line).contains(&frequency), format!("frequency: {line}"));
    }
    let expected = ten_decimals(&exact_total(spec));
    check(spec["total"] == expected.as_str(), format!("total {} is not that of its lines, {expected}", spec["total"]));
    check((spec["phase"] == "Closed") == spec["closedAt"].is_string(), "phase and closedAt".to_owned());
    check(spec["phase"] == "Closed" || spec["phase"] == "Open", "phase".to_owned());
    faults
}

/// What may bring about a line of this rate.
fn frequencies(line: &Value) -> &'static [&'static str] {
    match kind(line) {
        "recurring" => &["Recurring", "OneTime"],
        "shared" => &["UsageBased", "Recurring", "OneTime"],
        _ => &["UsageBased"],
    }
}

/// The rate up to its first slash.
fn kind(line: &Value) -> &str {
    line["rate"].as_str().expect("a rate").split('/').next().expect("a part")
}

pub fn ten_decimals(amount: &BigRational) -> String {
    decimals(amount, 10)
}

/// Rounded half to even.
pub fn decimals(amount: &BigRational, digits: usize) -> String {
    let scale = BigInt::from(10).pow(u32::try_from(digits).expect("few digits"));
    let scaled = amount * BigRational::from_integer(scale);
    let (below, half) = (scaled.floor().to_integer(), BigRational::new(1.into(), 2.into()));
    let rest = &scaled - BigRational::from_integer(below.clone());
    let odd = !(&below % BigInt::from(2)).is_zero();
    let up = rest > half || (rest == half && odd);
    let units = if up { below + 1 } else { below };
    let text = format!("{:0width$}", units.abs(), width = digits + 1);
    let (whole, fraction) = text.split_at(text.len() - digits);
    let point = if digits == 0 { "" } else { "." };
    format!("{}{whole}{point}{fraction}", if units.is_negative() { "-" } else { "" })
}

/// In which statuses the two differ, to be read by people.
pub fn differing_statuses(report: &Value, reference: &BTreeMap<(String, String, String), Status>) -> Vec<String> {
    let mut printed = BTreeMap::new();
    for (kind, list) in [("Budget", "budgets"), ("ClusterBudget", "clusterBudgets")] {
        for budget in report[list].as_array().into_iter().flatten() {
            let of = |field: &str| budget["metadata"][field].as_str().unwrap_or("").to_owned();
            printed.insert((kind.to_owned(), of("namespace"), of("name")), status(&budget["status"]));
        }
    }
    let differing = reference.iter().filter(|(name, status)| printed.get(name) != Some(status));
    differing
        .map(|(name, status)| format!("{name:?}:\n  engine:    {:?}\n  reference: {status:?}", printed.get(name)))
        .collect()
}

/// A printed status in the reference's shape.
pub fn status(status: &Value) -> Status {
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), ToOwned::to_owned);
    let thresholds = status["thresholds"].as_array().into_iter().flatten().filter(|one| one["of"] == "Actual");
    Status {
        label: text(&status["period"]["label"]),
        limit: text(&status["limit"]),
        spent: text(&status["spent"]),
        remaining: text(&status["remaining"]),
        used_percent: text(&status["usedPercent"]),
        fixed: text(&status["fixed"]),
        crossed: thresholds.map(|one| (text(&one["percent"]), time(&one["crossedAt"]))).collect(),
    }
}

fn lines(spec: &Value) -> impl Iterator<Item = &Value> {
    spec["lines"].as_array().into_iter().flatten()
}

fn exact_cost(line: &Value) -> BigRational {
    match (line["unitPrice"].as_str(), line["exactCost"].as_str()) {
        (Some(price), _) => {
            let of = |field: &str| BigRational::from_integer(whole(line[field].as_str().expect("a number")));
            number(price) * of("quantity") / of("factor")
        }
        (None, Some(cost)) => number(cost),
        (None, None) => BigRational::zero(),
    }
}

fn names(statement: &Value) -> (String, String) {
    let of = |field: &str| statement["metadata"][field].as_str().expect("metadata").to_owned();
    (of("namespace"), of("name"))
}

fn bill(spec: &Value) -> Bill {
    let mut tally = Tally::default();
    // Where it is kept what is idle is left open: with what everybody used is as good a place as any.
    let kept = spec["budgetRef"]["kind"] == "PricePlan";
    for line in lines(spec).filter(|line| !kept || kind(line) != "idle") {
        let text = |field: &str| line[field].as_str().map(ToOwned::to_owned);
        let (namespace, plan) = (text("namespace").unwrap_or_default(), text("plan"));
        let (rate, category) = (text("rate").expect("a rate"), text("category").unwrap_or_default());
        let correction = line["chargeClass"] == "Correction";
        if ["recurring", "shared", "idle"].contains(&kind(line)) {
            // What is shared may be shown as one line, or apart by what brought it about.
            let frequency = text("chargeFrequency").filter(|_| kind(line) != "shared").unwrap_or_default();
            let charge = Charge { namespace, plan, rate, category, frequency, correction };
            tally.charge(charge, exact_cost(line));
            continue;
        }
        let unit_price = text("unitPrice").map(|price| number(&price));
        let unit = text("unit").unwrap_or_default();
        let factor = text("factor").map_or_else(BigInt::default, |factor| whole(&factor));
        let key = Key { namespace, plan, rate, category, unit_price, unit, factor, correction };
        tally.add(key, whole(line["quantity"].as_str().unwrap_or("0")));
    }
    let Tally { lines, split, charges } = tally.cleared();
    Bill {
        label: spec["period"]["label"].as_str().expect("a label").to_owned(),
        start: time(&spec["period"]["start"]).expect("a start"),
        end: time(&spec["period"]["end"]).expect("an end"),
        currency: spec["currency"].as_str().expect("a currency").to_owned(),
        closed_at: time(&spec["closedAt"]),
        lines,
        split,
        charges,
    }
}

fn whole(text: &str) -> BigInt {
    text.parse().expect("a whole number")
}
