//! A trace: the watch API's events, one JSON object a line, each with the time at which it was observed.

use std::io::BufRead;

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::observe::{Observed, TypeMeta};

/// Reads a trace line by line, in constant memory.
#[derive(Debug)]
pub struct Trace<R> {
    lines: R,
    number: u64,
    newest: Option<Timestamp>,
    line: String,
}

/// One event of a trace.
#[derive(Debug)]
pub struct TraceEvent {
    pub at: Timestamp,
    pub change: Change,
    /// Until when a relist knows the object to have existed.
    pub last_seen: Option<Timestamp>,
    pub kind: TypeMeta,
    /// None where the kind is of no interest.
    pub observed: Option<Observed>,
    pub names: Names,
}

/// What happened to the object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Change {
    Added,
    Modified,
    Deleted,
}

/// Namespace and name of an object.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Deserialize)]
#[serde(default)]
pub struct Names {
    pub namespace: Option<String>,
    pub name: String,
}

/// A line that cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("line {line}: {what}")]
pub struct TraceError {
    pub line: u64,
    pub what: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Line<'a> {
    at: Timestamp,
    #[serde(rename = "type")]
    change: Change,
    last_seen: Option<Timestamp>,
    #[serde(borrow)]
    object: &'a RawValue,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Head {
    #[serde(flatten)]
    kind: TypeMeta,
    #[serde(default)]
    metadata: Names,
}

// === impl Trace ===

impl<R: BufRead> Trace<R> {
    pub fn new(lines: R) -> Self {
        Self { lines, number: 0, newest: None, line: String::new() }
    }

    /// The next event; empty lines are passed over.
    pub fn next_event(&mut self) -> Result<Option<TraceEvent>, TraceError> {
        loop {
            self.line.clear();
            self.number += 1;
            let read = self.lines.read_line(&mut self.line).map_err(|error| self.error(error))?;
            if read == 0 {
                return Ok(None);
            }
            if !self.line.trim().is_empty() {
                return self.parse().map(Some);
            }
        }
    }

    fn parse(&mut self) -> Result<TraceEvent, TraceError> {
        let line: Line<'_> = serde_json::from_str(&self.line).map_err(|error| self.error(plain(&error)))?;
        if let Some(newest) = self.newest.filter(|newest| line.at < *newest) {
            return Err(
                self.error(format!("at {} goes back: the line before is of {newest}; sort the trace by at", line.at))
            );
        }
        let head: Head = serde_json::from_str(line.object.get()).map_err(|error| self.error(plain(&error)))?;
        let observed = match head.kind.source() {
            Some(source) => Some(Observed::read(source, line.object.get()).map_err(|error| {
                self.error(format!("{} {}: {}", head.kind.kind, head.metadata.name, plain(&error)))
            })?),
            None => None,
        };
        let event = TraceEvent {
            at: line.at,
            change: line.change,
            last_seen: line.last_seen,
            kind: head.kind,
            observed,
            names: head.metadata,
        };
        self.newest = Some(event.at);
        Ok(event)
    }

    fn error(&self, what: impl std::fmt::Display) -> TraceError {
        TraceError { line: self.number, what: what.to_string() }
    }
}

/// serde's message without its own line number, which is always 1 here.
fn plain(error: &serde_json::Error) -> String {
    let text = error.to_string();
    match text.rsplit_once(" at line ") {
        Some((what, place)) if error.line() <= 1 => format!("{what} at {}", place.trim_start_matches("1 ")),
        Some((what, _)) => what.to_owned(),
        None => text,
    }
}
