//! Scenario 17: an upgrade keeps what is blocked blocked, and an uninstall leaves the objects of our kinds and nothing
//! else, whatever else there is.

use std::process::Command;
use std::thread;
use std::time::Duration;

use opex_cluster::{Cluster, Process, needs_own_cluster, wait_for};

use crate::budgets::{BLOCK, budget, installation};
use crate::ground::{Ground, PATIENCE};
use crate::installed::{OPERATOR, RELEASE_NAMESPACE, install};
use crate::manifests::deployment;
use crate::replicas::start;

/// A policy of somebody else's, and what it is bound by.
const THEIRS: &str = "{apiVersion: v1, kind: List, items: [
  {apiVersion: admissionregistration.k8s.io/v1, kind: ValidatingAdmissionPolicy, metadata: {name: scale-gate}, spec: {
    matchConstraints: {resourceRules: [{apiGroups: [apps], apiVersions: ['*'], operations: [UPDATE], resources: ['*', '*/scale']}]},
    validations: [{expression: 'true'}]}},
  {apiVersion: admissionregistration.k8s.io/v1, kind: ValidatingAdmissionPolicyBinding, metadata: {name: scale-gate}, spec: {
    policyName: scale-gate, validationActions: [Deny]}}]}";

#[test]
fn s17_an_upgrade_never_opens_a_gate_and_an_uninstall_leaves_none() {
    if needs_own_cluster() {
        return;
    }
    let installed = installation("uninstall");
    let cluster = &installed.cluster;
    cluster.apply(THEIRS).expect();
    let grounds = ["team-a", "team-b"].map(|name| Ground::on(cluster, name, &[deployment("web", 2)]));
    for ground in &grounds {
        ground.runs("web", 2);
        ground.close(&budget("team", 2, BLOCK), "block");
    }
    let gates = watch(cluster);
    let refused = || grounds[0].kubectl("scale deploy/web --replicas=3").expect_refused();

    // As a rolling update does: a new replica with the new configuration before an old one goes.
    let [mut a, b] = installed.operators;
    thread::scope(|scope| {
        let upgrade = scope.spawn(|| {
            install(cluster, &["config.writesPerSecond=10", "gate.exemptUsers={flux}", "scaleDown.enabled=true"]);
        });
        while !upgrade.is_finished() {
            assert!(refused().contains("opex-scale-gate"));
        }
        upgrade.join().unwrap();
    });
    let mut c = start(cluster, "operator-c");
    c.wait_until_ready().unwrap();
    b.terminate().unwrap();
    assert!(refused().contains("opex-scale-gate"));

    grounds[1].patch("bgt/team", r#"{"spec":{"thresholds":[{"percent":100,"of":"Actual","action":"ScaleDown"}]}}"#);
    grounds[1].settle("deploy/web", ".spec.replicas", "1");

    let spent = grounds[0].spent("bgt/team");
    uninstall(cluster);
    for ground in &grounds {
        assert_eq!(
            (ground.label(), ground.annotation("gate-message"), ground.annotation("ceilings")),
            Default::default()
        );
    }
    assert_eq!(grounds[1].field("deploy/web", ".spec.replicas"), "2", "what was scaled down is put back");
    // Replicas that still run stand still.
    assert_eq!(cluster.leader().as_deref(), Some("uninstall"));
    assert!(a.process.is_running() && c.process.is_running());
    wait_for("an open gate", PATIENCE, || grounds[0].kubectl("scale deploy/web --replicas=3").status.success())
        .unwrap();
    cluster.helm(["-n", RELEASE_NAMESPACE, "uninstall", "opex-operator", "--timeout=60s"]).expect();
    assert_eq!(
        lines(&gates),
        ["team-a block", "team-b block", "team-a ", "team-b "],
        "each gate closed and opened once"
    );
    leaves_what_is_the_users(cluster);

    // What is kept goes on where it was: the replicas stand still until the new ones lead, or half a minute is over.
    for operator in [&mut a, &mut c] {
        operator.process.kill9().unwrap();
    }
    install(cluster, &[]);
    let _operator = start(cluster, "operator-d");
    grounds[0].settle_within(Duration::from_secs(100), "namespace/team-a", r".metadata.labels.opex\.dev/gate", "block");
    assert!(grounds[0].spent("bgt/team") >= spent, "the Statement went on");
}

/// The command of the chart's hook, with the rights of its service account.
fn uninstall(cluster: &Cluster) {
    let account =
        cluster.service_account_kubeconfig(RELEASE_NAMESPACE, "opex-operator", Duration::from_mins(10)).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_opex-operator"));
    command.args(["uninstall", "--namespace", RELEASE_NAMESPACE]).envs(cluster.env()).env("KUBECONFIG", account);
    let output = command.output().unwrap();
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    println!("{said}");
    assert!(output.status.success() && said.contains("gate set"), "{OPERATOR}: {said}");
}

/// Every gate as it changes.
fn watch(cluster: &Cluster) -> Process {
    let template = r#"{{with .metadata}}{{if or (eq .name "team-a") (eq .name "team-b")}}{{.name}} {{with .labels}}{{with index . "opex.dev/gate"}}{{.}}{{end}}{{end}}{{"\n"}}{{end}}{{end}}"#;
    let mut get = cluster.command("kubectl");
    get.args(["get", "namespaces", "--watch", &format!("-ogo-template={template}")]);
    let watch = Process::start(cluster, "gates", &get).unwrap();
    watch.wait_for_log("team-b block", PATIENCE).unwrap();
    watch
}

/// What changed, each once.
fn lines(gates: &Process) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for line in gates.log().lines() {
        let (team, _) = line.split_once(' ').unwrap_or((line, ""));
        if lines.iter().rev().find(|known| known.starts_with(team)).is_none_or(|known| known != line) {
            lines.push(line.to_owned());
        }
    }
    lines
}

fn leaves_what_is_the_users(cluster: &Cluster) {
    for kind in ["budgets", "clusterbudgets", "priceplans", "statements", "budgetoverrides"] {
        cluster.kubectl(["get", "crd", &format!("{kind}.billing.opex.dev")]).expect();
    }
    cluster.kubectl(["get", "priceplan/per-second", "-oname"]).expect();
    cluster.kubectl(["-n", "team-a", "get", "bgt/team", "-oname"]).expect();
    assert!(cluster.kubectl(["-n", "team-a", "get", "stmt", "-oname"]).expect().contains("/team-"));
    let policies = cluster.kubectl(["get", "validatingadmissionpolicies,validatingadmissionpolicybindings", "-oname"]);
    let policies = policies.expect();
    assert!(!policies.contains("/opex-") && policies.lines().count() == 2, "{policies}");
    // The guard went with the chart, and nothing of ours is left on the definitions that deletes them.
    let kept = ["get", "crd", "statements.billing.opex.dev", r"-ojsonpath={.metadata.annotations}"];
    assert!(!cluster.kubectl(kept).expect().contains("allow-delete"));
}
