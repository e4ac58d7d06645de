//! The operator under test: a process of this machine with the rights of the chart's service account
//! and the configuration that Helm rendered.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use crate::wait::wait_until;
use crate::{Cluster, Process};

/// The release, and so its ConfigMap and service account, and the namespace that it is installed in.
const RELEASE: &str = "opex-operator";
const NAMESPACE: &str = "opex-system";

/// How long the operator's token lasts.
const TOKEN: Duration = Duration::from_hours(24);

impl Cluster {
    /// Starts a replica of the installed operator under a name of its own, and waits until it has its
    /// first lists. (It is ready once the leader has persisted everything up to them.)
    pub fn start_operator(&self, program: &Path, name: &str) -> Result<Process> {
        let get = ["get", "configmap", RELEASE, "-n", NAMESPACE, r"-ojsonpath={.data.config\.yaml}"];
        let config = self.dir().join(format!("{name}.yaml"));
        fs::write(&config, self.kubectl(get).ok()?)?;
        let address = format!("127.0.0.1:{}", self.port());
        let mut run = Command::new(program);
        run.args(["run", "--listen", &address, "--config"])
            .arg(config)
            .env("KUBECONFIG", self.service_account_kubeconfig(NAMESPACE, RELEASE, TOKEN)?);
        let mut process = Process::start(self, name, &run)?;
        let listed = wait_until(&format!("the first lists of {name}"), Duration::from_secs(30), || {
            // One that ended will have none later either.
            Ok(if process.is_running() { Some(probe(&address)?) } else { None })
        });
        listed?.with_context(|| format!("{name} ended:\n{}", process.log()))?;
        Ok(process)
    }
}

/// Asks `/readyz`, as a kubelet does.
fn probe(address: &str) -> Result<()> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    write!(stream, "GET /readyz HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let pending = answer.starts_with("HTTP/1.1 503") && !answer.contains("Statement ");
    ensure!(!pending, "it answers:\n{answer}");
    Ok(())
}
