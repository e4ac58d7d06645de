//! What is left of a budget's limit, and when its thresholds were reached.

use std::collections::{BTreeMap, BTreeSet};

use num_rational::BigRational;
use num_traits::Zero;
use serde_json::{Value, json};

use super::amounts::price;
use super::compare::decimals;
use super::ledger::{Ledger, billed, ledger};
use super::limits::{self, limit, rate};
use super::plans::{plan_instants, plan_of, specs};
use super::spells::{Statement, Window};
use super::tally::Tally;
use super::usage::shares_by_usage;
use super::{Input, Seconds, Status};

/// A budget as it stands, with its open Statement.
struct Standing<'a> {
    ledger: &'a Ledger,
    statement: &'a Statement,
    tally: &'a Tally,
    spec: &'a Value,
}

pub fn statuses(input: &Input) -> BTreeMap<(String, String, String), Status> {
    let ledger = ledger(input);
    let budgets = ledger.statements.iter().filter(|(statement, _)| statement.owner.0 != "PricePlan");
    let standing = budgets.filter_map(|(statement, tally)| Standing::of(&ledger, statement, tally));
    standing.filter_map(|standing| Some((standing.statement.owner.clone(), standing.status()?))).collect()
}

// === impl Standing ===

impl<'a> Standing<'a> {
    /// None if it is not there any more, nor where the spend may fall, by a Correction or by shares that are computed
    /// anew.
    fn of(ledger: &'a Ledger, statement: &'a Statement, tally: &'a Tally) -> Option<Self> {
        let world = &ledger.world;
        let (_, to, spec) = statement.windows.last()?;
        let shares = statement.windows.iter().any(|(_, _, spec)| {
            let plans = specs(world, plan_of(spec));
            spec["includeIdle"] == true || plans.iter().any(|plan| shares_by_usage(plan) || !plan["sharing"].is_null())
        });
        let corrected = tally.lines.keys().any(|key| key.correction) || tally.charges.keys().any(|one| one.correction);
        let is_open = *to == world.to && world.to < statement.period.end;
        (is_open && !shares && !corrected).then_some(Self { ledger, statement, tally, spec })
    }

    /// None if it has no limit, or one in a currency without a rate.
    fn status(&self) -> Option<Status> {
        let digits = match self.spec["limit"]["currency"].as_str() {
            Some("JPY") => 0,
            Some("KWD") => 3,
            _ => 2,
        };
        let now = self.ledger.world.to;
        let rate = rate(self.ledger, self.statement, self.spec, now)?;
        let limit = limit(self.ledger, self.statement, self.spec, now)?;
        let shown = |amount: &BigRational| decimals(amount, digits);
        let spent = self.tally.total() / &rate;
        let whole = |n: i32| BigRational::from_integer(n.into());
        let used_percent = match (limit.is_zero(), spent.is_zero()) {
            (true, true) => whole(0),
            (true, false) => whole(100),
            _ => (&spent * whole(100) / &limit).floor(),
        };
        let charges = self.tally.charges.iter();
        let fixed = charges.filter(|(charge, _)| charge.rate.starts_with("recurring/")).map(|(_, cost)| cost);
        Some(Status {
            label: self.statement.period.label.clone(),
            limit: shown(&limit),
            spent: shown(&spent),
            remaining: shown(&(limit - &spent)),
            used_percent: used_percent.to_integer().to_string(),
            fixed: shown(&(fixed.sum::<BigRational>() / &rate)),
            crossed: self.crossed(),
        })
    }

    fn crossed(&self) -> Vec<(String, Option<Seconds>)> {
        let percents = percents(self.spec).into_iter();
        percents.map(|percent| (percent.to_string(), self.reached(&percent))).collect()
    }

    /// Since when so much of the limit has been spent: a change of the limit may begin and end that as well.
    fn reached(&self, percent: &Value) -> Option<Seconds> {
        let mut since = None;
        for (from, to, spec) in self.segments().into_iter().rev() {
            let holds = |instant: Seconds| {
                let of = price(percent).expect("a percentage") / BigRational::from_integer(100.into());
                let rate = rate(self.ledger, self.statement, &spec, from);
                let limit = limit(self.ledger, self.statement, &spec, from);
                let amounts = rate.zip(limit).filter(|_| percents(&spec).contains(percent));
                amounts.is_some_and(|(rate, limit)| self.spent_by(instant) >= limit * rate * of)
            };
            let last = from.max(to - 1);
            if !holds(last) {
                break;
            }
            if holds(from) {
                since = Some(from);
                continue;
            }
            let (mut below, mut reached) = (from, last);
            while reached - below > 1 {
                let middle = below + (reached - below) / 2;
                if holds(middle) { reached = middle } else { below = middle }
            }
            return Some(reached);
        }
        since
    }

    /// The time of the Statement in parts in which the limit is the same.
    fn segments(&self) -> Vec<Window> {
        let mut segments = Vec::new();
        for (from, to, spec) in &self.statement.windows {
            let plans = plan_instants(&self.ledger.world, plan_of(spec));
            let changes = limits::instants(self.ledger, self.statement).into_iter().chain(plans);
            let inner = changes.filter(|change| from < change && change < to);
            let edges: BTreeSet<_> = inner.chain([*from, *to]).collect();
            let edges: Vec<_> = edges.into_iter().collect();
            segments.extend(edges.windows(2).map(|edge| (edge[0], edge[1], spec.clone())));
        }
        // What was spent by the end of all counts as well, against the limit of then.
        let now = self.ledger.world.to;
        segments.push((now, now, self.spec.clone()));
        segments
    }

    fn spent_by(&self, instant: Seconds) -> BigRational {
        let begun = self.statement.windows.iter().filter(|(from, _, _)| *from < instant);
        let windows: Vec<Window> = begun.map(|(from, to, spec)| (*from, (*to).min(instant), spec.clone())).collect();
        if windows.is_empty() {
            return BigRational::zero();
        }
        let statement = Statement { windows, ..self.statement.clone() };
        billed(&self.ledger.world, &self.ledger.world, &statement).total()
    }
}

/// The percentages of the actual spend at which something is to happen.
fn percents(spec: &Value) -> Vec<Value> {
    let default = json!([{"percent": 80}, {"percent": 100}]);
    let thresholds = spec["thresholds"].as_array().or(default.as_array()).into_iter().flatten();
    let actual = thresholds.filter(|one| one["of"].is_null() || one["of"] == "Actual");
    actual.map(|one| one["percent"].clone()).collect()
}
