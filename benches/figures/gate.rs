//! What the gate adds to a request: the same change of a Deployment's scale, asked of a real API server with the chart's
//! policies and then without them, in a namespace whose gate is closed and in one that has none. Nothing is kept.

use std::time::{Duration, Instant};

use http::Request;
use kube::Client;
use kube::config::{Config, KubeConfigOptions, Kubeconfig};
use opex_cluster::{Cluster, Options, wait_for};
use serde_json::Value;

use super::table::{Figure, Target};

/// How many requests of each kind.
const REQUESTS: usize = 500;

const GATED: &str = "gated";
const FREE: &str = "free";

/// Median and maximum, in microseconds.
type Latency = (f64, f64);

pub fn figures() -> Vec<Figure> {
    opex_operator::cli::install_crypto();
    let cluster = Cluster::start(&Options::new("latency")).expect("a control plane");
    for namespace in [GATED, FREE] {
        cluster.create_namespace(namespace).expect("a namespace");
        let create = ["-n", namespace, "create", "deployment", "web", "--image=none", "--replicas=3"];
        cluster.kubectl(create).expect();
    }
    cluster.kubectl(["label", "namespace", GATED, "opex.dev/gate=block"]).expect();
    let runtime = tokio::runtime::Runtime::new().expect("threads");
    install(&cluster);
    // The API server still works on the definitions that came with them.
    let mut with = runtime.block_on(latencies(&cluster));
    for _ in 0..10 {
        let before = std::mem::replace(&mut with, runtime.block_on(latencies(&cluster)));
        if !wanders(&before, &with) {
            break;
        }
    }
    let [gated, free] = with;
    cluster.kubectl(["delete", "validatingadmissionpolicybindings,validatingadmissionpolicies", "--all"]).expect();
    wait_for_gate(&cluster, false);
    let [bare_gated, bare_free] = runtime.block_on(latencies(&cluster));
    let added = Figure {
        what: "added by the policies to a request in a blocked namespace, median",
        floor: None,
        // The two namespaces take turns: what they differ by does not depend on how busy the machine was.
        measured: (gated.0 - free.0) - (bare_gated.0 - bare_free.0),
        unit: "µs",
        target: Target::AtMost(300.0),
    };
    let rows = [
        ("a request in a blocked namespace, median", bare_gated.0, gated.0),
        ("the same, at most", bare_gated.1, gated.1),
        ("a request in another namespace, median", bare_free.0, free.0),
        ("the same, at most", bare_free.1, free.1),
    ];
    let figure =
        |(what, floor, measured)| Figure { what, floor: Some(floor), measured, unit: "µs", target: Target::None };
    rows.map(figure).into_iter().chain([added]).collect()
}

fn install(cluster: &Cluster) {
    let chart = concat!(env!("CARGO_MANIFEST_DIR"), "/charts/opex-operator");
    let install =
        ["install", "opex-operator", chart, "-n", "opex-system", "--create-namespace", "--set", "replicaCount=0"];
    cluster.helm(install).expect();
    wait_for_gate(cluster, true);
}

fn wait_for_gate(cluster: &Cluster, closed: bool) {
    wait_for("the gate", Duration::from_mins(1), || {
        let scale = ["-n", GATED, "scale", "deploy/web", "--replicas=9", "--dry-run=server"];
        cluster.kubectl(scale).stderr.contains("opex-scale-gate") == closed
    })
    .expect("a gate");
}

/// Whether the medians of two runs are more than a tenth apart.
fn wanders(one: &[Latency; 2], other: &[Latency; 2]) -> bool {
    one.iter().zip(other).any(|((one, _), (other, _))| (one / other - 1.0).abs() > 0.1)
}

/// Of a blocked namespace and of another, in turns.
async fn latencies(cluster: &Cluster) -> [Latency; 2] {
    let kubeconfig = Kubeconfig::read_from(cluster.kubeconfig()).expect("a kubeconfig");
    let config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await.expect("a context");
    let client = Client::try_from(config).expect("a client");
    let mut taken = [const { Vec::new() }; 2];
    // The first ones open connections and fill caches.
    for _ in 0..REQUESTS + 50 {
        for (namespace, taken) in [GATED, FREE].into_iter().zip(&mut taken) {
            let begun = Instant::now();
            ask(&client, namespace).await;
            taken.push(begun.elapsed().as_secs_f64() * 1e6);
        }
    }
    taken.map(|mut all| {
        all.drain(..50);
        all.sort_by(f64::total_cmp);
        (all[all.len() / 2], all[all.len() - 1])
    })
}

/// As an autoscaler does; fewer replicas are admitted everywhere.
async fn ask(client: &Client, namespace: &str) {
    let request = Request::patch(format!("/apis/apps/v1/namespaces/{namespace}/deployments/web/scale?dryRun=All"))
        .header("Content-Type", "application/merge-patch+json")
        .body(br#"{"spec":{"replicas":2}}"#.to_vec())
        .expect("a request");
    client.request::<Value>(request).await.expect("admitted");
}
