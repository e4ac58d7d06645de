//! Faults: components that are killed, stopped and started again, by their own pids.

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use crate::Cluster;
use crate::command::run;
use crate::wait::{wait_for, wait_until};

/// A program of the control plane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Component {
    /// The store.
    Etcd,
    /// kube-apiserver.
    ApiServer,
    /// kube-controller-manager.
    ControllerManager,
    /// kube-scheduler.
    Scheduler,
    /// The simulated kubelets.
    Kubelets,
}

impl Component {
    /// All of them, in the order in which they start.
    pub const ALL: [Self; 5] = [Self::Etcd, Self::ApiServer, Self::ControllerManager, Self::Scheduler, Self::Kubelets];

    /// The name that kwokctl gives the process.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Etcd => "etcd",
            Self::ApiServer => "kube-apiserver",
            Self::ControllerManager => "kube-controller-manager",
            Self::Scheduler => "kube-scheduler",
            Self::Kubelets => "kwok-controller",
        }
    }
}

impl Cluster {
    /// The component's process id.
    pub fn pid(&self, component: Component) -> Result<u32> {
        ensure!(self.is_embedded(), "only the embedded cluster has components to harm");
        let file = self.pid_file(component);
        let pid = fs::read_to_string(&file).with_context(|| format!("reading {}", file.display()))?;
        Ok(pid.trim().parse()?)
    }

    /// `kill -9`, without starting it again; returns when it is gone.
    pub fn kill9(&self, component: Component) -> Result<()> {
        let pid = self.pid(component)?;
        signal("KILL", pid)?;
        wait_for(&format!("{} to be gone", component.name()), Duration::from_secs(30), || !is_alive(pid))
    }

    /// Starts the components that were killed, with the same arguments, and waits until the API
    /// server is ready.
    pub fn revive(&self) -> Result<()> {
        wait_until("the control plane to be back", Duration::from_mins(1), || {
            self.forget_the_dead()?;
            run(self.kwokctl().args(["start", "cluster", "--timeout", "20s", "-v", "ERROR"]), None).ok()?;
            self.is_ready()
        })
    }

    /// [`Cluster::revive`], if there is something to revive.
    pub(crate) fn revive_what_ended(&self) -> Result<()> {
        if Component::ALL.into_iter().any(|component| self.has_ended(component)) { self.revive() } else { Ok(()) }
    }

    /// [`Cluster::kill9`], then [`Cluster::revive`].
    pub fn restart(&self, component: Component) -> Result<()> {
        self.kill9(component)?;
        self.revive()
    }

    /// `kill -STOP`: the component hangs.
    pub fn pause(&self, component: Component) -> Result<()> {
        signal("STOP", self.pid(component)?)
    }

    /// `kill -CONT`: the component goes on.
    pub fn resume(&self, component: Component) -> Result<()> {
        signal("CONT", self.pid(component)?)
    }

    /// Waits until the API server says that it is ready.
    pub fn wait_until_ready(&self, timeout: Duration) -> Result<()> {
        wait_until("the API server to be ready", timeout, || self.is_ready())
    }

    fn is_ready(&self) -> Result<()> {
        self.kubectl(["get", "--raw", "/readyz", "--request-timeout=2s"]).ok().map(drop)
    }

    /// kwokctl takes a process that nobody has reaped for a running one: it is not to hear of it.
    fn forget_the_dead(&self) -> Result<()> {
        for component in Component::ALL {
            if self.has_ended(component) {
                fs::remove_file(self.pid_file(component))?;
            }
        }
        Ok(())
    }

    fn has_ended(&self, component: Component) -> bool {
        self.pid(component).is_ok_and(|pid| !is_alive(pid))
    }

    fn pid_file(&self, component: Component) -> PathBuf {
        let name = component.name();
        self.control_plane_dir().join("pids").join(format!("{name}.pid"))
    }
}

/// Whether a process runs: not one that only waits for its parent to notice its end, unless a
/// thread of it still holds its ports.
fn is_alive(pid: u32) -> bool {
    let ps = run(Command::new("ps").args(["-o", "stat=", "-p", &pid.to_string()]), None);
    let state = ps.stdout.trim();
    !state.is_empty() && (!state.starts_with('Z') || state.contains('l'))
}

/// Sends a signal to one process.
pub(crate) fn signal(name: &str, pid: u32) -> Result<()> {
    run(Command::new("sh").args(["-c", "kill -$0 $1", name, &pid.to_string()]), None).ok()?;
    Ok(())
}
