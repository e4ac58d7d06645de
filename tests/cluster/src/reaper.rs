//! Who cleans up when nobody can: a shell in a process group of its own that waits for the end of
//! a pipe. The kernel closes the pipe however its holder ends (return, panic, Ctrl-C, kill -9), so
//! there is one way of cleaning up, and it is always taken.

use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, ensure};

const SCRIPT: &str = include_str!("reaper.sh");

/// The variable by which a process is known to belong to a cluster.
pub(crate) const MEMBER: &str = "OPEX_CLUSTER_DIR";

/// Ends the cluster of a directory when dropped, or when this process is gone.
#[derive(Debug)]
pub(crate) struct Reaper(Child);

impl Reaper {
    /// Watches over `dir`, from now on.
    pub(crate) fn watch(dir: &Path) -> Result<Self> {
        Self::start(dir, Stdio::null())
    }

    /// The same, and keeps a file's lock until all is done; what goes wrong then is written there.
    pub(crate) fn watch_locked(dir: &Path, lock: File) -> Result<Self> {
        Self::start(dir, lock.into())
    }

    fn start(dir: &Path, errors: Stdio) -> Result<Self> {
        let mut child = Command::new("sh")
            .args(["-c", SCRIPT, "reaper"])
            .arg(dir)
            // In a cluster's command that starts clusters: the outer one is not to end it.
            .env_remove(MEMBER)
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(errors)
            .spawn()
            .context("starting the reaper")?;
        let mut ready = String::new();
        if let Some(stdout) = child.stdout.take() {
            BufReader::new(stdout).read_line(&mut ready)?;
        }
        ensure!(ready == "ready\n", "the reaper needs the command ps (package procps)");
        Ok(Self(child))
    }

    /// Leaves the cluster running.
    pub(crate) fn dismiss(mut self) -> Result<()> {
        if let Some(mut stdin) = self.0.stdin.take() {
            stdin.write_all(b"keep\n")?;
        }
        self.0.wait()?;
        Ok(())
    }
}

impl Drop for Reaper {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        let _ = self.0.wait();
    }
}
