//! What a budget may spend at an instant: what was planned, peaks, what is left of the period before, and overrides.

use num_rational::BigRational;
use num_traits::{One, Zero};
use serde_json::{Value, json};

use super::Seconds;
use super::amounts::price;
use super::ledger::Ledger;
use super::periods::{self, Period};
use super::plans::{plan_at, plan_of, specs};
use super::spells::Statement;
use super::world::{Thing, time};

/// One unit of the limit's currency in the Statement's.
pub fn rate(ledger: &Ledger, statement: &Statement, spec: &Value, instant: Seconds) -> Option<BigRational> {
    let currency = spec["limit"]["currency"].as_str()?;
    if currency == statement.currency {
        return Some(BigRational::one());
    }
    let plan = plan_at(&ledger.world, plan_of(spec), instant)?;
    Some(worth(plan, currency, instant)? / worth(plan, &statement.currency, instant)?)
}

/// One unit of a currency in a plan's: by the newest rate that has begun, else by the first.
fn worth(plan: &Value, currency: &str, instant: Seconds) -> Option<BigRational> {
    if plan["currency"] == currency {
        return Some(BigRational::one());
    }
    let mut rates = dated(plan);
    rates.retain(|(_, one)| one["currency"] == currency);
    let begun = rates.iter().rfind(|(from, _)| *from <= instant);
    price(&begun.or(rates.first())?.1["rate"])
}

fn dated(plan: &Value) -> Vec<(Seconds, &Value)> {
    let date = |rate: &Value| rate["asOf"].as_str().expect("a date").parse().expect("a date");
    let rates = plan["exchangeRates"].as_array().into_iter().flatten();
    let mut rates: Vec<_> = rates.map(|rate| (periods::first_instant(plan, date(rate)), rate)).collect();
    rates.sort_by_key(|(from, _)| *from);
    rates
}

/// The limit in its own currency.
pub fn limit(ledger: &Ledger, statement: &Statement, spec: &Value, instant: Seconds) -> Option<BigRational> {
    let planned = planned(spec, &statement.period);
    let limit = planned + rolled_over(ledger, statement, spec, instant)?;
    let extra = overrides(ledger, statement, spec, &limit, instant);
    Some(limit + extra)
}

/// When limits begin or end by themselves.
pub fn instants(ledger: &Ledger, statement: &Statement) -> Vec<Seconds> {
    let overrides = granted(ledger, statement).into_iter();
    let overrides = overrides.flat_map(|(made, until, one)| [Some(made), Some(until), one.gone]).flatten();
    let plans = statement.windows.iter().flat_map(|(_, _, spec)| specs(&ledger.world, plan_of(spec)));
    overrides.chain(plans.flat_map(dated).map(|(from, _)| from)).collect()
}

fn planned(spec: &Value, period: &Period) -> BigRational {
    let every = &spec["period"];
    let month = periods::date_at(every, period.start).month();
    let mut planned = spec["plannedLimits"].as_array().into_iter().flatten();
    let planned = planned.find(|one| {
        one["period"] == period.label.as_str()
            || one["months"].as_array().is_some_and(|months| months.contains(&json!(month)))
    });
    let amount = price(&planned.unwrap_or(&spec["limit"])["amount"]).expect("an amount");
    let peaks = spec["peaks"].as_array().into_iter().flatten().filter(|peak| {
        let date = peak["from"].as_str().expect("a date").parse().expect("a date");
        (period.start..period.end).contains(&periods::first_instant(every, date))
    });
    amount + peaks.filter_map(|peak| price(&peak["extraAmount"])).sum::<BigRational>()
}

fn rolled_over(ledger: &Ledger, statement: &Statement, spec: &Value, instant: Seconds) -> Option<BigRational> {
    let Some(percent) = price(&spec["rollover"]["unspentPercent"]) else { return Some(BigRational::zero()) };
    // One of another kind is not the one before: nothing was planned for it.
    let before = periods::at(&spec["period"], statement.period.start - 1);
    let of_it = |one: &Statement| one.owner == statement.owner && Some(&one.period) == before.as_ref();
    let spent: Vec<_> = ledger.statements.iter().filter(|(one, _)| of_it(one)).collect();
    let Some(before) = before.filter(|_| !spent.is_empty()) else { return Some(BigRational::zero()) };
    let spent = spent.iter().map(|(one, tally)| Some(tally.total() / rate(ledger, one, spec, instant)?));
    let left = (planned(spec, &before) - spent.sum::<Option<BigRational>>()?).max(BigRational::zero());
    Some(left * percent / BigRational::from_integer(100.into()))
}

/// The overrides that touch the period, in order of creation.
fn granted<'a>(ledger: &'a Ledger, statement: &Statement) -> Vec<(Seconds, Seconds, &'a Thing)> {
    let (kind, namespace, name) = &statement.owner;
    let home = if kind == "Budget" { namespace } else { "opex-system" };
    let whose = json!({"kind": kind, "name": name});
    let all = ledger.world.all("BudgetOverride").filter(|one| one.namespace() == home);
    let own = all.filter(|one| one.newest()["spec"]["budgetRef"] == whose);
    let until = |one: &Thing| time(&one.newest()["spec"]["until"]).expect("an end");
    let mut granted: Vec<_> = own.map(|one| (one.made(ledger.world.from), until(one), one)).collect();
    granted.retain(|(made, until, _)| *made < statement.period.end && *until > statement.period.start);
    granted.sort_by_key(|(made, _, one)| (*made, one.name()));
    granted
}

/// What those in force add, up to the budget's caps.
fn overrides(ledger: &Ledger, statement: &Statement, spec: &Value, limit: &BigRational, now: Seconds) -> BigRational {
    let caps = &spec["overrides"];
    let mut granted = granted(ledger, statement);
    // Of one that is gone nobody knows who comes later.
    granted.retain(|(_, _, one)| one.lives_at(now));
    granted.truncate(caps["maxPerPeriod"].as_u64().map_or(usize::MAX, |most| usize::try_from(most).expect("few")));
    let active = granted.iter().filter(|(made, until, _)| *made <= now && now < *until);
    let extra: BigRational = active.filter_map(|(_, _, one)| price(&one.newest()["spec"]["extraAmount"])).sum();
    match price(&caps["maxPercent"]) {
        Some(most) => extra.min(limit * most / BigRational::from_integer(100.into())),
        None => extra,
    }
}
