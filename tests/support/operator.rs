//! Operators beside the cluster: real processes with the rights of the chart's service account and
//! the configuration that Helm rendered.
#![allow(dead_code, reason = "each test takes what it needs")]

use std::ffi::OsString;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;
use std::{fs, io};

use opex_cluster::{Cluster, Process, wait_for, wait_until};

use crate::ground::PATIENCE;
use crate::installed::RELEASE_NAMESPACE;

/// How long the token of an operator's service account lasts: longer than any test.
const TOKEN: Duration = Duration::from_hours(2);

/// One replica.
pub struct Operator {
    pub name: String,
    pub process: Process,
    address: String,
    trace: PathBuf,
}

impl Operator {
    /// Starts a replica that writes down what it observes; `name` is whom the Lease names.
    pub fn start(cluster: &Cluster, name: &str) -> Self {
        let address = format!("127.0.0.1:{}", cluster.port());
        let trace = cluster.dir().join(format!("{name}.trace"));
        let token = cluster.service_account_kubeconfig(RELEASE_NAMESPACE, "opex-operator", TOKEN).unwrap();
        let mut run = Command::new(env!("CARGO_BIN_EXE_opex-operator"));
        run.args(["run", "--config"])
            .arg(configuration(cluster))
            .args(["--listen", &address, "--record"])
            .arg(&trace)
            .env("POD_NAME", name)
            .env("KUBECONFIG", token);
        let process = Process::start(cluster, name, &run).unwrap();
        Self { name: name.to_owned(), process, address, trace }
    }

    /// The two replicas of an installation, with all first lists in.
    pub fn pair(cluster: &Cluster) -> [Self; 2] {
        let pair = [Self::start(cluster, "operator-a"), Self::start(cluster, "operator-b")];
        pair.iter().for_each(Self::wait_for_lists);
        pair
    }

    /// Waits until it knows everything that exists.
    pub fn wait_for_lists(&self) {
        self.wait(|status, body| status == 200 || body.lines().skip(1).all(|line| line.contains("Statement ")));
    }

    /// Waits until it could take over: nothing that is persisted stands behind its first lists.
    pub fn wait_until_ready(&self) {
        self.wait(|status, _| status == 200);
    }

    fn wait(&self, enough: impl Fn(u16, &str) -> bool) {
        wait_until(&format!("{} to be ready", self.name), PATIENCE, || {
            let (status, body) = self.http("/readyz")?;
            anyhow::ensure!(enough(status, &body), "{status} {body}");
            Ok(())
        })
        .unwrap_or_else(|error| panic!("{error:#}\n{}", self.process.log()));
    }

    /// Status and body of an HTTP answer.
    pub fn http(&self, path: &str) -> io::Result<(u16, String)> {
        let mut stream = TcpStream::connect(&self.address)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        write!(stream, "GET {path} HTTP/1.1\r\nHost: operator\r\nConnection: close\r\n\r\n")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
        Ok((status.unwrap_or_default(), body.to_owned()))
    }

    /// The lines of `/metrics` that are of this metric.
    pub fn metric(&self, name: &str) -> Vec<String> {
        let (_, text) = self.http("/metrics").unwrap();
        let own = |line: &&str| line.strip_prefix(name).is_some_and(|rest| rest.starts_with(['{', ' ']));
        text.lines().filter(own).map(str::to_owned).collect()
    }

    /// What it has recorded so far.
    pub fn trace(&self) -> &Path {
        &self.trace
    }

    /// Whether the Lease names it.
    pub fn leads(&self, cluster: &Cluster) -> bool {
        leader(cluster).is_some_and(|holder| holder.contains(&self.name))
    }

    /// Waits until the Lease names it.
    pub fn wait_until_leading(&self, cluster: &Cluster, patience: Duration) {
        wait_for(&format!("{} to lead", self.name), patience, || self.leads(cluster))
            .unwrap_or_else(|error| panic!("{error:#}\n{}", self.process.log()));
    }

    /// SIGTERM, and its end without an error.
    pub fn terminate(mut self) {
        let status = self.process.terminate(PATIENCE).unwrap();
        assert!(status.success(), "{status}\n{}", self.process.log());
    }
}

/// Whom the Lease names; none when it was given up.
pub fn leader(cluster: &Cluster) -> Option<String> {
    let get = ["-n", RELEASE_NAMESPACE, "get", "lease", "opex-operator", "-ojsonpath={.spec.holderIdentity}"];
    let holder = cluster.kubectl(get);
    (holder.status.success() && !holder.stdout.is_empty()).then_some(holder.stdout)
}

/// The operators, the leader first.
pub fn leader_first<const N: usize>(cluster: &Cluster, mut operators: [Operator; N]) -> [Operator; N] {
    let at = wait_until("a leader", PATIENCE, || {
        operators.iter().position(|operator| operator.leads(cluster)).ok_or_else(|| anyhow::anyhow!("nobody leads"))
    });
    operators.swap(0, at.unwrap());
    operators
}

/// The configuration that Helm rendered, as a file.
fn configuration(cluster: &Cluster) -> OsString {
    let get = ["get", "configmap", "opex-operator", "-n", RELEASE_NAMESPACE, r"-ojsonpath={.data.config\.yaml}"];
    let path = cluster.dir().join("config.yaml");
    fs::write(&path, cluster.kubectl(get).expect()).unwrap();
    path.into()
}
