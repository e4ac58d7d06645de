//! A trace: the watch API's events, one JSON object a line, each with the time at which it was observed.

use std::borrow::Cow;
use std::fmt;
use std::io::BufRead;

use jiff::Timestamp;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Error, IgnoredAny, MapAccess, Unexpected, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use crate::engine::observed::Source;
use crate::observe::{Names, Observed, TypeMeta};

/// Reads a trace line by line, in constant memory.
#[derive(Debug)]
pub struct Trace<R> {
    lines: R,
    number: u64,
    newest: Option<Timestamp>,
    /// A line that does not stand whole in the reader's buffer.
    line: Vec<u8>,
}

/// One event of a trace.
#[derive(Debug)]
pub struct TraceEvent {
    pub at: Timestamp,
    pub change: Change,
    /// Until when a relist knows the object to have existed.
    pub last_seen: Option<Timestamp>,
    /// It is of the recording that began then.
    pub recording: Option<Timestamp>,
    /// That the recording's first list of this source is complete, instead of an object.
    pub listed: Option<Source>,
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
    recording: Option<Timestamp>,
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
        Self { lines, number: 0, newest: None, line: Vec::new() }
    }

    /// The next event; empty lines are passed over.
    pub fn next_event(&mut self) -> Result<Option<TraceEvent>, TraceError> {
        loop {
            self.number += 1;
            let buffer = self.lines.fill_buf().map_err(|error| TraceError::at(self.number, error))?;
            if buffer.is_empty() {
                return Ok(None);
            }
            if let Some(event) = self.next_line()? {
                return self.in_order(event).map(Some);
            }
        }
    }

    /// Reads a line where it stands, unless the buffer ends within it; none is empty.
    fn next_line(&mut self) -> Result<Option<TraceEvent>, TraceError> {
        let Self { lines, number, line, .. } = self;
        let failed = |error: std::io::Error| TraceError::at(*number, error);
        let buffer = lines.fill_buf().map_err(failed)?;
        if let Some(end) = memchr::memchr(b'\n', buffer) {
            let event = parse(&buffer[..end], *number);
            lines.consume(end + 1);
            return event;
        }
        line.clear();
        lines.read_until(b'\n', line).map_err(failed)?;
        parse(line, *number)
    }

    fn in_order(&mut self, event: TraceEvent) -> Result<TraceEvent, TraceError> {
        let at = event.at;
        if let Some(newest) = self.newest.filter(|newest| at < *newest) {
            let what = format!("at {at} goes back: the line before is of {newest}; sort the trace by at");
            return Err(TraceError::at(self.number, what));
        }
        self.newest = Some(at);
        Ok(event)
    }
}

// === impl TraceError ===

impl TraceError {
    fn at(line: u64, what: impl fmt::Display) -> Self {
        Self { line, what: what.to_string() }
    }
}

fn parse(line: &[u8], number: u64) -> Result<Option<TraceEvent>, TraceError> {
    let line = std::str::from_utf8(line).map_err(|error| TraceError::at(number, error))?;
    if line.trim_ascii().is_empty() {
        return Ok(None);
    }
    let read = serde_json::from_str::<Line<Object>>(line);
    let Line { at, change, last_seen, recording, object: Object { kind, observed } } = match read {
        Ok(line) => line,
        Err(_) => parse_again(line, number)?,
    };
    let listed = recording.and_then(|_| listed(&kind)).filter(|_| names_nothing(observed.as_ref()));
    let observed = observed.filter(|_| listed.is_none());
    Ok(Some(TraceEvent { at, change, last_seen, recording, listed, kind, observed }))
}

/// What a list is of: `PodList` of Pods.
fn listed(kind: &TypeMeta) -> Option<Source> {
    let of = kind.kind.strip_suffix("List")?.to_owned();
    TypeMeta { api_version: kind.api_version.clone(), kind: of }.source()
}

/// A list has no name; a kind of whose name that is a part has objects with one.
fn names_nothing(observed: Option<&Observed>) -> bool {
    observed.is_none_or(|observed| observed.names.name.is_empty())
}

/// Step by step: for an object whose kind stands elsewhere, and to say what exactly is wrong.
fn parse_again(line: &str, number: u64) -> Result<Line<Object>, TraceError> {
    let wrong = |what: String| TraceError::at(number, what);
    let line: Line<&RawValue> = serde_json::from_str(line).map_err(|error| wrong(plain(&error)))?;
    let json = line.object.get();
    let Head { api_version, kind, metadata } = serde_json::from_str(json).map_err(|error| wrong(plain(&error)))?;
    let kind = TypeMeta { api_version, kind };
    let read = |source| {
        Observed::read(source, json)
            .map_err(|error| wrong(format!("{} {}: {}", kind.kind, metadata.name, plain(&error))))
    };
    let observed = kind.source().map(read).transpose()?;
    let Line { at, change, last_seen, recording, .. } = line;
    Ok(Line { at, change, last_seen, recording, object: Object { kind, observed } })
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
