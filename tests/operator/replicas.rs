//! The two replicas of an installation. Each writes down what it observes.

use std::path::PathBuf;
use std::process::Command;

use opex_cluster::{Cluster, Operator};

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
