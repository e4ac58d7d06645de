//! Simulated nodes: as many as a test needs, of the shapes it needs.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Result, ensure};
use serde_json::{Value, json};

use crate::Cluster;
use crate::wait::wait_until;

/// The shape of a simulated node.
#[derive(Clone, Debug)]
pub struct Node {
    /// Its name.
    pub name: String,
    /// Labels beside the usual ones (hostname, architecture, system).
    pub labels: BTreeMap<String, String>,
    /// Capacity by resource name, a Kubernetes quantity each.
    pub capacity: BTreeMap<String, String>,
}

impl Node {
    /// A node of 32 CPUs, 256 Gi of memory and 110 Pods.
    pub fn new(name: &str) -> Self {
        Self { name: name.to_owned(), labels: BTreeMap::new(), capacity: BTreeMap::new() }
            .capacity("cpu", "32")
            .capacity("memory", "256Gi")
            .capacity("pods", "110")
    }

    /// With this label.
    #[must_use]
    pub fn label(mut self, key: &str, value: &str) -> Self {
        self.labels.insert(key.to_owned(), value.to_owned());
        self
    }

    /// With this capacity.
    #[must_use]
    pub fn capacity(mut self, resource: &str, quantity: &str) -> Self {
        self.capacity.insert(resource.to_owned(), quantity.to_owned());
        self
    }

    fn manifest(&self) -> Value {
        let mut labels = json!({
            "kubernetes.io/hostname": self.name,
            "kubernetes.io/arch": "amd64",
            "kubernetes.io/os": "linux",
            "type": "kwok",
        });
        for (key, value) in &self.labels {
            labels[key] = value.as_str().into();
        }
        let annotations = json!({
            "kwok.x-k8s.io/node": "fake",
            "node.alpha.kubernetes.io/ttl": "0",
            // One server answers for all simulated kubelets: metrics-server finds this one's here.
            "metrics.k8s.io/resource-metrics-path":
                format!("/metrics/nodes/{}/metrics/resource", self.name),
        });
        json!({
            "apiVersion": "v1",
            "kind": "Node",
            "metadata": {
                "name": self.name,
                "labels": labels,
                "annotations": annotations,
            },
            "status": {"capacity": self.capacity, "allocatable": self.capacity},
        })
    }
}

impl Cluster {
    /// Makes `count` the number of nodes called `node-0`, `node-1`, … and waits until all are ready.
    pub fn nodes(&self, count: usize) -> Result<()> {
        let existing = self.node_names()?;
        let wanted: Vec<_> = (0..count).map(|index| format!("node-{index}")).collect();
        let missing: Vec<_> =
            wanted.iter().filter(|name| !existing.contains(name)).map(|name| Node::new(name)).collect();
        let surplus: Vec<_> = existing.iter().filter(|name| is_numbered(name) && !wanted.contains(name)).collect();
        if !surplus.is_empty() {
            self.kubectl(["delete", "node"].into_iter().chain(surplus.into_iter().map(String::as_str))).ok()?;
        }
        self.add_nodes(&missing)
    }

    /// Adds nodes and waits until they are ready.
    pub fn add_nodes(&self, nodes: &[Node]) -> Result<()> {
        ensure!(self.is_embedded(), "nodes are simulated in the embedded cluster only");
        if nodes.is_empty() {
            return Ok(());
        }
        let items: Vec<_> = nodes.iter().map(Node::manifest).collect();
        let list = json!({"apiVersion": "v1", "kind": "List", "items": items});
        self.kubectl_with_input(["create", "-f", "-"], &list.to_string()).ok()?;
        let wait = ["wait", "node", "--for=condition=Ready", "--timeout=5s"];
        wait_until("the nodes to be ready", Duration::from_mins(1), || {
            let names = nodes.iter().map(|node| node.name.as_str());
            self.kubectl(wait.into_iter().chain(names)).ok()
        })?;
        Ok(())
    }

    fn node_names(&self) -> Result<Vec<String>> {
        let names = self.kubectl(["get", "nodes", "-o", "jsonpath={.items[*].metadata.name}"]).ok()?;
        Ok(names.split_whitespace().map(str::to_owned).collect())
    }
}

fn is_numbered(name: &str) -> bool {
    name.strip_prefix("node-").is_some_and(|index| index.parse::<usize>().is_ok())
}
