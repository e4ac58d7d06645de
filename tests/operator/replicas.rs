//! The two replicas of an installation. Each writes down what it observes.

use std::path::PathBuf;
use std::process::Command;

use jiff::Timestamp;
use opex_cluster::{Cluster, Operator};
use serde_json::Value;

/// Starts a replica.
pub fn start(cluster: &Cluster, name: &str) -> Operator {
    let mut run = Command::new(env!("CARGO_BIN_EXE_opex-operator"));
    run.args(["run", "--record"]).arg(trace(cluster, name));
    Operator::start(cluster, name, &mut run).unwrap()
}

/// What a replica has recorded so far.
pub fn trace(cluster: &Cluster, name: &str) -> PathBuf {
    cluster.dir().join(format!("{name}.trace"))
}

/// Two replicas that have their first lists.
pub fn pair(cluster: &Cluster) -> [Operator; 2] {
    let mut pair = ["operator-a", "operator-b"].map(|name| start(cluster, name));
    for operator in &mut pair {
        operator.wait_for_lists().unwrap();
    }
    pair
}

/// Every line, in an order of its own.
pub fn lines(spec: &Value) -> Vec<String> {
    let mut lines: Vec<_> = spec["lines"].as_array().into_iter().flatten().map(Value::to_string).collect();
    lines.sort();
    lines
}

pub fn instant(value: &Value) -> Timestamp {
    value.as_str().unwrap_or_default().parse().unwrap()
}

/// The Statement as the record gives it, at its own watermark.
pub fn replay(cluster: &Cluster, operator: &str, statement: &Value) -> Value {
    let to = statement["spec"]["watermark"].as_str().unwrap();
    let begun = cluster.get(["namespace", "kube-system"]).unwrap()["metadata"]["creationTimestamp"].clone();
    let mut replay = Command::new(env!("CARGO_BIN_EXE_kubectl-opex"));
    replay.args(["replay", "--from", begun.as_str().unwrap(), "--to", to, "-o", "json"]).arg(trace(cluster, operator));
    let output = replay.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let of = |one: &Value| (one["metadata"]["namespace"].clone(), one["metadata"]["name"].clone());
    let found = report["statements"].as_array().unwrap().iter().find(|one| of(one) == of(statement));
    found.cloned().unwrap_or_else(|| panic!("{:?} is not among what was replayed: {report:#}", of(statement)))
}
