//! What a tiny API server holds, and what a machine is told of it.

use std::collections::{BTreeMap, BTreeSet};

use opex_operator::engine::counted::Counting;
use opex_operator::engine::machine::{Event as News, Machine, Settings, Unwatched};
use opex_operator::engine::observed::{Source, Tag};
use opex_operator::observe::{Observed, TypeMeta};
use serde_json::{Value, json};

use crate::reference::Seconds;

/// How many closed Statements of a budget are kept.
pub const RETAINED: usize = 14;

/// How long before now a replica persists.
const LAG: Seconds = 10;

/// Everything that the API server holds, by kind, namespace and name.
#[derive(Clone, Default)]
pub struct Server {
    pub version: u64,
    pub objects: BTreeMap<(Source, String), Value>,
    /// Reason and note of every event, by what its name is made of.
    pub events: BTreeMap<String, (&'static str, String)>,
}

/// A machine in a cluster without anything.
pub fn lonely(at: Seconds) -> Machine {
    Server::default().listed(at, true)
}

// === impl Server ===

impl Server {
    /// A machine that has listed everything.
    pub fn listed(&self, at: Seconds, leads: bool) -> Machine {
        self.listed_but(at, leads, &[])
    }

    /// The same where some resources cannot be watched.
    pub fn listed_but(&self, at: Seconds, leads: bool, unwatched: &[Source]) -> Machine {
        let mut machine = Machine::new(Settings {
            cluster: "laws".to_owned(),
            namespace: "opex-system".into(),
            lag: LAG,
            from: None,
            replay: false,
            writes_per_second: i64::MAX / 100,
            counting: Some(Counting { window: 60, delay: 30 }),
            retained: RETAINED,
        });
        // Some lead before they have listed anything.
        machine.ingest(News::Leading(leads && self.version.is_multiple_of(2)), at);
        for ((source, _), object) in self.objects.iter().filter(|((source, _), _)| !unwatched.contains(source)) {
            for event in applied(*source, object) {
                machine.ingest(event, at);
            }
        }
        let named: BTreeSet<_> = self.objects.keys().map(|(source, _)| *source).collect();
        let all: BTreeSet<_> = Source::ALL.into_iter().chain(named).collect();
        for source in all.into_iter().filter(|source| !unwatched.contains(source)) {
            let tag = Tag { source, version: self.version };
            machine.ingest(News::Listed { tag, held: None }, at);
        }
        for source in unwatched {
            machine.ingest(News::Unwatched { source: *source, why: Unwatched::Forbidden }, at);
        }
        assert!(machine.has_first_lists());
        machine.start(at);
        machine.ingest(News::Leading(leads), at);
        machine
    }

    pub fn stamp(&mut self, object: &mut Value) {
        self.version += 1;
        object["metadata"]["resourceVersion"] = json!(self.version.to_string());
    }
}

pub fn place(object: &Value) -> Option<(Source, String)> {
    let text = |value: &Value| value.as_str().unwrap_or("").to_owned();
    let kind = TypeMeta { api_version: text(&object["apiVersion"]), kind: text(&object["kind"]) };
    let metadata = &object["metadata"];
    Some((kind.source()?, format!("{}/{}", text(&metadata["namespace"]), text(&metadata["name"]))))
}

pub fn applied(source: Source, object: &Value) -> Vec<News> {
    let Observed { id, tag, fact, also, .. } = Observed::read(source, &object.to_string()).expect("a good object");
    std::iter::once(fact).chain(also).map(|fact| News::Applied { tag, id, fact }).collect()
}

pub fn deleted(source: Source, object: &Value, last_seen: Option<Seconds>) -> Vec<News> {
    let Observed { id, tag, fact, also, .. } = Observed::read(source, &object.to_string()).expect("a good object");
    std::iter::once(fact).chain(also).map(|fact| News::Deleted { tag, id, fact, last_seen }).collect()
}
