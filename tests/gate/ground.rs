//! What the scenarios stand on: one cluster with the chart in it, people with rights, and
//! namespaces whose gate is set by hand, as the operator would.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use opex_cluster::{Cluster, Options, wait_for, wait_until};

use crate::manifests;

/// The user as which the chart's service account is known.
pub const OPERATOR: &str = "system:serviceaccount:opex-system:opex-operator";
const PATIENCE: Duration = Duration::from_secs(30);

/// The cluster that all scenarios share; it ends with this process.
pub fn shared() -> &'static Cluster {
    static SHARED: OnceLock<Cluster> = OnceLock::new();
    SHARED.get_or_init(|| prepared("gate"))
}

/// A cluster with the chart, without an operator.
pub fn prepared(name: &str) -> Cluster {
    let cluster = Cluster::start(&Options::new(name).nodes(3)).unwrap();
    let chart = concat!(env!("CARGO_MANIFEST_DIR"), "/charts/opex-operator");
    let install = ["upgrade", "--install", "opex-operator", chart];
    let into = ["-n", "opex-system", "--create-namespace"];
    let without_pods = ["--set", "replicaCount=0", "--wait"];
    cluster.helm(install.iter().chain(&into).chain(&without_pods)).expect();
    cluster.apply(include_str!("people.yaml")).expect();
    wait_for_guards(&cluster);
    cluster
}

/// The API server reads new policies every second or so: each guard is asked until it refuses.
fn wait_for_guards(cluster: &Cluster) {
    let asked = [
        ("opex-gate-guard", "--as=tenant label namespace default opex.dev/probe=1", String::new()),
        ("opex-crd-guard", "delete crd statements.billing.opex.dev", String::new()),
        ("opex-ledger-guard", "--as=tenant create -f -", manifests::statement("probe")),
        (
            "opex-override-guard",
            "--as=tenant create -f -",
            manifests::budget_override("probe", "nobody", "2026-01-01T00:00:00Z"),
        ),
    ];
    for (policy, command, input) in asked {
        wait_for(policy, PATIENCE, || {
            let args = command.split(' ').chain(["--dry-run=server"]);
            let output = cluster.kubectl_with_input(args, &input);
            output.stderr.contains(policy)
        })
        .unwrap();
    }
}

/// A namespace of one scenario, removed with it.
pub struct Ground {
    pub cluster: &'static Cluster,
    pub namespace: &'static str,
}

impl Ground {
    /// Makes the namespace and what is in it while the gate is still open.
    pub fn new(namespace: &'static str, manifests: &[String]) -> Self {
        let cluster = shared();
        cluster.kubectl(["create", "namespace", namespace]).expect();
        wait_until("the default ServiceAccount", PATIENCE, || {
            let get = ["-n", namespace, "get", "serviceaccount", "default"];
            cluster.kubectl(get).ok()
        })
        .unwrap();
        let ground = Self { cluster, namespace };
        for manifest in manifests {
            ground.make(manifest);
        }
        ground
    }

    /// Creates an object that must be admitted.
    pub fn make(&self, manifest: &str) {
        let create = ["-n", self.namespace, "create", "--validate=strict", "-f", "-"];
        self.cluster.kubectl_with_input(create, manifest).expect();
    }

    /// A field of an object, as kubectl's jsonpath gives it.
    pub fn field(&self, object: &str, path: &str) -> String {
        let output = format!("-ojsonpath={{{path}}}");
        let get = ["-n", self.namespace, "get", &output];
        let object = object.split(' ');
        self.cluster.kubectl(get.into_iter().chain(object)).expect()
    }

    /// So much later than the namespace was made, by the API server's clock.
    pub fn later(&self, time: SignedDuration) -> String {
        let made = self.field(&format!("namespace/{}", self.namespace), ".metadata.creationTimestamp");
        (made.parse::<Timestamp>().unwrap() + time).to_string()
    }

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
        wait_for(&format!("the gate {state}"), PATIENCE, || self.probe().contains(&contact)).unwrap();
    }

    /// Removes the gate and waits until the API server goes by it.
    pub fn open(&self) {
        let remove = ["label", "namespace", self.namespace, "opex.dev/gate-"];
        self.cluster.kubectl(remove).expect();
        wait_for("an open gate", PATIENCE, || !self.probe().contains("opex-new-spend")).unwrap();
    }

    /// What the API server says to a new Deployment that is not made.
    fn probe(&self) -> String {
        let create = ["-n", self.namespace, "create", "deployment", "probe"];
        let dry = ["--image=busybox:1", "--dry-run=server"];
        self.cluster.kubectl(create.iter().chain(&dry)).stderr
    }

    /// Waits until a field has a value.
    pub fn settle(&self, object: &str, path: &str, value: &str) {
        wait_for(&format!("{object} {path} to be {value}"), PATIENCE, || self.field(object, path) == value).unwrap();
    }
}

impl Drop for Ground {
    fn drop(&mut self) {
        let delete = ["delete", "namespace", self.namespace, "--wait=false"];
        self.cluster.kubectl(delete);
    }
}

/// The first sentence of a gate's message.
pub const WHY: &str =
    "ClusterBudget \"payments\" is used up (1000.00 EUR for 2026-11, since 2026-11-21T10:03Z, resets 2026-12-01)";
