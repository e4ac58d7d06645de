//! A program beside the control plane: the operator under test, `kubectl get -w`, a port-forward.

use std::fs::File;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, anyhow};

use crate::Cluster;
use crate::faults::signal;
use crate::log;
use crate::wait::{wait_for, wait_until};

/// A running program; killed when dropped, or when this process is gone.
#[derive(Debug)]
pub struct Process {
    name: String,
    child: Child,
    log: PathBuf,
    detached: bool,
}

impl Process {
    /// Starts `command` in the cluster's environment ([`Cluster::env`]; the command's own variables
    /// win), under a name that no other process of the cluster has. Both outputs go to a log.
    pub fn start(cluster: &Cluster, name: &str, command: &Command) -> Result<Self> {
        let log = cluster.dir().join(format!("{name}.log"));
        let output = File::options().create(true).append(true).open(&log)?;
        let mut started = prepare(cluster, command);
        started.stderr(output.try_clone()?).stdout(output);
        Self::spawn(name, started, log)
    }

    /// Like [`Process::start`], but writes to this process's own outputs.
    pub fn attach(cluster: &Cluster, name: &str, command: &Command) -> Result<Self> {
        Self::spawn(name, prepare(cluster, command), PathBuf::new())
    }

    fn spawn(name: &str, mut command: Command, log: PathBuf) -> Result<Self> {
        let child = command.spawn().with_context(|| format!("starting {name}"))?;
        Ok(Self { name: name.to_owned(), child, log, detached: false })
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// All that it has written so far, of earlier processes of the same name too.
    pub fn log(&self) -> String {
        log::read(&self.log)
    }

    /// The file of [`Process::log`].
    pub fn log_file(&self) -> &Path {
        &self.log
    }

    /// Whether it still runs.
    pub fn is_running(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// `kill -9`, and waits until it is gone.
    pub fn kill9(&mut self) -> Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    /// Asks it to end (SIGTERM) and waits; an error when it has not ended after `timeout`.
    pub fn terminate(&mut self, timeout: Duration) -> Result<ExitStatus> {
        if self.is_running() {
            signal("TERM", self.pid())?;
        }
        self.wait(timeout)
    }

    /// Waits for its own end.
    pub fn wait(&mut self, timeout: Duration) -> Result<ExitStatus> {
        let what = format!("{} to end", self.name);
        wait_until(&what, timeout, || self.child.try_wait()?.ok_or_else(|| anyhow!("it still runs")))
    }

    /// `kill -STOP`: it hangs.
    pub fn pause(&self) -> Result<()> {
        signal("STOP", self.pid())
    }

    /// `kill -CONT`: it goes on.
    pub fn resume(&self) -> Result<()> {
        signal("CONT", self.pid())
    }

    /// Leaves it running, as long as the cluster does.
    pub fn detach(mut self) {
        self.detached = true;
    }

    /// Waits until the log contains `text`.
    pub fn wait_for_log(&self, text: &str, timeout: Duration) -> Result<()> {
        let what = format!("{text:?} in the log of {}", self.name);
        wait_for(&what, timeout, || self.log().contains(text))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if self.detached {
            return;
        }
        let _ = self.kill9();
        if std::thread::panicking() {
            let tail = log::tail(&self.log(), log::MANY);
            eprintln!("--- the end of the log of {}:\n{tail}", self.name);
        }
    }
}

/// The command in the cluster's environment, out of reach of a terminal's Ctrl-C: the reaper ends it.
fn prepare(cluster: &Cluster, command: &Command) -> Command {
    let mut prepared = Command::new(command.get_program());
    prepared.args(command.get_args()).envs(cluster.env()).process_group(0).stdin(Stdio::null());
    for (key, value) in command.get_envs() {
        match value {
            Some(value) => prepared.env(key, value),
            None => prepared.env_remove(key),
        };
    }
    if let Some(dir) = command.get_current_dir() {
        prepared.current_dir(dir);
    }
    prepared
}

impl Cluster {
    /// Writes a kubeconfig with which one acts as a ServiceAccount, for this long (at least ten
    /// minutes: the API server grants no shorter token).
    pub fn service_account_kubeconfig(&self, namespace: &str, name: &str, duration: Duration) -> Result<PathBuf> {
        let duration = format!("{}s", duration.as_secs());
        let token = self.kubectl(["create", "token", name, "-n", namespace, "--duration", &duration]).ok()?;
        let view = ["config", "view", "--raw", "--minify", "--flatten", "-o", "json"];
        let mut config = self.kubectl(view).json()?;
        config["users"][0]["user"] = serde_json::json!({"token": token.trim()});
        let path = self.dir().join(format!("{namespace}-{name}.kubeconfig"));
        write_private(&path, config.to_string())?;
        Ok(path)
    }
}

/// Writes a file that only its owner can read.
fn write_private(path: &Path, content: impl AsRef<[u8]>) -> Result<()> {
    use std::io::Write;
    use std::os::unix::fs::OpenOptionsExt;
    let mut file = File::options().write(true).create(true).truncate(true).mode(0o600).open(path)?;
    file.write_all(content.as_ref())?;
    Ok(())
}
