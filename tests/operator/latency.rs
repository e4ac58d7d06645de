//! Acceptance 4: how long after the exact instant of a crossing growth is denied.
//!
//! Twenty Namespaces, each with one Pod that costs one euro a second, have Budgets of 30, 31, 32 … euros: they are used
//! up one after the other, at instants that arithmetic knows. Around each instant a scale-up is asked for without a
//! pause; the time of the first answer that refuses it counts.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use futures::future::join_all;
use jiff::Timestamp;
use k8s_openapi::api::apps::v1::Deployment;
use kube::api::{Patch, PatchParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Api, Client, Config};
use opex_cluster::Cluster;
use serde_json::json;

use crate::budgets::{BLOCK_SCALE_UP, budget, shared};
use crate::manifests::deployment;

const BUDGETS: u32 = 20;

/// The smallest limit: so many seconds are left to prepare.
const LEAST: u32 = 30;

/// How long before the crossing asking begins: it must be allowed until then.
const BEFORE: f64 = 0.2;

#[tokio::test]
async fn a04_denial_follows_the_crossing() {
    let cluster = &shared().cluster;
    let names: Vec<_> = (0..BUDGETS).map(|i| format!("opex-crossing-{i:02}")).collect();
    prepare(cluster, &names);
    let crossings = crossings(cluster, &names);
    let client = client(cluster).await;
    let denials = names.iter().zip(&crossings).map(|(name, crossing)| denial(&client, name, *crossing));
    let mut late = join_all(denials).await;
    let crossed = times(cluster, &names, "{.status.thresholds[0].crossedAt}");
    assert_eq!(crossed, crossings, "they crossed at other instants");
    let delete = ["delete", "namespace", "--wait=false"];
    cluster.kubectl(delete.into_iter().chain(names.iter().map(String::as_str))).expect();

    late.sort_by(f64::total_cmp);
    let milliseconds: Vec<_> = late.iter().map(|late| format!("{:.0}", late * 1000.0)).collect();
    let (median, most) = (f64::midpoint(late[9], late[10]), late[19]);
    println!("from crossing to denial, ms: {}", milliseconds.join(" "));
    println!("median {:.1} ms, p99 {:.1} ms, of {BUDGETS}", median * 1000.0, most * 1000.0);
    assert!(median < 0.5 && most < 2.5, "ten times the targets: median {median} s, p99 {most} s");
}

/// A Namespace and a running Pod for each Budget, then all Budgets at once.
fn prepare(cluster: &Cluster, names: &[String]) {
    for name in names {
        cluster.create_namespace(name).unwrap();
    }
    create(cluster, names.iter().map(|name| within(name, &deployment("web", 1))));
    for name in names {
        let available = ["-n", name, "wait", "deploy/web", "--for=condition=Available", "--timeout=60s"];
        cluster.kubectl(available).expect();
    }
    let budgets = names.iter().zip(LEAST..).map(|(name, limit)| within(name, &budget("team", limit, BLOCK_SCALE_UP)));
    create(cluster, budgets);
}

fn create(cluster: &Cluster, manifests: impl Iterator<Item = String>) {
    let all: Vec<_> = manifests.collect();
    cluster.kubectl_with_input(["create", "-f", "-"], &all.join("\n---\n")).expect();
}

fn within(namespace: &str, manifest: &str) -> String {
    manifest.replacen("metadata: {", &format!("metadata: {{namespace: {namespace}, "), 1)
}

/// The first whole seconds at which the limits are reached: a Budget counts from its creation.
fn crossings(cluster: &Cluster, names: &[String]) -> Vec<i64> {
    let created = times(cluster, names, "{.metadata.creationTimestamp}");
    created.into_iter().zip(LEAST..).map(|(created, limit)| created + i64::from(limit)).collect()
}

/// A time of each Budget, in the order of their Namespaces.
fn times(cluster: &Cluster, names: &[String], path: &str) -> Vec<i64> {
    let path = format!("-ojsonpath={{range .items[*]}}{{.metadata.namespace}} {path}{{\"\\n\"}}{{end}}");
    let all = cluster.kubectl(["get", "budgets", "-A", &path]).expect();
    let time = |name: &String| {
        let own = all.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        let time = own.unwrap_or_default().parse::<Timestamp>();
        time.unwrap_or_else(|error| panic!("{name}: {error}: {all}")).as_second()
    };
    names.iter().map(time).collect()
}

async fn client(cluster: &Cluster) -> Client {
    let kubeconfig = Kubeconfig::read_from(cluster.kubeconfig()).unwrap();
    let config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await.unwrap();
    Client::try_from(config).unwrap()
}

/// How many seconds after the crossing the first answer came that refuses to scale up.
async fn denial(client: &Client, namespace: &str, crossing: i64) -> f64 {
    let early = -BEFORE - since(crossing);
    assert!(early > 0.0, "{namespace} was due {:.1} s ago", -early);
    tokio::time::sleep(Duration::from_secs_f64(early)).await;
    let deployments: Api<Deployment> = Api::namespaced(client.clone(), namespace);
    let dry_run = PatchParams { dry_run: true, ..PatchParams::default() };
    let up = Patch::Merge(json!({"spec": {"replicas": 9}}));
    let mut allowed = 0;
    loop {
        let answer = deployments.patch_scale("web", &dry_run, &up).await;
        let late = since(crossing);
        match answer {
            Ok(_) => allowed += 1,
            Err(kube::Error::Api(status)) if status.code == 403 && status.message.contains("opex-scale-gate") => {
                assert!(late >= 0.0, "denied {:.3} s before the crossing", -late);
                assert!(allowed > 0, "{namespace} was denied at once");
                return late;
            }
            Err(error) => panic!("{error}"),
        }
        assert!(late < 30.0, "{namespace} was never denied");
    }
}

/// How many seconds ago an instant was, by the clock of this machine, on which the API server runs as well.
#[expect(clippy::disallowed_methods, reason = "a measurement against the wall clock")]
fn since(instant: i64) -> f64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    now.as_secs_f64() - Duration::from_secs(instant.try_into().unwrap()).as_secs_f64()
}
