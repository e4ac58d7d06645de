//! Which Statements there are, and in which time each of them meters by which spec.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::periods::{self, Period};
use super::plans::{plan_at, plan_instants};
use super::world::{Thing, World};
use super::{Input, Seconds, children};

/// Kind, namespace and name of a budget.
pub type Owner = (String, String, String);

/// From when to when a budget says what.
pub type Window = (Seconds, Seconds, Value);

/// A Statement without its lines.
#[derive(Clone, Debug)]
pub struct Statement {
    pub owner: Owner,
    pub namespace: String,
    pub name: String,
    pub period: Period,
    pub currency: String,
    pub windows: Vec<Window>,
    pub closes: Closing,
}

/// What has neither a plan nor a limit is in no currency, and takes the first one that a plan brings.
const NO_CURRENCY: &str = "XXX";

/// When a Statement closes, and what closes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Closing {
    /// Ten minutes after its period's end.
    Time(Seconds),
    /// An edit, or the end of its Namespace.
    Event(Seconds),
    Gone(Seconds),
}

/// A stretch of time in which one spec of a budget holds, within one period and under one currency.
struct Stretch {
    from: Seconds,
    to: Seconds,
    spec: Value,
    period: Period,
    every: Value,
    currency: Option<String>,
}

/// All Statements, those of one budget in order.
pub fn statements(world: &World, input: &Input) -> Vec<Statement> {
    let mut found = Vec::new();
    let mut names = BTreeSet::new();
    for (owner, spells) in budgets(world, input) {
        let mut own: Vec<Statement> = Vec::new();
        let mut every = Value::Null;
        for stretch in stretches(world, spells) {
            let open =
                own.last_mut().filter(|one| stretch.from < one.period.end && !matches!(one.closes, Closing::Gone(_)));
            match open {
                Some(open) if every == stretch.every && continues(open, &stretch) => {
                    open.windows.push((stretch.from, stretch.to, stretch.spec));
                    if let Some(currency) = stretch.currency {
                        open.currency = currency;
                    }
                    continue;
                }
                Some(open) => open.closes = Closing::Event(stretch.from),
                None => {}
            }
            every.clone_from(&stretch.every);
            own.push(open_with(world, &owner, stretch, &mut names));
        }
        found.extend(own);
    }
    found
}

/// From when to when each budget says what.
fn budgets(world: &World, input: &Input) -> BTreeMap<Owner, Vec<Window>> {
    let mut budgets: BTreeMap<Owner, Vec<Window>> = BTreeMap::new();
    for kind in ["Budget", "ClusterBudget"] {
        for budget in world.all(kind) {
            let owner = (kind.to_owned(), budget.namespace().to_owned(), budget.name().to_owned());
            let spells = spells(world, budget, input);
            budgets.entry(owner).or_default().extend(spells);
        }
    }
    children::grow(world, &mut budgets);
    budgets
}

fn stretches(world: &World, spells: Vec<Window>) -> Vec<Stretch> {
    let mut found = Vec::new();
    for (from, to, spec) in spells {
        let plan = spec["pricePlan"].as_str().unwrap_or("default").to_owned();
        let mut instant = from;
        while instant < to {
            let Some(period) = periods::at(&spec["period"], instant) else {
                let edges = [&spec["period"]["start"]].into_iter().filter_map(super::world::time);
                instant = edges.filter(|edge| *edge > instant).min().unwrap_or(to);
                continue;
            };
            let changes = plan_instants(world, &plan).into_iter().filter(|change| *change > instant);
            let until = changes.chain([to, period.end]).min().expect("an end");
            let priced = plan_at(world, &plan, instant);
            let currency = priced.and_then(|plan| plan["currency"].as_str()).map(ToOwned::to_owned);
            let every = periods::with_defaults(&spec["period"]);
            found.push(Stretch { from: instant, to: until, spec: spec.clone(), period, every, currency });
            instant = until;
        }
    }
    found
}

/// From when to when which spec holds, within what is replayed.
fn spells(world: &World, budget: &Thing, input: &Input) -> Vec<Window> {
    let mut since: Vec<(Seconds, &Value)> = vec![(budget.made(input.from), &budget.versions[0].1["spec"])];
    for (at, version) in &budget.versions[1..] {
        if since[since.len() - 1].1 != &version["spec"] {
            since.push((*at, &version["spec"]));
        }
    }
    let end = [budget.gone, namespace_gone(world, budget.namespace(), since[0].0)].into_iter().flatten().min();
    let end = end.unwrap_or(input.to).min(input.to);
    let mut found = Vec::new();
    for (i, (from, spec)) in since.iter().enumerate() {
        let to = since.get(i + 1).map_or(end, |(next, _)| (*next).min(end));
        let from = (*from).max(input.from);
        if from < to {
            found.push((from, to, (*spec).clone()));
        }
    }
    found
}

fn namespace_gone(world: &World, namespace: &str, after: Seconds) -> Option<Seconds> {
    world.named("Namespace", namespace).filter_map(|namespace| namespace.gone).filter(|gone| *gone > after).min()
}

/// A missing plan has no currency, and closes nothing.
fn continues(open: &Statement, stretch: &Stretch) -> bool {
    let same = |currency: &String| *currency == open.currency || open.currency == NO_CURRENCY;
    open.period == stretch.period && stretch.currency.as_ref().is_none_or(same)
}

fn open_with(world: &World, owner: &Owner, stretch: Stretch, names: &mut BTreeSet<(String, String)>) -> Statement {
    let of_namespace = if owner.0 == "Budget" { owner.1.clone() } else { "opex-system".to_owned() };
    let base = format!("{}-{}", owner.2, stretch.period.label);
    let numbered = (2..).map(|n| format!("{base}.{n}"));
    let name =
        std::iter::once(base.clone()).chain(numbered).find(|name| names.insert((of_namespace.clone(), name.clone())));
    let name = name.expect("a free name");
    let limit = || stretch.spec["limit"]["currency"].as_str().unwrap_or(NO_CURRENCY).to_owned();
    let close = stretch.period.end + 600;
    let gone = namespace_gone(world, &owner.1, stretch.from).filter(|gone| *gone < close);
    let (namespace, name) = match gone {
        Some(_) => ("opex-system".to_owned(), format!("{of_namespace}.{name}")),
        None => (of_namespace, name),
    };
    Statement {
        owner: owner.clone(),
        namespace,
        name,
        currency: stretch.currency.clone().unwrap_or_else(limit),
        windows: vec![(stretch.from, stretch.to, stretch.spec)],
        closes: gone.map_or(Closing::Time(close), Closing::Gone),
        period: stretch.period,
    }
}

// === impl Statement ===

impl Statement {
    /// Its period up to the instant at which it stands.
    pub fn so_far(&self, world: &World) -> (Seconds, Seconds) {
        let edited = match self.closes {
            Closing::Time(_) => self.period.end,
            Closing::Event(at) | Closing::Gone(at) => at,
        };
        (self.period.start.max(world.from), self.period.end.min(edited).min(world.to))
    }
}

// === impl Closing ===

impl Closing {
    pub fn instant(self) -> Seconds {
        let (Self::Time(at) | Self::Event(at) | Self::Gone(at)) = self;
        at
    }
}
