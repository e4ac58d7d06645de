//! `kubectl opex check` names what is wrong, each time something is, and what to do about it.

use std::process::Command;
use std::time::Duration;

use opex_cluster::{Cluster, Options, needs_own_cluster, wait_until};

use crate::budgets::{BLOCK_SCALE_UP, PLAN, budget};
use crate::ground::{Ground, PATIENCE};
use crate::installed::install;
use crate::manifests::deployment;
use crate::replicas::start;

#[test]
fn each_fault_is_named_with_its_remedy() {
    if needs_own_cluster() {
        return;
    }
    let cluster = Cluster::start(&Options::new("check").nodes(1)).unwrap();
    says(
        &cluster,
        false,
        &["FAULT    installation  there is no billing.opex.dev/v1alpha1", "→ helm upgrade --install"],
    );
    install(&cluster, &[]);
    let never = "FAULT    operator      no operator has ever led in namespace opex-system";
    says(&cluster, false, &[never, "ok       policies      all policies are there and bound"]);

    let mut operator = start(&cluster, "operator");
    operator.wait_until_ready().unwrap();
    cluster.apply(PLAN).expect();
    says(
        &cluster,
        true,
        &[
            "ok       operator      operator leads",
            "ok       clock         ",
            "ok       rights        system:serviceaccount:opex-system:opex-operator may do",
            "ok       plans         ",
            "ok       budgets       1 of 1 ClusterBudgets",
        ],
    );

    let unpriced = budget("team", 1, "").replace("per-second", "nowhere");
    let ground = Ground::on(&cluster, "opex-check", &[deployment("web", 1), unpriced]);
    ground.condition("bgt/team", "Ready", "False", "PlanNotFound");
    ground.close(&budget("spent", 1, BLOCK_SCALE_UP), "block-scale-up");
    for missing in ["policy/opex-scale-gate", "policybinding/opex-scale-gate-deny"] {
        ground.condition("bgt/spent", "Enforced", "True", "GateClosed");
        ground.kubectl(&format!("delete validatingadmission{missing}")).expect();
        ground.condition("bgt/spent", "Enforced", "False", "PolicyMissing");
        install(&cluster, &[]);
    }
    for (action, enforced, reason) in [("Audit", "False", "PolicyMissing"), ("Deny", "True", "GateClosed")] {
        let patch = format!(r#"{{"spec":{{"validationActions":["{action}"]}}}}"#);
        ground.patch("validatingadmissionpolicybinding/opex-scale-gate-deny", &patch);
        ground.condition("bgt/spent", "Enforced", enforced, reason);
    }
    let leaves_out = r#"{"spec":{"matchConditions":[{"name":"none","expression":"false"}]}}"#;
    ground.patch("validatingadmissionpolicy/opex-new-spend", leaves_out);
    ground.kubectl("delete validatingadmissionpolicybinding opex-scale-gate-deny").expect();
    ground.make(&budget("late", 1, BLOCK_SCALE_UP));
    ground.event("bgt/late", "GateClosed", "not enforced: ValidatingAdmissionPolicy opex-scale-gate or its binding");
    ground.kubectl("delete clusterrolebinding opex-operator").expect();
    says(
        &cluster,
        false,
        &[
            "FAULT    policies      binding opex-scale-gate-deny is missing: no gate stops a scale-up",
            "warning  policies      policy opex-new-spend was written by helm and kubectl-patch: it may enforce less",
            "FAULT    rights        system:serviceaccount:opex-system:opex-operator may not: ",
            "FAULT    budgets       Budget opex-check/team: PlanNotFound: PricePlan \"nowhere\" does not exist",
            "→ kubectl describe budget team -n opex-check",
        ],
    );
    operator.process.kill9().unwrap();
    says(&cluster, false, &["FAULT    operator      operator led, and has not been heard of for "]);
}

/// Waits until it says all of it, and succeeds or fails.
fn says(cluster: &Cluster, well: bool, words: &[&str]) {
    wait_until("what check says", PATIENCE.max(Duration::from_secs(40)), || {
        let mut plugin = Command::new(env!("CARGO_BIN_EXE_kubectl-opex"));
        let output = plugin.envs(cluster.env()).arg("check").output()?;
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        let missing: Vec<_> = words.iter().filter(|words| !said.contains(**words)).collect();
        anyhow::ensure!(
            output.status.success() == well && missing.is_empty(),
            "{missing:?} in\n{said}{}",
            String::from_utf8_lossy(&output.stderr)
        );
        Ok(())
    })
    .unwrap_or_else(|error| panic!("{error:#}"));
}
