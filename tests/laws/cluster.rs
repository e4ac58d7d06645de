//! A small cluster whose objects live as Kubernetes lets them live; what happens to them is chosen by numbers.

use serde_json::{Map, Value, json};

use crate::features::{self, Feature, Features};
use crate::parts::{containers, pick, scheduled, statuses};
use crate::prices;
use crate::reference::{Change, Event, Seconds};
use crate::traces::text;

/// How wild a trace is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Manner {
    Wild,
    /// Nothing is seen so late that a statement may have closed, and no edit closes one.
    Calm,
    /// As calm, but what objects say of themselves may be seen days late.
    Belated,
    /// Everything is seen in the second in which it happens.
    Punctual,
}

/// A cluster that the steps change, and the trace of it.
pub struct Cluster {
    manner: Manner,
    pub features: Features,
    pub at: Seconds,
    version: u64,
    objects: Map<String, Value>,
    generations: u32,
    pub trace: Vec<Event>,
}

// === impl Cluster ===

impl Cluster {
    /// Two namespaces, two nodes, three plans, five budgets.
    pub fn new(at: Seconds, manner: Manner, features: Features) -> Self {
        let mut cluster =
            Self { manner, features, at, version: 0, objects: Map::new(), generations: 0, trace: Vec::new() };
        for (name, team) in [("a", "shop"), ("b", "lab")] {
            cluster.put("Namespace", "", name, json!({"metadata": {"labels": {"team": team}}}));
        }
        let sliced = json!({"spot": "true", "example.com/gpu.replicas": "4"});
        cluster.put(
            "Node",
            "",
            "n1",
            json!({"metadata": {"labels": sliced}, "status": {"capacity": features::capacity(&[1])}}),
        );
        cluster.put("Node", "", "n2", json!({"metadata": {"labels": {}}}));
        for (name, currency, x) in [("default", "EUR", 3 + 8), ("other", "EUR", 5 + 8), ("dollars", "USD", 7)] {
            let plan = cluster.priced(currency, [x, 0]);
            cluster.put("PricePlan", "", name, plan);
        }
        let limit = json!({"amount": 10, "currency": "EUR"});
        let spec = |spec: Value| {
            let mut spec = json!({"spec": spec});
            spec["spec"]["limit"] = limit.clone();
            spec
        };
        let berlin = |every: &str| json!({"every": every, "timeZone": "Europe/Berlin"});
        let web = json!({"matchLabels": {"app": "web"}});
        let shop = json!({"matchLabels": {"team": "shop"}});
        let on = |basis: &str| json!(if features.contains(&Feature::Samples) { basis } else { "Requests" });
        let (usage, larger) = (on("Usage"), on("MaxOfRequestsAndUsage"));
        cluster.put("Budget", "a", "month", spec(json!({"period": berlin("Month"), "basis": larger})));
        cluster.put("Budget", "a", "day", spec(json!({"period": berlin("Day")})));
        cluster.put("Budget", "b", "web", spec(json!({"podSelector": web, "period": {"every": "Day"}})));
        let selecting = json!({"namespaceSelector": &shop, "period": {"every": "Day"}, "basis": usage});
        cluster.put("ClusterBudget", "", "shop", spec(selecting));
        cluster.put("ClusterBudget", "", "all", spec(json!({"pricePlan": "other", "period": {"every": "Week"}})));
        if features.contains(&Feature::SharedNamespaces) {
            let shared = json!({"metadata": {"labels": {"opex.dev/shared": "true"}}});
            cluster.put("Namespace", "", "platform", shared);
            cluster.put("Budget", "platform", "own", spec(json!({"period": berlin("Week")})));
        }
        if features.contains(&Feature::Idle) {
            let period = json!({"every": "Day"});
            cluster.put(
                "ClusterBudget",
                "",
                "idle",
                spec(json!({"pricePlan": "dollars", "period": period, "includeIdle": true})),
            );
        }
        if features.contains(&Feature::PerNamespace) {
            let each = json!({"mode": "PerNamespace", "namespaceSelector": shop, "period": {"every": "Day"}});
            cluster.put("ClusterBudget", "", "each", spec(each));
        }
        cluster
    }

    pub fn step(&mut self, choice: [u8; 6]) {
        let [what, which, how, x, y, z] = choice;
        let shared = self.features.contains(&Feature::SharedNamespaces) && which.is_multiple_of(3);
        let namespace = if shared { "platform" } else { pick(&["a", "b"], which & 1) };
        if what >= 128 && self.further(namespace, [which, how, x, y]) {
            return;
        }
        match what % 16 {
            0..=7 => self.pod(namespace, &format!("p{}", (which >> 1) % 4), how, [x, y, z]),
            8 => self.node(pick(&["n1", "n2"], which & 1), how, x),
            9 => self.claim(namespace, how, [x, y]),
            10 => self.service(namespace, how, x),
            11 => self.namespace(pick(&["a", "b"], which & 1), how),
            12 | 13 => self.plan(pick(&["default", "other", "dollars"], which % 3), how, [x, y]),
            14 => {
                // What an edit cuts off is the same whichever of two events of one second is taken first.
                self.at += 1;
                self.budget(which, how, [x, y]);
                self.at += 1;
            }
            _ => self.missed(namespace, x),
        }
    }

    fn pod(&mut self, namespace: &str, name: &str, how: u8, [x, y, z]: [u8; 3]) {
        let late = self.at - self.lateness(x);
        let Some(mut pod) = self.get("Pod", namespace, name) else {
            let node = if how.is_multiple_of(4) { "" } else { self.some_node(how) };
            let says_when = how & 64 == 0;
            // One that does not say when it was bound was so from its creation, which is seen at once (COST_RULES 6).
            let is_seen = says_when || node.is_empty() || self.manner != Manner::Punctual;
            let age = if is_seen { i64::from(y) } else { 0 };
            let mut pod = json!({
                "metadata": {"creationTimestamp": text(late - age), "labels": {"app": pick(&["web", "db"], z & 1)}},
                "spec": {"nodeName": node, "containers": containers([y, z])},
                "status": {"phase": "Pending"},
            });
            if !node.is_empty() && says_when {
                pod["status"] = json!({"phase": "Running", "conditions": [scheduled(late)]});
            }
            self.put("Pod", namespace, name, pod);
            return;
        };
        let bound = pod["spec"]["nodeName"] != "";
        match how % 8 {
            _ if !bound => {
                pod["spec"]["nodeName"] = json!(self.some_node(y));
                pod["status"] = json!({"phase": "Running", "conditions": [scheduled(late)]});
            }
            0 => pod["spec"]["containers"] = containers([y, z]),
            1 => pod["metadata"]["labels"]["app"] = json!(pick(&["web", "db"], y & 1)),
            2 => pod["status"]["containerStatuses"] = statuses([y, z]),
            3 => {
                let grace = i64::from(y % 64);
                // What has ended is deleted after that.
                let requested = if pod["status"]["phase"] == "Running" { late } else { self.at };
                pod["metadata"]["deletionTimestamp"] = text(requested + grace);
                pod["metadata"]["deletionGracePeriodSeconds"] = json!(grace);
            }
            4 | 5 => {
                pod["status"]["phase"] = json!(pick(&["Succeeded", "Failed"], y & 1));
                if z & 3 != 0 {
                    pod["status"]["containerStatuses"] =
                        json!([{"name": "app", "state": {"terminated": {"finishedAt": text(late)}}}]);
                }
            }
            6 => {
                if y & 1 == 0 {
                    pod["status"]["phase"] = json!("Succeeded");
                    pod["status"]["containerStatuses"] =
                        json!([{"name": "app", "state": {"terminated": {"finishedAt": text(late)}}}]);
                }
                self.drop("Pod", namespace, name, &pod, None);
                return;
            }
            _ => {
                let seen = self.last_seen(y, z);
                self.drop("Pod", namespace, name, &pod, seen);
                return;
            }
        }
        self.put("Pod", namespace, name, pod);
    }

    fn node(&mut self, name: &str, how: u8, x: u8) {
        let labels = json!({"spot": pick(&["true", "false"], x & 1), "example.com/gpu.replicas": pick(&["1", "2", "4", "many"], x >> 1)});
        match self.get("Node", "", name) {
            Some(node) if how.is_multiple_of(3) => self.drop("Node", "", name, &node, None),
            Some(mut node) => {
                node["metadata"]["labels"] = labels;
                if how.is_multiple_of(2) {
                    node["status"]["capacity"] = features::capacity(&[how, x]);
                }
                self.put("Node", "", name, node);
            }
            None => {
                let capacity = features::capacity(&[how, x]);
                self.put("Node", "", name, json!({"metadata": {"labels": labels}, "status": {"capacity": capacity}}));
            }
        }
    }

    fn namespace(&mut self, name: &str, how: u8) {
        let mut namespace = self.get("Namespace", "", name).expect("never deleted");
        namespace["metadata"]["labels"]["team"] = json!(pick(&["shop", "lab"], how & 1));
        self.put("Namespace", "", name, namespace);
    }

    fn plan(&mut self, name: &str, how: u8, [x, y]: [u8; 2]) {
        match self.get("PricePlan", "", name) {
            Some(plan) if how.is_multiple_of(8) && !self.is_calm() => self.drop("PricePlan", "", name, &plan, None),
            Some(before) => {
                let currency = before["spec"]["currency"].as_str().expect("a currency");
                let mut plan = self.priced(currency, [x, y]);
                plan["metadata"] = before["metadata"].clone();
                if how % 8 < 6 {
                    let written = text(self.at - self.lateness(y).min(15));
                    plan["metadata"]["managedFields"] =
                        json!([{"manager": "kubectl", "operation": "Apply", "time": written}]);
                }
                self.put("PricePlan", "", name, plan);
            }
            None => {
                let currency = if name == "dollars" { "USD" } else { "EUR" };
                let plan = self.priced(currency, [x, y]);
                self.put("PricePlan", "", name, plan);
            }
        }
    }

    fn budget(&mut self, which: u8, how: u8, [x, y]: [u8; 2]) {
        let (kind, namespace, name) = [
            ("Budget", "a", "month"),
            ("Budget", "a", "day"),
            ("Budget", "b", "web"),
            ("ClusterBudget", "", "shop"),
            ("ClusterBudget", "", "all"),
            ("ClusterBudget", "", "each"),
        ][usize::from(which % if self.features.contains(&Feature::PerNamespace) { 6 } else { 5 })];
        let Some(mut budget) = self.get(kind, namespace, name) else {
            self.put(kind, namespace, name, json!({"spec": {"limit": {"amount": 10, "currency": "EUR"}}}));
            return;
        };
        if how >= 160 && self.features.contains(&Feature::Thresholds) {
            features::extend_limit(&mut budget["spec"], self.features, &[x, y]);
            self.put(kind, namespace, name, budget);
            return;
        }
        match how % 6 {
            0 | 4 if self.is_calm() => budget["spec"]["contact"] = json!(format!("contact {x}")),
            1 if self.is_calm() => budget["spec"]["pricePlan"] = json!(pick(&["default", "other"], x)),
            1 if name == "all" && self.features.contains(&Feature::SharedNamespaces) => {
                budget["spec"]["pricePlan"] = json!("dollars");
            }
            0 => return self.drop(kind, namespace, name, &budget, None),
            1 => budget["spec"]["pricePlan"] = json!(pick(&["default", "other", "dollars", "missing"], x % 4)),
            2 => {
                budget["spec"]["podSelector"] = json!({"matchExpressions": [{"key": "app", "operator": "In", "values": [pick(&["web", "db"], x & 1)]}]});
            }
            3 if x & 1 == 1 && self.features.contains(&Feature::Samples) => {
                let basis = pick(&["Requests", "Usage", "MaxOfRequestsAndUsage"], y % 3);
                budget["spec"]["basis"] = json!(basis);
            }
            3 => drop(budget["spec"].as_object_mut().expect("a spec").remove("podSelector")),
            4 => {
                budget["spec"]["period"] = json!({"every": pick(&["Day", "Week", "Month", "Quarter"], x % 4), "timeZone": pick(&["UTC", "Europe/Berlin"], y & 1)});
            }
            _ if kind == "ClusterBudget" => {
                budget["spec"]["namespaceSelector"] = json!({"matchLabels": {"team": pick(&["shop", "lab"], x & 1)}});
            }
            _ => budget["spec"]["contact"] = json!(format!("contact {x}")),
        }
        self.put(kind, namespace, name, budget);
    }

    /// A Pod that is seen for the first time when it is gone.
    fn missed(&mut self, namespace: &str, x: u8) {
        self.generations += 1;
        let name = format!("missed-{}", self.generations);
        let start = self.at - self.lateness(x);
        let pod = self.whole(
            "Pod",
            namespace,
            &name,
            json!({
                "metadata": {"creationTimestamp": text(start)},
                "spec": {"nodeName": self.some_node(x), "containers": containers([x, 1])},
                "status": {"phase": "Running", "conditions": [scheduled(start)]},
            }),
        );
        self.trace.push(Event { at: self.at, change: Change::Deleted, last_seen: None, object: pod });
    }

    /// One event in the life of a Pod that is told by its own times.
    pub fn own_time(&mut self, name: &str, what: u8, late: Seconds, x: u8) {
        let known = self.get("Pod", "a", name);
        let written =
            json!([{"manager": "kubelet", "operation": "Update", "subresource": "status", "time": text(self.at)}]);
        match (what, known) {
            (0, _) => {
                let mut pod = json!({
                    "metadata": {"creationTimestamp": text(self.at), "labels": {"app": "web"}},
                    "spec": {"nodeName": "n1", "containers": containers([x, x / 2])},
                    "status": {"phase": "Running", "conditions": [scheduled(self.at)]},
                });
                pod["metadata"]["managedFields"] = written;
                self.put("Pod", "a", name, pod);
            }
            (1, Some(mut pod)) => {
                pod["status"]["phase"] = json!("Succeeded");
                let ended = json!({"terminated": {"exitCode": 0, "finishedAt": text(self.at - late)}});
                pod["status"]["containerStatuses"] = json!([{"name": "app", "state": ended}]);
                pod["metadata"]["managedFields"] = written;
                self.put("Pod", "a", name, pod);
            }
            (2, Some(pod)) => self.drop("Pod", "a", name, &pod, None),
            _ => self.plan("default", 1, [x, x / 16]),
        }
    }

    /// In a calm trace some prices are graduated.
    fn priced(&self, currency: &str, [x, y]: [u8; 2]) -> Value {
        let mut plan = prices::plan(currency, x, self.is_calm().then_some(self.version));
        features::extend_plan(&mut plan["spec"], self.features, &[x, y]);
        plan
    }

    fn is_calm(&self) -> bool {
        matches!(self.manner, Manner::Calm | Manner::Belated)
    }

    /// When an object that is missing from a relist was last seen.
    pub fn last_seen(&self, flag: u8, ago: u8) -> Option<Seconds> {
        (flag & 1 == 0 && self.manner != Manner::Punctual).then_some(self.at - i64::from(ago))
    }

    /// How long ago something happened that is seen now: mostly not long.
    pub fn lateness(&self, x: u8) -> Seconds {
        match x % 4 {
            _ if self.manner == Manner::Punctual => 0,
            0 => 0,
            1 => i64::from(x) / 4,
            2 if self.manner == Manner::Belated => i64::from(x) * 2000,
            _ if self.is_calm() => i64::from(x),
            2 => i64::from(x) * 20,
            _ => i64::from(x) * 300,
        }
    }

    /// A Pod is bound to a Node that exists, or to one that is never seen.
    pub fn some_node(&self, by: u8) -> &'static str {
        let name = ["n1", "n2", "unseen"][usize::from(by) % 3];
        if self.get("Node", "", name).is_some() { name } else { "unseen" }
    }

    pub fn get(&self, kind: &str, namespace: &str, name: &str) -> Option<Value> {
        self.objects.get(&format!("{kind}/{namespace}/{name}")).cloned()
    }

    pub fn put(&mut self, kind: &str, namespace: &str, name: &str, object: Value) {
        let fresh = self.get(kind, namespace, name).is_none();
        let object = self.whole(kind, namespace, name, object);
        self.objects.insert(format!("{kind}/{namespace}/{name}"), object.clone());
        let change = if fresh { Change::Added } else { Change::Modified };
        self.trace.push(Event { at: self.at, change, last_seen: None, object });
    }

    pub fn drop(&mut self, kind: &str, namespace: &str, name: &str, object: &Value, last_seen: Option<Seconds>) {
        let object = self.whole(kind, namespace, name, object.clone());
        self.objects.remove(&format!("{kind}/{namespace}/{name}"));
        self.trace.push(Event { at: self.at, change: Change::Deleted, last_seen, object });
    }

    fn whole(&mut self, kind: &str, namespace: &str, name: &str, mut object: Value) -> Value {
        self.version += 1;
        object["apiVersion"] = json!(match kind {
            "Budget" | "ClusterBudget" | "BudgetOverride" | "PricePlan" => "billing.opex.dev/v1alpha1",
            "ResourceClaim" => "resource.k8s.io/v1",
            "PodMetrics" => "metrics.k8s.io/v1beta1",
            "Instance" | "Bucket" => "rds.aws.upbound.io/v1beta1",
            _ => "v1",
        });
        object["kind"] = json!(kind);
        let metadata = &mut object["metadata"];
        metadata["name"] = json!(name);
        metadata["resourceVersion"] = json!(self.version.to_string());
        if !namespace.is_empty() {
            metadata["namespace"] = json!(namespace);
        }
        if metadata["uid"].is_null() {
            self.generations += 1;
            metadata["uid"] = json!(format!("uid-{}", self.generations));
        }
        if kind == "PricePlan" {
            metadata["generation"] = json!(self.version);
        }
        if metadata["creationTimestamp"].is_null() {
            metadata["creationTimestamp"] = text(self.at);
        }
        object
    }
}
