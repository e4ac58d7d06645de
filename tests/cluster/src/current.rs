//! `CLUSTER=current`: the user's own cluster, asked for by that name and by nothing else.
//!
//! A KUBECONFIG that happens to be set never chooses it; a cluster that looks used is refused, and one that has what
//! would be made. Who comes second waits, and what was made is removed, however the process ends.

use std::env;
use std::fs::{self, File};
use std::io::Write;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Result, bail};

use crate::Cluster;
use crate::command::run;

/// More Pods than this outside kube-system, and somebody works there.
const PODS: usize = 20;

/// The label of the namespaces and rights that tests make.
pub const MADE: &str = "test.opex.dev/made";

/// The namespaces that the examples and the demo make.
const NAMESPACES: [&str; 6] = ["store", "team-a", "team-b", "payments", "ml-training", "platform"];

/// The namespace of the release.
const RELEASE_NAMESPACE: &str = "opex-system";

/// How the names of the kinds end that are made.
const KINDS: [&str; 2] = [".billing.opex.dev", "/databases.example.com"];

const LEAVE: &str = include_str!("leave.sh");

/// Whether this process has a turn: the lock of another file handle would wait for it for ever.
static ENTERED: AtomicBool = AtomicBool::new(false);

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

/// For a test that needs simulated nodes: says, by the test's name, that it is skipped on the user's own cluster.
/// Such a test begins with `if needs_simulated_nodes() { return; }`.
pub fn needs_simulated_nodes() -> bool {
    is_skipped("simulated nodes, which CLUSTER=current has not")
}

/// The same for a test that harms components, starts them in another way, or changes what the other tests of the same
/// process stand on.
pub fn needs_own_cluster() -> bool {
    is_skipped("an embedded cluster of its own, to harm or to change; CLUSTER=current is the user's")
}

/// The same for a test of what an older Kubernetes than 1.`minor` has not.
pub fn needs_kubernetes(minor: u32, cluster: &Cluster) -> bool {
    is_said_to_be_skipped(cluster.minor() < minor, &format!("Kubernetes 1.{minor}"))
}

fn is_skipped(need: &str) -> bool {
    is_said_to_be_skipped(current_is_wanted().unwrap_or(false), need)
}

fn is_said_to_be_skipped(skipped: bool, need: &str) -> bool {
    if skipped {
        let thread = std::thread::current();
        let test = thread.name().unwrap_or("a test");
        say(&format!("skipped: {test} needs {need}"));
    }
    skipped
}

/// Waits until nobody else on this machine works on the cluster; it is ours as long as the file's lock is held.
pub(crate) fn take_turns(kubeconfig: &Path, dir: &Path) -> Result<File> {
    let server = ["config", "view", "--minify", "-ojsonpath={.clusters[0].cluster.server}", "--kubeconfig"];
    let server = run(Command::new("kubectl").args(server).arg(kubeconfig), None).ok()?;
    fs::create_dir_all(dir)?;
    let name: String = server.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
    let lock = File::options().create(true).append(true).open(dir.join(name))?;
    if lock.try_lock().is_err() {
        if ENTERED.load(Ordering::Relaxed) {
            bail!("this process works on the current cluster already: one installation at a time");
        }
        say("CLUSTER=current: somebody else's tests work there; waiting for their end");
        lock.lock()?;
    }
    ENTERED.store(true, Ordering::Relaxed);
    Ok(lock)
}

/// Refuses a cluster in which the operator, or anything of a name that the tests and the demo need, is there.
pub(crate) fn refuse_used(cluster: &Cluster) -> Result<()> {
    let kinds = cluster.kubectl(["get", "crd", "-oname"]).ok()?;
    let kinds = kinds.lines().filter(|kind| KINDS.iter().any(|ours| kind.ends_with(ours)));
    let namespaces = ["get", "namespace", "-oname", "--ignore-not-found", RELEASE_NAMESPACE];
    let namespaces = cluster.kubectl(namespaces.into_iter().chain(NAMESPACES)).ok()?;
    let found: Vec<_> = kinds.chain(namespaces.lines()).collect();
    if !found.is_empty() {
        bail!("the current cluster has what would be made, and removed, here:\n{}", found.join("\n"));
    }
    Ok(())
}

/// Writes down what the reaper does at last: it removes what was made.
pub(crate) fn prepare_to_leave(dir: &Path) -> Result<()> {
    let (quoted, namespaces) = (dir.display().to_string().replace('\'', r"'\''"), NAMESPACES.join(" "));
    fs::write(dir.join("leave.sh"), format!("dir='{quoted}'\nnamespaces='{namespaces}'\n{LEAVE}"))?;
    Ok(())
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
