//! What a change would cost until the period ends: the engine takes in what the operator observes, twice, once as it is
//! and once with the change imagined, and both are asked where they stand at the same second. Their difference is the
//! change's; tiers, discounts, node classes, recurring charges and limits come by themselves.

pub mod change;
pub mod place;
pub mod template;

use std::collections::{BTreeSet, HashMap, HashSet};

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, ObjectMeta};
use serde::Serialize;
use serde_json::Value;

use crate::api::{BudgetStatus, Gate, Mode};
use crate::engine::budget::BudgetKey;
use crate::engine::machine::{BudgetFigures, Event, Fact, Machine, Settings, Unwatched, is_incomplete};
use crate::engine::money::{Exact, amount_text, parse_exact};
use crate::engine::observed::{Source, Tag};
use crate::engine::selector::Selector;
use crate::facts::{Labels, ObjectId, Seconds};
use crate::observe::{Observed, TypeMeta};
use change::Imagined;

/// The engine as it is, and the engine with the change.
#[derive(Debug)]
pub struct Twins {
    real: Machine,
    imagined: Machine,
    known: HashSet<ObjectId>,
    /// What the operator shows of each budget.
    shown: HashMap<BudgetKey, BudgetStatus>,
    at: Seconds,
}

/// The budgets that a change concerns.
#[derive(Clone, Debug)]
pub struct Concerned {
    /// Absent: any, because something changes that is in no namespace.
    pub namespaces: Option<BTreeSet<String>>,
    /// The labels of those namespaces.
    pub labels: Vec<Labels>,
    /// Whether everything is seen that ClusterBudgets count.
    pub whole: bool,
}

/// What a change does to one budget. Amounts are in its currency, as its status shows them.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Row {
    pub kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    pub name: String,
    pub currency: String,
    /// The period's label, its end, and the civil date of that in the budget's zone.
    pub period: String,
    pub until: Timestamp,
    pub resets: String,
    /// What was spent so far.
    pub spent: String,
    pub forecast: Compared,
    pub per_day: Compared,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<String>,
    /// Whether the forecast is within the limit then; absent without a limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fits: Option<bool>,
    /// Whether it is within the limit as it is.
    #[serde(skip)]
    pub fitted: Option<bool>,
    pub gate: Gates,
}

/// An amount as it is, with the change, and what the change adds or saves.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Compared {
    pub now: String,
    pub then: String,
    pub change: String,
}

/// What a budget asks of admission as it is, and what it would ask at once.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Gates {
    pub now: Gate,
    pub then: Gate,
}

/// What can be said of the budgets that a change concerns.
#[derive(Debug, Default)]
pub struct Comparison {
    pub rows: Vec<Row>,
    pub notes: Vec<String>,
}

// === impl Twins ===

impl Twins {
    pub fn new(settings: &Settings) -> Self {
        let machine = || Machine::new(settings.clone());
        Self { real: machine(), imagined: machine(), known: HashSet::new(), shown: HashMap::new(), at: Seconds::MIN }
    }

    /// Takes in an object that exists.
    pub fn observe(&mut self, observed: &Observed, at: Seconds) {
        self.known.insert(observed.id);
        match &observed.fact {
            Fact::Budget(budget) => {
                let status = budget.status.as_ref();
                self.show(budget.metadata.namespace.as_deref(), &budget.metadata, status);
            }

            Fact::ClusterBudget(budget) => {
                let status = budget.status.as_ref().map(|status| &status.budget);
                self.show(None, &budget.metadata, status);
            }
            _ => {}
        }
        for machine in [&mut self.real, &mut self.imagined] {
            apply(machine, observed.clone(), at);
        }
    }

    fn show(&mut self, namespace: Option<&str>, metadata: &ObjectMeta, status: Option<&BudgetStatus>) {
        let key = BudgetKey::of(namespace.map(Into::into), metadata.name.as_deref().unwrap_or_default().into());
        self.shown.extend(status.map(|status| (key, status.clone())));
    }

    /// Everything of a source was taken in, as it was at a version.
    pub fn listed(&mut self, source: Source, version: u64, at: Seconds) {
        self.both(&Event::Listed { tag: Tag { source, version }, held: None }, at);
    }

    /// All samples of what Pods use were taken in.
    pub fn heard(&mut self, tag: Tag, at: Seconds) {
        self.both(&Event::Heard { tag }, at);
    }

    /// An optional source cannot be seen.
    pub fn unwatched(&mut self, source: Source, why: Unwatched, at: Seconds) {
        self.both(&Event::Unwatched { source, why }, at);
    }

    fn both(&mut self, event: &Event, at: Seconds) {
        self.real.ingest(event.clone(), at);
        self.imagined.ingest(event.clone(), at);
    }

    /// Everything that exists is known; the change happens.
    pub fn start(&mut self, imagined: &Imagined, at: Seconds) -> serde_json::Result<()> {
        self.at = at;
        self.real.start(at);
        self.imagined.start(at);
        for object in &imagined.gone {
            let Some(Observed { id, tag, fact, also, .. }) = read(object)? else { continue };
            for fact in std::iter::once(fact).chain(also).filter(|_| self.known.contains(&id)) {
                self.imagined.ingest(Event::Deleted { tag, id, fact, last_seen: None }, at);
            }
        }
        for object in &imagined.there {
            if let Some(observed) = read(object)? {
                apply(&mut self.imagined, observed, at);
            }
        }
        self.real.pass(at);
        self.imagined.pass(at);
        Ok(())
    }

    /// What becomes of the budgets that the change concerns.
    pub fn compare(&self, concerned: &Concerned) -> Comparison {
        let (now, then) = (self.real.shown(self.at).budgets, self.imagined.shown(self.at).budgets);
        let mut comparison = Comparison::default();
        for budget in then.iter().filter(|budget| concerned.counts(budget)) {
            let before = now.iter().find(|before| before.key == budget.key).map(|before| &*before.status);
            let nothing = BudgetStatus::default();
            let unseen = before.map(|_| self.unseen(&budget.key)).unwrap_or_default();
            match row(budget, before.unwrap_or(&nothing), &unseen) {
                Some(row) if concerned.namespaces.is_some() || row.is_changed() => comparison.rows.push(row),
                Some(_) => {}
                None => comparison.notes.push(unknown(budget)),
            }
            comparison.notes.extend(unpriced(budget));
            if budget.spec.basis.is_sampled() {
                let note = "goes by what Pods use: another Pod counts as the newest of its workload does now";
                comparison.notes.push(format!("{} {note}", named(budget)));
            }
        }
        for budget in now.iter().filter(|budget| concerned.counts(budget)) {
            if !then.iter().any(|after| after.key == budget.key) {
                comparison.notes.push(format!("{} would be gone", named(budget)));
            }
        }
        comparison
    }
}

impl Twins {
    /// What the operator has counted and nobody can count who looks now: of what ended and vanished since the Statement
    /// was written.
    fn unseen(&self, key: &BudgetKey) -> Exact {
        let counted = || {
            let shown = self.shown.get(key)?;
            let ours = self.real.status(key, shown.updated.as_ref()?.0.as_second());
            let same = ours.period == shown.period && ours.currency == shown.currency;
            let spent = |status: &BudgetStatus| parse_exact(status.spent.as_ref()?).ok();
            Some(spent(shown)? - spent(&ours)?).filter(|_| same)
        };
        counted().unwrap_or_default()
    }
}

fn apply(machine: &mut Machine, observed: Observed, at: Seconds) {
    let Observed { id, tag, fact, also, .. } = observed;
    for fact in std::iter::once(fact).chain(also) {
        machine.ingest(Event::Applied { tag, id, fact }, at);
    }
}

/// None where the operator takes no notice of the kind.
fn read(object: &Value) -> serde_json::Result<Option<Observed>> {
    let text = |field: &str| object[field].as_str().unwrap_or_default().to_owned();
    let source = TypeMeta { api_version: text("apiVersion"), kind: text("kind") }.source();
    source.map(|source| Observed::read(source, &object.to_string())).transpose()
}

// === impl Concerned ===

impl Concerned {
    fn counts(&self, budget: &BudgetFigures) -> bool {
        let Some(namespaces) = &self.namespaces else { return true };
        match &budget.key.namespace {
            Some(namespace) => namespaces.contains(namespace.as_str()),
            // Of one with a Budget in each namespace, those are shown.
            None => {
                let selector = budget.namespace_selector.as_ref().map(Selector::compile).transpose();
                let selector = selector.ok().map(Option::unwrap_or_default);
                let over = |labels: &Labels| selector.as_ref().is_some_and(|selector| selector.matches(labels));
                self.whole && budget.mode == Mode::Shared && self.labels.iter().any(over)
            }
        }
    }
}

// === impl Row ===

impl Row {
    pub fn is_changed(&self) -> bool {
        self.forecast.is_changed() || self.per_day.is_changed() || self.gate.now != self.gate.then
    }

    /// Whether the change makes the budget too small: one that was too small before is not the change's fault where that
    /// adds nothing.
    pub fn breaks(&self) -> bool {
        let is_dearer = self.forecast.is_changed() && !self.forecast.change.starts_with('-');
        self.fits == Some(false) && (is_dearer || self.fitted != Some(false))
    }
}

// === impl Compared ===

impl Compared {
    fn is_changed(&self) -> bool {
        self.now != self.then
    }
}

/// None where the figures of the one or the other are not known. `unseen` is in all of them.
fn row(budget: &BudgetFigures, before: &BudgetStatus, unseen: &Exact) -> Option<Row> {
    let status = &*budget.status;
    if not_ready(budget).is_some() {
        return None;
    }
    let (currency, period) = (status.currency?, status.period.as_ref()?);
    let exact = |text: &String| parse_exact(text).ok();
    let compared = |now: Option<&String>, then: &String, unseen: &Exact| {
        let now = now.map_or_else(|| Some(Exact::default()), exact)? + unseen;
        let then = exact(then)? + unseen;
        let change = amount_text(&(&then - &now), currency);
        Some(Compared { now: amount_text(&now, currency), then: amount_text(&then, currency), change })
    };
    let fits = |status: &BudgetStatus| {
        let forecast = exact(&status.forecast.as_ref()?.amount)?;
        Some(forecast + unseen <= exact(status.limit.as_ref()?)?)
    };
    let forecast = &status.forecast.as_ref()?.amount;
    let per_day = &status.burn_rate.as_ref()?.per_day;
    Some(Row {
        kind: budget.key.kind(),
        namespace: budget.key.namespace.as_ref().map(ToString::to_string),
        name: budget.key.name.to_string(),
        currency: currency.code().to_owned(),
        period: period.label.clone(),
        until: period.end.0,
        resets: period.resets.clone(),
        spent: amount_text(&(exact(status.spent.as_ref()?)? + unseen), currency),
        fits: fits(status),
        fitted: fits(before),
        forecast: compared(before.forecast.as_ref().map(|forecast| &forecast.amount), forecast, unseen)?,
        per_day: compared(before.burn_rate.as_ref().map(|burn| &burn.per_day), per_day, &Exact::default())?,
        limit: status.limit.clone(),
        gate: Gates { now: before.gate.unwrap_or_default(), then: status.gate.unwrap_or_default() },
    })
}

fn named(budget: &BudgetFigures) -> String {
    match &budget.key.namespace {
        Some(namespace) => format!("Budget {namespace}/{}", budget.key.name),
        None => format!("ClusterBudget {}", budget.key.name),
    }
}

/// Without a plan, say, nothing has a price, and nothing would be said to cost nothing.
fn not_ready(budget: &BudgetFigures) -> Option<&Condition> {
    budget.status.conditions.iter().find(|condition| condition.type_ == "Ready" && condition.status == "False")
}

fn unknown(budget: &BudgetFigures) -> String {
    let why = not_ready(budget).map_or_else(
        || "nothing is metered now".to_owned(),
        |condition| format!("{}: {}", condition.reason, condition.message),
    );
    format!("{} has no figures: {why}", named(budget))
}

/// What has no price, or cannot be seen, is in no figure.
fn unpriced(budget: &BudgetFigures) -> Option<String> {
    let ready = budget.status.conditions.iter().find(|condition| condition.type_ == "Ready")?;
    is_incomplete(&ready.reason).then(|| format!("{}: {}: {}", named(budget), ready.reason, ready.message))
}

#[cfg(test)]
mod tests;
