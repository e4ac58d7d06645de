//! Events: each edge is told once, retried until it is delivered or something newer is to be told.
//!
//! What is told is put down when the edge is seen, figures included, and its name is made of the edge alone: a retry, by
//! this replica or the next, makes no second event. What was told last is kept apart from the status that shows it, so
//! that a refused status tells nothing again.

use iso_currency::Currency;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;

use super::conditions::deserves_a_look;
use super::persist::{pause, time};
use super::{BudgetState, Machine};
use crate::api::{BudgetStatus, Gate, Measure, Threshold};
use crate::engine::budget::BudgetKey;
use crate::engine::write::{About, EventKey, Outcome, Write, WriteKey};
use crate::facts::{Name, Seconds};

/// For how long a status waits for the events that it shows, so that whoever takes over knows what was told.
const AHEAD: Seconds = 30;

/// Most events of one budget that wait to be told: the oldest are left out.
const WAITING: usize = 20;

/// An event that is to be told.
#[derive(Clone, Debug)]
pub(super) struct Untold {
    key: EventKey,
    warning: bool,
    note: String,
    since: Seconds,
    failures: u32,
    retry_at: Seconds,
}

/// What people were told last of a budget.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Told {
    /// Status and reason of the condition Ready.
    ready: Option<(String, String)>,
    gate: Gate,
    /// Why there are no samples.
    unsampled: Option<String>,
}

impl Machine {
    /// Takes note of the edges to a status: crossings, the gate, readiness.
    pub(super) fn notice(&mut self, key: &BudgetKey, status: &BudgetStatus, now: Seconds) {
        let Some(state) = self.budgets.get_mut(key) else { return };
        let spec = state.specs.last().cloned().flatten();
        let mut news = Vec::new();
        for threshold in spec.iter().flat_map(|spec| &spec.thresholds) {
            let (percent, of) = (threshold.percent, threshold.of);
            if let Some(at) = state.crossed_untold(percent, of) {
                let note = crossing_note(status, threshold, at);
                news.push((EventKey::Crossed { budget: key.clone(), percent, of, at }, true, note));
            }
        }
        for (reason, warning, note) in edges(&state.told, status) {
            let at = if reason.starts_with("Gate") { state.closed_by().unwrap_or(state.decision.since) } else { now };
            news.push((EventKey::Changed { budget: key.clone(), reason, of: "".into(), at }, warning, note));
        }
        state.told = Told::of(status);
        for (key, warning, note) in news {
            state.put_down(Untold { key, warning, note, since: now, failures: 0, retry_at: now });
        }
    }

    /// A warning about a Statement of a budget.
    pub(super) fn tell_of(
        &mut self,
        budget: &BudgetKey,
        reason: &'static str,
        statement: &Name,
        note: &str,
        at: Seconds,
    ) {
        self.announce(budget, reason, true, statement, format!("Statement {statement} {note}"), at);
    }

    /// News of something that belongs to a budget.
    pub(super) fn announce(
        &mut self,
        budget: &BudgetKey,
        reason: &'static str,
        warning: bool,
        of: &Name,
        note: String,
        at: Seconds,
    ) {
        let key = EventKey::Changed { budget: budget.clone(), reason, of: of.clone(), at };
        if let Some(state) = self.budgets.get_mut(budget).filter(|_| self.leading) {
            state.put_down(Untold { key, warning, note, since: at, failures: 0, retry_at: at });
            self.wake_budget(budget, at);
        }
    }

    pub(super) fn event_writes(&mut self, key: &BudgetKey, now: Seconds, writes: &mut Vec<Write>) {
        // A Namespace that goes takes no events.
        let going = key.namespace.as_ref().is_some_and(|namespace| self.is_going(namespace));
        let about = self.about(key);
        let Some(state) = self.budgets.get_mut(key) else { return };
        state.drop_superseded(going);
        for untold in &state.untold {
            let due = untold.retry_at <= now && !self.inflight.contains(&WriteKey::Event(untold.key.clone()));
            if due {
                let (key, about, note) = (untold.key.clone(), about.clone(), untold.note.clone());
                writes.push(Write::Event { key, about, warning: untold.warning, note });
            }
        }
    }

    pub(super) fn told(&mut self, key: &EventKey, outcome: &Outcome, at: Seconds) {
        let budget = key.budget();
        let Some(state) = self.budgets.get_mut(budget) else { return };
        let Some(i) = state.untold.iter().position(|untold| untold.key == *key) else { return };
        if !matches!(outcome, Outcome::Written { .. } | Outcome::Gone) {
            let untold = &mut state.untold[i];
            untold.failures += 1;
            untold.retry_at = at + pause(untold.failures);
            let retry_at = untold.retry_at;
            self.wake_budget(budget, retry_at);
            return;
        }
        state.untold.remove(i);
        if let EventKey::Crossed { percent, of, at: crossed, .. } = key
            && let Some(latch) = state.latches.get_mut(&(*percent, *of)).filter(|l| l.crossed_at == Some(*crossed))
        {
            latch.notified_at = Some(at);
        }
        self.wake_budget(budget, at);
    }

    /// While another replica leads, what its status shows was told, or is told by it; of crossings it says when.
    pub(super) fn follow(&mut self, key: &BudgetKey) {
        let Some(state) = self.budgets.get_mut(key) else { return };
        state.told = Told::of(&state.seen_status);
        state.untold.clear();
        let current = state.latched.and_then(|id| self.ledgers.get(&id)).map(|entry| entry.ledger.window.start);
        let shown = state.seen_status.period.as_ref().map(|period| period.start.0.as_second());
        if state.latched.is_none() || (shown.is_some() && shown == current && state.shows_its_terms()) {
            state.adopt_latches();
        }
    }

    pub(super) fn about(&self, budget: &BudgetKey) -> About {
        About {
            kind: budget.kind(),
            namespace: budget.namespace.clone(),
            name: budget.name.clone(),
            uid: self.budgets.get(budget).and_then(|state| state.uid.clone()),
        }
    }
}

// === impl BudgetState ===

impl BudgetState {
    /// When the crossing was that closed the gate, which every replica dates alike; none where it was told long ago.
    fn closed_by(&self) -> Option<Seconds> {
        let (percent, of, since) = self.decision.cause?;
        self.latches.get(&(percent, of)).filter(|latch| latch.notified_at.is_none()).map(|_| since)
    }

    /// Whether an event is on its way that the status would show as told.
    pub(super) fn is_telling(&self, now: Seconds) -> bool {
        self.untold.iter().any(|untold| now - untold.since < AHEAD)
    }

    /// When a threshold was crossed, if that is still to be put down.
    fn crossed_untold(&self, percent: i32, of: Measure) -> Option<Seconds> {
        let latch = self.latches.get(&(percent, of)).filter(|latch| latch.notified_at.is_none())?;
        let known = |untold: &&Untold| untold.key.is_crossing(percent, of, latch.crossed_at);
        latch.crossed_at.filter(|_| self.untold.iter().find(known).is_none())
    }

    fn put_down(&mut self, news: Untold) {
        self.untold.retain(|before| !news.key.supersedes(&before.key));
        self.untold.push(news);
        let surplus = self.untold.len().saturating_sub(WAITING);
        self.untold.drain(..surplus);
    }

    /// Of a crossing that is no more nobody is told.
    fn drop_superseded(&mut self, all: bool) {
        let Self { untold, latches, .. } = self;
        let stands = |key: &EventKey| {
            let mut latches = latches.iter().filter(|(_, latch)| latch.notified_at.is_none());
            let crossing = matches!(key, EventKey::Crossed { .. });
            !crossing || latches.any(|((percent, of), latch)| key.is_crossing(*percent, *of, latch.crossed_at))
        };
        untold.retain(|untold| !all && stands(&untold.key));
    }
}

// === impl Told ===

impl Told {
    pub fn of(status: &BudgetStatus) -> Self {
        let ready = status.conditions.iter().find(|condition| condition.type_ == "Ready");
        Self {
            ready: ready.map(|condition| (condition.status.clone(), condition.reason.clone())),
            gate: status.gate.unwrap_or_default(),
            unsampled: unsampled(status).map(|condition| condition.reason.clone()),
        }
    }
}

// === impl EventKey ===

impl EventKey {
    fn budget(&self) -> &BudgetKey {
        let (Self::Crossed { budget, .. } | Self::Changed { budget, .. }) = self;
        budget
    }

    fn is_crossing(&self, percent: i32, of: Measure, at: Option<Seconds>) -> bool {
        matches!(self, Self::Crossed { percent: p, of: o, at: t, .. } if (*p, *o, Some(*t)) == (percent, of, at))
    }

    /// Whether it says how something stands now of which the other says how it stood.
    fn supersedes(&self, before: &Self) -> bool {
        let subject = |key: &Self| match key {
            Self::Crossed { .. } => None,
            Self::Changed { reason, .. } => {
                ["Ready", "Gate", "Sample"].into_iter().find(|subject| reason.contains(subject))
            }
        };
        self == before || subject(self).is_some_and(|own| subject(before) == Some(own))
    }
}

fn edges(told: &Told, status: &BudgetStatus) -> Vec<(&'static str, bool, String)> {
    let mut edges = Vec::new();
    let ready = status.conditions.iter().find(|condition| condition.type_ == "Ready");
    if let Some(now) = ready
        && told.ready.as_ref().map(|(status, reason)| (status, reason)) != Some((&now.status, &now.reason))
        && (told.ready.is_some() || now.status == "False" || deserves_a_look(&now.reason))
    {
        let reason = if now.status == "False" { "NotReady" } else { "Ready" };
        let warning = now.status == "False" || deserves_a_look(&now.reason);
        edges.push((reason, warning, format!("{}: {}", now.reason, now.message)));
    }
    match (&told.unsampled, unsampled(status)) {
        (told, Some(now)) if told.as_ref() != Some(&now.reason) => {
            edges.push(("SamplesMissing", true, format!("{}: {}", now.reason, now.message)));
        }
        (Some(_), None) => edges.push(("SamplesBack", false, "what Pods use is known again".to_owned())),
        _ => {}
    }
    let now = status.gate.unwrap_or_default();
    if told.gate != now {
        let (reason, mut note) = match now {
            Gate::Open => ("GateOpened", format!("the gate is open{}", spent_note(status))),
            Gate::Warn => ("GateChanged", "growth is warned of".to_owned()),
            Gate::BlockScaleUp => ("GateClosed", "scale-ups above the ceilings are refused".to_owned()),
            Gate::Block => ("GateClosed", "everything new and larger is refused".to_owned()),
        };
        let missing = |condition: &&Condition| condition.type_ == "Enforced" && condition.reason == "PolicyMissing";
        if let Some(unenforced) = status.conditions.iter().find(missing) {
            note = format!("not enforced: {}; else {note}", unenforced.message);
        }
        edges.push((reason, now > told.gate, note));
    }
    edges
}

/// The condition that says why there are no samples.
fn unsampled(status: &BudgetStatus) -> Option<&Condition> {
    let missing = |condition: &&Condition| {
        condition.type_ == "DataFresh"
            && condition.status == "False"
            && ["MetricsUnavailable", "Unsampled"].contains(&condition.reason.as_str())
    };
    status.conditions.iter().find(missing)
}

/// What of which limit is spent, as far as it is known: it tells a new period, a raised limit and an override apart.
fn spent_note(status: &BudgetStatus) -> String {
    let (Some(spent), Some(limit), Some(period)) = (&status.spent, &status.limit, &status.period) else {
        return String::new();
    };
    let currency = status.currency.as_ref().map(Currency::code).unwrap_or_default();
    format!(": {spent} of {limit} {currency} spent in {}", period.label)
}

fn crossing_note(status: &BudgetStatus, threshold: &Threshold, at: Seconds) -> String {
    let Threshold { percent, of, above, action } = threshold;
    let currency = status.currency.as_ref().map(Currency::code).unwrap_or_default();
    let label = status.period.as_ref().map(|p| p.label.as_str()).unwrap_or_default();
    let limit = status.limit.as_deref().unwrap_or_default();
    let (what, figure) = match of {
        Measure::Actual => ("spent", status.spent.as_deref()),
        Measure::Forecast => ("forecast", status.forecast.as_ref().map(|f| f.amount.as_str())),
        Measure::UnitCost => {
            let (cost, unit) =
                status.unit_cost.as_ref().map(|c| (c.per_unit.as_str(), c.unit.as_str())).unwrap_or_default();
            let above = above.as_ref().map(ToString::to_string).unwrap_or_default();
            return format!(
                "{percent} % of {above} {currency} for one {unit} in {label} reached at {}: it costs {cost} {currency}; action {action:?}",
                time(at).0
            );
        }
    };
    let figure = figure.unwrap_or_default();
    let at = time(at).0;
    format!(
        "{percent} % of {limit} {currency} for {label} reached at {at}: {what} {figure} {currency}; action {action:?}"
    )
}
