//! The chart: what Helm makes of it on a real API server, from the first install to the last trace.

#[path = "chart/render.rs"]
mod render;
#[path = "chart/rights.rs"]
mod rights;
#[path = "chart/values.rs"]
mod values;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use opex_cluster::{Cluster, Options, Output, needs_simulated_nodes, wait_for};

const CHART: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/charts/opex-operator");
const DEFINITIONS: [&str; 5] = ["budgetoverrides", "budgets", "clusterbudgets", "priceplans", "statements"];

/// Helm reads nothing outside a chart, so the chart carries a copy.
#[test]
fn the_definitions_are_those_of_the_repository() {
    let read = |directory: &str| -> BTreeMap<_, _> {
        let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join(directory);
        fs::read_dir(&directory)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .map(|path| (path.file_name().unwrap().to_owned(), fs::read_to_string(&path).unwrap()))
            .collect()
    };
    let (copied, generated) = (read("charts/opex-operator/files/crds"), read("crds"));
    assert!(copied == generated, "run `cp crds/*.yaml charts/opex-operator/files/crds/`");
    assert_eq!(copied.len(), DEFINITIONS.len());
}

#[test]
fn the_chart_lives_on_a_cluster() {
    if needs_simulated_nodes() {
        return;
    }
    let cluster = Cluster::start(&Options::new("chart").nodes(2)).unwrap();
    lints(&cluster);
    refuses_unknown_values(&cluster);
    cluster.kubectl(["create", "namespace", "opex-system"]).expect();
    let restricted = "pod-security.kubernetes.io/enforce=restricted";
    cluster.kubectl(["label", "namespace", "opex-system", restricted]).expect();
    passes_a_strict_dry_run(&cluster, &[]);
    passes_a_strict_dry_run(&cluster, &["--set", "record.enabled=true,record.existingClaim=traces"]);
    passes_a_strict_dry_run(&cluster, &["--set", "scaleDown.enabled=true"]);
    runs_two_restricted_pods(&cluster);
    its_defaults_are_admitted(&cluster);
    keeps_the_gate_over_an_upgrade(&cluster);
    can_be_uninstalled_without_the_hook(&cluster);
    takes_over_what_was_applied_without_helm(&cluster);
    leaves_only_the_records(&cluster);
    can_be_installed_again(&cluster);
    removes_everything_when_told(&cluster);
}

fn helm(cluster: &Cluster, command: &str, more: &[&str]) -> Output {
    let command = command.split(' ').map(|word| if word == "CHART" { CHART } else { word });
    cluster.helm(["-n", "opex-system"].into_iter().chain(command).chain(more.iter().copied()))
}

fn lints(cluster: &Cluster) {
    helm(cluster, "lint --strict CHART", &[]).expect();
    let everything = "serviceMonitor.enabled=true,gate.exemptUsers={flux},scaleDown.enabled=true,networkPolicy.egress[0].ports[0].port=6443";
    helm(cluster, "lint --strict CHART --set", &[everything]).expect();
}

fn refuses_unknown_values(cluster: &Cluster) {
    for value in [
        "gate.exemptUser=x",
        "replicaCount=two",
        "replicas=2",
        "config.lag=10",
        "config.sampleInterval=60",
        "crds.keep=maybe",
        "record.sizeLimit=much",
    ] {
        helm(cluster, "template opex CHART --set", &[value]).expect_refused();
    }
}

fn passes_a_strict_dry_run(cluster: &Cluster, values: &[&str]) {
    let manifests = helm(cluster, "template opex-operator CHART", values).expect();
    let apply = ["apply", "--dry-run=server", "--validate=strict", "-n", "opex-system", "-f", "-"];
    cluster.kubectl_with_input(apply, &manifests).expect();
}

fn runs_two_restricted_pods(cluster: &Cluster) {
    let install = "install opex-operator CHART --wait --timeout=90s --set record.enabled=true";
    let notes = helm(cluster, install, &[]).expect();
    assert!(notes.contains("Nothing is blocked."), "{notes}");
    let deployment = cluster.get(["-n", "opex-system", "deployment", "opex-operator"]).unwrap();
    assert_eq!(deployment["status"]["readyReplicas"], 2);
    can_be_looked_into(cluster);
}

/// The image holds no shell: a trace is fetched through a container that is added to the Pod, as docs/operations.md says.
fn can_be_looked_into(cluster: &Cluster) {
    let operations = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/operations.md")).unwrap();
    let (_, block) = operations.split_once("```sh\ncat > mount.json").unwrap();
    let (block, _) = block.split_once("kubectl -n opex-system cp").unwrap();
    let pods = cluster.kubectl(["-n", "opex-system", "get", "pods", "-oname"]).expect();
    let pod = pods.lines().next().and_then(|pod| pod.strip_prefix("pod/")).unwrap();
    let script = format!("set -e; cd {}\ncat > mount.json{}", cluster.dir().display(), block.replace("POD", pod));
    let shell = Command::new("sh").args(["-c", &script]).envs(cluster.env()).output().unwrap();
    assert!(shell.status.success(), "{script}\n{}", String::from_utf8_lossy(&shell.stderr));
    let added = cluster.get(["-n", "opex-system", "pod", pod]).unwrap()["spec"]["ephemeralContainers"][0].clone();
    assert_eq!(added["volumeMounts"][0], serde_json::json!({"name": "traces", "mountPath": "/traces"}));
}

/// What the operator creates when it is absent.
fn its_defaults_are_admitted(cluster: &Cluster) {
    let config = cluster.get(["-n", "opex-system", "configmap", "opex-operator"]).unwrap();
    let config: serde_json::Value = serde_saphyr::from_str(config["data"]["config.yaml"].as_str().unwrap()).unwrap();
    let defaults = config["defaults"].as_array().unwrap();
    assert_eq!(defaults.len(), 2);
    for default in defaults {
        let create = ["create", "--validate=strict", "-f", "-"];
        cluster.kubectl_with_input(create, &default.to_string()).expect();
    }
}

fn keeps_the_gate_over_an_upgrade(cluster: &Cluster) {
    cluster.kubectl(["create", "namespace", "team"]).expect();
    cluster.kubectl(["label", "namespace", "team", "opex.dev/gate=block"]).expect();
    wait_for("the gate", Duration::from_secs(30), || is_gated(cluster)).unwrap();
    let uids = || {
        let columns = "-ocustom-columns=UID:.metadata.uid";
        cluster.kubectl(["get", "crd,validatingadmissionpolicy,validatingadmissionpolicybinding", columns]).expect()
    };
    let before = uids();
    helm(cluster, "upgrade opex-operator CHART --set podAnnotations.a=b", &[]).expect();
    assert_eq!(before, uids());
    assert!(is_gated(cluster));
}

fn is_gated(cluster: &Cluster) -> bool {
    let create = ["-n", "team", "create", "deployment", "x", "--image=x", "--dry-run=server"];
    cluster.kubectl(create).stderr.contains("opex-new-spend")
}

/// A hook that never runs is given up, with everything as it was, and can be left out.
fn can_be_uninstalled_without_the_hook(cluster: &Cluster) {
    let nowhere = ["nodeSelector.nowhere=here,uninstall.timeoutSeconds=30"];
    helm(cluster, "upgrade opex-operator CHART --set", &nowhere).expect();
    let given_up = helm(cluster, "uninstall opex-operator --timeout=5s", &[]).expect_refused();
    assert!(given_up.contains("opex-operator-uninstall not ready"), "{given_up}");
    assert!(is_gated(cluster), "nothing was uninstalled yet");
    helm(cluster, "uninstall opex-operator --no-hooks", &[]).expect();
    wait_for("an open gate", Duration::from_secs(30), || !is_gated(cluster)).unwrap();
    let label = cluster.kubectl(["get", "namespace", "team", "-ojsonpath={.metadata.labels.opex\\.dev/gate}"]).expect();
    assert_eq!(label, "block", "which has no effect any more");
    cluster.kubectl(["-n", "opex-system", "delete", "job", "opex-operator-uninstall"]).expect();
}

/// Policies of our names that something else applied, a plain `kubectl apply` of the chart say, are taken over when Helm
/// is told so.
fn takes_over_what_was_applied_without_helm(cluster: &Cluster) {
    let manifests =
        helm(cluster, "template opex-operator CHART --set crds.enabled=false,replicaCount=0 --no-hooks", &[]).expect();
    cluster.kubectl_with_input(["-n", "opex-system", "apply", "-f", "-"], &manifests).expect();
    let install = "install opex-operator CHART --set replicaCount=2";
    let refused = helm(cluster, install, &[]).expect_refused();
    assert!(refused.contains("exists and cannot be imported"), "{refused}");
    helm(cluster, install, &["--take-ownership", "--force-conflicts", "--wait", "--timeout=90s"]).expect();
    wait_for("the gate", Duration::from_secs(30), || is_gated(cluster)).unwrap();
}

fn leaves_only_the_records(cluster: &Cluster) {
    helm(cluster, "uninstall opex-operator", &[]).expect();
    for kind in DEFINITIONS {
        cluster.kubectl(["get", "crd", &format!("{kind}.billing.opex.dev")]).expect();
    }
    cluster.kubectl(["get", "priceplan/default", "clusterbudget/cluster"]).expect();
    let rest = "validatingadmissionpolicy,validatingadmissionpolicybinding,clusterrole,clusterrolebinding";
    let rest = cluster.kubectl(["get", rest, "-oname"]).expect();
    assert!(!rest.contains("/opex-"), "{rest}");
    wait_for("an open gate", Duration::from_secs(30), || !is_gated(cluster)).unwrap();
}

fn can_be_installed_again(cluster: &Cluster) {
    helm(cluster, "install opex-operator CHART --set replicaCount=0", &[]).expect();
    cluster.kubectl(["get", "priceplan/default", "clusterbudget/cluster"]).expect();
}

fn removes_everything_when_told(cluster: &Cluster) {
    helm(cluster, "upgrade opex-operator CHART --set crds.keep=false,replicaCount=0", &[]).expect();
    helm(cluster, "uninstall opex-operator", &[]).expect();
    wait_for("the definitions to go", Duration::from_secs(30), || {
        !cluster.kubectl(["get", "crd", "-oname"]).expect().contains("billing.opex.dev")
    })
    .unwrap();
}
