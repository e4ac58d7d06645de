//! A tiny API server, and replicas of the machine that live through a trace as an operator does: they write Statements
//! and read them back, pass when they asked to be woken, crash, take over, and lose writes.

use std::collections::BTreeMap;

use jiff::Timestamp;
use opex_operator::engine::machine::{Event as News, Machine, Settings};
use opex_operator::engine::observed::{Source, Tag};
use opex_operator::engine::write::{Outcome, Write};
use opex_operator::observe::{Observed, TypeMeta};
use serde_json::{Value, json};

use crate::reference::{Change, Event, Seconds};

/// How long before now a replica persists.
const LAG: Seconds = 10;

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
    /// For some seconds the watch of Namespaces is behind the others.
    Lagging,
}

/// Everything that the API server holds, by kind, namespace and name.
#[derive(Default)]
struct Server {
    version: u64,
    objects: BTreeMap<(Source, String), Value>,
}

/// See the module's documentation.
pub struct Simulation {
    server: Server,
    /// The first one leads.
    replicas: Vec<Machine>,
    wakes: Vec<Option<Seconds>>,
    now: Seconds,
    trouble: Option<(bool, Seconds)>,
    /// Until when the watch of Namespaces is behind, and what it has not told.
    lagging: Option<Seconds>,
    /// Nobody looks but when something happens.
    seldom: bool,
    untold: Vec<News>,
}

/// Lives through a trace, everything persisted at `to`, and returns the Statements.
pub fn live(trace: &[Event], to: Seconds, replicas: usize, fates: &[(Seconds, Fate)]) -> Value {
    Simulation::new().live(trace, to, replicas, fates)
}

/// The same where nobody looks but when something happens.
pub fn live_seldom(trace: &[Event], to: Seconds, replicas: usize, fates: &[(Seconds, Fate)]) -> Value {
    Simulation { seldom: true, ..Simulation::new() }.live(trace, to, replicas, fates)
}

/// A machine in a cluster without anything.
pub fn lonely(at: Seconds) -> Machine {
    Server::default().listed(at, true)
}

// === impl Simulation ===

impl Simulation {
    pub fn new() -> Self {
        Self {
            server: Server::default(),
            replicas: Vec::new(),
            wakes: Vec::new(),
            now: 0,
            trouble: None,
            lagging: None,
            seldom: false,
            untold: Vec::new(),
        }
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
        let writes = self.replicas[0].checkpoint(to);
        self.carry_out(writes);
        self.statements()
    }

    /// A new replica lists everything, and leads if it is the only one.
    pub fn join(&mut self) {
        let machine = self.server.listed(self.now, self.replicas.is_empty());
        self.wakes.push(Some(self.now));
        self.replicas.push(machine);
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
                self.tell(source, deleted(source, &object, last_seen));
            }
        }
    }

    /// What there is of a namespace, `NAMESPACE/`.
    pub fn held(&self, namespace: &str) -> Vec<(Source, String)> {
        let there = self.server.objects.keys().filter(|(_, key)| key.starts_with(namespace));
        there.cloned().collect()
    }

    pub fn remove(&mut self, source: Source, key: &str) {
        if let Some(mut object) = self.server.objects.remove(&(source, key.to_owned())) {
            self.server.stamp(&mut object);
            self.tell(source, deleted(source, &object, None));
        }
    }

    fn store(&mut self, source: Source, key: String, mut object: Value) {
        self.server.stamp(&mut object);
        let events = applied(source, &object);
        self.server.objects.insert((source, key), object);
        self.tell(source, events);
    }

    fn tell(&mut self, source: Source, events: Vec<News>) {
        if source == Source::Namespaces && self.lagging.is_some() {
            self.untold.extend(events);
            return;
        }
        for machine in &mut self.replicas {
            for event in &events {
                machine.ingest(event.clone(), self.now);
            }
        }
    }

    /// What the watch of Namespaces has not told is told now.
    fn catch_up(&mut self) {
        self.lagging = None;
        let untold = std::mem::take(&mut self.untold);
        self.tell(Source::Namespaces, untold);
    }

    pub fn pass_until(&mut self, t: Seconds) {
        loop {
            if self.seldom {
                break;
            }
            let wake = self.wakes.iter().flatten().min().copied();
            if let Some(heard) = self.lagging.filter(|heard| *heard < t && wake.is_none_or(|wake| *heard <= wake)) {
                self.now = self.now.max(heard);
                self.catch_up();
            } else if let Some(wake) = wake.filter(|wake| *wake < t) {
                self.now = self.now.max(wake);
            } else {
                break;
            }
            self.pass();
        }
        self.now = self.now.max(t);
    }

    fn pass(&mut self) {
        for i in 0..self.replicas.len() {
            let pass = self.replicas[i].pass(self.now);
            self.wakes[i] = pass.wake;
            assert!(i == 0 || pass.writes.is_empty(), "a standby writes: {:?}", pass.writes);
            self.carry_out(pass.writes);
        }
    }

    pub fn suffer(&mut self, fate: Fate) {
        match fate {
            Fate::Pass => self.pass(),
            Fate::Sweep => self.replicas.iter_mut().for_each(Machine::sweep),
            Fate::Failover => {
                self.catch_up();
                if self.replicas.len() > 1 {
                    self.replicas.remove(0);
                    self.wakes.remove(0);
                    self.replicas[0].ingest(News::Leading(true), self.now);
                    self.wakes[0] = Some(self.now);
                    self.join();
                }
            }
            Fate::ColdStart => {
                self.catch_up();
                let count = self.replicas.len();
                self.replicas.clear();
                self.wakes.clear();
                for _ in 0..count {
                    self.join();
                }
            }
            Fate::Lost => self.trouble = Some((false, self.now + 20)),
            Fate::Unanswered => self.trouble = Some((true, self.now + 20)),
            Fate::Lagging => self.lagging = Some(self.now + 5),
        }
    }

    fn carry_out(&mut self, writes: Vec<Write>) {
        let trouble = self.trouble.filter(|(_, until)| self.now < *until);
        for write in writes {
            let done = trouble.is_none_or(|(done, _)| done);
            let outcome = if done { self.write(&write) } else { Outcome::Failed };
            let outcome = if trouble.is_some() { Outcome::Failed } else { outcome };
            self.replicas[0].ingest(News::Done { key: write.key(), outcome }, self.now);
        }
        let again = self.replicas[0].wake();
        self.wakes[0] = again.map(|wake| wake.max(self.now + 1));
    }

    fn write(&mut self, write: &Write) -> Outcome {
        match write {
            Write::Statement { namespace, name, budget, version, spec } => {
                let key = (Source::Statements, format!("{namespace}/{name}"));
                let there = self.server.objects.get(&key).map(|object| object["metadata"]["resourceVersion"].clone());
                let expected = version.as_ref().map(|version| json!(version));
                if there != expected {
                    return if there.is_some() { Outcome::Conflict } else { Outcome::Gone };
                }
                return self.put_statement(namespace, name, &budget.name, &json!(&**spec));
            }
            Write::Copy { original: (from, of), namespace, name, budget, spec } => {
                let there = self.server.objects.get(&(Source::Statements, format!("{from}/{of}")));
                let spec = spec.as_ref().map(|spec| json!(&**spec)).or_else(|| Some(there?["spec"].clone()));
                let Some(spec) = spec else { return Outcome::Gone };
                if self.server.objects.contains_key(&(Source::Statements, format!("{namespace}/{name}"))) {
                    return Outcome::Conflict;
                }
                return self.put_statement(namespace, name, &budget.name, &spec);
            }
            Write::RemoveStatement { namespace, name } => {
                self.remove(Source::Statements, &format!("{namespace}/{name}"));
            }
            Write::BudgetStatus { budget, status, namespaces } => {
                let source = if budget.namespace.is_some() { Source::Budgets } else { Source::ClusterBudgets };
                let key = format!("{}/{}", budget.namespace.as_deref().unwrap_or(""), budget.name);
                let mut status = json!(&**status);
                if let Some(namespaces) = namespaces {
                    status["namespaces"] = json!(namespaces);
                }
                return self.set_status(source, key, status);
            }
            Write::PlanStatus { name, status } => {
                return self.set_status(Source::PricePlans, format!("/{name}"), json!(status));
            }
            _ => {}
        }
        Outcome::Written { version: Some(self.server.version.to_string()) }
    }

    /// A Namespace that goes takes nothing new.
    fn put_statement(&mut self, namespace: &str, name: &str, budget: &str, spec: &Value) -> Outcome {
        let key = format!("{namespace}/{name}");
        if namespace != "opex-system" && !self.server.objects.contains_key(&(Source::Statements, key.clone())) {
            match self.server.objects.get(&(Source::Namespaces, format!("/{namespace}"))) {
                Some(there) if there["metadata"]["deletionTimestamp"].is_null() => {}
                Some(_) => return Outcome::Failed,
                None => return Outcome::Gone,
            }
        }
        let object = json!({
            "apiVersion": "billing.opex.dev/v1alpha1",
            "kind": "Statement",
            "metadata": {
                "namespace": namespace,
                "name": name,
                "uid": format!("statement-{namespace}-{name}"),
                "labels": {"opex.dev/budget": budget},
                "managedFields": [{"manager": "opex-operator", "operation": "Apply", "time": instant(self.now)}],
            },
            "spec": spec,
        });
        self.store(Source::Statements, key, object);
        Outcome::Written { version: Some(self.server.version.to_string()) }
    }

    fn set_status(&mut self, source: Source, key: String, status: Value) -> Outcome {
        let Some(mut object) = self.server.objects.get(&(source, key.clone())).cloned() else { return Outcome::Gone };
        object["status"] = status;
        self.store(source, key, object);
        Outcome::Written { version: Some(self.server.version.to_string()) }
    }

    pub fn statements(&self) -> Value {
        let statements = self.server.objects.iter().filter(|((source, _), _)| *source == Source::Statements);
        json!({"statements": statements.map(|(_, object)| object).collect::<Vec<_>>()})
    }
}

// === impl Server ===

impl Server {
    /// A machine that has listed everything.
    fn listed(&self, at: Seconds, leads: bool) -> Machine {
        let mut machine = Machine::new(Settings {
            cluster: "laws".to_owned(),
            namespace: "opex-system".into(),
            lag: LAG,
            from: None,
            replay: false,
            writes_per_second: i64::MAX / 100,
        });
        for ((source, _), object) in &self.objects {
            for event in applied(*source, object) {
                machine.ingest(event, at);
            }
        }
        for source in Source::ALL {
            let tag = Tag { source, version: self.version };
            machine.ingest(News::Listed { tag, held: None }, at);
        }
        machine.start(at);
        machine.ingest(News::Leading(leads), at);
        machine
    }

    fn stamp(&mut self, object: &mut Value) {
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

fn instant(at: Seconds) -> Value {
    json!(Timestamp::from_second(at).expect("an instant"))
}
