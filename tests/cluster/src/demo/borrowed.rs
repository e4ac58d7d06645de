//! `CLUSTER=current`: the demo on a user's own cluster, which it leaves as it found it.

use std::env;
use std::io::Write;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::Cluster;

/// The namespaces that the demo makes.
const NAMESPACES: [&str; 7] = ["store", "team-a", "team-b", "payments", "ml-training", "platform", "opex-system"];

/// Cleans up when dropped, or when this process is gone, however it went.
pub struct Guard(Child);

/// Refuses a cluster in which the operator, or anything of a name that the demo needs, is there.
pub fn refuse_used(cluster: &Cluster) -> Result<()> {
    let found = cluster.kubectl(["get", "crd", "-oname", "--ignore-not-found", "budgets.billing.opex.dev"]).ok()?;
    let namespaces = ["get", "namespace", "-oname", "--ignore-not-found"];
    let found = found + &cluster.kubectl(namespaces.into_iter().chain(NAMESPACES)).ok()?;
    if !found.is_empty() {
        bail!("the demo would make these, and they are there already:\n{found}");
    }
    Ok(())
}

/// Removes what the demo made.
pub fn clean(cluster: &Cluster) -> Result<()> {
    eprintln!("removing the demo from your cluster");
    let delete = ["delete", "namespace", "--ignore-not-found", "--timeout=2m"];
    let (own, work) = NAMESPACES.split_last().context("there is one")?;
    cluster.kubectl(delete.iter().chain(work)).ok()?;
    cluster.helm(["uninstall", "opex-operator", "-n", own, "--ignore-not-found", "--wait"]).ok()?;
    cluster.kubectl(delete.iter().chain([own])).ok()?;
    Ok(())
}

// === impl Guard ===

impl Guard {
    /// A shell that runs `demo-down` unless it is told before its standard input ends not to.
    pub fn start() -> Result<Self> {
        let script = r#"read -r word; [ "$word" = keep ] || exec "$0" demo-down"#;
        let child = Command::new("sh")
            .args(["-c", script])
            .arg(env::current_exe()?)
            .process_group(0)
            .stdin(Stdio::piped())
            .spawn()
            .context("starting the guard")?;
        Ok(Self(child))
    }

    /// Leaves everything as it is.
    pub fn dismiss(mut self) -> Result<()> {
        if let Some(mut stdin) = self.0.stdin.take() {
            stdin.write_all(b"keep\n")?;
        }
        self.0.wait()?;
        Ok(())
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        let _ = self.0.wait();
    }
}
