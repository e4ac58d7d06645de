//! `kubectl opex replay`: prices a trace, offline.

use std::fs::File;
use std::io::{BufRead, BufReader, Write, stdin, stdout};
use std::path::PathBuf;

use anyhow::Context;
use clap::{Args, ValueEnum};
use comfy_table::{CellAlignment, Table, presets};
use jiff::Timestamp;

use crate::api::Phase;
use crate::replay::report::Report;
use crate::replay::trace::Trace;
use crate::replay::{Options, Replay, manifest};

/// Runs the operator's engine over a trace with a virtual clock, offline, and prints what would have been written.
#[derive(Args, Debug)]
pub struct ReplayArgs {
    /// Manifests that exist from --from on (JSON or YAML); they replace the trace's objects of the same kind and name.
    #[arg(short, long = "filename", value_name = "FILE")]
    file: Vec<PathBuf>,
    /// Nothing before this instant is metered (RFC 3339).
    #[arg(long, value_name = "TIME")]
    from: Timestamp,
    /// The instant at which everything is shown; later events are ignored.
    #[arg(long, value_name = "TIME")]
    to: Timestamp,
    /// The operator's namespace, where Statements of ClusterBudgets live.
    #[arg(long, default_value = "opex-system", value_name = "NAME")]
    namespace: String,
    /// The name of the cluster on the Statements.
    #[arg(long, default_value = "replay", value_name = "NAME")]
    cluster: String,
    /// How to print.
    #[arg(short, long, default_value = "table", value_enum)]
    output: Output,
    /// The trace: JSON lines; - reads standard input.
    trace: PathBuf,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Output {
    Table,
    Json,
    Yaml,
}

// === impl ReplayArgs ===

impl ReplayArgs {
    pub fn run(self) -> anyhow::Result<()> {
        anyhow::ensure!(self.from < self.to, "--from {} is not before --to {}", self.from, self.to);
        let mut manifests = Vec::new();
        for path in &self.file {
            manifests.extend(manifest::read(path)?);
        }
        let options = Options { from: self.from, to: self.to, namespace: self.namespace, cluster: self.cluster };
        let lines: Box<dyn BufRead> = if self.trace.as_os_str() == "-" {
            Box::new(stdin().lock())
        } else {
            let file = File::open(&self.trace).with_context(|| format!("open {}", self.trace.display()))?;
            Box::new(BufReader::with_capacity(1 << 20, file))
        };
        let shown = self.trace.display().to_string();
        let report = Replay::new(options, manifests).run(&mut Trace::new(lines)).with_context(|| shown)?;
        for trouble in &report.troubles {
            eprintln!("{}: {}: {}", trouble.class, trouble.about, trouble.message);
        }
        print(&report, self.output)
    }
}

fn print(report: &Report, output: Output) -> anyhow::Result<()> {
    let text = match output {
        Output::Json => serde_json::to_string_pretty(report)? + "\n",
        Output::Yaml => serde_saphyr::to_string(report)?,
        Output::Table => table(report),
    };
    stdout().write_all(text.as_bytes()).context("print the report")
}

fn table(report: &Report) -> String {
    let mut table = Table::new();
    table.load_preset(presets::NOTHING);
    table.set_header(["NAMESPACE", "STATEMENT", "BUDGET", "PERIOD", "TOTAL", "CURRENCY", "PHASE"]);
    for statement in &report.statements {
        let spec = &statement.spec;
        table.add_row([
            statement.metadata.namespace.clone().unwrap_or_default(),
            statement.metadata.name.clone().unwrap_or_default(),
            spec.budget_ref.name.clone(),
            spec.period.label.clone(),
            spec.total.clone(),
            spec.currency.code().to_owned(),
            if spec.phase == Phase::Open { "Open" } else { "Closed" }.to_owned(),
        ]);
    }
    if let Some(column) = table.column_mut(4) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    let lines: Vec<_> = table.to_string().lines().map(|line| line.trim().to_owned()).collect();
    lines.join("\n") + "\n"
}
