//! The result, for people and for programs.

use std::io::Write;

use comfy_table::{CellAlignment, Table, presets};

use super::Report;
use crate::cluster::dry_run::Answer;
use crate::simulate::Row;

/// The columns with amounts.
const AMOUNTS: std::ops::Range<usize> = 3..8;

pub(super) fn json(report: &Report, to: &mut impl Write) -> anyhow::Result<()> {
    serde_json::to_writer_pretty(&mut *to, report)?;
    Ok(writeln!(to)?)
}

pub(super) fn table(report: &Report, to: &mut impl Write) -> anyhow::Result<()> {
    if report.budgets.is_empty() {
        writeln!(to, "No budget changes.")?;
    } else {
        let mut table = Table::new();
        table.load_preset(presets::NOTHING);
        table.set_header(["BUDGET", "CURRENCY", "UNTIL", "NOW", "THEN", "CHANGE", "PER DAY", "LIMIT", "FITS"]);
        for row in &report.budgets {
            table.add_row(cells(row));
        }
        for amount in AMOUNTS {
            table.column_mut(amount).into_iter().for_each(|column| column.set_cell_alignment(CellAlignment::Right));
        }
        for line in table.to_string().lines() {
            writeln!(to, "{}", line.trim())?;
        }
    }
    writeln!(to)?;
    for request in &report.requests {
        match &request.answer {
            Answer::Admitted => writeln!(to, "{}: admitted", request.what)?,
            Answer::Refused(message) => writeln!(to, "{}: refused: {message}", request.what)?,
            Answer::NotAsked(message) => writeln!(to, "{}: not asked: {message}", request.what)?,
        }
        for warning in &request.warnings {
            writeln!(to, "  Warning: {warning}")?;
        }
    }
    for row in report.budgets.iter().filter(|row| row.gate.then > row.gate.now) {
        writeln!(to, "Note: {} would ask for {:?} at once", named(row), row.gate.then)?;
    }
    for note in &report.notes {
        writeln!(to, "Note: {note}")?;
    }
    Ok(())
}

fn cells(row: &Row) -> [String; 9] {
    let fits = match row.fits {
        None => "-",
        Some(true) => "yes",
        Some(false) if row.breaks() => "no",
        Some(false) => "no, as before",
    };
    [
        named(row),
        row.currency.clone(),
        row.resets.clone(),
        row.forecast.now.clone(),
        row.forecast.then.clone(),
        signed(&row.forecast.change),
        signed(&row.per_day.change),
        row.limit.clone().unwrap_or_else(|| "-".to_owned()),
        fits.to_owned(),
    ]
}

fn named(row: &Row) -> String {
    row.namespace.as_ref().map_or_else(|| format!("clusterbudget/{}", row.name), |own| format!("{own}/{}", row.name))
}

/// With a sign, unless it is nothing.
fn signed(amount: &str) -> String {
    let is_nothing = amount.chars().all(|c| matches!(c, '0' | '.' | '-'));
    let plus = if is_nothing || amount.starts_with('-') { "" } else { "+" };
    format!("{plus}{amount}")
}
