//! What Pods use is billed by the samples of a real metrics-server. Without one nothing is guessed and nothing stalls, and
//! the Budgets that ask for samples say so.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use opex_cluster::{Operator, needs_simulated_nodes, wait_for, wait_until};
use serde_json::Value;

use crate::budgets::{PLAN, budget};
use crate::ground::{Ground, PATIENCE};
use crate::installed::{install, prepared};
use crate::manifests::deployment;
use crate::replicas::{pair, trace};

/// metrics-server scrapes every 10 s, and rates take two scrapes.
const SCRAPED: Duration = Duration::from_secs(90);

const BASES: [(&str, &str); 3] = [("requested", "Requests"), ("used", "Usage"), ("larger", "MaxOfRequestsAndUsage")];

#[test]
fn what_pods_use_is_billed_by_samples() {
    if needs_simulated_nodes() {
        return;
    }
    let cluster = prepared("operator-usage");
    install(&cluster, &["config.sampleInterval=10s"]);
    cluster.apply(PLAN).expect();
    let mut operators = Vec::from(pair(&cluster));
    let busy = deployment("busy", 2)
        .replace("labels: {app: busy}", "labels: {app: busy}, annotations: {kwok.x-k8s.io/usage-cpu: 20m}");
    let ground = Ground::on(&cluster, "opex-used", &[busy]);
    ground.runs("busy", 2);
    for (name, basis) in BASES {
        ground.make(&budget(name, 1_000_000, &format!("basis: {basis}")));
    }

    // Without metrics-server.
    for name in ["bgt/used", "bgt/larger"] {
        ground.condition(name, "DataFresh", "False", "MetricsUnavailable");
        ground.event(name, "SamplesMissing", "install metrics-server");
    }
    ground.condition("bgt/requested", "DataFresh", "True", "Heard");
    wait_for("what is requested", PATIENCE, || ground.spent("bgt/larger") > 0).unwrap();
    assert_eq!(ground.field("bgt/used", ".status.spent"), "0.00");

    // With it.
    cluster.enable_metrics().unwrap();
    let fresh = r#".status.conditions[?(@.type=="DataFresh")].status"#;
    for name in ["bgt/used", "bgt/larger"] {
        ground.settle_within(SCRAPED, name, fresh, "True");
        ground.event(name, "SamplesBack", "is known again");
    }
    wait_for("what is used", SCRAPED, || ground.spent("bgt/used") > 0).unwrap();
    ground.kubectl("annotate pods -l app=busy --overwrite kwok.x-k8s.io/usage-cpu=4m").expect();
    let lowered = ground.now();
    ground.wait_until(lowered + SignedDuration::from_secs(45));

    // The leader is gone without a word; the other has taken samples all the time.
    let leader = operators.iter().position(|operator| operator.leads(&cluster)).unwrap();
    operators.swap_remove(leader).process.kill9().unwrap();
    let [survivor] = <[Operator; 1]>::try_from(operators).unwrap();
    survivor.wait_until_leading(&cluster, PATIENCE).unwrap();
    let ended = ground.now() + SignedDuration::from_secs(20);
    ground.wait_until(ended + SignedDuration::from_secs(45));
    let spent: Vec<_> =
        BASES.iter().map(|(name, _)| compare(&ground, name, ended, &trace(&cluster, &survivor.name))).collect();
    // What is used is at first above what is requested, then below.
    let [requested, used, larger] = spent[..] else { unreachable!() };
    assert!(used > 0 && larger > used && larger > requested, "{spent:?}");
}

/// Two replicas that ask in the same second may be told of samples a scrape apart: so much of the busy Pods' two shares,
/// in millicore-seconds, is between what the one has written and what the other has seen.
const A_SCRAPE_APART: i64 = 2 * 10 * (20 - 4);

/// The Statement is what a replay of the survivor's trace makes of it: to the integer by what is requested, and a scrape
/// apart at most by samples. Gives back its millicore-seconds.
fn compare(ground: &Ground<'_>, budget: &str, past: Timestamp, trace: &Path) -> i64 {
    let live = persisted(ground, budget, past);
    let from = ground.field(&format!("namespace/{}", ground.namespace), ".metadata.creationTimestamp");
    let mut replay = Command::new(env!("CARGO_BIN_EXE_kubectl-opex"));
    replay.args(["replay", "--from", &from, "--to", live["watermark"].as_str().unwrap(), "-o", "json"]).arg(trace);
    let output = replay.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let statements = report["statements"].as_array().unwrap();
    let replayed = statements.iter().find(|one| one["spec"]["budgetRef"]["name"] == budget).unwrap();
    println!("{budget}: {} {}", live["lines"], live["gaps"]);
    let replayed = &replayed["spec"];
    if budget == "requested" {
        for field in ["lines", "total", "gaps"] {
            assert_eq!(live[field], replayed[field], "{budget} {field}");
        }
    }
    for spec in [&live, replayed] {
        let estimated = spec["gaps"].to_string().contains("estimated");
        assert_eq!(estimated, budget != "requested", "{budget}: {}", spec["gaps"]);
    }
    let (counted, again) = (millicore_seconds(&live), millicore_seconds(replayed));
    assert!((counted - again).abs() <= A_SCRAPE_APART, "{budget}: {counted} and {again}");
    counted
}

fn millicore_seconds(spec: &Value) -> i64 {
    let cpu = spec["lines"].as_array().unwrap().iter().find(|line| line["rate"] == "cpu").unwrap();
    cpu["quantity"].as_str().unwrap().parse().unwrap()
}

/// The Statement, persisted past an instant: a raised limit has it written at once.
fn persisted(ground: &Ground<'_>, budget: &str, past: Timestamp) -> Value {
    ground.patch(&format!("bgt/{budget}"), r#"{"spec":{"limit":{"amount":2000000}}}"#);
    wait_until("the Statement", PATIENCE, || {
        let statements = ground.kubectl(&format!("get stmt -l opex.dev/budget={budget} -ojson")).json()?;
        let spec = statements["items"][0]["spec"].clone();
        let watermark: Timestamp = spec["watermark"].as_str().unwrap_or_default().parse()?;
        anyhow::ensure!(watermark >= past, "{spec:#}");
        Ok(spec)
    })
    .unwrap_or_else(|error| panic!("{error:#}"))
}
