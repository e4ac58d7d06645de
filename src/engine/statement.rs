//! A ledger as its Statement shows it, and back: lines merged to what fits, sums kept exact.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use super::budget::BudgetKey;
use super::evaluate::Reading;
use super::ledger::graduated::{Position, position};
use super::ledger::{LineKey, OTHER};
use super::money::{Exact, Fraction, Total, Unit, UnitPrice, cost_text, exact_text, parse_exact};
use super::rate::{Rate, Rates};
use crate::api::{Category, ChargeClass, CostShare, Line};
use crate::facts::{Name, Seconds};

/// Most lines of a Statement: with at most 400 bytes each it stays within 64 kB.
const MOST_LINES: usize = 150;

/// Workloads that a closed Statement, and a status, name.
const TOP: usize = 10;

/// Lines as printed, with what they come to.
#[derive(Debug)]
pub struct Printed {
    pub lines: Vec<Line>,
    /// Exact, rounded once.
    pub total: String,
    /// The workloads that cost most; of a closed Statement.
    pub top: Vec<CostShare>,
}

/// One line of a ledger: how much, and its exact cost; unpriced where there is none.
#[derive(Clone, Debug)]
struct Charge {
    key: LineKey,
    quantity: i128,
    cost: Option<Fraction>,
}

/// What a Statement's lines say, by the ledger's own keys.
#[derive(Debug, Default)]
pub struct Read {
    pub quantities: HashMap<LineKey, i128>,
    pub amounts: BTreeMap<LineKey, Exact>,
    /// What cannot be read is left out.
    pub unread: Vec<String>,
}

/// The ledger at `t`, with so many other lines beside it. Closed, its workloads are merged, and the largest named apart.
pub fn print(reading: &Reading<'_>, budget: &BudgetKey, t: Seconds, closed: bool, beside: usize) -> Printed {
    let rates = reading.rates;
    let mut charges = charges(reading, t);
    let top = if closed { top_workloads(&charges, budget, cost_text) } else { Vec::new() };
    if closed || budget.usage.is_some() {
        charges = merge(rates, charges, |charge| LineKey { workload: None, ..charge.key.clone() });
    }
    let most = MOST_LINES.saturating_sub(beside);
    let charges = fit(rates, charges, &reading.ledger.positions(rates), most);
    let mut lines: Vec<_> = charges.iter().map(|charge| line(rates, charge)).collect();
    lines.sort_by(|a, b| order(a).cmp(&order(b)));
    Printed { lines, total: cost_text(&reading.spent(t).exact()), top }
}

/// Quantities as lines.
pub fn lines(rates: &Rates, quantities: impl Iterator<Item = (LineKey, i128)>) -> Vec<Line> {
    let mut lines: Vec<_> = quantities.map(|(key, quantity)| line(rates, &charge(rates, key, quantity))).collect();
    lines.sort_by(|a, b| order(a).cmp(&order(b)));
    lines
}

/// What a Statement's lines say.
pub fn read(lines: &[Line], rates: &mut Rates) -> Read {
    let mut read = Read::default();
    for line in lines {
        let Some(key) = key(line, rates) else {
            read.unread.push(format!("line {} of {:?} cannot be read", line.rate, line.namespace));
            continue;
        };
        match (&line.quantity, &line.exact_cost) {
            (Some(quantity), None) if let Ok(quantity) = quantity.parse::<i128>() => {
                *read.quantities.entry(key).or_default() += quantity;
            }
            (None, Some(amount)) if let Ok(amount) = parse_exact(amount) => {
                *read.amounts.entry(key).or_default() += amount;
            }
            _ => read.unread.push(format!("line {} of {:?} has no quantity to read", line.rate, line.namespace)),
        }
    }
    read
}

/// What a Statement's lines come to, exactly; what cannot be read is left out.
pub fn total(lines: &[Line]) -> Exact {
    let mut sum = Total::default();
    for line in lines {
        let price = line.unit_price.as_deref().and_then(|text| UnitPrice::parse(text).ok());
        let (quantity, unit) = (line.quantity.as_deref(), line.unit.as_deref());
        let quantity = quantity.and_then(|text| text.parse().ok()).zip(unit.and_then(|text| text.parse::<Unit>().ok()));
        if let (Some(price), Some((quantity, unit))) = (price, quantity) {
            sum.add(&price, quantity, unit.factor());
        } else if let Some(amount) = line.exact_cost.as_deref().and_then(|text| parse_exact(text).ok()) {
            sum.add_exact(&amount);
        }
    }
    sum.exact()
}

/// Cost by category, largest first, as exact amounts.
pub fn by_category(reading: &Reading<'_>, t: Seconds) -> Vec<(Name, Exact)> {
    let Reading { ledger, rates, .. } = *reading;
    let mut sums: BTreeMap<Name, Total> = BTreeMap::new();
    for (id, quantity) in ledger.by_rate(rates, t) {
        let rate = rates.get(id);
        if let Some(price) = &rate.price {
            sums.entry(rate.category.clone()).or_default().add(price, quantity, rate.unit.factor());
        }
    }
    let parts = reading.parts(t);
    for (line, quantity) in &parts.quantities {
        let rate = rates.get(line.rate);
        if let Some(price) = &rate.price {
            sums.entry(rate.category.clone()).or_default().add(price, *quantity, rate.unit.factor());
        }
    }
    for (line, amount) in ledger.carried().iter().chain(&parts.amounts) {
        sums.entry(rates.get(line.rate).category.clone()).or_default().add_exact(amount);
    }
    let mut shares: Vec<_> = sums.into_iter().map(|(name, sum)| (name, sum.exact())).collect();
    shares.sort_by(|(a, x), (b, y)| y.cmp(x).then(a.cmp(b)));
    shares
}

/// The workloads that cost most at `t`.
pub fn top(reading: &Reading<'_>, budget: &BudgetKey, t: Seconds, print: impl Fn(&Exact) -> String) -> Vec<CostShare> {
    top_workloads(&charges(reading, t), budget, print)
}

/// What each namespace costs at `t`.
pub fn by_namespace(reading: &Reading<'_>, t: Seconds) -> Vec<(Name, Exact)> {
    let Reading { ledger, rates, .. } = *reading;
    let mut sums: BTreeMap<Name, Total> = BTreeMap::new();
    for (key, quantity) in ledger.lines(rates, t) {
        let (rate, Some(namespace)) = (rates.get(key.rate), key.namespace) else { continue };
        if let Some(price) = &rate.price {
            sums.entry(namespace).or_default().add(price, quantity, rate.unit.factor());
        }
    }
    for (line, amount) in ledger.carried().iter().chain(&reading.parts(t).amounts) {
        if let Some(namespace) = &line.namespace {
            sums.entry(namespace.clone()).or_default().add_exact(amount);
        }
    }
    sums.into_iter().map(|(name, sum)| (name, sum.exact())).collect()
}

/// Every line at `t`; parts of charges as amounts.
fn charges(reading: &Reading<'_>, t: Seconds) -> Vec<Charge> {
    let Reading { ledger, rates, .. } = *reading;
    let shared = reading.parts(t);
    let (parts, products): (Vec<_>, Vec<_>) = ledger
        .lines(rates, t)
        .into_iter()
        .chain(shared.quantities)
        .map(|(key, quantity)| charge(rates, key, quantity))
        .partition(|charge| rates.get(charge.key.rate).unit.is_amount());
    let carried = ledger.carried().iter().chain(&shared.amounts);
    let carried = carried.map(|(key, amount)| Charge { key: key.clone(), quantity: 0, cost: Some(amount.into()) });
    let amounts = merge(rates, parts.into_iter().chain(carried), |charge| amount_key(rates, charge));
    products.into_iter().chain(amounts).collect()
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

fn top_workloads(charges: &[Charge], budget: &BudgetKey, print: impl Fn(&Exact) -> String) -> Vec<CostShare> {
    let mut sums: HashMap<(&Option<Name>, &Name), Fraction> = HashMap::new();
    for Charge { key, cost, .. } in charges {
        if let (Some(workload), Some(cost)) = (&key.workload, cost) {
            let sum = sums.entry((&key.namespace, workload)).or_insert(Fraction::ZERO);
            *sum = sum.plus(cost);
        }
    }
    let mut costs: Vec<_> = sums.into_iter().filter(|(_, cost)| !cost.is_zero()).collect();
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

/// At most so many: the smallest workloads merged; where namespaces alone are too many, those too; and where it
/// is prices that are too many, the lines of one rate to one amount.
fn fit(rates: &Rates, mut charges: Vec<Charge>, graduated: &BTreeSet<Position>, most: usize) -> Vec<Charge> {
    let other = |charge: &Charge| LineKey {
        workload: charge.key.workload.as_ref().map(|_| OTHER.into()),
        ..charge.key.clone()
    };
    // What was learned late of a workload that is merged already is taken from where it is.
    let owes = |charge: &Charge| charge.quantity < 0 && !rates.get(charge.key.rate).correction;
    if charges.iter().any(owes) {
        charges = merge(rates, charges, |charge| if owes(charge) { other(charge) } else { charge.key.clone() });
    }
    let charges = merge_smallest(rates, charges, most, other);
    let nowhere = |charge: &Charge| LineKey { namespace: None, ..other(charge) };
    let charges = merge_smallest(rates, charges, most, nowhere);
    // Quantities that decide prices stay.
    let decides = |charge: &Charge| graduated.contains(&position(rates, charge.key.rate));
    let amount = |charge: &Charge| LineKey { workload: None, ..amount_key(rates, charge) };
    merge_smallest(rates, charges, most, |charge| if decides(charge) { charge.key.clone() } else { amount(charge) })
}

/// The line of the same rate as an amount. What has no price stays a quantity.
fn amount_key(rates: &Rates, charge: &Charge) -> LineKey {
    let rate = if charge.cost.is_some() { rates.amount(charge.key.rate) } else { charge.key.rate };
    LineKey { rate, ..charge.key.clone() }
}

/// Merges by `into`, from the smallest up, as many as it takes.
fn merge_smallest(
    rates: &Rates,
    mut charges: Vec<Charge>,
    most: usize,
    into: impl Fn(&Charge) -> LineKey,
) -> Vec<Charge> {
    if charges.len() <= most {
        return charges;
    }
    charges.sort_by(|a, b| b.cost.cmp(&a.cost).then(b.quantity.cmp(&a.quantity)).then(a.key.cmp(&b.key)));
    let mut merged = HashSet::new();
    for charge in &charges[most..] {
        // Far fewer than there are charges: one by one, so that no room is made for all of them.
        merged.insert(into(charge));
    }
    let mut kept = most;
    let lines = |merged: &HashSet<LineKey>, kept: usize| {
        merged.len() + charges[..kept].iter().filter(|charge| !merged.contains(&charge.key)).count()
    };
    while kept > 0 && lines(&merged, kept) > most {
        kept -= 1;
        merged.insert(into(&charges[kept]));
    }
    drop(merged);
    let rest = merge(rates, charges.drain(kept..), into);
    merge(rates, charges.into_iter().chain(rest), |charge| charge.key.clone())
}

fn merge(rates: &Rates, charges: impl IntoIterator<Item = Charge>, into: impl Fn(&Charge) -> LineKey) -> Vec<Charge> {
    let mut sums: HashMap<LineKey, (i128, Total)> = HashMap::new();
    for one in charges {
        let key = into(&one);
        let amount = rates.get(key.rate).unit.is_amount();
        let (quantity, cost) = sums.entry(key).or_default();
        match one.cost {
            Some(part) if amount => cost.add_exact(&part.exact()),
            _ => *quantity += one.quantity,
        }
    }
    // Corrections may cancel each other: nothing is no line.
    let summed = sums.into_iter().map(|(key, (quantity, cost))| {
        if rates.get(key.rate).unit.is_amount() {
            return Charge { key, quantity: 0, cost: Some(cost.fraction()) };
        }
        charge(rates, key, quantity)
    });
    summed.filter(|one| one.quantity != 0 || one.cost.as_ref().is_some_and(|cost| !cost.is_zero())).collect()
}

fn line(rates: &Rates, charge: &Charge) -> Line {
    let rate = rates.get(charge.key.rate);
    let product = !rate.unit.is_amount();
    let exact = charge.cost.as_ref().map(Fraction::exact);
    Line {
        namespace: charge.key.namespace.as_deref().unwrap_or_default().to_owned(),
        plan: Some(rate.plan.to_string()),
        rate: rate.name.to_string(),
        category: category(&rate.category),
        workload: charge.key.workload.as_deref().map(ToOwned::to_owned),
        unit_price: rate.price.as_ref().filter(|_| product).map(ToString::to_string),
        quantity: product.then(|| charge.quantity.to_string()),
        unit: product.then(|| rate.unit.to_string()),
        factor: product.then(|| rate.unit.factor().to_string()),
        consumed: product.then(|| rate.unit.consumed(charge.quantity)),
        exact_cost: exact.as_ref().filter(|_| !product).map(exact_text),
        charge_frequency: rate.frequency,
        charge_class: rate.correction.then_some(ChargeClass::Correction),
        cost: exact.as_ref().map(cost_text),
    }
}

fn key(line: &Line, rates: &mut Rates) -> Option<LineKey> {
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
        grade: None,
        unit: line.unit.as_deref().map_or(Some(Unit::Amount), |unit| unit.parse().ok())?,
        frequency: line.charge_frequency,
        correction: line.charge_class.is_some(),
    };
    Some(LineKey {
        namespace: (!line.namespace.is_empty()).then(|| line.namespace.as_str().into()),
        workload: line.workload.as_deref().map(Into::into),
        rate: rates.id(rate),
    })
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
