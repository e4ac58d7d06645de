//! `kubectl opex replay`: prices a trace, offline.

use std::fs::File;
use std::io::{BufRead, BufWriter, Write, stdin, stdout};
use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::{Args, ValueEnum};
use comfy_table::{CellAlignment, Table, presets};
use jiff::Timestamp;

use super::progress::Progress;
use crate::api::Phase;
use crate::config::NAMESPACE;
use crate::focus::rows::{Format, Rows, gaps_note};
use crate::replay::report::Report;
use crate::replay::trace::Trace;
use crate::replay::{Options, Replay, manifest, unpack};

/// Runs the operator's engine over a trace with a virtual clock, offline, and prints what would have been written.
#[derive(Args, Debug)]
pub struct ReplayArgs {
    /// Manifests that exist from --from on (JSON or YAML); they replace the trace's objects of the same kind and name.
    #[arg(short, long = "filename", value_name = "FILE")]
    file: Vec<PathBuf>,
    /// Nothing before this instant is metered (RFC 3339).
    #[arg(long, value_name = "TIME", value_parser = instant)]
    from: Timestamp,
    /// The instant at which everything is shown; later events are ignored.
    #[arg(long, value_name = "TIME", value_parser = instant)]
    to: Timestamp,
    /// The operator's namespace, where Statements of ClusterBudgets live.
    #[arg(long, default_value = NAMESPACE, value_name = "NAME")]
    namespace: String,
    /// The name of the cluster on the Statements.
    #[arg(long, default_value = "replay", value_name = "NAME")]
    cluster: String,
    /// How to print.
    #[arg(short, long, default_value = "table", value_enum)]
    output: Output,
    /// The trace: JSON lines, plain or compressed by gzip or zstd; - reads standard input.
    trace: PathBuf,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Output {
    Table,
    Json,
    Yaml,
    FocusCsv,
}

// === impl ReplayArgs ===

impl ReplayArgs {
    pub fn run(self) -> anyhow::Result<()> {
        anyhow::ensure!(self.from < self.to, "--from {} is not before --to {}", self.from, self.to);
        let mut manifests = Vec::new();
        for path in &self.file {
            manifests.extend(manifest::read_strictly(path)?);
        }
        let options = Options { from: self.from, to: self.to, namespace: self.namespace, cluster: self.cluster };
        let report = replay(&self.trace, Replay::new(options, manifests))?;
        for trouble in &report.troubles.told {
            eprintln!("{}: {}: {}", trouble.class, trouble.about, trouble.message);
        }
        if report.troubles.untold > 0 {
            eprintln!("and {} more", report.troubles.untold);
        }
        for note in report.notes() {
            eprintln!("Note: {note}");
        }
        if self.output != Output::FocusCsv {
            let gapped = report.statements.iter().filter(|statement| !statement.spec.gaps.is_empty()).count();
            if let Some(note) = gaps_note(u64::try_from(gapped)?) {
                eprintln!("Note: {note}");
            }
        }
        print(&report, self.output)
    }
}

fn instant(text: &str) -> Result<Timestamp, &'static str> {
    text.parse().map_err(|_| "write an instant such as 2026-10-01T00:00:00Z")
}

fn replay(path: &Path, replay: Replay) -> anyhow::Result<Report> {
    let (progress, lines) = open(path)?;
    let mut trace = Trace::new(progress.lines(lines));
    let named = || if path.as_os_str() == "-" { "standard input".to_owned() } else { path.display().to_string() };
    replay.run(&mut trace).with_context(named)
}

/// The text of a trace, and how far it is read.
fn open(path: &Path) -> anyhow::Result<(Progress, Box<dyn BufRead>)> {
    let (progress, text) = if path.as_os_str() == "-" {
        let progress = Progress::of(None);
        let text = unpack::text(progress.bytes(stdin()));
        (progress, text)
    } else {
        let file = File::open(path).with_context(|| format!("open {}", path.display()))?;
        let length = file.metadata().map(|metadata| metadata.len()).ok().filter(|length| *length > 0);
        let progress = Progress::of(length);
        let text = unpack::text(progress.bytes(file));
        (progress, text)
    };
    Ok((progress, text.with_context(|| format!("read {}", path.display()))?))
}

fn print(report: &Report, output: Output) -> anyhow::Result<()> {
    let mut to = BufWriter::new(stdout().lock());
    match output {
        Output::Json => {
            serde_json::to_writer_pretty(&mut to, report)?;
            writeln!(to)?;
        }
        Output::Yaml => serde_saphyr::to_io_writer(&mut to, report)?,
        Output::Table => to.write_all(table(report).as_bytes())?,
        Output::FocusCsv => return rows(report, to),
    }
    to.flush().context("print the report")
}

fn rows(report: &Report, to: impl Write) -> anyhow::Result<()> {
    let mut rows = Rows::new(Format::FocusCsv, to)?;
    for statement in &report.statements {
        rows.write(statement, |unread| eprintln!("{unread}"))?;
    }
    for note in rows.finish()?.notes() {
        eprintln!("Note: {note}");
    }
    Ok(())
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
