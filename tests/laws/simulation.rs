//! A tiny API server, and replicas of the machine that live through a trace as an operator does: they write Statements
//! and read them back, pass when they asked to be woken, crash, take over, and lose writes.

mod writes;

use std::collections::{BTreeMap, HashSet};

use jiff::Timestamp;
use opex_operator::engine::counted::{Answer, Question};
use opex_operator::engine::machine::{Event as News, Machine, Relist};
use opex_operator::engine::observed::{Source, Tag};
use opex_operator::observe::Observed;
use serde_json::{Value, json};

use crate::reference::{Change, Event, Seconds};
use crate::scaling::Scales;
use crate::server::{Server, applied, deleted, place};

/// What befalls the replicas, and when.
#[derive(Clone, Copy, Debug)]
pub enum Fate {
    /// Somebody looks, for no reason.
    Pass,
    /// What nothing refers to any more is forgotten.
    Sweep,
    /// The leader crashes; the other replica leads from then on, and a new one comes.
    Failover,
    /// Both crash; a new process starts from what the API server holds.
    ColdStart,
    /// Statement writes are not done, or are done and not answered, from then on for some seconds.
    Lost,
    Unanswered,
    /// For some seconds Prometheus does not answer.
    Silent,
    /// For some seconds every replica's watch of Namespaces is behind the others, or the standby's of Pods.
    Lagging,
    Deaf,
}

/// See the module's documentation.
pub struct Simulation {
    pub server: Server,
    /// The first one leads.
    replicas: Vec<Replica>,
    now: Seconds,
    trouble: Option<(bool, Seconds)>,
    /// Workloads of the namespace `a`, where gates are written.
    pub scales: Option<Scales>,
    /// What Prometheus counts, and until when it is silent.
    prometheus: Option<fn(&Question) -> Answer>,
    silent: Seconds,
    /// Nobody looks but when something happens.
    seldom: bool,
    /// A watch that nothing is heard of.
    pub mute: Option<Source>,
}

struct Replica {
    machine: Machine,
    wake: Option<Seconds>,
    /// A watch that is behind, until when, and what it has not told.
    behind: Option<(Source, Seconds)>,
    untold: Vec<News>,
    /// The note of every event that it tried to tell.
    notes: BTreeMap<String, String>,
}

/// Lives through a trace, everything persisted at `to`, and returns the Statements.
pub fn live(trace: &[Event], to: Seconds, replicas: usize, fates: &[(Seconds, Fate)]) -> Value {
    Simulation::new().live(trace, to, replicas, fates)
}

/// The same where nobody looks but when something happens.
pub fn live_seldom(trace: &[Event], to: Seconds, replicas: usize, fates: &[(Seconds, Fate)]) -> Value {
    Simulation { seldom: true, ..Simulation::new() }.live(trace, to, replicas, fates)
}

// === impl Simulation ===

impl Simulation {
    pub fn new() -> Self {
        Self {
            server: Server::default(),
            replicas: Vec::new(),
            now: 0,
            trouble: None,
            scales: None,
            prometheus: None,
            silent: 0,
            seldom: false,
            mute: None,
        }
    }

    /// With a Prometheus that answers so.
    pub fn counting(prometheus: fn(&Question) -> Answer) -> Self {
        Self { prometheus: Some(prometheus), ..Self::new() }
    }

    fn live(mut self, trace: &[Event], to: Seconds, replicas: usize, fates: &[(Seconds, Fate)]) -> Value {
        let first = trace.first().map_or(to, |event| event.at);
        for event in trace.iter().filter(|event| event.at == first) {
            self.happen(event);
        }
        self.now = first;
        for _ in 0..replicas {
            self.join();
        }
        let mut fates = fates.to_vec();
        fates.sort_by_key(|(at, _)| *at);
        let mut fates = fates.into_iter().filter(|(at, _)| (first..to).contains(at)).peekable();
        for event in trace.iter().filter(|event| event.at > first && event.at < to) {
            while let Some((at, fate)) = fates.next_if(|(at, _)| *at <= event.at) {
                self.pass_until(at);
                self.suffer(fate);
            }
            self.pass_until(event.at);
            self.happen(event);
            self.pass();
        }
        for (at, fate) in fates {
            self.pass_until(at);
            self.suffer(fate);
        }
        self.pass_until(to);
        self.pass();
        self.trouble = None;
        let writes = self.replicas[0].machine.checkpoint(to);
        self.carry_out(writes);
        self.statements()
    }

    /// A new replica lists everything, and leads if it is the only one.
    pub fn join(&mut self) {
        let machine = self.server.listed(self.now, self.replicas.is_empty());
        self.replicas.push(Replica {
            machine,
            wake: Some(self.now),
            behind: None,
            untold: Vec::new(),
            notes: BTreeMap::new(),
        });
    }

    /// Something happens, and every replica sees it.
    pub fn happen(&mut self, event: &Event) {
        self.now = self.now.max(event.at);
        let Some((source, key)) = place(&event.object) else { return };
        let mut object = event.object.clone();
        if let Some(before) = self.server.objects.get(&(source, key.clone()))
            && !before["status"].is_null()
            && object["status"].is_null()
        {
            object["status"] = before["status"].clone();
        }
        match event.change {
            Change::Added | Change::Modified => self.store(source, key, object),
            Change::Deleted => {
                self.server.objects.remove(&(source, key));
                self.server.stamp(&mut object);
                let last_seen = event.last_seen;
                self.tell(source, &deleted(source, &object, last_seen));
            }
        }
    }

    pub fn backup(&self) -> Server {
        self.server.clone()
    }

    /// The API server is what it was, and every watch lists again. Nothing was heard since `heard`.
    pub fn restore(&mut self, backup: Server, heard: Seconds) {
        let before = std::mem::replace(&mut self.server, backup);
        for source in Source::ALL {
            let mut events = Vec::new();
            let mut ids = HashSet::new();
            for (_, object) in self.server.objects.iter().filter(|((of, _), _)| *of == source) {
                ids.insert(Observed::read(source, &object.to_string()).expect("a good object").id);
                events.extend(applied(source, object));
            }
            let gone =
                before.objects.iter().filter(|(key, _)| key.0 == source && !self.server.objects.contains_key(key));
            events.extend(gone.flat_map(|(_, object)| deleted(source, object, Some(heard))));
            let tag = Tag { source, version: self.server.version };
            events.push(News::Listed { tag, held: Some(Relist { ids, last_heard: heard }) });
            self.tell(source, &events);
        }
    }

    /// The same, and every process has ended.
    pub fn restore_and_end(&mut self, backup: Server) {
        self.end_all();
        self.server = backup;
    }

    pub fn end_all(&mut self) {
        self.replicas.clear();
    }

    /// How many ledgers the leader keeps.
    pub fn ledgers(&self) -> usize {
        self.replicas[0].machine.statements(self.now).len()
    }

    /// What there is of a namespace, `NAMESPACE/`.
    pub fn held(&self, namespace: &str) -> Vec<(Source, String)> {
        let there = self.server.objects.keys().filter(|(_, key)| key.starts_with(namespace));
        there.cloned().collect()
    }

    pub fn remove(&mut self, source: Source, key: &str) {
        if let Some(mut object) = self.server.objects.remove(&(source, key.to_owned())) {
            self.server.stamp(&mut object);
            self.tell(source, &deleted(source, &object, None));
        }
    }

    fn store(&mut self, source: Source, key: String, mut object: Value) {
        self.server.stamp(&mut object);
        let events = applied(source, &object);
        self.server.objects.insert((source, key), object);
        self.tell(source, &events);
    }

    fn tell(&mut self, source: Source, events: &[News]) {
        for replica in &mut self.replicas {
            replica.hear(source, events, self.now);
        }
    }

    pub fn pass_until(&mut self, t: Seconds) {
        while !self.seldom {
            let wakes = self.replicas.iter().flat_map(|replica| [replica.wake, replica.behind.map(|(_, until)| until)]);
            let Some(wake) = wakes.flatten().min().filter(|wake| *wake < t) else { break };
            self.now = self.now.max(wake);
            for replica in &mut self.replicas {
                replica.catch_up(self.now);
            }
            self.pass();
        }
        self.now = self.now.max(t);
    }

    fn pass(&mut self) {
        for i in 0..self.replicas.len() {
            self.replicas[i].hear_all(self.server.version, self.mute, self.now);
            let pass = self.replicas[i].machine.pass(self.now);
            self.replicas[i].wake = pass.wake;
            assert!(i == 0 || pass.writes.is_empty(), "a standby writes: {:?}", pass.writes);
            self.carry_out(pass.writes);
        }
        self.ask();
    }

    /// Whoever leads asks Prometheus, as long as it has questions and is answered.
    fn ask(&mut self) {
        let Some(prometheus) = self.prometheus else { return };
        for (i, replica) in self.replicas.iter_mut().enumerate() {
            while let Some(question) = replica.machine.question(self.now) {
                assert!(i == 0, "a standby asks");
                if self.now < self.silent {
                    replica.machine.ingest(News::Silent("nobody is there".into()), self.now);
                    break;
                }
                replica.machine.ingest(News::Answered(prometheus(&question)), self.now);
            }
        }
    }

    pub fn suffer(&mut self, fate: Fate) {
        match fate {
            Fate::Pass => self.pass(),
            Fate::Sweep => self.replicas.iter_mut().for_each(|replica| replica.machine.sweep()),
            Fate::Failover => {
                if self.replicas.len() > 1 {
                    self.replicas.remove(0);
                    self.replicas[0].machine.ingest(News::Leading(true), self.now);
                    self.replicas[0].wake = Some(self.now);
                    self.join();
                }
            }
            Fate::ColdStart => {
                let count = self.replicas.len();
                self.replicas.clear();
                for _ in 0..count {
                    self.join();
                }
            }
            Fate::Lost => self.trouble = Some((false, self.now + 20)),
            Fate::Unanswered => self.trouble = Some((true, self.now + 20)),
            Fate::Silent => self.silent = self.now + 1200,
            Fate::Lagging => {
                let behind = Some((Source::Namespaces, self.now + 5));
                self.replicas.iter_mut().for_each(|replica| replica.behind = replica.behind.or(behind));
            }
            Fate::Deaf => {
                if let [_, standby] = &mut self.replicas[..] {
                    standby.behind = standby.behind.or(Some((Source::Pods, self.now + 90)));
                }
            }
        }
    }

    pub fn events(&self) -> impl Iterator<Item = &(&'static str, String)> {
        self.server.events.values()
    }

    pub fn status(&self, source: Source, key: &str) -> &Value {
        &self.server.objects[&(source, key.to_owned())]["status"]
    }

    pub fn statements(&self) -> Value {
        let statements = self.server.objects.iter().filter(|((source, _), _)| *source == Source::Statements);
        json!({"statements": statements.map(|(_, object)| object).collect::<Vec<_>>()})
    }
}

// === impl Replica ===

impl Replica {
    fn hear(&mut self, source: Source, events: &[News], now: Seconds) {
        if self.behind.is_some_and(|(behind, _)| behind == source) {
            self.untold.extend(events.iter().cloned());
            return;
        }
        for event in events {
            self.machine.ingest(event.clone(), now);
        }
    }

    /// Every watch that is not behind says how far it is.
    fn hear_all(&mut self, version: u64, mute: Option<Source>, now: Seconds) {
        let behind = self.behind.map(|(source, _)| source);
        let watched = Source::ALL.into_iter().filter(|source| source.is_watched());
        for source in watched.filter(|source| ![behind, mute].contains(&Some(*source))) {
            self.machine.ingest(News::Heard { tag: Tag { source, version } }, now);
        }
    }

    /// What was not told is told once the watch is no longer behind.
    fn catch_up(&mut self, now: Seconds) {
        if let Some((source, _)) = self.behind.take_if(|(_, until)| *until <= now) {
            let untold = std::mem::take(&mut self.untold);
            self.hear(source, &untold, now);
        }
    }
}

fn instant(at: Seconds) -> Value {
    json!(Timestamp::from_second(at).expect("an instant"))
}
