//! What the lines of one watch mean: objects, bookmarks, the end of a list, and what a list no longer holds.
//!
//! Pure: [`Follower`] is fed lines and says what there is to report. It keeps no objects. Of kinds whose absence from
//! a relist the engine does not find out by itself, and of everything while a trace is recorded, it keeps the names.

use std::collections::{HashMap, HashSet};

use serde::Deserialize;
use serde_json::value::RawValue;

use super::sample::Samples;
use crate::engine::machine::{Relist, Trouble, Unwatched};
use crate::engine::observed::{Source, Tag};
use crate::facts::{ObjectId, Seconds};
use crate::observe::known::Known;
use crate::observe::resource::Resource;
use crate::observe::{Observed, TypeMeta};

/// Something a watch has to report.
#[derive(Debug)]
pub struct Report {
    pub source: Source,
    pub news: News,
    /// The event as a trace has it, but for its `at`: `"type":"ADDED","object":{…}}`.
    pub line: Option<String>,
}

#[derive(Debug)]
pub enum News {
    Applied(Observed),
    Deleted {
        observed: Observed,
        last_seen: Option<Seconds>,
    },
    Listed {
        tag: Tag,
        held: Option<Relist>,
    },
    Heard(Tag),
    /// Every sample of one asking.
    Sampled {
        tag: Tag,
        samples: Samples,
    },
    /// Why there are none.
    Unsampled(String),
    /// An optional resource cannot be watched.
    Unwatched(Unwatched),
    /// A relist no longer holds it, which the engine learns from the list as a whole.
    Missed,
    Trouble(Trouble),
}

/// Why a watch cannot go on as it did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Halt {
    /// What it asks for is too old: list again.
    Expired,
    /// The server's words.
    Refused { code: u16, message: String },
}

/// Follows one resource.
#[derive(Debug)]
pub struct Follower {
    source: Source,
    resource: Resource,
    recording: bool,
    known: HashMap<ObjectId, Known>,
    /// Of a list under way: what it held so far.
    listing: Option<HashSet<ObjectId>>,
    listed: bool,
    /// The newest resourceVersion seen.
    version: u64,
    /// When it was last heard, but for a list under way.
    heard: Seconds,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Change {
    Added,
    Modified,
    Deleted,
}

#[derive(Deserialize)]
struct Line<'a> {
    #[serde(rename = "type")]
    kind: &'a str,
    #[serde(borrow)]
    object: &'a RawValue,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Bookmark {
    metadata: BookmarkMeta,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct BookmarkMeta {
    resource_version: String,
    annotations: HashMap<String, String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Status {
    code: u16,
    message: String,
}

/// As much as is needed to know who an object is that cannot be read.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Unreadable {
    metadata: UnreadableMeta,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct UnreadableMeta {
    uid: Option<String>,
    namespace: Option<String>,
    name: String,
}

// === impl Report ===

impl Report {
    /// When the object was made that is new or changed: no report of it is older.
    pub fn created(&self) -> Option<Seconds> {
        if let News::Applied(observed) = &self.news { observed.created } else { None }
    }

    /// Its lines in a trace, in order.
    pub fn lines(&self) -> impl Iterator<Item = &str> {
        let samples = match &self.news {
            News::Sampled { samples, .. } => samples.as_slice(),
            _ => &[],
        };
        self.line.as_deref().into_iter().chain(samples.iter().filter_map(|(_, line)| line.as_deref()))
    }
}

// === impl Follower ===

impl Follower {
    pub fn new(source: Source, recording: bool) -> Self {
        let resource = Resource::of(source);
        Self { source, resource, recording, known: HashMap::new(), listing: None, listed: false, version: 0, heard: 0 }
    }

    /// The resource as this API server spells it.
    pub fn spell(&mut self, resource: Resource) {
        self.resource = resource;
    }

    /// It was heard until now, and is not watched for a while.
    pub fn pause(&mut self, at: Seconds) {
        self.heard = at;
        self.listing = Some(HashSet::new());
    }

    /// The version from which to watch on; none where a list is due.
    pub fn version(&self) -> Option<u64> {
        (self.listed && self.listing.is_none() && self.version > 0).then_some(self.version)
    }

    pub fn begin_list(&mut self) {
        self.listing = Some(HashSet::new());
    }

    pub fn is_listing(&self) -> bool {
        self.listing.is_some()
    }

    /// The server watches on from the version that was asked for: what it has not said is not so.
    pub fn opened(&self, out: &mut Vec<Report>) {
        let tag = Tag { source: self.source, version: self.version };
        out.push(Report { source: self.source, news: News::Heard(tag), line: None });
    }

    /// One line of a watch, read at `at`.
    pub fn line(&mut self, line: &str, at: Seconds, out: &mut Vec<Report>) -> Result<(), Halt> {
        let (kind, object) = match split(line) {
            Ok(parts) => parts,
            Err(error) => {
                self.trouble("", &error, out);
                return Ok(());
            }
        };
        match kind {
            "ADDED" => self.changed(Change::Added, object, out),
            "MODIFIED" => self.changed(Change::Modified, object, out),
            "DELETED" => self.deleted(object, out),
            "BOOKMARK" => self.bookmark(object, at, out),
            "ERROR" => return Err(halt(object)),
            other => tracing::debug!(source = %self.source, kind = other, "event of an unknown type"),
        }
        if self.listing.is_none() {
            self.heard = at;
        }
        Ok(())
    }

    /// One object of a page of a list.
    pub fn item(&mut self, object: &str, out: &mut Vec<Report>) {
        self.changed(Change::Added, object, out);
    }

    /// The list is complete, as of `version`.
    pub fn end_list(&mut self, version: u64, at: Seconds, out: &mut Vec<Report>) {
        let ids = self.listing.take().unwrap_or_default();
        // A list may be of an older state than what was seen only if the server's own was restored.
        self.version = version;
        let tag = Tag { source: self.source, version };
        let first = !std::mem::replace(&mut self.listed, true);
        // A first list that was begun again misses what went since: it was not heard before.
        let last_heard = if first { at } else { self.heard };
        self.missed(&ids, version, last_heard, out);
        let line = (first && self.recording).then(|| self.all_listed(version));
        let held = (!first).then_some(Relist { ids, last_heard });
        self.heard = at;
        out.push(Report { source: self.source, news: News::Listed { tag, held }, line });
    }

    fn changed(&mut self, change: Change, object: &str, out: &mut Vec<Report>) {
        let observed = match Observed::read(self.source, object) {
            Ok(observed) => observed,
            Err(error) => {
                self.trouble(object, &error, out);
                return;
            }
        };
        let Observed { id, tag, .. } = observed;
        let before = self.keep(&observed).map(|known| known.version);
        let line = if let Some(ids) = &mut self.listing {
            ids.insert(id);
            // A relist brings back what is known: for a trace only what changed meanwhile is news.
            let change = if before.is_some() { Change::Modified } else { change };
            (before != Some(tag.version)).then_some(change)
        } else {
            self.version = self.version.max(tag.version);
            Some(change)
        };
        let line = line.and_then(|change| self.recorded(change, object));
        out.push(Report { source: self.source, news: News::Applied(observed), line });
    }

    fn deleted(&mut self, object: &str, out: &mut Vec<Report>) {
        let read = Observed::read(self.source, object);
        let id = read.as_ref().map_or_else(|_| identity(object), |observed| Some(observed.id));
        let known = id.and_then(|id| self.known.remove(&id).map(|known| (id, known)));
        let observed = match (read, known) {
            (Ok(observed), _) => observed,
            (Err(error), known) => {
                self.trouble(object, &error, out);
                let Some((id, known)) = known else { return };
                let Some(observed) = known.observed(self.source, id, self.version) else { return };
                observed
            }
        };
        if let Some(ids) = &mut self.listing {
            ids.remove(&observed.id);
        } else {
            self.version = self.version.max(observed.tag.version);
        }
        let line = self.recorded(Change::Deleted, object);
        out.push(Report { source: self.source, news: News::Deleted { observed, last_seen: None }, line });
    }

    fn bookmark(&mut self, object: &str, at: Seconds, out: &mut Vec<Report>) {
        let Ok(Bookmark { metadata }) = serde_json::from_str(object) else { return };
        let Ok(version) = metadata.resource_version.parse() else { return };
        let ends_list = metadata.annotations.get("k8s.io/initial-events-end").is_some_and(|end| end == "true");
        if ends_list && self.listing.is_some() {
            self.end_list(version, at, out);
        } else if self.listing.is_none() {
            self.version = self.version.max(version);
            let tag = Tag { source: self.source, version };
            out.push(Report { source: self.source, news: News::Heard(tag), line: None });
        }
    }

    /// What was known and is in a relist no more.
    fn missed(&mut self, ids: &HashSet<ObjectId>, version: u64, last_heard: Seconds, out: &mut Vec<Report>) {
        let gone: Vec<_> = self.known.extract_if(|id, _| !ids.contains(id)).collect();
        for (id, known) in gone {
            let line = self.recording.then(|| known.missed(&self.resource, id, version, last_heard));
            let news = if misses_itself(self.source) {
                News::Missed
            } else if let Some(observed) = known.observed(self.source, id, version) {
                News::Deleted { observed, last_seen: Some(last_heard) }
            } else {
                continue;
            };
            out.push(Report { source: self.source, news, line });
        }
    }

    /// Keeps who it is, and gives back what was kept of it before.
    fn keep(&mut self, observed: &Observed) -> Option<Known> {
        let wanted = self.recording
            || match self.source {
                Source::Jobs => false,
                // One that a Deployment owns leaves nothing behind that matters.
                Source::ReplicaSets => observed.also.is_some(),
                source => !misses_itself(source),
            };
        if wanted { self.known.insert(observed.id, Known::of(observed)) } else { None }
    }

    fn recorded(&self, change: Change, object: &str) -> Option<String> {
        self.recording.then(|| entry(&self.resource, change.text(), object))
    }

    /// That the first list is complete: what an earlier recording knew and it does not hold is gone.
    fn all_listed(&self, version: u64) -> String {
        let Resource { api_version, kind, .. } = &self.resource;
        let list = format!(
            r#"{{"kind":"{kind}List","apiVersion":"{api_version}","metadata":{{"resourceVersion":"{version}"}}}}"#
        );
        format!(r#""type":"ADDED","object":{list}}}"#)
    }

    fn trouble(&mut self, object: &str, error: &serde_json::Error, out: &mut Vec<Report>) {
        if let (Some(id), Some(ids)) = (identity(object), &mut self.listing) {
            ids.insert(id);
        }
        let Unreadable { metadata } = serde_json::from_str(object).unwrap_or_default();
        let namespace = metadata.namespace.map(|namespace| format!("{namespace}/")).unwrap_or_default();
        let about = format!("{} {namespace}{}", self.source, metadata.name);
        let trouble = Trouble { class: "Unreadable", about, message: error.to_string() };
        out.push(Report { source: self.source, news: News::Trouble(trouble), line: None });
    }
}

// === impl Change ===

impl Change {
    fn text(self) -> &'static str {
        match self {
            Self::Added => "ADDED",
            Self::Modified => "MODIFIED",
            Self::Deleted => "DELETED",
        }
    }
}

/// The line of a trace, but for its `at`. It holds whole objects: those of a list leave out their kind.
pub(super) fn entry(resource: &Resource, change: &str, object: &str) -> String {
    let named = serde_json::from_str::<TypeMeta>(object).is_ok_and(|named| !named.kind.is_empty());
    if named {
        return format!(r#""type":"{change}","object":{object}}}"#);
    }
    let Resource { api_version, kind, .. } = resource;
    let rest = object.trim_start().trim_start_matches('{');
    format!(r#""type":"{change}","object":{{"kind":"{kind}","apiVersion":"{api_version}",{rest}}}"#)
}

/// Kinds of which the engine itself finds out what a relist no longer holds.
fn misses_itself(source: Source) -> bool {
    source.holds_items() || source == Source::Nodes
}

/// Type and object of a line. As the API server writes them no second look at the object is needed.
fn split(line: &str) -> serde_json::Result<(&str, &str)> {
    let usual = || {
        let (kind, object) = line.strip_prefix(r#"{"type":""#)?.split_once('"')?;
        let object = object.strip_prefix(r#","object":"#)?.strip_suffix('}')?;
        object.starts_with('{').then_some((kind, object))
    };
    match usual() {
        Some(parts) => Ok(parts),
        None => serde_json::from_str::<Line<'_>>(line).map(|line| (line.kind, line.object.get())),
    }
}

fn identity(object: &str) -> Option<ObjectId> {
    let Unreadable { metadata } = serde_json::from_str(object).ok()?;
    let uid = metadata.uid?;
    Some(ObjectId::of(Some(&uid), "", metadata.namespace.as_deref(), &metadata.name))
}

fn halt(object: &str) -> Halt {
    let Status { code, message } = serde_json::from_str(object).unwrap_or_default();
    if code == 410 { Halt::Expired } else { Halt::Refused { code, message } }
}

#[cfg(test)]
mod tests;
