//! How the demo is told: a line of explanation, the command as typed, what it answered.

use std::cell::RefCell;
use std::io::{BufRead, BufReader, IsTerminal, stdout};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

use super::root;
use crate::Cluster;
use crate::command::{Output, run};

/// How long a watched object may take to get where it should.
const PATIENCE: Duration = Duration::from_mins(1);

/// Colours, as terminals number them.
const PLAIN: &str = "0";
const BOLD: &str = "1";
const GREEN: &str = "32";

/// What to try when the demo is over.
const NEXT: [&str; 6] = [
    "kubectl get budgets -A --watch",
    "kubectl describe budget store -n store",
    "kubectl get statements -A",
    "kubectl explain budget.spec",
    "kubectl edit budget store -n store          # what is refused says what is allowed",
    "make demo-down                            # removes it all",
];

/// Where the demo plays.
pub struct Stage {
    cluster: Cluster,
    programs: PathBuf,
    colour: bool,
    /// What was shown, without colours.
    shown: RefCell<String>,
}

// === impl Stage ===

impl Stage {
    /// `programs` is the directory of the operator and the kubectl plugin.
    pub fn new(cluster: Cluster, programs: &Path) -> Self {
        let plain = std::env::var_os("NO_COLOR").is_some_and(|set| !set.is_empty());
        let colour = stdout().is_terminal() && !plain;
        Self { cluster, programs: programs.to_owned(), colour, shown: RefCell::default() }
    }

    pub fn cluster(&self) -> &Cluster {
        &self.cluster
    }

    pub fn programs(&self) -> &Path {
        &self.programs
    }

    pub fn transcript(self) -> String {
        self.shown.into_inner()
    }

    pub fn into_cluster(self) -> Cluster {
        self.cluster
    }

    pub fn heading(&self, number: usize, of: usize, name: &str) {
        self.show(BOLD, &format!("\n[{number}/{of}] {name}"));
    }

    /// How long it took, and what to try next.
    pub fn part(&self, took: Duration) {
        self.show(BOLD, &format!("\nThat took {} s. The cluster stays up; look around in it:", took.as_secs()));
        let programs = format!("export PATH='{}':\"$PATH\"", self.programs.display());
        for line in self.cluster.exports().into_iter().chain([programs]) {
            self.show(PLAIN, &format!("  {line}"));
        }
        for line in NEXT {
            self.show(PLAIN, &format!("  {line}"));
        }
    }

    /// What happens next, in a line.
    pub fn say(&self, text: &str) {
        self.show(GREEN, text);
    }

    /// Shows a shell command and its answer; it must succeed.
    pub fn run(&self, line: &str) -> Result<String> {
        let output = self.play(line);
        ensure!(output.status.success(), "this should have succeeded: {line}");
        Ok(output.stdout)
    }

    /// Shows a shell command and its answer; it must be refused.
    pub fn refused(&self, line: &str) -> Result<String> {
        let output = self.play(line);
        ensure!(!output.status.success(), "this should have been refused: {line}");
        Ok(output.stdout)
    }

    /// Runs a shell command that nobody needs to see.
    pub fn ask(&self, line: &str) -> Result<String> {
        run(&mut self.shell(line), None).ok()
    }

    /// Shows a `kubectl get --watch` until it prints a row with this word.
    pub fn watch(&self, line: &str, word: &str) -> Result<()> {
        self.show(BOLD, &format!("$ {line}"));
        let mut child = self.shell(&format!("exec {line}")).stdout(Stdio::piped()).stdin(Stdio::null()).spawn()?;
        let rows = BufReader::new(child.stdout.take().context("its output is piped")?).lines();
        let (sender, receiver) = mpsc::channel();
        thread::spawn(move || rows.map_while(Result::ok).all(|row| sender.send(row).is_ok()));
        let started = Instant::now();
        let found = loop {
            match receiver.recv_timeout(PATIENCE.saturating_sub(started.elapsed())) {
                Ok(row) => {
                    self.show(PLAIN, &row);
                    if row.split_whitespace().any(|cell| cell == word) {
                        break true;
                    }
                }
                Err(_) => break false,
            }
        };
        child.kill()?;
        child.wait()?;
        ensure!(found, "{word} did not appear");
        Ok(())
    }

    /// Both outputs of the command go where standard output goes, in the order in which they were written.
    fn play(&self, line: &str) -> Output {
        self.show(BOLD, &format!("$ {line}"));
        let output = run(&mut self.shell(line), None);
        self.show(PLAIN, output.stdout.trim_end());
        output
    }

    fn shell(&self, line: &str) -> Command {
        let mut shell = Command::new("sh");
        shell.args(["-c", &format!("exec 2>&1\n{line}")]).envs(self.cluster.env()).current_dir(root());
        shell
    }

    fn show(&self, colour: &str, text: &str) {
        let mut shown = self.shown.borrow_mut();
        shown.push_str(text);
        shown.push('\n');
        if self.colour && colour != PLAIN {
            println!("\x1b[{colour}m{text}\x1b[0m");
        } else if !text.is_empty() {
            println!("{text}");
        }
    }
}

/// What a command answered must say this.
pub fn expect(answer: &str, what: &str) -> Result<()> {
    if !answer.contains(what) {
        bail!("the answer should say: {what}");
    }
    Ok(())
}
