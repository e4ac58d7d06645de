//! What the demo stands on: a cluster with work in it, the chart, and two operators beside it.

use std::fs;
use std::time::Instant;

use anyhow::{Context, Result, ensure};

use super::root;
use super::stage::{Stage, expect};
use crate::{Cluster, Options, Programs, log};

/// Lines of each operator's log that say enough.
const LINES: usize = 10;

/// The names of the operators.
const OPERATORS: [&str; 2] = ["operator-a", "operator-b"];

/// The embedded cluster, with simulated nodes and real usage metrics.
pub fn embedded(name: &str) -> Result<Cluster> {
    let programs = Programs::build()?;
    println!("Starting Kubernetes {} with 3 simulated nodes.", programs.kubernetes_version());
    let started = Instant::now();
    let cluster = Cluster::up(&options(name))?;
    let seconds = started.elapsed().as_secs_f64();
    println!("It is up after {seconds:.1} s: etcd, kube-apiserver, controllers, scheduler, metrics-server.");
    Ok(cluster)
}

/// What the demo needs of an embedded cluster.
pub fn options(name: &str) -> Options {
    Options::new(name).nodes(3).metrics()
}

/// The namespaces and the work of some teams.
pub fn settle(cluster: &Cluster) -> Result<()> {
    for file in ["examples/00-namespaces.yaml", "tests/cluster/demo/work.yaml"] {
        let manifest = fs::read_to_string(root().join(file)).with_context(|| format!("reading {file}"))?;
        cluster.apply(&manifest).ok()?;
    }
    for namespace in ["store", "team-a", "payments"] {
        cluster.kubectl(["wait", "deployment", "--all", "-n", namespace, "--for=condition=Available"]).ok()?;
    }
    Ok(())
}

/// Installs the chart, and starts in its stead two processes under its service account.
pub fn install(stage: &Stage) -> Result<()> {
    stage.say("The chart brings the kinds, the policies of the gate and a service account with little rights.");
    let notes = stage.run(
        "helm install opex-operator charts/opex-operator -n opex-system --create-namespace --set replicaCount=0 \
         | sed -n '/^NOTES/,/^What it creates/p'",
    )?;
    expect(&notes, "Nothing is blocked.")?;
    stage.say("replicaCount=0: two processes on this machine run instead, with that service account's rights.");
    let program = stage.programs().join("opex-operator");
    ensure!(program.exists(), "{} is missing: `cargo build --workspace` makes it", program.display());
    for name in OPERATORS {
        stage.cluster().start_operator(&program, name)?.detach();
    }
    stage.run("kubectl wait clusterbudget/cluster --for=create --timeout=60s")?;
    Ok(())
}

/// The last lines of the operators, for when something did not come out.
pub fn logs(cluster: &Cluster) -> String {
    let tail = |name| {
        let log = log::read(&cluster.dir().join(format!("{name}.log")));
        format!("\n{name}:\n{}", log::tail(&log, LINES))
    };
    OPERATORS.map(tail).concat()
}
