//! What workloads were before they were scaled down, by UID: a line of JSON for each, as a ConfigMap keeps them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Kind;

/// Most bytes of a record: the API server takes 1 MiB of an object, metadata included.
const MOST: usize = 900_000;

/// What an entry takes beside its text: its UID, and what separates it.
const BESIDE: usize = 48;

/// Of one namespace.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Record {
    pub entries: BTreeMap<String, Entry>,
    /// What was changed by hand and cannot be read, as it is.
    pub unread: BTreeMap<String, String>,
}

/// One workload. Values are replicas; of what runs or does not, 1 or 0.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Line", into = "Line")]
pub struct Entry {
    pub kind: Kind,
    pub name: String,
    /// Before all.
    pub was: i64,
    /// What `set` replaces while that is under way; else the same.
    pub from: i64,
    /// What the operator set last.
    pub set: i64,
    /// Of a ScaledObject, its annotation before.
    pub paused: Option<String>,
}

/// An entry as it is written.
#[derive(Serialize, Deserialize)]
struct Line {
    kind: Kind,
    name: String,
    was: i64,
    set: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    from: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    paused: Option<String>,
}

// === impl Record ===

impl Record {
    /// From the data of a ConfigMap.
    pub fn read(data: BTreeMap<String, String>) -> Self {
        let mut record = Self::default();
        for (uid, text) in data {
            match serde_json::from_str(&text) {
                Ok(entry) => drop(record.entries.insert(uid, entry)),
                Err(_) => drop(record.unread.insert(uid, text)),
            }
        }
        record
    }

    /// The data of a ConfigMap.
    pub fn data(&self) -> BTreeMap<String, String> {
        let entries = self.entries.iter().map(|(uid, entry)| (uid.clone(), entry.text()));
        entries.chain(self.unread.clone()).collect()
    }

    pub fn is_empty(&self) -> bool {
        self.entries.is_empty() && self.unread.is_empty()
    }

    /// How many bytes more go into it.
    pub(super) fn room(&self) -> usize {
        let entries = self.entries.values().map(Entry::bytes);
        let unread = self.unread.values().map(|text| text.len() + BESIDE);
        MOST.saturating_sub(entries.chain(unread).sum())
    }
}

// === impl Entry ===

impl Entry {
    fn text(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    /// What it takes at most: `from` goes when it is carried out.
    pub(super) fn bytes(&self) -> usize {
        self.text().len() + BESIDE
    }
}

impl From<Line> for Entry {
    fn from(Line { kind, name, was, set, from, paused }: Line) -> Self {
        Self { kind, name, was, from: from.unwrap_or(set), set, paused }
    }
}

impl From<Entry> for Line {
    fn from(Entry { kind, name, was, from, set, paused }: Entry) -> Self {
        Self { kind, name, was, set, from: Some(from).filter(|from| *from != set), paused }
    }
}
