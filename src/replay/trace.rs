//! A trace: the watch API's events, one JSON object a line, each with the time at which it was observed.

use std::borrow::Cow;
use std::fmt;
use std::io::BufRead;

use jiff::Timestamp;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Error, IgnoredAny, MapAccess, Unexpected, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use crate::observe::{Names, Observed, TypeMeta};

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
}

/// What happened to the object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Change {
    Added,
    Modified,
    Deleted,
}

/// A line that cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("line {line}: {what}")]
pub struct TraceError {
    pub line: u64,
    pub what: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", bound = "O: Deserialize<'de>")]
struct Line<O> {
    at: Timestamp,
    #[serde(rename = "type")]
    change: Change,
    last_seen: Option<Timestamp>,
    object: O,
}

/// An object of any kind, read as its kind asks. That stands first in whatever an API server sends.
struct Object {
    kind: TypeMeta,
    observed: Option<Observed>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Head {
    api_version: String,
    kind: String,
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
        let line = match serde_json::from_str::<Line<Object>>(&self.line) {
            Ok(line) => line,
            Err(_) => self.parse_again()?,
        };
        let Line { at, change, last_seen, object: Object { kind, observed } } = line;
        if let Some(newest) = self.newest.filter(|newest| at < *newest) {
            return Err(self.error(format!("at {at} goes back: the line before is of {newest}; sort the trace by at")));
        }
        self.newest = Some(at);
        Ok(TraceEvent { at, change, last_seen, kind, observed })
    }

    /// Step by step: for an object whose kind stands elsewhere, and to say what exactly is wrong.
    fn parse_again(&self) -> Result<Line<Object>, TraceError> {
        let line: Line<&RawValue> = serde_json::from_str(&self.line).map_err(|error| self.error(plain(&error)))?;
        let json = line.object.get();
        let Head { api_version, kind, metadata } =
            serde_json::from_str(json).map_err(|error| self.error(plain(&error)))?;
        let kind = TypeMeta { api_version, kind };
        let read = |source| {
            Observed::read(source, json)
                .map_err(|error| self.error(format!("{} {}: {}", kind.kind, metadata.name, plain(&error))))
        };
        let observed = kind.source().map(read).transpose()?;
        let Line { at, change, last_seen, .. } = line;
        Ok(Line { at, change, last_seen, object: Object { kind, observed } })
    }

    fn error(&self, what: impl std::fmt::Display) -> TraceError {
        TraceError { line: self.number, what: what.to_string() }
    }
}

// === impl Object ===

impl<'de> Deserialize<'de> for Object {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(ObjectVisitor)
    }
}

struct ObjectVisitor;

impl<'de> Visitor<'de> for ObjectVisitor {
    type Value = Object;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object that begins with its kind and apiVersion")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Object, A::Error> {
        let mut kind = TypeMeta::default();
        for _ in 0..2 {
            match map.next_key::<Cow<'_, str>>()?.as_deref() {
                Some("apiVersion") => kind.api_version = map.next_value()?,
                Some("kind") => kind.kind = map.next_value()?,
                _ => return Err(A::Error::invalid_value(Unexpected::Map, &self)),
            }
        }
        let rest = MapAccessDeserializer::new(map);
        let observed = match kind.source() {
            Some(source) => Some(Observed::of(source, rest)?),
            None => {
                IgnoredAny::deserialize(rest)?;
                None
            }
        };
        Ok(Object { kind, observed })
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
