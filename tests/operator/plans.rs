//! Scenario 18's part on prices, and what else can be wrong with a plan: it is said, and the rest goes on.

use opex_cluster::wait_for;

use crate::budgets::{BLOCK, BLOCK_SCALE_UP, budget, budget_of};
use crate::case::Want::Denied;
use crate::case::{case, check};
use crate::ground::{Ground, PATIENCE};
use crate::manifests::deployment;

/// A plan like that of the scenarios, under another name.
fn plan(name: &str, currency: &str) -> String {
    format!(
        "{{apiVersion: billing.opex.dev/v1alpha1, kind: PricePlan, metadata: {{name: {name}}}, \
         spec: {{currency: {currency}, pricesPerHour: {{cpu: '360000'}}}}}}"
    )
}

/// A Budget of one euro by another plan.
fn budget_by(plan: &str) -> String {
    budget("team", 1, BLOCK_SCALE_UP).replace("per-second", plan)
}

#[test]
fn s18_a_missing_plan_blocks_nothing() {
    let ground = Ground::new("opex-no-plan", &[deployment("web", 1)]);
    ground.runs("web", 1);
    ground.make(&budget_by("opex-absent"));
    ground.condition("bgt/team", "Ready", "False", "PlanNotFound");
    ground.settle("bgt/team", ".status.prices", "Incomplete");
    ground.event("bgt/team", "NotReady", "PricePlan \"opex-absent\" does not exist");
    // Beside it another Budget of the same Namespace goes on, for more than the euro that this one would have spent.
    ground.make(&budget("other", 1_000_000, BLOCK_SCALE_UP));
    ground.condition("bgt/other", "Ready", "True", "Priced");
    wait_for("spending", PATIENCE, || ground.spent("bgt/other") >= 3).unwrap();
    assert_eq!(ground.field("bgt/team", ".status.spent"), "0.00");
    assert_eq!(ground.label(), "");

    ground.make(&plan("opex-absent", "EUR"));
    ground.condition("bgt/team", "Ready", "True", "Unpriced");
    ground.event("bgt/team", "Ready", "Unpriced");
    // What was unpriced stays so; from now on it costs.
    ground.closed("block-scale-up", "is used up (1.00 EUR");
    ground.kubectl("delete priceplan/opex-absent").expect();
}

#[test]
fn a_limit_in_another_currency_is_told() {
    let ground = Ground::new("opex-currency", &[deployment("web", 1)]);
    ground.runs("web", 1);
    let spec = format!("limit: {{amount: 1, currency: USD}}, period: {{every: Year}}, {BLOCK_SCALE_UP}");
    ground.make(&budget_of("Budget", "team", &spec));
    ground.condition("bgt/team", "Ready", "False", "CurrencyMismatch");
    ground.event("bgt/team", "NotReady", "the limit is in USD, PricePlan \"per-second\" in EUR");
    let statement = ground.field("bgt/team", ".status.statement");
    ground.settle(&format!("stmt/{statement}"), ".spec.currency", "EUR");
    assert_eq!(ground.label(), "");

    ground.patch("bgt/team", r#"{"spec":{"limit":{"amount":1,"currency":"EUR"}}}"#);
    ground.condition("bgt/team", "Ready", "True", "Priced");
    ground.closed("block-scale-up", "is used up (1.00 EUR");
}

#[test]
fn s18_a_plan_deleted_while_used_blocks_nothing_new() {
    let ground = Ground::new("opex-lost-plan", &[deployment("web", 1), plan("opex-lost", "EUR")]);
    ground.runs("web", 1);
    ground.make(&budget_by("opex-lost"));
    ground.make(&budget("later", 1_000_000, BLOCK_SCALE_UP).replace("per-second", "opex-lost"));
    ground.closed("block-scale-up", "Budget \"team\" is used up");
    ground.kubectl("delete priceplan/opex-lost").expect();
    for budget in ["bgt/team", "bgt/later"] {
        ground.condition(budget, "Ready", "False", "PlanNotFound");
        ground.event(budget, "NotReady", "PricePlan \"opex-lost\" does not exist");
    }
    // What was spent stays spent, and blocked; what comes has no price, and no second Budget blocks for it.
    let spent = ground.field("bgt/later", ".status.spent");
    let limit = ground.spent("bgt/later") + 2;
    ground.patch("bgt/later", &format!(r#"{{"spec":{{"limit":{{"amount":{limit}}}}}}}"#));
    ground.make(&budget("other", 5, BLOCK));
    ground.closed("block", "Budget \"other\" is used up (5.00 EUR");
    ground.settle("bgt/later", ".status.limit", &format!("{limit}.00"));
    assert_eq!(ground.field("bgt/later", ".status.spent"), spent);
    assert_eq!(ground.field("bgt/later", ".status.thresholds[0].crossedAt"), "");
    ground.condition("bgt/team", "Exceeded", "True", "LimitReached");
    ground.kubectl("delete bgt/other").expect();
    ground.closed("block-scale-up", "Budget \"team\" is used up (1.00 EUR");
}

#[test]
fn a_budget_used_up_by_a_contract_says_so() {
    let ground = Ground::new("opex-contract", &[deployment("web", 1)]);
    ground.make(
        "{apiVersion: billing.opex.dev/v1alpha1, kind: PricePlan, metadata: {name: opex-contract}, spec: {currency: EUR, \
         recurring: [{name: support, category: Support, amount: 86400, every: Day, from: 2026-01-01, \
         allocate: {by: Namespaces, namespaces: {opex-contract: 1}}}]}}",
    );
    ground.make(&budget_by("opex-contract"));
    ground.closed(
        "block-scale-up",
        "Its fixed charges alone come to that: scaling down cannot recover them. Ask finops@",
    );
    let reason = r#".status.conditions[?(@.type=="Exceeded")].message"#;
    assert!(ground.field("bgt/team", reason).contains("scaling down cannot recover them"));
    check(
        &ground,
        &[case("scale deploy/web --replicas=2", Denied("Up to 1 replica is allowed. Its fixed charges alone"))],
    );
    ground.kubectl("delete priceplan/opex-contract").expect();
}
