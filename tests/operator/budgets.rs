//! What the scenarios stand on: one cluster with the chart and two operators, a plan by which a Pod
//! of the scenarios costs one euro a second, and budgets that are used up within seconds.

use std::sync::OnceLock;

use opex_cluster::{Cluster, Operator};

use crate::ground::Ground;
use crate::installed::prepared;
use crate::replicas::pair;

/// 10 millicores, which is what each container of the scenarios requests, cost one euro a second.
pub const PLAN: &str = "{apiVersion: billing.opex.dev/v1alpha1, kind: PricePlan, metadata: {name: per-second}, \
                        spec: {currency: EUR, pricesPerHour: {cpu: '360000'}}}";

/// Thresholds of a Budget: one at 100 %.
pub const WARN: &str = "thresholds: [{percent: 100, of: Actual, action: Warn}]";
/// The same, refusing scale-ups.
pub const BLOCK_SCALE_UP: &str = "thresholds: [{percent: 100, of: Actual, action: BlockScaleUp}]";
/// The same, refusing everything new as well.
pub const BLOCK: &str = "thresholds: [{percent: 100, of: Actual, action: Block}]";

/// What the shared scenarios run on.
pub struct Installation {
    pub cluster: Cluster,
    pub operators: [Operator; 2],
}

/// The installation that most scenarios share; it ends with this process.
pub fn shared() -> &'static Installation {
    static SHARED: OnceLock<Installation> = OnceLock::new();
    SHARED.get_or_init(|| installation("operator"))
}

/// A cluster with the chart, the plan and two operators that are ready.
pub fn installation(name: &str) -> Installation {
    let cluster = prepared(name);
    cluster.apply(PLAN).expect();
    let operators = pair(&cluster);
    Installation { cluster, operators }
}

/// A Budget of this year with a limit in euros, and the rest of its spec.
pub fn budget(name: &str, limit: u32, rest: &str) -> String {
    budget_of("Budget", name, &format!("limit: {{amount: {limit}, currency: EUR}}, period: {{every: Year}}, {rest}"))
}

/// A Budget or ClusterBudget by the plan above.
pub fn budget_of(kind: &str, name: &str, spec: &str) -> String {
    format!(
        "{{apiVersion: billing.opex.dev/v1alpha1, kind: {kind}, metadata: {{name: {name}}}, \
         spec: {{contact: finops@example.com, pricePlan: per-second, {spec}}}}}"
    )
}

impl Ground<'static> {
    /// A namespace of the shared installation.
    pub fn new(namespace: &'static str, manifests: &[String]) -> Self {
        Self::on(&shared().cluster, namespace, manifests)
    }
}

impl Ground<'_> {
    /// Waits until a Deployment's Pods run, and cost.
    pub fn runs(&self, deployment: &str, replicas: u32) {
        self.settle(&format!("deploy/{deployment}"), ".status.readyReplicas", &replicas.to_string());
    }

    /// Makes a Budget that is used up at once, and waits until the API server goes by its gate.
    pub fn close(&self, budget: &str, gate: &str) {
        self.make(budget);
        self.closed(gate, "");
    }

    /// Waits until the namespace bears this gate with these words in its message, and the API server goes by it.
    pub fn closed(&self, gate: &str, words: &str) {
        self.settle(&format!("namespace/{}", self.namespace), r".metadata.labels.opex\.dev/gate", gate);
        self.wait_for_gate(words);
    }

    /// Waits until the namespace bears no gate, and the API server goes by that.
    pub fn opened(&self) {
        self.settle(&format!("namespace/{}", self.namespace), r".metadata.labels.opex\.dev/gate", "");
        self.wait_for_open();
    }

    /// What the namespace's label says now; empty where the gate is open.
    pub fn label(&self) -> String {
        self.field(&format!("namespace/{}", self.namespace), r".metadata.labels.opex\.dev/gate")
    }

    /// An annotation of the namespace.
    pub fn annotation(&self, name: &str) -> String {
        self.field(&format!("namespace/{}", self.namespace), &format!(r".metadata.annotations.opex\.dev/{name}"))
    }

    /// What is spent of a budget, in whole euros.
    pub fn spent(&self, budget: &str) -> i64 {
        let spent = self.field(budget, ".status.spent");
        spent.split('.').next().and_then(|euros| euros.parse().ok()).unwrap_or_else(|| panic!("spent {spent:?}"))
    }

    /// Waits until a condition of a budget has this status and reason.
    pub fn condition(&self, budget: &str, kind: &str, status: &str, reason: &str) {
        let path = |field| format!(r#".status.conditions[?(@.type=="{kind}")].{field}"#);
        self.settle(budget, &path("reason"), reason);
        assert_eq!(self.field(budget, &path("status")), status, "{budget} {kind}");
    }

    /// Waits for an event about an object with this reason, and these words.
    pub fn event(&self, about: &str, reason: &str, words: &str) {
        let events = self.hear(&format!("events --for {about}"), words).stdout;
        assert!(events.lines().any(|line| line.contains(reason) && line.contains(words)), "{events}");
    }
}
