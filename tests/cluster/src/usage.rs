//! Usage metrics of simulated Pods, as `kubectl top` and a real HorizontalPodAutoscaler see them:
//! KWOK serves what the annotations `kwok.x-k8s.io/usage-cpu|memory` say, metrics-server scrapes it.

use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use crate::Cluster;
use crate::log;
use crate::wait::wait_until;

const USAGE: &str = include_str!("../kwok/usage.yaml");

impl Cluster {
    /// Starts metrics-server and waits until the API server serves its API. The first values come
    /// after it has scraped twice, about half a minute later.
    pub fn enable_metrics(&self) -> Result<()> {
        ensure!(self.is_embedded(), "metrics are simulated in the embedded cluster only");
        self.apply(USAGE).ok()?;
        let port = self.port();
        self.start_metrics_server(port)?;
        self.apply(&registration(port)).ok()?;
        let wait = ["wait", "apiservice/v1beta1.metrics.k8s.io", "--for=condition=Available", "--timeout=5s"];
        wait_until("the metrics API", Duration::from_mins(1), || self.kubectl(wait).ok())
            .with_context(|| log::tail(&log::read(&self.metrics_log()), log::MANY))?;
        Ok(())
    }

    fn metrics_log(&self) -> PathBuf {
        self.dir().join("metrics-server.log")
    }

    /// It outlives this process, as the control plane does, when the cluster is kept.
    fn start_metrics_server(&self, port: u16) -> Result<()> {
        let kubeconfig = self.kubeconfig().display();
        let pki = self.control_plane_dir().join("pki");
        let status = Command::new("sh")
            .envs(self.env())
            .args(["-c", "\"$@\" >\"$0\" 2>&1 </dev/null &"])
            .arg(self.metrics_log())
            .arg(self.command("metrics-server").get_program())
            .arg(format!("--kubeconfig={kubeconfig}"))
            .arg(format!("--authentication-kubeconfig={kubeconfig}"))
            .arg(format!("--authorization-kubeconfig={kubeconfig}"))
            .arg(format!("--tls-cert-file={}", pki.join("admin.crt").display()))
            .arg(format!("--tls-private-key-file={}", pki.join("admin.key").display()))
            .args([
                "--kubelet-preferred-address-types=Hostname",
                "--kubelet-use-node-status-port",
                "--kubelet-insecure-tls",
                "--kubelet-request-timeout=5s",
                "--metric-resolution=10s",
                "--bind-address=127.0.0.1",
            ])
            .arg(format!("--secure-port={port}"))
            .process_group(0)
            .stdin(Stdio::null())
            .status()
            .context("starting metrics-server")?;
        ensure!(status.success(), "metrics-server did not start: {status}");
        Ok(())
    }
}

/// The Service and APIService that lead the API server to the process on the loopback.
fn registration(port: u16) -> String {
    format!(
        "\
apiVersion: v1
kind: Service
metadata:
  name: metrics-server
  namespace: kube-system
spec:
  type: ExternalName
  externalName: localhost
  ports:
  - port: {port}
---
apiVersion: apiregistration.k8s.io/v1
kind: APIService
metadata:
  name: v1beta1.metrics.k8s.io
spec:
  service:
    name: metrics-server
    namespace: kube-system
    port: {port}
  group: metrics.k8s.io
  version: v1beta1
  insecureSkipTLSVerify: true
  groupPriorityMinimum: 100
  versionPriority: 100
"
    )
}
