//! A Statement as it is written.

use std::hash::{DefaultHasher, Hash, Hasher};

use super::persist::{currency, time};
use super::{Entry, Machine};
use crate::api::{self, BilledKind, BilledRef, Phase, StatementPeriod, StatementSpec};
use crate::engine::statement;
use crate::facts::Seconds;

impl Machine {
    /// The Statement as of `t`.
    pub(super) fn statement_spec(&self, entry: &Entry, t: Seconds, closed_at: Option<Seconds>) -> StatementSpec {
        let ledger = &entry.ledger;
        let shares = if closed_at.is_some() { Vec::new() } else { self.shares(entry, t) };
        let beside = shares.iter().map(api::Share::lines).sum();
        let printed = statement::print(&self.reading(entry), &entry.budget, t, closed_at.is_some(), beside);
        let budget_ref = match (&entry.budget.namespace, entry.budget.usage) {
            (_, Some(i)) => {
                let plan = self.usages.get(i as usize).map_or(&entry.budget.name, |usage| &usage.plan);
                BilledRef { kind: BilledKind::PricePlan, name: plan.to_string() }
            }
            (Some(_), None) => BilledRef { kind: BilledKind::Budget, name: entry.budget.name.to_string() },
            (None, None) => BilledRef { kind: BilledKind::ClusterBudget, name: entry.budget.name.to_string() },
        };
        StatementSpec {
            cluster: self.settings.cluster.clone(),
            budget_ref,
            period: StatementPeriod {
                label: ledger.window.label.clone(),
                start: time(ledger.window.start),
                end: time(ledger.window.end),
            },
            currency: currency(&ledger.currency),
            phase: if closed_at.is_some() { Phase::Closed } else { Phase::Open },
            closed_at: closed_at.map(time),
            watermark: time(ledger.clamp(t)),
            observed: self.observed(self.seen_by(entry)),
            total: printed.total,
            lines: printed.lines,
            gaps: entry
                .gaps
                .iter()
                .cloned()
                .chain(self.uncounted(entry, t, closed_at.is_some()))
                .chain(ledger.estimated(t))
                .map(|gap| super::show::gap(&gap))
                .collect(),
            shares,
            top_workloads: printed.top,
            unit_cost: self.unit_cost_line(entry, closed_at.is_some()),
        }
    }
}

/// To tell one Statement from another.
pub(super) fn digest(spec: &StatementSpec) -> u64 {
    let mut hasher = DefaultHasher::new();
    serde_json::to_string(spec).unwrap_or_default().hash(&mut hasher);
    hasher.finish()
}
