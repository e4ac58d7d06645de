//! What the scenarios stand on: one cluster with the chart in it, and namespaces whose gate is set
//! by hand, as the operator would.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use opex_cluster::{Cluster, Options};

use crate::ground::Ground;
use crate::installed::{DATABASES, prepared_on};

/// The cluster that all scenarios share; it ends with this process.
pub fn shared() -> &'static Cluster {
    static SHARED: OnceLock<Cluster> = OnceLock::new();
    SHARED.get_or_init(|| prepared_on(&Options::new("gate").nodes(3), &DATABASES))
}

impl Ground<'static> {
    /// A namespace of the shared cluster.
    pub fn new(namespace: &'static str, manifests: &[String]) -> Self {
        Self::on(shared(), namespace, manifests)
    }
}

impl Ground<'_> {
    /// Sets the gate as the operator does, in one patch, and waits until the API server goes by it.
    pub fn gate(&self, state: &str, ceilings: Option<&str>) {
        static SERIAL: AtomicU32 = AtomicU32::new(0);
        let contact = format!("finops-{}@example.com", SERIAL.fetch_add(1, Ordering::Relaxed));
        let patch = serde_json::json!({"metadata": {
            "labels": {"opex.dev/gate": state},
            "annotations": {
                "opex.dev/gate-message": format!("{WHY}. Ask {contact} for a BudgetOverride."),
                "opex.dev/ceilings": ceilings,
            },
        }})
        .to_string();
        let merge = ["patch", "namespace", self.namespace, "--type=merge", "-p", &patch];
        self.cluster.kubectl(merge).expect();
        self.wait_for_gate(&contact);
    }

    /// Removes the gate and waits until the API server goes by it.
    pub fn open(&self) {
        let remove = ["label", "namespace", self.namespace, "opex.dev/gate-"];
        self.cluster.kubectl(remove).expect();
        self.wait_for_open();
    }
}

/// The first sentence of a gate's message.
pub const WHY: &str =
    "ClusterBudget \"payments\" is used up (1000.00 EUR for 2026-11, since 2026-11-21T10:03Z, resets 2026-12-01)";
