//! What people do by hand to what the operator writes: it is put back, or kept.

use jiff::{SignedDuration, Timestamp};
use opex_cluster::{wait_for, wait_until};
use serde_json::Value;

use crate::budgets::{BLOCK_SCALE_UP, budget, shared};
use crate::ground::{Ground, PATIENCE};
use crate::installed::RELEASE_NAMESPACE;
use crate::manifests::deployment;

#[test]
fn a_label_removed_by_hand_comes_back() {
    let ground = Ground::new("opex-relabel", &[deployment("web", 1)]);
    ground.runs("web", 1);
    ground.close(&budget("team", 1, BLOCK_SCALE_UP), "block-scale-up");
    let (message, ceilings) = (ground.annotation("gate-message"), ground.annotation("ceilings"));
    assert_eq!(ceilings, "deployments.apps/web=1");

    ground.kubectl("--as=finance label namespace opex-relabel opex.dev/gate-").expect();
    ground.closed("block-scale-up", "");
    ground.kubectl("--as=finance label namespace opex-relabel --overwrite opex.dev/gate=warn").expect();
    ground.closed("block-scale-up", "");
    let remove = "--as=finance annotate namespace opex-relabel opex.dev/gate-message- opex.dev/ceilings-";
    ground.kubectl(remove).expect();
    let annotation = |name: &str| format!(r".metadata.annotations.opex\.dev/{name}");
    wait_for("the message", PATIENCE, || ground.annotation("gate-message") == message).unwrap();
    ground.settle("namespace/opex-relabel", &annotation("ceilings"), &ceilings);
}

#[test]
fn a_statement_edited_by_hand_is_put_back() {
    let ground = Ground::new("opex-edited", &[deployment("web", 1)]);
    let statement = open_statement(&ground);
    let before = spec(&ground, &statement);

    let forged = r#"{"spec":{"total":"0.0000000001","lines":[]}}"#;
    ground.kubectl(&format!("--as=finance patch stmt {statement} --type=merge -p {forged}")).expect();
    continues(&ground, &statement, &before);
    ground.event("bgt/team", "StatementRestored", "was changed by hand, and is put back");
}

#[test]
fn a_statement_deleted_by_hand_is_made_again() {
    let ground = Ground::new("opex-deleted", &[deployment("web", 1)]);
    let statement = open_statement(&ground);
    let before = spec(&ground, &statement);

    ground.kubectl(&format!("--as=finance delete stmt {statement}")).expect();
    continues(&ground, &statement, &before);
    ground.event("bgt/team", "StatementRestored", "was deleted while open, and is made again");
}

/// The Statement of a Budget over a running Pod, once there is something in it.
fn open_statement(ground: &Ground<'_>) -> String {
    ground.runs("web", 1);
    ground.make(&budget("team", 1_000_000, BLOCK_SCALE_UP));
    ground.condition("bgt/team", "Ready", "True", "Priced");
    let statement = ground.field("bgt/team", ".status.statement");
    // It is metered up to 10 s before now. A raised limit is a transition, and written at once.
    ground.wait_until(ground.now() + SignedDuration::from_secs(13));
    ground.patch("bgt/team", r#"{"spec":{"limit":{"amount":2000000}}}"#);
    wait_for("a line", PATIENCE, || !ground.field(&format!("stmt/{statement}"), ".spec.lines[*].quantity").is_empty())
        .unwrap();
    statement
}

fn spec(ground: &Ground<'_>, statement: &str) -> Value {
    ground.kubectl(&format!("get stmt {statement} -ojson")).json().unwrap()["spec"].clone()
}

/// The ledger goes on where it was: not a second is lost, and none is counted twice.
fn continues(ground: &Ground<'_>, statement: &str, before: &Value) {
    let number = |spec: &Value| -> i64 { spec["lines"][0]["quantity"].as_str().map_or(0, |q| q.parse().unwrap()) };
    let at = |spec: &Value| -> Timestamp { spec["watermark"].as_str().unwrap().parse().unwrap() };
    let after = wait_until("the Statement", PATIENCE, || {
        let get = ground.kubectl(&format!("get stmt {statement} -ojson")).json()?;
        anyhow::ensure!(number(&get["spec"]) >= number(before), "{get:#}");
        Ok(get["spec"].clone())
    })
    .unwrap_or_else(|error| panic!("{error:#}"));
    let passed = at(&after).as_second() - at(before).as_second();
    assert!(passed >= 0, "the watermark went back: {after:#}");
    assert_eq!(number(&after) - number(before), 10 * passed, "10 millicores for {passed} s: {after:#}");
    assert_eq!(after["lines"][0]["workload"], "Deployment/web");
    assert_eq!(after["gaps"], before["gaps"]);
}

#[test]
fn the_statements_of_a_deleted_namespace_survive() {
    let ground = Ground::new("opex-gone", &[deployment("web", 1)]);
    let first = open_statement(&ground);
    // An edit of the period closes a Statement at once, and opens another.
    ground.patch("bgt/team", r#"{"spec":{"period":{"every":"Week"}}}"#);
    ground.settle(&format!("stmt/{first}"), ".spec.phase", "Closed");
    let closed = spec(&ground, &first);
    wait_for("another Statement", PATIENCE, || ground.field("bgt/team", ".status.statement") != first).unwrap();
    let second = ground.field("bgt/team", ".status.statement");
    ground.settle(&format!("stmt/{second}"), ".spec.phase", "Open");
    let open = spec(&ground, &second);
    let delete = ["delete", "namespace", "opex-gone", "--timeout=60s"];
    shared().cluster.kubectl(delete).expect();

    let kept = |name: &str| shared().cluster.get(["-n", RELEASE_NAMESPACE, "stmt", &format!("opex-gone.{name}")]);
    let copy = wait_until("the kept Statement", PATIENCE, || kept(&first)).unwrap_or_else(|error| panic!("{error:#}"));
    assert_eq!(copy["spec"], closed);
    // What its going refused meanwhile is tried again ever more rarely, every minute at last.
    let after = wait_until("the last Statement", PATIENCE * 3, || {
        let kept = kept(&second)?;
        anyhow::ensure!(kept["spec"]["phase"] == "Closed", "{kept:#}");
        Ok(kept)
    })
    .unwrap_or_else(|error| panic!("{error:#}"));
    let total = |spec: &Value| -> f64 { spec["total"].as_str().unwrap().parse().unwrap() };
    assert!(total(&after["spec"]) >= total(&open), "{after:#}");
    assert_eq!(after["spec"]["budgetRef"], open["budgetRef"]);
    assert_eq!(after["spec"]["lines"][0]["namespace"], "opex-gone");
    let versions = |name: &str| kept(name).unwrap()["metadata"]["resourceVersion"].clone();
    assert_eq!(versions(&second), after["metadata"]["resourceVersion"], "a closed Statement is not written again");
    assert_eq!(versions(&first), copy["metadata"]["resourceVersion"]);
}
