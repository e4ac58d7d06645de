//! Everything at once for three minutes on the real control plane: what the operator has written down is what
//! `kubectl opex replay` makes of what it has recorded, line by line and to the last digit.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use opex_cluster::{Node, needs_own_cluster, wait_for, wait_until};
use serde_json::json;

use crate::ground::Ground;
use crate::installed::prepared;
use crate::manifests::{deployment, service};
use crate::replicas::{instant, lines, replay, start};

/// How long something happens every so often.
const LENGTH: Duration = Duration::from_mins(3);
const EVERY: Duration = Duration::from_secs(9);

/// For how long nothing may happen before the two are compared: more than the operator's lag.
const QUIET: SignedDuration = SignedDuration::from_secs(15);

const OPERATOR: &str = "operator";

const PLAN: &str = r#"{
"apiVersion": "billing.opex.dev/v1alpha1", "kind": "PricePlan", "metadata": {"name": "mixed"},
"spec": {
  "currency": "EUR",
  "pricesPerHour": {"cpu": "0.031611", "nvidia.com/gpu": "0.95"},
  "tiers": {"memory": [{"upTo": "0.01", "price": "0.5"}, {"upTo": "0.05", "price": "0.004237"}, {"price": "0.003"}]},
  "minimumPerPod": {"cpu": "25m", "memory": "48Mi"},
  "nodeClasses": [
    {"name": "a100", "selector": {"matchLabels": {"accelerator": "a100"}}, "pricePerNodeHour": "2.49"},
    {"name": "spot", "selector": {"matchLabels": {"spot": "true"}}, "pricesPerHour": {"cpu": "0.006655"}}
  ],
  "storage": [{"className": "growing", "pricePerGiBMonth": "0.04"}],
  "pricePerLoadBalancerHour": "0.025",
  "categories": [{"selector": {"matchLabels": {"app": "db"}}, "category": "Database"}],
  "discounts": [{"name": "committed", "percent": "12.5", "resources": ["cpu", "memory"]}],
  "recurring": [
    {"name": "support", "category": "Support", "amount": "1500", "every": "Month", "from": "2026-01-01",
     "allocate": {"by": "Even", "selector": {"matchLabels": {"mixed": "yes"}}}},
    {"name": "licence", "category": "Software", "amount": "90", "every": "Day", "from": "2026-01-01",
     "allocate": {"by": "Usage", "selector": {"matchLabels": {"mixed": "yes"}}}}
  ]
}}"#;

#[test]
fn three_minutes_of_everything_replay_to_the_integer() {
    if needs_own_cluster() {
        return;
    }
    let cluster = prepared("mixed");
    let gpu = Node::new("gpu-0").label("accelerator", "a100").label("nvidia.com/gpu.replicas", "4");
    let spot = Node::new("spot-0").label("spot", "true");
    cluster.add_nodes(&[gpu.capacity("nvidia.com/gpu", "8"), spot]).unwrap();
    cluster.apply(PLAN).expect();
    let mut operator = start(&cluster, OPERATOR);
    operator.wait_until_ready().unwrap();

    let [shop, lab] = ["opex-mixed", "opex-mixed-lab"].map(|name| Ground::on(&cluster, name, &[]));
    for ground in [&shop, &lab] {
        ground.kubectl(&format!("label namespace {} mixed=yes", ground.namespace)).expect();
    }
    budgets(&shop);
    workloads(&shop);
    lab.make(&deployment("web", 2));
    let begun = Instant::now();
    for round in 0.. {
        happen(round, &shop, &lab);
        let next = EVERY * (round + 1);
        if next > LENGTH {
            break;
        }
        wait_for("the next round", LENGTH, || begun.elapsed() >= next).unwrap();
    }
    settle(&shop);
    let quiet = shop.now() - SignedDuration::from_secs(12);
    // Who goes writes down everything as it stands.
    operator.terminate().unwrap();
    compare(&shop, OPERATOR, quiet);
}

/// A Budget, a pot and a Budget in each namespace, over different periods.
fn budgets(ground: &Ground<'_>) {
    let spec = |period: &str| format!("pricePlan: mixed, limit: {{amount: 1000000, currency: EUR}}, period: {period}");
    let budget = |kind: &str, name: &str, spec: &str| {
        ground.make(&format!(
            "{{apiVersion: billing.opex.dev/v1alpha1, kind: {kind}, metadata: {{name: {name}}}, spec: {{{spec}}}}}"
        ));
    };
    let selector = "namespaceSelector: {matchLabels: {mixed: 'yes'}}";
    budget("Budget", "team", &spec("{every: Month, timeZone: Europe/Berlin}"));
    budget("ClusterBudget", "pot", &format!("{selector}, {}", spec("{every: Quarter, startMonth: 2}")));
    budget("ClusterBudget", "every", &format!("mode: PerNamespace, {selector}, {}", spec("{every: Week}")));
}

fn workloads(ground: &Ground<'_>) {
    let namespace = ground.namespace;
    ground.make(
        "{apiVersion: storage.k8s.io/v1, kind: StorageClass, metadata: {name: growing}, provisioner: example.com/none, \
         allowVolumeExpansion: true}",
    );
    for i in 0..2 {
        ground.make(&format!(
            "{{apiVersion: v1, kind: PersistentVolume, metadata: {{name: mixed-{i}}}, spec: {{accessModes: \
             [ReadWriteOnce], storageClassName: growing, capacity: {{storage: 3Gi}}, hostPath: {{path: /tmp}}, \
             claimRef: {{namespace: {namespace}, name: data-db-{i}}}}}}}"
        ));
    }
    ground.make(&deployment("web", 3));
    ground.make(&service("front", "LoadBalancer"));
    ground.make(&stateful_set());
    let pod = |requests: &str, node: &str| pod_spec("Always", requests, node);
    let gpu = pod("{cpu: '1', memory: 2Gi, nvidia.com/gpu: '3'}", "accelerator: a100");
    ground.make(&format!("{{apiVersion: v1, kind: Pod, metadata: {{name: train}}, spec: {gpu}}}"));
    let spot = pod("{cpu: 300m, memory: 100M}", "spot: 'true'");
    ground.make(&format!("{{apiVersion: v1, kind: Pod, metadata: {{name: sized}}, spec: {spot}}}"));
    let job = job_spec("7s", 2);
    ground.make(&format!(
        "{{apiVersion: batch/v1, kind: CronJob, metadata: {{name: each-minute}}, spec: {{schedule: '* * * * *', \
         jobTemplate: {{spec: {job}}}}}}}"
    ));
}

fn pod_spec(restart: &str, requests: &str, node: &str) -> String {
    format!(
        "{{restartPolicy: {restart}, nodeSelector: {{{node}}}, containers: [{{name: c, image: 'busybox:1', resources: \
         {{requests: {requests}, limits: {}}}}}]}}",
        if requests.contains("gpu") { "{nvidia.com/gpu: '3'}" } else { "{}" }
    )
}

fn job_spec(runs: &str, pods: u32) -> String {
    let pod = pod_spec("Never", "{cpu: 75m, memory: 64Mi}", "");
    format!(
        "{{completions: {pods}, parallelism: 2, ttlSecondsAfterFinished: 12, template: {{metadata: {{annotations: \
         {{test.opex.dev/run-for: {runs}, test.opex.dev/start-after: 1s}}}}, spec: {pod}}}}}"
    )
}

fn stateful_set() -> String {
    let pod = pod_spec("Always", "{cpu: 200m, memory: 512Mi}", "");
    format!(
        "{{apiVersion: apps/v1, kind: StatefulSet, metadata: {{name: db}}, spec: {{replicas: 2, podManagementPolicy: \
         Parallel, selector: {{matchLabels: {{app: db}}}}, template: {{metadata: {{labels: {{app: db}}}}, spec: {pod}}}, \
         volumeClaimTemplates: [{{metadata: {{name: data}}, spec: {{accessModes: [ReadWriteOnce], storageClassName: \
         growing, resources: {{requests: {{storage: 1Gi}}}}}}}}]}}}}"
    )
}

/// What happens in a round.
fn happen(round: u32, shop: &Ground<'_>, lab: &Ground<'_>) {
    let run = |command: &str| drop(shop.kubectl(command).expect());
    let sized = |cpu: &str| {
        json!({"spec": {"containers": [{"name": "c", "resources": {"requests": {"cpu": cpu}}}]}}).to_string()
    };
    // Until 1.33 a Pod was not resized through a subresource.
    let resizes = shop.cluster.minor() >= 33;
    let resize = |cpu| {
        if resizes {
            run(&format!("patch pod sized --subresource=resize -p {}", sized(cpu)));
        }
    };
    match round {
        1 => run("scale deploy/web --replicas=5"),
        2 => shop.make(&format!(
            "{{apiVersion: batch/v1, kind: Job, metadata: {{name: once}}, spec: {}}}",
            job_spec("11s", 5)
        )),
        3 => {
            shop.settle("pod/sized", ".status.phase", "Running");
            run(&format!("patch pod sized --subresource=status -p {}", as_running("300m")));
            resize("700m");
        }
        4 => shop.patch("priceplan/mixed", r#"{"spec":{"pricesPerHour":{"cpu":"0.05","nvidia.com/gpu":"0.95"}}}"#),
        5 => run(&format!("patch pod sized --subresource=status -p {}", as_running("700m"))),
        6 => shop.patch("pvc/data-db-0", r#"{"spec":{"resources":{"requests":{"storage":"2560Mi"}}}}"#),
        7 => shop.patch("service/front", r#"{"spec":{"type":"ClusterIP"}}"#),
        8 => run("delete pod -l app=web --wait=false"),
        9 => resize("100m"),
        10 => run("delete node node-2 --wait=false"),
        11 => run(&format!("label namespace {} mixed-", lab.namespace)),
        12 => run("rollout restart statefulset/db"),
        13 => shop.patch("service/front", r#"{"spec":{"type":"LoadBalancer"}}"#),
        14 => run(&format!("label namespace {} mixed=yes", lab.namespace)),
        15 => run("delete pod train --wait=false"),
        16 => run("scale deploy/web --replicas=2"),
        _ => {}
    }
}

/// What a kubelet says of the Pod that is resized: so much its container has.
fn as_running(cpu: &str) -> String {
    json!({"status": {"containerStatuses": [{
        "name": "c", "image": "busybox:1", "imageID": "", "ready": true, "restartCount": 0, "started": true,
        "state": {"running": {"startedAt": "2026-11-01T00:00:00Z"}},
        "resources": {"requests": {"cpu": cpu, "memory": "100M"}},
    }]}})
    .to_string()
}

/// Waits until nothing happens any more, and has not for a while.
fn settle(ground: &Ground<'_>) {
    ground.kubectl("patch cronjob each-minute -p {\"spec\":{\"suspend\":true}}").expect();
    wait_for("the Jobs to be gone", Duration::from_mins(2), || ground.kubectl("get jobs -oname").expect().is_empty())
        .unwrap();
    let state = || {
        let pods = "get pods -A -ojsonpath={.items[*].metadata.resourceVersion}";
        let claims = "get pvc,svc,nodes,namespaces -A -ojsonpath={.items[*].metadata.resourceVersion}";
        (ground.kubectl(pods).expect(), ground.kubectl(claims).expect())
    };
    let mut since = (state(), ground.now());
    wait_until("a quiet moment", Duration::from_mins(3), || {
        let (now, at) = (state(), ground.now());
        if now != since.0 {
            since = (now, at);
        }
        anyhow::ensure!(at.duration_since(since.1) >= QUIET, "something happened at {}", since.1);
        Ok(())
    })
    .unwrap();
}

fn compare(ground: &Ground<'_>, operator: &str, quiet: Timestamp) {
    let live = ground.kubectl("get stmt -A -ojson").json().unwrap()["items"].as_array().cloned().unwrap_or_default();
    for statement in &live {
        let spec = &statement["spec"];
        let ended = spec["phase"] == "Closed" || spec["watermark"] == spec["period"]["end"];
        assert!(
            ended || instant(&spec["watermark"]) >= quiet,
            "{}: {}",
            statement["metadata"]["name"],
            spec["watermark"]
        );
    }
    assert!(live.len() >= 6, "{} Statements", live.len());
    let mut rates = BTreeMap::new();
    for statement in &live {
        let replayed = replay(ground.cluster, operator, statement);
        let (spec, expected) = (&statement["spec"], &replayed["spec"]);
        let name = format!("{}/{}", statement["metadata"]["namespace"], statement["metadata"]["name"]);
        println!("{name}: {} lines, total {} {}", lines(spec).len(), spec["total"], spec["currency"]);
        assert_eq!(lines(spec), lines(expected), "{name}");
        for field in ["total", "currency", "period", "budgetRef"] {
            assert_eq!(spec[field], expected[field], "{name}: {field}");
        }
        // What all namespaces use is kept from the period's start, when nothing watched the cluster yet.
        let of_plan = spec["budgetRef"]["kind"] == "PricePlan";
        assert!(of_plan || spec["gaps"].is_null(), "{name}: {}", spec["gaps"]);
        for line in spec["lines"].as_array().into_iter().flatten() {
            *rates.entry(line["rate"].as_str().unwrap().to_owned()).or_insert(0) += 1;
        }
    }
    for rate in
        ["cpu", "spot/cpu", "a100/nvidia.com/gpu/4", "memory", "storage/growing", "load-balancer", "recurring/licence"]
    {
        assert!(rates.contains_key(rate), "{rate} was not billed: {rates:?}");
    }
}
