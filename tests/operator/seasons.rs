//! Limits that change: what is planned for a season, a peak, what the year before left over.

use jiff::civil::Date;
use jiff::tz::TimeZone;

use crate::budgets::{BLOCK_SCALE_UP, budget};
use crate::ground::Ground;
use crate::manifests::deployment;

fn today(ground: &Ground<'_>) -> Date {
    ground.now().to_zoned(TimeZone::UTC).date()
}

#[test]
fn a_planned_limit_closes_the_gate_and_a_peak_opens_it() {
    let ground = Ground::new("opex-seasons", &[deployment("web", 1)]);
    ground.runs("web", 1);
    let today = today(&ground);
    // The budget's year began in January.
    let planned = "plannedLimits: [{period: '1999', amount: 5}, {months: [1], amount: 2}]";
    ground.close(&budget("team", 1_000_000, &format!("{planned}, {BLOCK_SCALE_UP}")), "block-scale-up");
    ground.closed("block-scale-up", &format!("Budget \"team\" is used up (2.00 EUR for {}, since", today.year()));
    let columns = ground.kubectl("get bgt team --no-headers").expect();
    assert_eq!(columns.split_whitespace().nth(2), Some("2.00"), "LIMIT shows what is in force: {columns}");

    let (from, to) = (today, today.tomorrow().unwrap());
    let peak = format!(r#"{{"spec":{{"peaks":[{{"from":"{from}","to":"{to}","extraAmount":1000000}}]}}}}"#);
    ground.patch("bgt/team", &peak);
    ground.opened();
    ground.settle("bgt/team", ".status.limit", "1000002.00");
    ground.condition("bgt/team", "Exceeded", "False", "WithinLimit");
}

#[test]
fn what_the_year_before_left_over_is_read_from_its_statement() {
    let ground = Ground::new("opex-left-over", &[]);
    let year = today(&ground).year();
    let (before, start) = (year - 1, format!("{}-01-01T00:00:00Z", year - 1));
    let end = format!("{year}-01-01T00:00:00Z");
    // A third of 12 was spent.
    ground.make(&format!(
        "{{apiVersion: billing.opex.dev/v1alpha1, kind: Statement, metadata: {{name: team-{before}}}, spec: {{cluster: elsewhere, \
         budgetRef: {{kind: Budget, name: team}}, period: {{label: '{before}', start: '{start}', end: '{end}'}}, \
         currency: EUR, phase: Closed, closedAt: '{year}-01-01T00:10:00Z', watermark: '{end}', total: '4.0000000000', \
         lines: [{{namespace: opex-left-over, plan: per-second, rate: cpu, category: Compute, unitPrice: '1', \
         quantity: '14400000', unit: millicore-seconds, factor: '3600000', consumed: 4 core-hours, \
         chargeFrequency: UsageBased, cost: '4.0000000000'}}]}}}}"
    ));
    ground.make(&budget("team", 12, "rollover: {unspentPercent: 50}"));
    ground.settle("bgt/team", ".status.limit", "16.00");
    ground.patch("bgt/team", r#"{"spec":{"rollover":{"unspentPercent":25}}}"#);
    ground.settle("bgt/team", ".status.limit", "14.00");
}
