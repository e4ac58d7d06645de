//! What the demo stands on: a cluster with work in it, the chart, and two operators beside it.

use std::env;
use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use super::stage::{Stage, expect};
use super::{NAME, root};
use crate::wait::wait_until;
use crate::{Cluster, Options, Process, Programs};

/// The release, its namespace's objects and its service account are all called that.
const RELEASE: &str = "opex-operator";
const NAMESPACE: &str = "opex-system";

/// How long the operators' token lasts; the demo is over when it ends.
const TOKEN: Duration = Duration::from_hours(24);

/// The embedded cluster, with simulated nodes and real usage metrics.
pub fn embedded() -> Result<Cluster> {
    let programs = Programs::build()?;
    println!("Starting Kubernetes {} with 3 simulated nodes.", programs.kubernetes_version());
    let started = Instant::now();
    let cluster = Cluster::up(&Options::new(NAME).nodes(3).metrics())?;
    println!("It is up after {:.1} s: etcd, kube-apiserver, controllers, scheduler, metrics-server.", {
        started.elapsed().as_secs_f64()
    });
    teams(&cluster)?;
    Ok(cluster)
}

/// The namespaces and the work of some teams.
pub fn teams(cluster: &Cluster) -> Result<()> {
    for file in ["examples/00-namespaces.yaml", "tests/cluster/demo/work.yaml"] {
        let manifest = fs::read_to_string(root().join(file)).with_context(|| format!("reading {file}"))?;
        cluster.apply(&manifest).ok()?;
    }
    for namespace in ["shop", "team-a", "payments"] {
        cluster.kubectl(["wait", "deployment", "--all", "-n", namespace, "--for=condition=Available"]).ok()?;
    }
    Ok(())
}

/// Installs the chart, and starts in its stead two processes under its service account.
pub fn install(stage: &Stage) -> Result<()> {
    stage.say("The chart brings the kinds, the policies of the gate and a service account with little rights.");
    let notes = stage.run(&format!(
        "helm install {RELEASE} charts/{RELEASE} -n {NAMESPACE} --create-namespace --set replicaCount=0{} \
         | sed -n '/^NOTES/,/^Both/p'",
        // On a user's own cluster the kinds go with the demo.
        if stage.cluster().is_embedded() { "" } else { ",crds.keep=false" }
    ))?;
    expect(&notes, "Nothing is blocked.")?;
    stage.say("replicaCount=0: two processes on this machine run instead, with that service account's rights.");
    let config = configuration(stage.cluster())?;
    for name in ["operator-a", "operator-b"] {
        start(stage.cluster(), name, &config)?.detach();
    }
    stage.run("kubectl wait clusterbudget/cluster --for=create --timeout=60s")?;
    Ok(())
}

/// The configuration that Helm rendered, as a file.
fn configuration(cluster: &Cluster) -> Result<PathBuf> {
    let get = ["get", "configmap", RELEASE, "-n", NAMESPACE, r"-ojsonpath={.data.config\.yaml}"];
    let path = cluster.dir().join("config.yaml");
    fs::write(&path, cluster.kubectl(get).ok()?)?;
    Ok(path)
}

/// One replica of the operator, on a port of its own.
fn start(cluster: &Cluster, name: &str, config: &PathBuf) -> Result<Process> {
    let program = program(RELEASE)?;
    let listen = format!("127.0.0.1:{}", cluster.port());
    let mut run = Command::new(program);
    run.args(["run", "--config"])
        .arg(config)
        .args(["--listen", &listen])
        .env("KUBECONFIG", cluster.service_account_kubeconfig(NAMESPACE, RELEASE, TOKEN)?);
    let mut process = Process::start(cluster, name, &run)?;
    let ready = wait_until(&format!("{name} to be ready"), Duration::from_secs(30), || {
        // One that ended will not be ready later either.
        Ok(if process.is_running() { Some(probe(&listen)?) } else { None })
    });
    ready?.with_context(|| format!("{name} ended:\n{}", process.log()))?;
    Ok(process)
}

/// Asks `/readyz`, as a kubelet does.
fn probe(address: &str) -> Result<()> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    write!(stream, "GET /readyz HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    ensure!(answer.starts_with("HTTP/1.1 200"), "it answers:\n{answer}");
    Ok(())
}

/// A program of this repository, built beside this one.
fn program(name: &str) -> Result<PathBuf> {
    let path = env::current_exe()?.with_file_name(name);
    ensure!(path.exists(), "{} is missing: `cargo build --workspace` makes it", path.display());
    Ok(path)
}
