//! A cluster with the chart in it, without Pods of the operator, and people with rights.
#![allow(dead_code, reason = "each test takes what it needs")]

use opex_cluster::{Cluster, Options, wait_for};

use crate::ground::PATIENCE;
use crate::manifests;

/// The namespace of the release.
pub const RELEASE_NAMESPACE: &str = "opex-system";
/// The user as which the chart's service account is known.
pub const OPERATOR: &str = "system:serviceaccount:opex-system:opex-operator";

/// Values by which Databases are billed.
pub const DATABASES: [&str; 2] = ["rbac.objects[0].group=example.com", "rbac.objects[0].resources={databases}"];

/// A cluster with the chart, without an operator.
pub fn prepared(name: &str) -> Cluster {
    prepared_on(&Options::new(name).nodes(3), &[])
}

/// The same on another kind of cluster, and with these values.
pub fn prepared_on(options: &Options, values: &[&str]) -> Cluster {
    let cluster = Cluster::start(options).unwrap();
    install(&cluster, values);
    cluster.apply(include_str!("people.yaml")).expect();
    wait_for_guards(&cluster);
    cluster
}

/// `helm install` with these values, without Pods.
pub fn install(cluster: &Cluster, values: &[&str]) {
    let chart = concat!(env!("CARGO_MANIFEST_DIR"), "/charts/opex-operator");
    let install = ["upgrade", "--install", "opex-operator", chart, "-n", RELEASE_NAMESPACE, "--create-namespace"];
    let without_pods = ["--set", "replicaCount=0", "--wait"];
    let values = values.iter().flat_map(|value| ["--set", value]);
    cluster.helm(install.into_iter().chain(without_pods).chain(values)).expect();
}

/// The API server reads new policies every second or so: each guard is asked until it refuses.
fn wait_for_guards(cluster: &Cluster) {
    let asked = [
        ("opex-gate-guard", "--as=tenant label namespace default opex.dev/probe=1", String::new()),
        ("opex-crd-guard", "delete crd statements.billing.opex.dev", String::new()),
        ("opex-ledger-guard", "--as=tenant create -f -", manifests::statement("probe")),
        (
            "opex-override-guard",
            "--as=tenant create -f -",
            manifests::budget_override("probe", "nobody", "2026-01-01T00:00:00Z"),
        ),
    ];
    for (policy, command, input) in asked {
        wait_for(policy, PATIENCE, || {
            let args = command.split(' ').chain(["--dry-run=server"]);
            let output = cluster.kubectl_with_input(args, &input);
            output.stderr.contains(policy)
        })
        .unwrap();
    }
}
