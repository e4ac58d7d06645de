//! A ledger as its Statement shows it, and back: lines merged to what fits, sums kept exact.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::budget::BudgetKey;
use super::ledger::{Ledger, LineKey};
use super::money::{Exact, Fraction, Total, Unit, UnitPrice, cost_text};
use super::rate::{Rate, Rates};
use crate::api::{Category, ChargeClass, ChargeFrequency, CostShare, Line};
use crate::facts::{Name, Seconds};

/// Most lines of a Statement: with at most 400 bytes each it stays within 64 kB.
const MOST_LINES: usize = 150;

/// Workloads that a closed Statement, and a status, name.
const TOP: usize = 10;

/// The workload, or namespace, that the smallest are merged into.
const OTHER: &str = "other";

/// Lines as printed, with what they come to.
#[derive(Debug)]
pub struct Printed {
    pub lines: Vec<Line>,
    /// Exact, rounded once.
    pub total: String,
    /// The workloads that cost most; of a closed Statement.
    pub top: Vec<CostShare>,
}

/// One line of a ledger with its exact cost; unpriced where there is none.
#[derive(Clone, Debug)]
struct Charge {
    key: LineKey,
    quantity: i128,
    cost: Option<Fraction>,
}

/// The ledger at `t`. Closed, its workloads are merged, and the largest named apart.
pub fn print(ledger: &Ledger, rates: &Rates, budget: &BudgetKey, t: Seconds, closed: bool) -> Printed {
    let mut charges: Vec<_> = ledger.lines(t).map(|(key, quantity)| charge(rates, key.clone(), quantity)).collect();
    let top = if closed { top_workloads(rates, &charges, budget, cost_text) } else { Vec::new() };
    if closed {
        charges = merge(rates, charges, |charge| LineKey { workload: None, ..charge.key.clone() });
    }
    let charges = fit(rates, charges);
    let mut lines: Vec<_> = charges.iter().map(|charge| line(rates, charge)).collect();
    lines.sort_by(|a, b| order(a).cmp(&order(b)));
    Printed { lines, total: cost_text(&ledger.spent(rates, t).exact()), top }
}

/// Quantities of a Statement's lines, by the ledger's own keys. What cannot be read is named and left out.
pub fn read(lines: &[Line], rates: &mut Rates) -> (HashMap<LineKey, i128>, Vec<String>) {
    let mut quantities: HashMap<LineKey, i128> = HashMap::new();
    let mut unread = Vec::new();
    for line in lines {
        match parse(line, rates) {
            Some((key, quantity)) => *quantities.entry(key).or_default() += quantity,
            None => unread.push(format!("line {} of {:?} cannot be read", line.rate, line.namespace)),
        }
    }
    (quantities, unread)
}

/// Cost by category, largest first, as exact amounts.
pub fn by_category(ledger: &Ledger, rates: &Rates, t: Seconds) -> Vec<(Name, Exact)> {
    let mut sums: BTreeMap<Name, Total> = BTreeMap::new();
    for (id, quantity) in ledger.by_rate(t) {
        let rate = rates.get(id);
        if let Some(price) = &rate.price {
            sums.entry(rate.category.clone()).or_default().add(price, quantity, rate.unit.factor());
        }
    }
    let mut shares: Vec<_> = sums.into_iter().map(|(name, sum)| (name, sum.exact())).collect();
    shares.sort_by(|(a, x), (b, y)| y.cmp(x).then(a.cmp(b)));
    shares
}

/// The workloads that cost most at `t`.
pub fn top(
    ledger: &Ledger,
    rates: &Rates,
    budget: &BudgetKey,
    t: Seconds,
    print: impl Fn(&Exact) -> String,
) -> Vec<CostShare> {
    let charges: Vec<_> = ledger.lines(t).map(|(key, quantity)| charge(rates, key.clone(), quantity)).collect();
    top_workloads(rates, &charges, budget, print)
}

/// What each namespace costs at `t`.
pub fn by_namespace(ledger: &Ledger, rates: &Rates, t: Seconds) -> Vec<(Name, Exact)> {
    let mut sums: BTreeMap<Name, Total> = BTreeMap::new();
    for (key, quantity) in ledger.lines(t) {
        let (rate, Some(namespace)) = (rates.get(key.rate), &key.namespace) else { continue };
        if let Some(price) = &rate.price {
            sums.entry(namespace.clone()).or_default().add(price, quantity, rate.unit.factor());
        }
    }
    sums.into_iter().map(|(name, sum)| (name, sum.exact())).collect()
}

fn charge(rates: &Rates, key: LineKey, quantity: i128) -> Charge {
    let cost = cost(rates.get(key.rate), quantity);
    Charge { key, quantity, cost }
}

fn cost(rate: &Rate, quantity: i128) -> Option<Fraction> {
    let price = rate.price.as_ref()?;
    let mut sum = Total::default();
    sum.add(price, quantity, rate.unit.factor());
    Some(sum.fraction())
}

fn top_workloads(
    rates: &Rates,
    charges: &[Charge],
    budget: &BudgetKey,
    print: impl Fn(&Exact) -> String,
) -> Vec<CostShare> {
    let mut sums: HashMap<(&Option<Name>, &Name), Total> = HashMap::new();
    for Charge { key, quantity, .. } in charges {
        let rate = rates.get(key.rate);
        if let (Some(workload), Some(price)) = (&key.workload, &rate.price) {
            sums.entry((&key.namespace, workload)).or_default().add(price, *quantity, rate.unit.factor());
        }
    }
    let costs = sums.into_iter().map(|(whose, sum)| (whose, sum.fraction()));
    let mut costs: Vec<_> = costs.filter(|(_, cost)| !cost.is_zero()).collect();
    costs.sort_by(|(a, x), (b, y)| y.cmp(x).then(a.cmp(b)));
    costs.truncate(TOP);
    let named = costs.into_iter().map(|((namespace, workload), cost)| {
        let name = match (budget.namespace.is_none(), namespace) {
            (true, Some(namespace)) => format!("{namespace}/{workload}"),
            _ => workload.to_string(),
        };
        CostShare { name, cost: print(&cost.exact()) }
    });
    named.collect()
}

/// At most [`MOST_LINES`]: the smallest workloads merged, and where namespaces alone are too many, those too.
fn fit(rates: &Rates, charges: Vec<Charge>) -> Vec<Charge> {
    let other = |charge: &Charge| LineKey {
        workload: charge.key.workload.as_ref().map(|_| OTHER.into()),
        ..charge.key.clone()
    };
    let charges = merge_smallest(rates, charges, other);
    let nowhere = |charge: &Charge| LineKey { namespace: None, ..other(charge) };
    merge_smallest(rates, charges, nowhere)
}

/// Merges by `into`, from the smallest up, as many as it takes.
fn merge_smallest(rates: &Rates, mut charges: Vec<Charge>, into: impl Fn(&Charge) -> LineKey) -> Vec<Charge> {
    if charges.len() <= MOST_LINES {
        return charges;
    }
    charges.sort_by(|a, b| b.cost.cmp(&a.cost).then(b.quantity.cmp(&a.quantity)).then(a.key.cmp(&b.key)));
    let mut merged: HashSet<_> = charges[MOST_LINES..].iter().map(&into).collect();
    let mut kept = MOST_LINES;
    let lines = |merged: &HashSet<LineKey>, kept: usize| {
        merged.len() + charges[..kept].iter().filter(|charge| !merged.contains(&charge.key)).count()
    };
    while kept > 0 && lines(&merged, kept) > MOST_LINES {
        kept -= 1;
        merged.insert(into(&charges[kept]));
    }
    let rest = charges.split_off(kept);
    charges.extend(merge(rates, rest, into));
    merge(rates, charges, |charge| charge.key.clone())
}

fn merge(rates: &Rates, charges: Vec<Charge>, into: impl Fn(&Charge) -> LineKey) -> Vec<Charge> {
    let mut sums: HashMap<LineKey, i128> = HashMap::new();
    for one in charges {
        *sums.entry(into(&one)).or_default() += one.quantity;
    }
    // Corrections may cancel each other: nothing is no line.
    sums.retain(|_, quantity| *quantity != 0);
    sums.into_iter().map(|(key, quantity)| charge(rates, key, quantity)).collect()
}

fn line(rates: &Rates, charge: &Charge) -> Line {
    let rate = rates.get(charge.key.rate);
    Line {
        namespace: charge.key.namespace.as_deref().unwrap_or_default().to_owned(),
        plan: Some(rate.plan.to_string()),
        rate: rate.name.to_string(),
        category: category(&rate.category),
        workload: charge.key.workload.as_deref().map(ToOwned::to_owned),
        unit_price: rate.price.as_ref().map(ToString::to_string),
        quantity: Some(charge.quantity.to_string()),
        unit: Some(rate.unit.to_string()),
        factor: Some(rate.unit.factor().to_string()),
        consumed: Some(rate.unit.consumed(charge.quantity)),
        exact_cost: None,
        charge_frequency: ChargeFrequency::UsageBased,
        charge_class: rate.correction.then_some(ChargeClass::Correction),
        cost: charge.cost.as_ref().map(|cost| cost_text(&cost.exact())),
    }
}

fn parse(line: &Line, rates: &mut Rates) -> Option<(LineKey, i128)> {
    let price = match &line.unit_price {
        Some(text) => Some(UnitPrice::parse(text).ok()?),
        None => None,
    };
    let category = serde_json::to_value(line.category).ok()?;
    let rate = Rate {
        plan: line.plan.as_deref().unwrap_or_default().into(),
        name: line.rate.as_str().into(),
        category: category.as_str()?.into(),
        price,
        unit: line.unit.as_deref()?.parse::<Unit>().ok()?,
        correction: line.charge_class.is_some(),
    };
    let key = LineKey {
        namespace: (!line.namespace.is_empty()).then(|| line.namespace.as_str().into()),
        workload: line.workload.as_deref().map(Into::into),
        rate: rates.id(rate),
    };
    Some((key, line.quantity.as_deref()?.parse().ok()?))
}

fn category(name: &str) -> Category {
    serde_json::from_value(name.into()).unwrap_or(Category::Other)
}

/// Everything that tells one line from another.
type Order<'a> =
    (&'a str, &'a Option<String>, &'a str, &'a Option<String>, bool, Option<UnitPrice>, Category, &'a Option<String>);

fn order(line: &Line) -> Order<'_> {
    let price = line.unit_price.as_deref().and_then(|text| UnitPrice::parse(text).ok());
    let correction = line.charge_class.is_some();
    (&line.namespace, &line.plan, &line.rate, &line.workload, correction, price, line.category, &line.unit)
}
