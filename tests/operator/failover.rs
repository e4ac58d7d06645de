//! Acceptance 3: leaders are killed while Pods start and stop, and not a second is lost or counted twice.
//!
//! The Statement is compared with what `kubectl opex replay` computes from the trace of the replica that survived, and,
//! for Pods that are still there to be asked, with what they say themselves. `SOAK=1` runs it for five minutes, with
//! four leaders killed instead of one.

use std::collections::BTreeMap;
use std::env;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use opex_cluster::{Cluster, Operator, needs_own_cluster, wait_until};
use serde_json::Value;

use crate::budgets::{BLOCK_SCALE_UP, PLAN, budget};
use crate::ground::{Ground, PATIENCE};
use crate::installed::prepared;
use crate::load::{End, Load};
use crate::replicas::{start, trace};

/// A standby takes over from a leader that is gone without a word within this time.
const TAKE_OVER: Duration = Duration::from_secs(15);

/// What is metered is persisted so long after, and compared so much later.
const AFTER: SignedDuration = SignedDuration::from_secs(60);

#[test]
fn a03_a_failover_loses_and_repeats_nothing() {
    if needs_own_cluster() {
        return;
    }
    let soak = env::var("SOAK").is_ok_and(|soak| soak == "1");
    let (length, kills) = if soak { (Duration::from_mins(5), 4) } else { (Duration::from_mins(1), 1) };
    let cluster = prepared("failover");
    cluster.apply(PLAN).expect();
    let mut operators: Vec<_> = (0..=kills).map(|i| start(&cluster, &format!("operator-{i}"))).collect();
    for operator in &mut operators {
        operator.wait_until_ready().unwrap();
    }

    let ground = |end, namespace| (end, Ground::on(&cluster, namespace, &[budget("team", 1_000_000, BLOCK_SCALE_UP)]));
    let mut load = Load::new([
        ground(End::Finished, "opex-finished"),
        ground(End::Deleted, "opex-deleted"),
        ground(End::Vanished, "opex-vanished"),
    ]);
    load.run(length, |batch, batches| {
        // Evenly over the whole time.
        if (batch + 1) % (batches / (kills + 1)) == 0 && operators.len() > 1 {
            kill_the_leader(&cluster, &mut operators);
        }
    });
    let [survivor] = <[Operator; 1]>::try_from(operators).unwrap_or_else(|left| panic!("{} replicas", left.len()));
    load.wait_for_ends();
    let ended = load.ground(End::Finished).now();
    for (end, ground) in &load.grounds {
        ground.wait_until(ended + AFTER + SignedDuration::from_secs(12));
        compare(ground, *end, load.count(*end), &persisted(ground, ended + AFTER), &trace(&cluster, &survivor.name));
    }
    hands_over(&cluster, survivor);
}

fn kill_the_leader(cluster: &Cluster, operators: &mut Vec<Operator>) {
    let leader = wait_until("a leader", PATIENCE, || {
        operators.iter().position(|operator| operator.leads(cluster)).ok_or_else(|| anyhow::anyhow!("nobody leads"))
    });
    let mut leader = operators.swap_remove(leader.unwrap());
    leader.process.kill9().unwrap();
    let killed = Instant::now();
    wait_until("another leader", TAKE_OVER, || {
        anyhow::ensure!(operators.iter().any(|operator| operator.leads(cluster)), "nobody leads");
        Ok(())
    })
    .unwrap();
    println!("a standby took over {:.1} s after kill -9", killed.elapsed().as_secs_f64());
}

/// The Statement, persisted past an instant: a raised limit has it written at once.
fn persisted(ground: &Ground<'_>, past: Timestamp) -> Value {
    ground.patch("bgt/team", r#"{"spec":{"limit":{"amount":2000000}}}"#);
    wait_until("the Statement", PATIENCE, || {
        let statements = ground.kubectl("get stmt -ojson").json()?;
        let spec = statements["items"][0]["spec"].clone();
        anyhow::ensure!(time(&spec["watermark"])? >= past, "{spec:#}");
        Ok(spec)
    })
    .unwrap_or_else(|error| panic!("{error:#}"))
}

fn time(value: &Value) -> anyhow::Result<Timestamp> {
    Ok(value.as_str().unwrap_or_default().parse()?)
}

fn compare(ground: &Ground<'_>, end: End, pods: usize, live: &Value, trace: &Path) {
    let from = ground.field("bgt/team", ".metadata.creationTimestamp");
    let replayed = replay(ground, &from, live["watermark"].as_str().unwrap(), trace);
    let (live_sum, replayed_sum) = (quantities(live), quantities(&replayed));
    let namespace = ground.namespace;
    println!("{namespace}: {pods} Pods, live {live_sum:?}, replayed {replayed_sum:?}, total {}", live["total"]);
    assert_eq!(live["gaps"], Value::Null, "{namespace} has a gap");
    assert_eq!(live_sum.keys().collect::<Vec<_>>(), replayed_sum.keys().collect::<Vec<_>>());
    let off = |key| (live_sum[key] - replayed_sum[key]).abs();
    if end == End::Vanished {
        // A second for each, of 10 millicores.
        let most = 10 * i64::try_from(pods).unwrap();
        assert!(live_sum.keys().all(|key| off(key) <= most), "{namespace} is off by more than a second a Pod");
        return;
    }
    assert_eq!(live_sum, replayed_sum, "{namespace}");
    assert_eq!(live["total"], replayed["total"], "{namespace}");
    if end == End::Finished {
        assert_eq!(live_sum.values().sum::<i64>(), told(ground), "{namespace}: what its Pods say themselves");
    }
}

/// Quantities by rate and unit price: which Pods are named and which merged may differ.
fn quantities(spec: &Value) -> BTreeMap<String, i64> {
    let mut sums = BTreeMap::new();
    for line in spec["lines"].as_array().unwrap() {
        let rate = format!("{} at {}", line["rate"], line["unitPrice"]);
        *sums.entry(rate).or_default() += line["quantity"].as_str().unwrap().parse::<i64>().unwrap();
    }
    sums
}

/// What the replay says of the Budget of a Namespace.
fn replay(ground: &Ground<'_>, from: &str, to: &str, trace: &Path) -> Value {
    let mut replay = Command::new(env!("CARGO_BIN_EXE_kubectl-opex"));
    replay.args(["replay", "--from", from, "--to", to, "-o", "json"]).arg(trace);
    let output = replay.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let statements = report["statements"].as_array().unwrap();
    let own = statements.iter().find(|statement| statement["metadata"]["namespace"] == ground.namespace);
    own.unwrap_or_else(|| panic!("{report:#}"))["spec"].clone()
}

/// Millicore-seconds from each Pod's own times: scheduled, and the last of its containers finished.
fn told(ground: &Ground<'_>) -> i64 {
    let pods = ground.kubectl("get pods -ojson").json().unwrap();
    let seconds = |pod: &Value| {
        let conditions = pod["status"]["conditions"].as_array().unwrap();
        let scheduled = conditions.iter().find(|condition| condition["type"] == "PodScheduled").unwrap();
        let ended = &pod["status"]["containerStatuses"][0]["state"]["terminated"]["finishedAt"];
        time(ended).unwrap().as_second() - time(&scheduled["lastTransitionTime"]).unwrap().as_second()
    };
    pods["items"].as_array().unwrap().iter().map(|pod| 10 * seconds(pod)).sum()
}

/// On SIGTERM a standby takes over at once.
fn hands_over(cluster: &Cluster, survivor: Operator) {
    let mut standby = start(cluster, "standby");
    standby.wait_until_ready().unwrap();
    assert!(survivor.leads(cluster) && !standby.leads(cluster));
    let asked = Instant::now();
    survivor.terminate().unwrap();
    standby.wait_until_leading(cluster, Duration::from_secs(6)).unwrap();
    println!("a standby took over {:.1} s after SIGTERM", asked.elapsed().as_secs_f64());
}
