//! What each namespace's objects cost under a plan, whether it has a Budget or not: by this, other costs are shared.

use num_rational::BigRational;
use serde_json::{Value, json};

use super::Seconds;
use super::held::{Held, held_at};
use super::periods;
use super::plans::{plan_at, plan_instants};
use super::pods::Pod;
use super::recurring::Costs;
use super::spells::{Closing, Owner, Statement, Window};
use super::tally::Tally;
use super::tiers::Positions;
use super::world::World;

/// Integrates what counts over some windows, one stretch without change after the other.
pub fn metered(world: &World, owner: &Owner, windows: &[Window], of: &dyn Fn(&Held) -> bool) -> Tally {
    let mut tally = Tally::default();
    let mut positions = Positions::default();
    let pods: Vec<_> = world.all("Pod").filter_map(|pod| Pod::of(pod, world)).collect();
    for (from, to, spec) in windows {
        for (begin, end) in world.stretches(*from, *to) {
            for held in held_at(world, &pods, owner, spec, begin).into_iter().filter(of) {
                let amount = held.amount * (end - begin);
                if held.goes_on {
                    positions.go_on(held.key, held.tiers, amount);
                } else {
                    tally.add(held.key, amount);
                }
            }
        }
    }
    positions.priced(&mut tally);
    tally
}

/// The Statements in which a plan that shares by usage keeps what everybody used: one for each basis and period of the
/// budgets on it.
pub fn statements(world: &World, of: &[Statement]) -> Vec<Statement> {
    let mut found: Vec<Statement> = Vec::new();
    for (statement, (from, to, spec)) in of.iter().flat_map(|one| one.windows.iter().map(move |window| (one, window))) {
        let plan = spec["pricePlan"].as_str().unwrap_or("default");
        let changes = plan_instants(world, plan).into_iter().filter(|change| from < change && change < to);
        let mut versions = std::iter::once(*from).chain(changes).filter_map(|instant| plan_at(world, plan, instant));
        let Some(sharing) = versions.find(|plan| shares_by_usage(plan)) else { continue };
        let basis = spec["basis"].as_str().unwrap_or("Requests");
        let every = periods::with_defaults(&spec["period"]);
        let owner = ("PricePlan".to_owned(), String::new(), format!("{plan} {basis} {every}"));
        if found.iter().any(|one| one.owner == owner && one.period == statement.period) {
            continue;
        }
        let period = statement.period.clone();
        let (from, to) = (period.start.max(world.from), period.end.min(world.to));
        found.push(Statement {
            owner,
            namespace: "opex-system".to_owned(),
            name: format!("{plan}-{basis}-{}", period.label).to_lowercase(),
            currency: sharing["currency"].as_str().expect("a currency").to_owned(),
            windows: vec![(from, to, json!({"pricePlan": plan, "basis": basis}))],
            closes: Closing::Time(period.end + 600),
            period,
        });
    }
    found
}

pub fn shares_by_usage(plan: &Value) -> bool {
    let usage = |by: &Value| by["by"] == "Usage";
    let mut recurring = plan["recurring"].as_array().into_iter().flatten();
    let sharing = &plan["sharing"];
    recurring.any(|entry| usage(&entry["allocate"])) || usage(&sharing["idle"]) || usage(&sharing["namespaces"])
}

/// What each namespace's objects cost in some time by a budget's plan and basis; of a resource, or all of them. Asked
/// for again and again, and worked out once.
pub fn costs(world: &World, spec: &Value, times: &[(Seconds, Seconds)], resource: Option<&str>) -> Costs {
    let plan = spec["pricePlan"].as_str().unwrap_or("default");
    let spec = json!({"pricePlan": plan, "basis": spec["basis"]});
    let asked = format!("{spec} {times:?} {resource:?}");
    if let Some(known) = world.costs.borrow().get(&asked) {
        return known.clone();
    }
    let everybody = ("PricePlan".to_owned(), String::new(), plan.to_owned());
    let windows: Vec<_> = times.iter().map(|(from, to)| (*from, *to, spec.clone())).collect();
    let of = |held: &Held| resource.is_none() || held.resource.as_deref() == resource;
    let mut costs = Costs::new();
    for (key, quantity) in metered(world, &everybody, &windows, &of).lines {
        if let Some(price) = &key.unit_price {
            let cost = price * BigRational::new(quantity, key.factor);
            *costs.entry(key.namespace).or_default() += cost;
        }
    }
    world.costs.borrow_mut().insert(asked, costs.clone());
    costs
}
