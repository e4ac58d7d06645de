//! Scenarios 1 and 15: what the operator writes when a budget is used up, and what it does to growth.

use crate::budgets::{BLOCK_SCALE_UP, WARN, budget};
use crate::case::Want::{Allowed, Denied, Warned};
use crate::case::{case, check};
use crate::ground::Ground;
use crate::manifests::deployment;

#[test]
fn s01_a_workload_returns_to_its_peak() {
    let ground = Ground::new("opex-peak", &[deployment("web", 3), deployment("idle", 0)]);
    for replicas in [5, 3] {
        check(&ground, &[case(format!("scale deploy/web --replicas={replicas}"), Allowed)]);
        ground.runs("web", replicas);
    }
    ground.close(&budget("team", 2, BLOCK_SCALE_UP), "block-scale-up");
    assert_eq!(ground.annotation("ceilings"), "deployments.apps/web=5");
    assert_eq!(ground.annotation("gate-message"), message(&ground, "2.00"));
    check(
        &ground,
        &[
            case("scale deploy/web --replicas=5", Allowed),
            case("scale deploy/web --replicas=6", Denied("Up to 5 replicas are allowed. Ask finops@example.com")),
            case("scale deploy/web --replicas=3", Allowed),
            case("scale deploy/web --replicas=5", Allowed),
            case("scale deploy/web --replicas=0", Allowed),
            case("scale deploy/web --replicas=3", Allowed),
            case("scale deploy/web --replicas=3", Allowed),
            case("scale deploy/idle --replicas=2", Denied("Up to 1 replica is allowed.")),
            case("scale deploy/idle --replicas=1", Allowed),
            case("scale deploy/idle --replicas=0", Allowed),
        ],
    );
    is_refused_in_these_words(&ground);

    ground.patch("bgt/team", r#"{"spec":{"thresholds":[{"percent":100,"of":"Actual","action":"Block"}]}}"#);
    ground.closed("block", "");
    assert_eq!(ground.annotation("ceilings"), "deployments.apps/web=5", "ceilings stay while the gate is closed");
    check(
        &ground,
        &[
            case("scale deploy/idle --replicas=1", Denied("Up to 0 replicas are allowed.")),
            case("scale deploy/web --replicas=5", Allowed),
            case("scale deploy/web --replicas=6", Denied("Up to 5 replicas are allowed.")),
        ],
    );
}

/// The gate's message as it must be, from what the Budget's status says.
fn message(ground: &Ground<'_>, limit: &str) -> String {
    let crossed = ground.field("bgt/team", ".status.thresholds[0].crossedAt");
    let (minute, label) = (&crossed[..16], ground.field("bgt/team", ".status.period.label"));
    let resets = ground.field("bgt/team", ".status.period.resets");
    format!(
        "Budget \"team\" is used up ({limit} EUR for {label}, since {minute}Z, resets {resets}). \
         Ask finops@example.com for a BudgetOverride."
    )
}

/// The whole refusal, with what is allowed between its reason and its advice.
fn is_refused_in_these_words(ground: &Ground<'_>) {
    let message = message(ground, "2.00");
    let (why, advice) = message.split_once(" Ask ").unwrap();
    assert_eq!(
        ground.kubectl("scale deploy/web --replicas=6").expect_refused().trim_end(),
        format!(
            "Error from server (Forbidden): deployments.apps \"web\" is forbidden: ValidatingAdmissionPolicy \
             'opex-scale-gate' with binding 'opex-scale-gate-deny' denied request: scale-up of deployments/web to 6 \
             denied: {why} Up to 5 replicas are allowed. Ask {advice}"
        )
    );
}

#[test]
fn s01_no_more_than_now_with_the_ceiling_current() {
    let ground = Ground::new("opex-current", &[deployment("web", 4)]);
    ground.runs("web", 4);
    check(&ground, &[case("scale deploy/web --replicas=3", Allowed)]);
    ground.runs("web", 3);
    ground.close(&budget("team", 2, &format!("{BLOCK_SCALE_UP}, scaleCeiling: Current")), "block-scale-up");
    assert_eq!(ground.annotation("ceilings"), "");
    check(
        &ground,
        &[
            case("scale deploy/web --replicas=3", Allowed),
            case("scale deploy/web --replicas=4", Denied("Up to 3 replicas are allowed.")),
            case("scale deploy/web --replicas=2", Allowed),
            case("scale deploy/web --replicas=3", Denied("Up to 2 replicas are allowed.")),
        ],
    );
}

#[test]
fn s15_a_warning_does_not_stop_anything() {
    let ground = Ground::new("opex-warn", &[deployment("web", 2)]);
    ground.runs("web", 2);
    ground.close(&budget("team", 2, WARN), "warn");
    assert_eq!(ground.annotation("ceilings"), "");
    let warned = "scale-up of deployments/web to 3 allowed, but Budget \"team\" is used up (2.00 EUR for ";
    check(
        &ground,
        &[
            case("scale deploy/web --replicas=3", Warned(warned)),
            case("scale deploy/web --replicas=2", Allowed),
            case(
                "create deployment new --image=busybox:1 --dry-run=server",
                Warned("creation of deployments/new allowed, but Budget \"team\" is used up (2.00 EUR for "),
            ),
        ],
    );
    ground.condition("bgt/team", "Enforced", "True", "GateClosed");
}
