//! The largest cluster that Kubernetes supports, as the machine sees it: 150,000 Pods, each read from its JSON.

use std::fmt::Display;

use jiff::Timestamp;
use opex_operator::api;
use opex_operator::engine::machine::{Event, Machine, Settings};
use opex_operator::engine::observed::{Source, Tag};
use opex_operator::engine::write::{Outcome, Write};
use opex_operator::observe::Observed;
use serde_json::{Value, json};

use super::template::Template;

pub const PODS: u64 = 150_000;
pub const NODES: u64 = 5_000;
pub const NAMESPACES: u64 = 10_000;
/// One in each of the first namespaces, and a ClusterBudget over all.
pub const BUDGETS: u64 = 5_000;

/// 2026-11-01T00:00:00Z: a period begins, and the operator comes.
pub const BEGIN: i64 = 1_793_491_200;

/// The Deployments of a namespace share its Pods.
const DEPLOYMENTS: u64 = 3;

/// A machine that watches this cluster and leads.
pub struct Cluster {
    pub machine: Machine,
    pub now: i64,
    version: u64,
}

/// Pods as JSON.
pub struct Pods(Template);

// === impl Pods ===

impl Pods {
    pub fn new() -> Self {
        Self(Template::new(include_str!("pod.json")))
    }

    /// The `n`th Pod, running.
    pub fn json(&self, n: u64) -> String {
        let (namespace, deployment) = (n % NAMESPACES, n / NAMESPACES % DEPLOYMENTS);
        // Half of them run since before the period, the others came at a second of their own.
        let created = time(BEGIN - 1_000_000 + (n * 6151 % 2_000_000).cast_signed());
        let owner = format!("{:08x}-0000-4000-8000-{n:012x}", 1 + deployment, n = namespace);
        let values: [(&str, &dyn Display); 14] = [
            ("NAMESPACE", &format!("team-{namespace}")),
            ("WORKLOAD", &format!("service-{deployment}")),
            ("HASH", &format!("{:08x}", namespace * DEPLOYMENTS + deployment)),
            ("POD", &format!("{n:05x}")),
            ("UID", &format!("00000000-0000-4000-8000-{n:012x}")),
            ("VERSION", &(1000 + n)),
            ("NODE", &format!("node-{}", n % NODES)),
            ("OWNERAPI", &"apps/v1"),
            ("OWNERKIND", &"ReplicaSet"),
            ("OWNERUID", &owner),
            ("PHASE", &"Running"),
            ("STATE", &"running"),
            ("CREATED", &created),
            ("FINISHED", &created),
        ];
        let mut json = String::with_capacity(8192);
        self.0.fill(&values, &mut json);
        json
    }
}

// === impl Cluster ===

impl Cluster {
    /// Everything but Pods is there, and the first lists are complete but for `pods` of them.
    pub fn listed(pods: u64) -> Self {
        let settings = Settings {
            cluster: "bench".to_owned(),
            namespace: "opex-system".into(),
            lag: 10,
            from: None,
            replay: false,
            writes_per_second: 20,
            counting: None,
            retained: 13,
        };
        let mut cluster = Self { machine: Machine::new(settings), now: BEGIN + 2_000_000, version: 2_000_000 };
        cluster.surroundings();
        let template = Pods::new();
        for n in 0..pods {
            cluster.observe(Source::Pods, &template.json(n));
        }
        for source in Source::ALL {
            let tag = Tag { source, version: cluster.version };
            cluster.machine.ingest(Event::Listed { tag, held: None }, cluster.now);
        }
        cluster
    }

    /// Ledgers are open, this replica leads, and everything that had to be written once is written.
    pub fn settled(pods: u64) -> Self {
        let mut cluster = Self::listed(pods);
        cluster.lead();
        cluster.live(900);
        cluster
    }

    pub fn lead(&mut self) {
        self.machine.start(self.now);
        self.machine.ingest(Event::Leading(true), self.now);
    }

    /// Lets so many seconds pass, a pass and its writes each.
    pub fn live(&mut self, seconds: i64) {
        for _ in 0..seconds {
            self.now += 1;
            let writes = self.machine.pass(self.now).writes;
            self.write_all(writes);
        }
    }

    /// Carries writes out as an API server would.
    pub fn write_all(&mut self, writes: Vec<Write>) {
        for write in writes {
            self.write(write);
        }
    }

    /// Ingests one version of an object.
    pub fn observe(&mut self, source: Source, json: &str) {
        let Observed { id, tag, fact, also, .. } = Observed::read(source, json).expect("our own JSON");
        for fact in std::iter::once(fact).chain(also) {
            self.machine.ingest(Event::Applied { tag, id, fact }, self.now);
        }
    }

    fn surroundings(&mut self) {
        self.observe(Source::PricePlans, &plan("0.031611", 1).to_string());
        for n in 0..NODES {
            let name = format!("node-{n}");
            self.observe(Source::Nodes, &node(&name, n).to_string());
        }
        for n in 0..NAMESPACES {
            self.observe(Source::Namespaces, &namespace(n).to_string());
            for deployment in 0..DEPLOYMENTS {
                self.observe(Source::ReplicaSets, &replica_set(n, deployment).to_string());
                self.observe(Source::Deployments, &workload(n, deployment).to_string());
            }
        }
        for n in 0..BUDGETS - 1 {
            self.observe(Source::Budgets, &budget(&format!("team-{n}")).to_string());
        }
        self.observe(Source::ClusterBudgets, &cluster_budget("everything").to_string());
    }

    /// Done, and seen again by its watch.
    fn write(&mut self, write: Write) {
        self.version += 1;
        let version = Some(self.version.to_string());
        let key = write.key();
        let done = Event::Done { key, outcome: Outcome::Written { version: version.clone() } };
        self.machine.ingest(done, self.now);
        let (source, mut object) = match write {
            Write::Statement { namespace, name, spec, .. } => {
                let mut statement = api::Statement::new(&name, (*spec).clone());
                statement.metadata.namespace = Some(namespace.to_string());
                (Source::Statements, serde_json::to_value(statement))
            }
            Write::BudgetStatus { budget: key, status, namespaces } => {
                let (source, manifest) = match &key.namespace {
                    Some(namespace) => (Source::Budgets, budget(namespace)),
                    None => (Source::ClusterBudgets, cluster_budget(&key.name)),
                };
                let mut manifest = manifest;
                manifest["status"] = serde_json::to_value(&*status).expect("a status");
                manifest["status"]["namespaces"] = json!(namespaces);
                (source, Ok(manifest))
            }
            Write::PlanStatus { status, .. } => {
                let mut manifest = plan("0.031611", 1);
                manifest["status"] = serde_json::to_value(&*status).expect("a status");
                (Source::PricePlans, Ok(manifest))
            }
            _ => return,
        };
        let object = object.as_mut().expect("our own types");
        object["metadata"]["resourceVersion"] = json!(version);
        self.observe(source, &object.to_string());
    }
}

/// A PricePlan in which a core-hour costs so much.
pub fn plan(cpu: &str, generation: i64) -> Value {
    json!({
        "apiVersion": "billing.opex.dev/v1alpha1", "kind": "PricePlan",
        "metadata": {
            "name": "default", "uid": "plan", "generation": generation, "creationTimestamp": time(BEGIN - 5_000_000),
        },
        "spec": {
            "currency": "EUR", "pricesPerHour": {"cpu": cpu, "memory": "0.004237"},
            "nodeClasses": [{
                "name": "spot", "selector": {"matchLabels": {"karpenter.sh/capacity-type": "spot"}},
                "pricesPerHour": {"cpu": "0.006655", "memory": "0.000892"},
            }],
        },
    })
}

/// A ClusterBudget over every namespace.
pub fn cluster_budget(name: &str) -> Value {
    with_limit(&json!({"name": name, "uid": name, "generation": 1, "creationTimestamp": time(BEGIN)}), "ClusterBudget")
}

fn budget(namespace: &str) -> Value {
    let metadata = json!({
        "name": "team", "namespace": namespace, "uid": format!("budget-{namespace}"), "generation": 1,
        "creationTimestamp": time(BEGIN),
    });
    with_limit(&metadata, "Budget")
}

fn with_limit(metadata: &Value, kind: &str) -> Value {
    json!({
        "apiVersion": "billing.opex.dev/v1alpha1", "kind": kind, "metadata": metadata,
        "spec": {
            "limit": {"amount": "90000000", "currency": "EUR"}, "contact": "#team-costs", "pricePlan": "default",
            "period": {"every": "Month", "timeZone": "Europe/Berlin"},
            "thresholds": [
                {"percent": 80, "of": "Actual", "action": "Notify"},
                {"percent": 100, "of": "Forecast", "action": "Notify"},
                {"percent": 100, "of": "Actual", "action": "BlockScaleUp"},
            ],
        },
    })
}

fn node(name: &str, n: u64) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Node",
        "metadata": {
            "name": name, "uid": format!("uid-{name}"), "resourceVersion": "1", "creationTimestamp": time(BEGIN - 9_000_000),
            "labels": {
                "kubernetes.io/hostname": name, "kubernetes.io/arch": "amd64", "kubernetes.io/os": "linux",
                "node.kubernetes.io/instance-type": "m7i.8xlarge", "topology.kubernetes.io/region": "eu-central-1",
                "topology.kubernetes.io/zone": format!("eu-central-1{}", ["a", "b", "c"][(n % 3) as usize]),
                "karpenter.sh/capacity-type": if n.is_multiple_of(4) { "spot" } else { "on-demand" },
            },
        },
        "status": {"capacity": {"cpu": "32", "memory": "128Gi", "ephemeral-storage": "500Gi", "pods": "110"}},
    })
}

fn namespace(n: u64) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Namespace",
        "metadata": {
            "name": format!("team-{n}"), "uid": format!("namespace-{n}"), "resourceVersion": "1",
            "creationTimestamp": time(BEGIN - 9_000_000),
            "labels": {"kubernetes.io/metadata.name": format!("team-{n}"), "department": format!("d{}", n % 50)},
        },
    })
}

fn workload(namespace: u64, deployment: u64) -> Value {
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {
            "name": format!("service-{deployment}"), "namespace": format!("team-{namespace}"), "resourceVersion": "1",
            "uid": format!("{:08x}-0000-4000-9000-{namespace:012x}", 1 + deployment),
            "creationTimestamp": time(BEGIN - 1_000_000),
        },
        "spec": {"replicas": 5},
    })
}

fn replica_set(namespace: u64, deployment: u64) -> Value {
    let name = format!("service-{deployment}-{:08x}", namespace * DEPLOYMENTS + deployment);
    json!({
        "apiVersion": "apps/v1", "kind": "ReplicaSet",
        "metadata": {
            "name": name, "namespace": format!("team-{namespace}"), "resourceVersion": "1",
            "uid": format!("{:08x}-0000-4000-8000-{namespace:012x}", 1 + deployment),
            "creationTimestamp": time(BEGIN - 1_000_000),
            "ownerReferences": [{
                "apiVersion": "apps/v1", "kind": "Deployment", "name": format!("service-{deployment}"),
                "uid": format!("{:08x}-0000-4000-9000-{namespace:012x}", 1 + deployment), "controller": true,
            }],
        },
        "spec": {"replicas": 5},
    })
}

/// An instant as Kubernetes writes it.
pub fn time(t: i64) -> String {
    Timestamp::from_second(t).expect("in this millennium").to_string()
}
