//! Rows as they are written: comma-separated with a header, or a JSON object each. Nothing is kept.

use std::io::{self, Write};

use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::value::RawValue;

use super::charge::Charge;
use super::column::{COLUMNS, DataType};
use crate::api::{BilledKind, Statement};

/// How rows are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    FocusCsv,
    Jsonl,
}

/// Writes the rows of one Statement after the other.
#[derive(Debug)]
pub struct Rows<W: Write> {
    to: To<W>,
    pub left_out: LeftOut,
}

#[derive(Debug)]
enum To<W: Write> {
    Csv(Box<csv::Writer<W>>),
    Jsonl(W),
}

/// What the rows do not say, or say twice.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LeftOut {
    /// Lines that have no price.
    pub unpriced: u64,
    /// Lines that cannot be read: each told at once, and counted.
    pub unread: u64,
    /// Statements with gaps.
    gapped: u64,
    budgets: bool,
    cluster_budgets: bool,
}

struct Row<'a>(&'a Charge<'a>);

// === impl Rows ===

impl<W: Write> Rows<W> {
    pub fn new(format: Format, to: W) -> io::Result<Self> {
        let to = match format {
            Format::Jsonl => To::Jsonl(to),
            Format::FocusCsv => {
                let mut to = csv::Writer::from_writer(to);
                to.write_record(COLUMNS.iter().map(|column| column.name))?;
                To::Csv(Box::new(to))
            }
        };
        Ok(Self { to, left_out: LeftOut::default() })
    }

    /// Writes the rows of a Statement; `tell` hears of each line that cannot be read.
    pub fn write(&mut self, statement: &Statement, mut tell: impl FnMut(String)) -> io::Result<()> {
        // What a plan's usage Statement says is on the budgets' Statements already.
        if statement.spec.budget_ref.kind == BilledKind::PricePlan {
            return Ok(());
        }
        self.left_out.gapped += u64::from(!statement.spec.gaps.is_empty());
        let mut any = false;
        for line in &statement.spec.lines {
            match Charge::of(statement, line) {
                Ok(Some(charge)) => {
                    self.row(&charge)?;
                    any = true;
                }
                Ok(None) => self.left_out.unpriced += 1,
                Err(error) => {
                    self.left_out.unread += 1;
                    let (namespace, name) = (&statement.metadata.namespace, &statement.metadata.name);
                    let (namespace, name) = (namespace.as_deref().unwrap_or("-"), name.as_deref().unwrap_or("-"));
                    tell(format!("Statement {namespace}/{name}: line {}: {error}", line.rate));
                }
            }
        }
        match statement.spec.budget_ref.kind {
            BilledKind::Budget => self.left_out.budgets |= any,
            BilledKind::ClusterBudget | BilledKind::PricePlan => self.left_out.cluster_budgets |= any,
        }
        Ok(())
    }

    pub fn finish(mut self) -> io::Result<LeftOut> {
        match &mut self.to {
            To::Csv(to) => to.flush()?,
            To::Jsonl(to) => to.flush()?,
        }
        Ok(self.left_out)
    }

    fn row(&mut self, charge: &Charge<'_>) -> io::Result<()> {
        match &mut self.to {
            To::Csv(to) => {
                let values = COLUMNS.iter().map(|column| (column.value)(charge).unwrap_or_default());
                Ok(to.write_record(values)?)
            }
            To::Jsonl(to) => {
                serde_json::to_writer(&mut *to, &Row(charge))?;
                to.write_all(b"\n")
            }
        }
    }
}

// === impl LeftOut ===

impl LeftOut {
    /// What a reader of the rows should know.
    pub fn notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        if self.unpriced > 0 {
            notes.push(format!("lines without a price, which are no rows: {}", self.unpriced));
        }
        if let Some(note) = gaps_note(self.gapped) {
            notes.push(note);
        }
        if self.budgets && self.cluster_budgets {
            notes.push(
                "Budgets and ClusterBudgets bill the same usage: add up the rows of one BillingAccountType, or of one BillingAccountId"
                    .to_owned(),
            );
        }
        notes
    }
}

/// Of so many Statements not everything is known.
pub fn gaps_note(statements: u64) -> Option<String> {
    (statements > 0).then(|| {
        format!("Statements with gaps, so that not everything of their time is known (spec.gaps): {statements}")
    })
}

// === impl Row ===

impl Serialize for Row<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(COLUMNS.len()))?;
        for column in COLUMNS {
            let value = (column.value)(self.0);
            match (column.kind, value) {
                // Digits and objects as they are: a number of JSON has any number of digits.
                (DataType::Decimal | DataType::KeyValue, Some(value)) => {
                    let value = RawValue::from_string(value).map_err(serde::ser::Error::custom)?;
                    map.serialize_entry(column.name, &value)?;
                }
                (_, value) => map.serialize_entry(column.name, &value)?,
            }
        }
        map.end()
    }
}
