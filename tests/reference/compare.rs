//! Reads what the engine prints into the reference's own shape, so that the two can be compared, and holds every
//! printed Statement to its own arithmetic.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use num_bigint::BigInt;
use num_rational::BigRational;
use num_traits::{Signed, Zero};
use serde_json::Value;

use super::world::time;
use super::{Bill, Key};

/// A number as Statements write it: whole, decimal, or a fraction.
pub fn number(text: &str) -> BigRational {
    match text.split_once('/') {
        Some((over, under)) => BigRational::new(whole(over), whole(under)),
        None => super::amounts::quantity(&text.into()),
    }
}

/// The printed Statements as bills.
pub fn bills(report: &Value) -> BTreeMap<(String, String), Bill> {
    let statements = report["statements"].as_array().expect("statements");
    statements.iter().map(|statement| (names(statement), bill(&statement["spec"]))).collect()
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
    let differing = names.into_iter().filter(|name| engine.get(name) != reference.get(name));
    differing
        .map(|(namespace, name)| {
            let of = |bills: &BTreeMap<(String, String), Bill>| {
                bills.get(&(namespace.clone(), name.clone())).map_or("    none".to_owned(), shown)
            };
            format!("{namespace}/{name}:\n   engine:\n{}\n   reference:\n{}", of(engine), of(reference))
        })
        .collect()
}

fn shown(bill: &Bill) -> String {
    let Bill { label, start, end, currency, closed_at, lines } = bill;
    let mut text = format!("    {label} [{start}, {end}) {currency} closed {closed_at:?}");
    for (key, quantity) in lines {
        let price = key.unit_price.as_ref().map_or("unpriced".to_owned(), ToString::to_string);
        let class = if key.correction { " Correction" } else { "" };
        let plan = key.plan.as_deref().unwrap_or("no plan");
        let Key { namespace, rate, unit, factor, .. } = key;
        let _ = write!(text, "\n    {namespace} {plan} {rate} at {price}: {quantity} {unit} over {factor}{class}");
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
        let recurs = line["rate"].as_str().is_some_and(|rate| rate.starts_with("recurring/"));
        check(recurs != (line["chargeFrequency"] == "UsageBased"), format!("frequency: {line}"));
    }
    let expected = ten_decimals(&exact_total(spec));
    check(spec["total"] == expected.as_str(), format!("total {} is not that of its lines, {expected}", spec["total"]));
    check((spec["phase"] == "Closed") == spec["closedAt"].is_string(), "phase and closedAt".to_owned());
    check(spec["phase"] == "Closed" || spec["phase"] == "Open", "phase".to_owned());
    faults
}

/// Rounded half to even.
pub fn ten_decimals(amount: &BigRational) -> String {
    let scaled = amount * BigRational::from_integer(BigInt::from(10).pow(10));
    let (below, half) = (scaled.floor().to_integer(), BigRational::new(1.into(), 2.into()));
    let rest = &scaled - BigRational::from_integer(below.clone());
    let odd = !(&below % BigInt::from(2)).is_zero();
    let up = rest > half || (rest == half && odd);
    let units = if up { below + 1 } else { below };
    let digits = format!("{:011}", units.abs());
    let (whole, fraction) = digits.split_at(digits.len() - 10);
    format!("{}{whole}.{fraction}", if units.is_negative() { "-" } else { "" })
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
    let mut sums = BTreeMap::new();
    for line in lines(spec) {
        let text = |field: &str| line[field].as_str().map(ToOwned::to_owned);
        let key = Key {
            namespace: text("namespace").expect("a namespace"),
            plan: text("plan"),
            rate: text("rate").expect("a rate"),
            unit_price: text("unitPrice").map(|price| number(&price)),
            unit: text("unit").unwrap_or_default(),
            factor: text("factor").map_or_else(BigInt::default, |factor| whole(&factor)),
            correction: line["chargeClass"] == "Correction",
        };
        *sums.entry(key).or_insert_with(BigInt::zero) += whole(line["quantity"].as_str().unwrap_or("0"));
    }
    sums.retain(|_, quantity| !quantity.is_zero());
    Bill {
        label: spec["period"]["label"].as_str().expect("a label").to_owned(),
        start: time(&spec["period"]["start"]).expect("a start"),
        end: time(&spec["period"]["end"]).expect("an end"),
        currency: spec["currency"].as_str().expect("a currency").to_owned(),
        closed_at: time(&spec["closedAt"]),
        lines: sums,
    }
}

fn whole(text: &str) -> BigInt {
    text.parse().expect("a whole number")
}
