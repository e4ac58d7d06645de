//! What may be changed, and what not.

use crate::cases::Edit;

const OPEN: &str = "{cluster: test, budgetRef: {kind: Budget, name: b}, currency: EUR, phase: Open, watermark: '2026-11-21T10:03:00Z', total: '1.0000000000', period: {label: 2026-11, start: '2026-11-01T00:00:00Z', end: '2026-12-01T00:00:00Z'}, observed: {pods: '812345'}, lines: [{namespace: a, plan: default, rate: cpu, category: Compute, workload: Deployment/web, unitPrice: '1', quantity: '3600000', unit: millicore-seconds, factor: '3600000', consumed: 1 core-hour, chargeFrequency: UsageBased, cost: '1.0000000000'}]}";
const LATER: &str = "{cluster: test, budgetRef: {kind: Budget, name: b}, currency: EUR, phase: Open, watermark: '2026-11-21T10:04:00Z', total: '1.0000000000', period: {label: 2026-11, start: '2026-11-01T00:00:00Z', end: '2026-12-01T00:00:00Z'}, observed: {pods: '812346'}}";
const CLOSED: &str = "{cluster: test, budgetRef: {kind: Budget, name: b}, currency: EUR, phase: Closed, closedAt: '2026-12-01T00:10:00Z', watermark: '2026-12-01T00:00:00Z', total: '1.0000000000', period: {label: 2026-11, start: '2026-11-01T00:00:00Z', end: '2026-12-01T00:00:00Z'}}";
const REWRITTEN: &str = "{cluster: test, budgetRef: {kind: Budget, name: b}, currency: EUR, phase: Closed, closedAt: '2026-12-01T00:10:00Z', watermark: '2026-12-01T00:00:00Z', total: '2.0000000000', period: {label: 2026-11, start: '2026-11-01T00:00:00Z', end: '2026-12-01T00:00:00Z'}}";
const UNDATED: &str = "{cluster: test, budgetRef: {kind: Budget, name: b}, currency: EUR, phase: Closed, watermark: '2026-12-01T00:00:00Z', total: '1.0000000000', period: {label: 2026-11, start: '2026-11-01T00:00:00Z', end: '2026-12-01T00:00:00Z'}}";
const NEVER_CHANGES: &str =
    "a closed Statement never changes: what is found later becomes a Correction in the next one";
const NEVER_BACK: &str = "a watermark never goes back";

const fn statement(before: &'static str, after: &'static str, says: Option<&'static str>) -> Edit {
    Edit { kind: "Statement", name: "s", before, after, says }
}

pub const EDITS: &[Edit] = &[
    statement(OPEN, LATER, None),
    statement(LATER, OPEN, Some(NEVER_BACK)),
    statement(OPEN, CLOSED, None),
    statement(OPEN, UNDATED, Some("closedAt is set when, and only when, phase is Closed")),
    statement(CLOSED, REWRITTEN, Some(NEVER_CHANGES)),
    statement(CLOSED, OPEN, Some(NEVER_CHANGES)),
    Edit {
        kind: "PricePlan",
        name: "edited",
        before: "{currency: EUR, pricesPerHour: {cpu: 1}}",
        after: "{currency: EUR, pricesPerHour: {cpu: 2}}",
        says: None,
    },
    Edit {
        kind: "PricePlan",
        name: "edited",
        before: "{currency: EUR}",
        after: "{currency: USD}",
        says: Some("a plan's currency never changes, because its Statements are in it: make another PricePlan"),
    },
    Edit {
        kind: "BudgetOverride",
        name: "edited",
        before: "{budgetRef: {kind: Budget, name: b}, until: '2026-11-28T06:00:00Z', reason: why, grantedBy: me}",
        after: "{budgetRef: {kind: Budget, name: b}, until: '2026-11-29T06:00:00Z', reason: why, grantedBy: me}",
        says: Some("an override cannot be edited; delete it and create another"),
    },
    Edit {
        kind: "Budget",
        name: "edited",
        before: "{limit: {amount: 1, currency: EUR}, period: {every: Month}}",
        after: "{limit: {amount: 2, currency: USD}, period: {every: Week}}",
        says: None,
    },
];
