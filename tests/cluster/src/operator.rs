//! The operator under test: a process of this machine with the rights of the chart's service account
//! and the configuration that Helm rendered.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use crate::wait::{wait_for, wait_until};
use crate::{Cluster, Process};

/// The release, and so its ConfigMap, service account and Lease, and the namespace that it is installed in.
const RELEASE: &str = "opex-operator";
const NAMESPACE: &str = "opex-system";

/// How long the operator's token lasts.
const TOKEN: Duration = Duration::from_hours(24);

/// How long what takes seconds may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);

/// One replica; it ends with this value, as its process does.
#[derive(Debug)]
pub struct Operator {
    /// Its name, which the Lease bears while it leads.
    pub name: String,
    /// Its process.
    pub process: Process,
    address: String,
}

impl Cluster {
    /// Starts a replica of the installed operator under a name of its own, and waits until it has its
    /// first lists. (It is ready once the leader has persisted everything up to them.)
    pub fn start_operator(&self, program: &Path, name: &str) -> Result<Process> {
        let mut run = Command::new(program);
        let mut operator = Operator::start(self, name, run.arg("run"))?;
        operator.wait_for_lists()?;
        Ok(operator.process)
    }

    /// Which replica the Lease names; none when it was given up.
    pub fn leader(&self) -> Option<String> {
        let get = ["-n", NAMESPACE, "get", "lease", RELEASE, "-ojsonpath={.spec.holderIdentity}"];
        self.kubectl(get).ok().ok().filter(|holder| !holder.is_empty())
    }
}

impl Operator {
    /// Starts a replica with `opex-operator run …`; how it is reached and configured is added.
    pub fn start(cluster: &Cluster, name: &str, run: &mut Command) -> Result<Self> {
        let get = ["get", "configmap", RELEASE, "-n", NAMESPACE, r"-ojsonpath={.data.config\.yaml}"];
        let config = cluster.dir().join(format!("{name}.yaml"));
        fs::write(&config, cluster.kubectl(get).ok()?)?;
        let address = format!("127.0.0.1:{}", cluster.port());
        run.args(["--listen", &address, "--config"])
            .arg(config)
            .env("POD_NAME", name)
            .env("KUBECONFIG", cluster.service_account_kubeconfig(NAMESPACE, RELEASE, TOKEN)?);
        Ok(Self { name: name.to_owned(), process: Process::start(cluster, name, run)?, address })
    }

    /// Waits until it knows everything that exists.
    pub fn wait_for_lists(&mut self) -> Result<()> {
        self.wait_until(|status, body| status == 200 || body.contains("Statement "))
    }

    /// Waits until it could take over: nothing that is persisted stands behind its first lists.
    pub fn wait_until_ready(&mut self) -> Result<()> {
        self.wait_until(|status, _| status == 200)
    }

    fn wait_until(&mut self, enough: impl Fn(u16, &str) -> bool) -> Result<()> {
        let ready = wait_until(&format!("{} to be ready", self.name), PATIENCE, || {
            // One that ended will not be ready later either.
            if !self.process.is_running() {
                return Ok(false);
            }
            let (status, body) = self.http("/readyz")?;
            ensure!(enough(status, &body), "it answers {status}: {body}");
            Ok(true)
        });
        let log = || format!("{} wrote:\n{}", self.name, self.process.log());
        ensure!(ready.with_context(log)?, "it ended; {}", log());
        Ok(())
    }

    /// Status and body of its answer to a GET.
    pub fn http(&self, path: &str) -> Result<(u16, String)> {
        get(&self.address, path)
    }

    /// The samples of a metric, as `/metrics` shows them.
    pub fn metric(&self, name: &str) -> Result<Vec<String>> {
        let (_, text) = self.http("/metrics")?;
        let own = |line: &&str| line.strip_prefix(name).is_some_and(|rest| rest.starts_with(['{', ' ']));
        Ok(text.lines().filter(own).map(str::to_owned).collect())
    }

    /// Whether the Lease names it.
    pub fn leads(&self, cluster: &Cluster) -> bool {
        cluster.leader().is_some_and(|leader| leader == self.name)
    }

    /// Waits so long until the Lease names it.
    pub fn wait_until_leading(&self, cluster: &Cluster, patience: Duration) -> Result<()> {
        wait_for(&format!("{} to lead", self.name), patience, || self.leads(cluster))
    }

    /// SIGTERM, and its end without an error.
    pub fn terminate(mut self) -> Result<()> {
        let status = self.process.terminate(PATIENCE)?;
        ensure!(status.success(), "{status}; {} wrote:\n{}", self.name, self.process.log());
        Ok(())
    }
}

/// Status and body of the answer to a GET.
pub(crate) fn get(address: &str, path: &str) -> Result<(u16, String)> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let (head, body) = answer.split_once("\r\n\r\n").with_context(|| answer.clone())?;
    let status = head.split(' ').nth(1).context("no status")?.parse()?;
    Ok((status, body.to_owned()))
}
