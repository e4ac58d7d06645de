//! Scenarios 13, 14, 20 and 21: what lifts a block, and what does not.

use std::process::Command;

use jiff::SignedDuration;

use crate::budgets::{BLOCK, BLOCK_SCALE_UP, budget, budget_of};
use crate::case::Want::{Allowed, Denied, Refused};
use crate::case::{case, check};
use crate::ground::Ground;
use crate::manifests::deployment;

/// More than any budget of the scenarios spends.
const PLENTY: &str = r#"{"spec":{"limit":{"amount":1000000}}}"#;

#[test]
fn s13_an_override_opens_the_gate_until_its_end() {
    let ground = Ground::new("opex-override", &[deployment("web", 1)]);
    ground.runs("web", 1);
    ground.close(&budget("team", 1, BLOCK_SCALE_UP), "block-scale-up");
    ground.condition("bgt/team", "Exceeded", "True", "LimitReached");
    let crossed = ground.field("bgt/team", ".status.thresholds[0].crossedAt");
    let until = ground.now() + SignedDuration::from_secs(25);

    ground.make(&manifest(&ground, "once", &until.to_string(), ""));
    ground.opened();
    check(&ground, &[case("scale deploy/web --replicas=2", Allowed)]);
    ground.condition("bgto/once", "Active", "True", "GateOpen");
    ground.condition("bgt/team", "Exceeded", "True", "LimitReached");

    ground.closed("block-scale-up", "is used up (1.00 EUR");
    assert!(ground.now() >= until, "it closed before the override's end");
    ground.condition("bgto/once", "Active", "False", "Expired");
    ground.event("bgt/team", "OverrideGranted", "BudgetOverride once: the gate is held open until ");
    ground.event("bgt/team", "OverrideEnded", "BudgetOverride once: the override has ended");
    check(&ground, &[case("scale deploy/web --replicas=3", Denied("Up to 2 replicas are allowed."))]);
    assert_eq!(ground.field("bgt/team", ".status.thresholds[0].crossedAt"), crossed, "the crossing is the same one");
}

#[test]
fn s13_an_extra_amount_raises_the_limit() {
    let ground = Ground::new("opex-extra", &[deployment("web", 1)]);
    ground.runs("web", 1);
    ground.close(&budget("team", 1, BLOCK_SCALE_UP), "block-scale-up");
    let until = (ground.now() + SignedDuration::from_hours(4)).to_string();

    ground.make(&manifest(&ground, "more", &until, "extraAmount: 1000000"));
    ground.opened();
    ground.settle("bgt/team", ".status.limit", "1000001.00");
    ground.condition("bgto/more", "Active", "True", "LimitRaised");
    ground.condition("bgt/team", "Exceeded", "False", "WithinLimit");
    let granted = format!("BudgetOverride more: the limit is raised by 1000000.00 EUR until {until}, granted by");
    ground.event("bgt/team", "OverrideGranted", &granted);

    ground.kubectl("delete bgto/more").expect();
    ground.closed("block-scale-up", "is used up (1.00 EUR");
    ground.condition("bgt/team", "Exceeded", "True", "LimitReached");
}

#[test]
fn s13_an_override_does_not_exceed_the_caps() {
    let ground = Ground::new("opex-caps", &[deployment("web", 1)]);
    ground.runs("web", 1);
    let caps = format!("overrides: {{maxPercent: 50, maxPerPeriod: 1}}, {BLOCK_SCALE_UP}");
    ground.close(&budget("team", 2, &caps), "block-scale-up");
    let until = (ground.now() + SignedDuration::from_hours(4)).to_string();

    ground.make(&manifest(&ground, "more", &until, "extraAmount: 1000000"));
    ground.settle("bgt/team", ".status.limit", "3.00");
    ground.condition("bgto/more", "Active", "True", "LimitRaisedInPart");
    ground.closed("block-scale-up", "is used up (3.00 EUR");

    // Without a cap it would hold the gate open.
    ground.make(&manifest(&ground, "then", &until, ""));
    ground.condition("bgto/then", "Active", "False", "Capped");
    ground.event(
        "bgt/team",
        "OverrideCapped",
        "BudgetOverride more: the limit is raised by 1.00 EUR of 1000000.00 EUR",
    );
    ground.event("bgt/team", "OverrideRefused", "BudgetOverride then: it has no effect");
    assert_eq!(ground.label(), "block-scale-up");
}

#[test]
fn s13_a_command_opens_the_gate() {
    let ground = Ground::new("opex-command", &[deployment("web", 1)]);
    ground.runs("web", 1);
    let caps = format!("overrides: {{maxPerPeriod: 1}}, {BLOCK_SCALE_UP}");
    ground.close(&budget("team", 1, &caps), "block-scale-up");
    let refused = |arguments: &str, why: &str| {
        let (success, said) = grant(&ground, &format!("{arguments} --reason test"));
        assert!(!success && said.contains(why), "{arguments}: {said}");
    };
    refused("nobody -n opex-command --for 4h", "there is no Budget \"nobody\" in namespace opex-command");
    refused("cbgt/nobody --for 4h", "there is no ClusterBudget \"nobody\"");
    refused("team -n opex-command --for 8d", "7 days at most");
    refused("team -n opex-command --for 4", "write a time such as 30m, 4h or 2d");
    refused("team -n opex-command --for 4h --extra-amount 1e3", "is not an amount");
    assert_eq!(ground.kubectl("get bgto -oname").expect(), "");

    let (success, said) = grant(&ground, "team -n opex-command --for 4h --reason CHG-4711");
    assert!(success && said.contains("GateOpen: "), "{said}");
    ground.opened();
    let of = |path: &str| ground.kubectl(&format!("get bgto -ojsonpath={{.items[0].spec.{path}}}")).expect();
    assert_eq!((of("grantedBy"), of("reason")), (ground.user(), "CHG-4711".to_owned()));
    // Of those made in one second the names decide which has an effect.
    ground.wait_until(ground.now() + SignedDuration::from_secs(1));
    refused("team -n opex-command --for 4h", "it has no effect: Capped: ");
}

/// What `kubectl opex override` says, and whether it succeeded.
fn grant(ground: &Ground<'_>, arguments: &str) -> (bool, String) {
    let mut plugin = Command::new(env!("CARGO_BIN_EXE_kubectl-opex"));
    let output = plugin.envs(ground.cluster.env()).arg("override").args(arguments.split(' ')).output().unwrap();
    let said = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    (output.status.success(), said.concat())
}

/// A BudgetOverride of the Budget `team` by the user as which the tests work.
fn manifest(ground: &Ground<'_>, name: &str, until: &str, rest: &str) -> String {
    let user = ground.user();
    format!(
        "{{apiVersion: billing.opex.dev/v1alpha1, kind: BudgetOverride, metadata: {{name: {name}}}, spec: {{budgetRef: \
         {{kind: Budget, name: team}}, until: '{until}', reason: test, grantedBy: '{user}', {rest}}}}}"
    )
}

#[test]
fn s14_a_tenant_cannot_lift_a_block() {
    let ground = Ground::new("opex-tenant", &[deployment("web", 1)]);
    ground.runs("web", 1);
    ground.close(&budget("team", 1, BLOCK_SCALE_UP), "block-scale-up");
    let statement = ground.field("bgt/team", ".status.statement");
    let without = r#"{"metadata":{"labels":{"opex.dev/gate":null}}}"#;
    check(
        &ground,
        &[
            case("--as=tenant label namespace opex-tenant opex.dev/gate-", Denied("is set by the operator")),
            case(
                format!("--as=tenant patch namespace opex-tenant --subresource=status --type=merge -p {without}"),
                Denied("is set by the operator"),
            ),
            case(
                format!("--as=admin-of-all-namespaces patch bgt team --type=merge -p {PLENTY}"),
                Refused("cannot patch resource \"budgets\""),
            ),
            case("--as=admin-of-all-namespaces delete bgt team", Refused("cannot delete resource \"budgets\"")),
            case(
                format!(r#"--as=tenant patch stmt {statement} --type=merge -p {{"spec":{{"total":"0.0000000000"}}}}"#),
                Denied("Statements are written and removed by the operator alone"),
            ),
            case(format!("--as=tenant delete stmt {statement}"), Denied("Statements are written and removed")),
        ],
    );
    assert_eq!(ground.label(), "block-scale-up");
}

#[test]
fn s20_the_strictest_of_two_budgets_wins() {
    let ground = Ground::new("opex-two", &[deployment("web", 1)]);
    ground.runs("web", 1);
    ground.close(&budget("team", 1, BLOCK_SCALE_UP), "block-scale-up");
    let selector = "mode: Shared, namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: opex-two}}";
    let spec = format!("limit: {{amount: 1, currency: EUR}}, period: {{every: Year}}, {BLOCK}, {selector}");
    ground.make(&budget_of("ClusterBudget", "opex-two", &spec));
    ground.closed("block", "ClusterBudget \"opex-two\" is used up (1.00 EUR");

    ground.patch("bgt/team", PLENTY);
    ground.condition("bgt/team", "Exceeded", "False", "WithinLimit");
    assert_eq!(ground.label(), "block", "raising one of two does not unblock");

    ground.patch("bgt/team", r#"{"spec":{"limit":{"amount":1}}}"#);
    ground.condition("bgt/team", "Exceeded", "True", "LimitReached");
    ground.patch("cbgt/opex-two", PLENTY);
    // The API server warns of new spend under this gate, with the message of the one that blocks.
    ground.closed("block-scale-up", "Budget \"team\" is used up (1.00 EUR");

    ground.patch("bgt/team", PLENTY);
    ground.opened();
    ground.kubectl("delete cbgt/opex-two").expect();
}

#[test]
fn s21_a_budget_made_again_goes_on() {
    let ground = Ground::new("opex-again", &[deployment("web", 1)]);
    ground.runs("web", 1);
    let manifest = budget("team", 2, BLOCK_SCALE_UP);
    ground.close(&manifest, "block-scale-up");
    ground.condition("bgt/team", "Exceeded", "True", "LimitReached");
    let crossed = ground.field("bgt/team", ".status.thresholds[0].crossedAt");
    let statement = ground.field("bgt/team", ".status.statement");
    let spent = ground.spent("bgt/team");

    ground.kubectl("delete bgt/team").expect();
    ground.opened();
    ground.make(&manifest);
    ground.closed("block-scale-up", "is used up (2.00 EUR");
    ground.settle("bgt/team", ".status.thresholds[0].crossedAt", &crossed);
    assert!(ground.spent("bgt/team") >= spent, "its spend continues");
    assert_eq!(ground.field("bgt/team", ".status.statement"), statement);
    assert_eq!(ground.kubectl("get stmt -oname").expect().lines().count(), 1);
}
