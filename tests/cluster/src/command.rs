//! kubectl and Helm as a user runs them, with what they answered.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::io::Write;
use std::process::{Command, ExitStatus, Stdio};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::Cluster;

/// What a command answered.
#[derive(Clone, Debug)]
pub struct Output {
    /// The command line.
    pub command: String,
    /// How it ended.
    pub status: ExitStatus,
    /// Its standard output.
    pub stdout: String,
    /// Its standard error.
    pub stderr: String,
}

impl Cluster {
    /// Runs kubectl against this cluster.
    pub fn kubectl<I, S>(&self, args: I) -> Output
    where
        I: IntoIterator<Item = S>,
        S: AsRef<OsStr>,
    {
        run(self.command("kubectl").args(args), None)
    }

    /// Runs kubectl with `input` as its standard input (`-f -`).
    pub fn kubectl_with_input<I, S>(&self, args: I, input: &str) -> Output
    where
        I: IntoIterator<Item = S>,
        S: AsRef<OsStr>,
    {
        // What begins with a brace is JSON to an older kubectl, YAML's flow style as well.
        let is_flow_style = input.starts_with('{') && serde_json::from_str::<Value>(input).is_err();
        let mark = if is_flow_style { "---\n" } else { "" };
        run(self.command("kubectl").args(args), Some(&format!("{mark}{input}")))
    }

    /// `kubectl apply -f -`, with strict validation.
    pub fn apply(&self, manifest: &str) -> Output {
        self.kubectl_with_input(["apply", "--validate=strict", "-f", "-"], manifest)
    }

    /// `kubectl get … -o json`.
    pub fn get<I, S>(&self, args: I) -> Result<Value>
    where
        I: IntoIterator<Item = S>,
        S: AsRef<OsStr>,
    {
        let args = args.into_iter().map(|arg| arg.as_ref().to_owned());
        let get = [OsString::from("get")].into_iter();
        let json = ["-o".into(), "json".into()].into_iter();
        self.kubectl(get.chain(args).chain(json)).json()
    }

    /// Runs Helm against this cluster; its caches and settings are the cluster's own.
    pub fn helm<I, S>(&self, args: I) -> Output
    where
        I: IntoIterator<Item = S>,
        S: AsRef<OsStr>,
    {
        run(self.command("helm").args(args), None)
    }
}

impl Output {
    /// Standard output, or an error with all that the command said.
    pub fn ok(self) -> Result<String> {
        if self.status.success() { Ok(self.stdout) } else { bail!("{self}") }
    }

    /// Standard output read as JSON.
    pub fn json(self) -> Result<Value> {
        let command = self.command.clone();
        serde_json::from_str(&self.ok()?).with_context(|| format!("reading what `{command}` wrote"))
    }

    /// Standard output of a command that must succeed.
    ///
    /// # Panics
    /// When it failed.
    #[track_caller]
    pub fn expect(self) -> String {
        assert!(self.status.success(), "{self}");
        self.stdout
    }

    /// Standard error of a command that must be refused.
    ///
    /// # Panics
    /// When it succeeded.
    #[track_caller]
    pub fn expect_refused(self) -> String {
        assert!(!self.status.success(), "should have been refused: {self}");
        self.stderr
    }
}

impl fmt::Display for Output {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}`: {}", self.command, self.status)?;
        for text in [&self.stdout, &self.stderr] {
            if !text.is_empty() {
                write!(f, "\n{}", text.trim_end())?;
            }
        }
        Ok(())
    }
}

/// Runs a command to its end.
///
/// # Panics
/// When the program cannot be started: the build has put it there.
pub(crate) fn run(command: &mut Command, input: Option<&str>) -> Output {
    let line = line(command);
    let stdin = if input.is_some() { Stdio::piped() } else { Stdio::null() };
    let mut child = command
        .stdin(stdin)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("starting `{line}`: {error}"));
    let feeder = child.stdin.take().map(|mut stdin| {
        let input = input.unwrap_or_default().to_owned();
        // A program that ends before it has read everything says so by its status.
        std::thread::spawn(move || stdin.write_all(input.as_bytes()))
    });
    let output = child.wait_with_output().unwrap_or_else(|error| panic!("waiting for `{line}`: {error}"));
    if let Some(feeder) = feeder {
        let _ = feeder.join();
    }
    Output {
        command: line,
        status: output.status,
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// The command line as a person would type it.
fn line(command: &Command) -> String {
    let program = command.get_program();
    let name = std::path::Path::new(program).file_name().unwrap_or(program);
    std::iter::once(name).chain(command.get_args()).map(OsStr::to_string_lossy).collect::<Vec<_>>().join(" ")
}
