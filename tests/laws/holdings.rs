//! What namespaces hold beside Pods, and how it lives.

use serde_json::json;

use crate::cluster::Cluster;
use crate::features::Feature;
use crate::parts::pick;
use crate::traces::text;

// === impl Cluster ===

impl Cluster {
    pub fn claim(&mut self, namespace: &str, how: u8, [x, y]: [u8; 2]) {
        let storage = json!({"requests": {"storage": (1 + u64::from(y)) * 1_000_000}});
        let Some(mut claim) = self.get("PersistentVolumeClaim", namespace, "data") else {
            let class = pick(&["fast", "slow", "odd"], x % 3);
            let phase = pick(&["Bound", "Pending"], y & 1);
            let created = text(self.at - self.lateness(x));
            self.put(
                "PersistentVolumeClaim",
                namespace,
                "data",
                json!({"metadata": {"creationTimestamp": created, "labels": {"app": pick(&["web", "db"], x >> 4)}},
                "spec": {"storageClassName": class, "resources": storage}, "status": {"phase": phase}}),
            );
            return;
        };
        match how % 4 {
            0 => claim["status"]["phase"] = json!("Bound"),
            1 => claim["spec"]["resources"] = storage,
            2 => claim["status"]["phase"] = json!("Lost"),
            _ => {
                return self.drop("PersistentVolumeClaim", namespace, "data", &claim, self.last_seen(y, x));
            }
        }
        self.put("PersistentVolumeClaim", namespace, "data", claim);
    }

    pub fn service(&mut self, namespace: &str, how: u8, x: u8) {
        let kind = json!(pick(&["LoadBalancer", "ClusterIP"], x & 1));
        match self.get("Service", namespace, "web") {
            Some(service) if how.is_multiple_of(3) => self.drop("Service", namespace, "web", &service, None),
            Some(mut service) => {
                service["spec"]["type"] = kind;
                self.put("Service", namespace, "web", service);
            }
            None => {
                let created = text(self.at - self.lateness(x));
                self.put(
                    "Service",
                    namespace,
                    "web",
                    json!({"metadata": {"creationTimestamp": created}, "spec": {"type": kind}}),
                );
            }
        }
    }

    /// A step of something that is switched on; false if nothing is.
    pub fn further(&mut self, namespace: &str, [which, how, x, y]: [u8; 4]) -> bool {
        let can = [Feature::Devices, Feature::Objects, Feature::Samples, Feature::Seasons];
        let can: Vec<_> = can.into_iter().filter(|feature| self.features.contains(feature)).collect();
        if can.is_empty() {
            return false;
        }
        match can[usize::from(which / 4) % can.len()] {
            Feature::Devices => self.device_claim(namespace, how, [x, y]),
            Feature::Objects if which & 1 == 1 => self.database(namespace, "d", how, x),
            Feature::Objects => self.database("", "shared", how, x),
            Feature::Seasons => self.override_budget([how, x, y]),
            _ => self.sample(namespace, &format!("p{}", (which >> 1) % 4), [x, y]),
        }
        true
    }

    fn device_claim(&mut self, namespace: &str, how: u8, [x, y]: [u8; 2]) {
        let asked = |request: &str, free: bool| {
            let mut result = json!({"request": request, "driver": "gpu.example.com", "pool": "n1", "device": "gpu-0"});
            if free {
                result["adminAccess"] = json!(true);
            }
            result
        };
        let results = match x % 4 {
            0 => json!([asked("one", false)]),
            1 => json!([asked("one", false), asked("one", false), asked("any/big", false)]),
            2 => json!([asked("any/small", false), asked("one", true)]),
            _ => json!([]),
        };
        let mut allocation = json!({"devices": {"results": results}});
        if y & 1 == 1 {
            allocation["allocationTimestamp"] = text(self.at - self.lateness(y));
        }
        let Some(mut claim) = self.get("ResourceClaim", namespace, "c") else {
            let requests = json!([
                {"name": "one", "exactly": {"deviceClassName": "gpu"}},
                {"name": "any", "firstAvailable": [{"name": "big", "deviceClassName": "gpu"}, {"name": "small", "deviceClassName": "mig"}]},
            ]);
            let mut claim = json!({"spec": {"devices": {"requests": requests}}});
            if how & 1 == 1 {
                claim["status"]["allocation"] = allocation;
            }
            return self.put("ResourceClaim", namespace, "c", claim);
        };
        let held = !claim["status"]["allocation"].is_null();
        match how % 4 {
            0 => return self.drop("ResourceClaim", namespace, "c", &claim, self.last_seen(y, x)),
            1 if held => claim["status"] = json!({}),
            2 if held => claim["status"]["reservedFor"] = json!([{"resource": "pods", "name": "p0", "uid": "p0"}]),
            _ if held => claim["status"]["allocation"]["devices"] = allocation["devices"].clone(),
            _ => {
                // It was free until now.
                if y & 1 == 1 {
                    allocation["allocationTimestamp"] = text(self.at);
                }
                claim["status"]["allocation"] = allocation;
            }
        }
        self.put("ResourceClaim", namespace, "c", claim);
    }

    fn database(&mut self, namespace: &str, name: &str, how: u8, x: u8) {
        let kind = pick(&["Instance", "Bucket"], u8::from(namespace.is_empty()));
        let mut labels = json!({"size": pick(&["big", "small"], x & 1)});
        if namespace.is_empty() {
            labels["opex.dev/namespace"] = json!(pick(&["a", "b"], (x >> 1) & 1));
            if x & 4 == 4 {
                labels["crossplane.io/claim-namespace"] = json!(pick(&["a", "b"], (x >> 3) & 1));
            }
        }
        match self.get(kind, namespace, name) {
            Some(object) if how.is_multiple_of(3) => self.drop(kind, namespace, name, &object, self.last_seen(how, x)),
            Some(mut object) => {
                object["metadata"]["labels"] = labels;
                self.put(kind, namespace, name, object);
            }
            None => {
                let created = text(self.at - self.lateness(x));
                let object = json!({"metadata": {"creationTimestamp": created, "labels": labels}});
                self.put(kind, namespace, name, object);
            }
        }
    }

    fn override_budget(&mut self, [how, x, y]: [u8; 3]) {
        let (kind, namespace, budget) =
            [("Budget", "a", "month"), ("Budget", "a", "day"), ("ClusterBudget", "opex-system", "shop")]
                [usize::from(how % 3)];
        let name = format!("{budget}-{}", y % 3);
        if let Some(one) = self.get("BudgetOverride", namespace, &name) {
            return self.drop("BudgetOverride", namespace, &name, &one, None);
        }
        let until = text(self.at + 600 * (1 + i64::from(x)));
        let mut spec = json!({
            "budgetRef": {"kind": kind, "name": budget}, "until": until, "reason": "CHG-4711", "grantedBy": "alice",
        });
        if y & 4 == 0 {
            spec["extraAmount"] = json!(pick(&["0.5", "2", "0.003", "40"], y >> 4));
        }
        self.put("BudgetOverride", namespace, &name, json!({"spec": spec}));
    }

    /// What a Pod that is there uses, some seconds ago.
    fn sample(&mut self, namespace: &str, pod: &str, [x, y]: [u8; 2]) {
        if self.get("Pod", namespace, pod).is_none() {
            return;
        }
        let known = self.get("PodMetrics", namespace, pod).unwrap_or_default();
        let usage =
            json!({"cpu": format!("{}n", u64::from(x) * 12_345_678), "memory": format!("{}Ki", u64::from(y) * 1000)});
        let mut metrics = json!({
            "window": "15s",
            "containers": [{"name": "app", "usage": usage}, {"name": "sidecar", "usage": {"cpu": "3m"}}],
        });
        metrics["metadata"] = known["metadata"].clone();
        metrics["timestamp"] = text(self.at - self.lateness(1 + x % 2 * 40));
        self.put("PodMetrics", namespace, pod, metrics);
    }
}
