//! `CLUSTER=current`: the user's own cluster, asked for by that name and by nothing else.
//!
//! A KUBECONFIG that happens to be set never chooses it, and a cluster that looks used is refused.

use std::env;
use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::Command;

use anyhow::{Result, bail};

use crate::Cluster;
use crate::command::run;

/// More Pods than this outside kube-system, and somebody works there.
const PODS: usize = 20;

/// Whether `CLUSTER` asks for the user's own cluster.
pub fn current_is_wanted() -> Result<bool> {
    match env::var("CLUSTER").as_deref() {
        Err(_) | Ok("" | "embedded") => Ok(false),
        Ok("current") => Ok(true),
        Ok(other) => {
            bail!("CLUSTER={other}: it is `current`, or left out for the embedded cluster")
        }
    }
}

/// For a test that needs simulated nodes or harms components: says, by the test's name, that it is
/// skipped on the user's own cluster.
/// Such a test begins with `if needs_simulated_nodes() { return; }`.
pub fn needs_simulated_nodes() -> bool {
    let skipped = current_is_wanted().unwrap_or(false);
    if skipped {
        let thread = std::thread::current();
        let test = thread.name().unwrap_or("a test");
        say(&format!("skipped: {test} needs simulated nodes, which CLUSTER=current has not"));
    }
    skipped
}

/// Copies the current context, so that switching it meanwhile harms nobody, and names it.
pub(crate) fn copy_context(kubeconfig: &Path) -> Result<()> {
    let context = run(Command::new("kubectl").args(["config", "current-context"]), None).ok()?;
    say(&format!("CLUSTER=current: context {}", context.trim()));
    let view = ["config", "view", "--minify", "--flatten", "--raw"];
    fs::write(kubeconfig, run(Command::new("kubectl").args(view), None).ok()?)?;
    Ok(())
}

/// Refuses a cluster in which somebody works, unless `FORCE=1`.
pub(crate) fn refuse_busy(cluster: &Cluster) -> Result<()> {
    if env::var("FORCE").is_ok_and(|force| force == "1") {
        return Ok(());
    }
    let pods = cluster
        .kubectl(["get", "pods", "-A", "-o", "name", "--field-selector=metadata.namespace!=kube-system"])
        .ok()?
        .lines()
        .count();
    if pods > PODS {
        bail!(
            "the current context has {pods} Pods outside kube-system: more than {PODS} look like \
             somebody's work. FORCE=1 goes on all the same"
        );
    }
    Ok(())
}

/// Prints past the test runner, which would keep it from those whose tests pass.
fn say(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}
