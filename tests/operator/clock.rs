//! The API server's clock a minute behind the operator's and a minute ahead of it: the API server's counts.

use std::path::{Path, PathBuf};
use std::process::Command;

use jiff::{SignedDuration, Timestamp};
use opex_cluster::{Cluster, Operator, Process, needs_own_cluster, wait_for};
use serde_json::Value;

use crate::budgets::{BLOCK_SCALE_UP, PLAN, budget};
use crate::ground::{Ground, PATIENCE};
use crate::installed::{RELEASE_NAMESPACE, prepared};
use crate::manifests::deployment;

/// In euros, and so in seconds: one Pod runs.
const LIMIT: u32 = 15;

#[test]
#[cfg_attr(not(target_os = "linux"), ignore = "a process's clock is shifted by LD_PRELOAD, which is Linux's")]
fn the_api_servers_time_counts() {
    if needs_own_cluster() {
        return;
    }
    let cluster = prepared("clock");
    cluster.apply(PLAN).expect();
    let shim = shim();
    for (name, ahead) in [("fast", 60), ("slow", -60)] {
        let operator = start(&cluster, name, &shim, ahead);
        let namespace = format!("opex-clock-{name}");
        let ground = Ground::on(&cluster, &namespace, &[deployment("web", 1)]);
        ground.runs("web", 1);
        let writes = writes(&ground);
        ground.make(&budget("team", LIMIT, BLOCK_SCALE_UP));
        ground.closed("block-scale-up", "is used up (15.00 EUR");

        let created: Timestamp = ground.field("bgt/team", ".metadata.creationTimestamp").parse().unwrap();
        let crossed: Timestamp = ground.field("bgt/team", ".status.thresholds[0].crossedAt").parse().unwrap();
        assert_eq!(crossed, created + SignedDuration::from_secs(LIMIT.into()), "{name}: a euro a second");
        let events = ground.hear("get events.events.k8s.io -ojson", "ThresholdCrossed").json().unwrap();
        for event in events["items"].as_array().unwrap().iter().filter(|event| event["reason"] == "ThresholdCrossed") {
            let told: Timestamp = event["eventTime"].as_str().unwrap().parse().unwrap();
            assert!((0..30).contains(&(told - crossed).get_seconds()), "{name}: told at {told}, crossed at {crossed}");
        }
        says_how_far_off_it_is(&operator, -ahead);
        // One more write, in another second than the crossing's own.
        ground.wait_until(crossed + SignedDuration::from_secs(3));
        ground.patch("bgt/team", r#"{"spec":{"limit":{"amount":1000000}}}"#);
        ground.opened();
        let written = wait_for_writes(&writes, crossed);
        for (watermark, at) in &written {
            assert!(watermark <= at, "{name}: metered up to {watermark} at {at}");
        }
        operator.terminate().unwrap();
    }
    let lease = cluster.get(["-n", RELEASE_NAMESPACE, "lease", "opex-operator"]).unwrap();
    assert_eq!(lease["spec"]["leaseTransitions"], 2);
}

/// The library that shifts a process's clock.
fn shim() -> PathBuf {
    let library = Path::new(env!("CARGO_TARGET_TMPDIR")).join("clock.so");
    let mut cc = Command::new("cc");
    cc.args(["-shared", "-fPIC", "-o"]).arg(&library);
    let cc = cc.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/operator/clock.c")).output().unwrap();
    assert!(cc.status.success(), "{}", String::from_utf8_lossy(&cc.stderr));
    library
}

/// A replica whose clock is so many seconds ahead.
fn start(cluster: &Cluster, name: &str, shim: &Path, ahead: i64) -> Operator {
    let mut run = Command::new(env!("CARGO_BIN_EXE_opex-operator"));
    run.arg("run").env("LD_PRELOAD", shim).env("CLOCK_AHEAD", ahead.to_string());
    let mut operator = Operator::start(cluster, name, &mut run).unwrap();
    operator.wait_for_lists().unwrap();
    operator.wait_until_leading(cluster, PATIENCE).unwrap();
    operator
}

/// On its log and as a metric, how far the API server's clock is ahead.
fn says_how_far_off_it_is(operator: &Operator, ahead: i64) {
    let near = |seconds: f64| (seconds - f64::from(i32::try_from(ahead).unwrap())).abs() < 1.5;
    let log = operator.process.log();
    let line = log.lines().find(|line| line.contains("the API server's clock and this host's differ"));
    let line: Value = serde_json::from_str(line.unwrap_or_else(|| panic!("{log}"))).unwrap();
    assert!(line["ahead"].as_f64().is_some_and(near), "{line}");
    let samples = operator.metric("opex_clock_offset_seconds").unwrap();
    let shown = samples[0].rsplit(' ').next().unwrap().parse().unwrap();
    assert!(near(shown), "{samples:?}");
}

/// Every write of the namespace's Statements from now on.
fn writes(ground: &Ground<'_>) -> Process {
    let mut watch = ground.cluster.command("kubectl");
    watch.args(["-n", ground.namespace, "get", "stmt", "--watch", "--show-managed-fields", "-ojson"]);
    Process::start(ground.cluster, &format!("writes-{}", ground.namespace), &watch).unwrap()
}

/// The watermark of each write and the time at which the API server took it, once one came after `instant`.
fn wait_for_writes(watch: &Process, instant: Timestamp) -> Vec<(Timestamp, Timestamp)> {
    let time = |value: &Value| value.as_str().unwrap().parse::<Timestamp>().unwrap();
    let read = || -> Vec<_> {
        let log = watch.log();
        let written = serde_json::Deserializer::from_str(&log).into_iter::<Value>().map_while(Result::ok);
        let times = written.map(|statement| {
            let managers = statement["metadata"]["managedFields"].as_array().unwrap();
            let at = managers.iter().map(|manager| time(&manager["time"])).max().unwrap();
            (time(&statement["spec"]["watermark"]), at)
        });
        times.collect()
    };
    wait_for("a write after the crossing", PATIENCE, || read().iter().any(|(_, at)| *at > instant)).unwrap();
    read()
}
