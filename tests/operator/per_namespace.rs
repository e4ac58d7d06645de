//! A ClusterBudget of mode PerNamespace on the real API server: its Budgets come, are put back, and go; nobody else's is
//! touched.

use std::time::Duration;

use opex_cluster::{wait_for, wait_until};
use serde_json::Value;

use crate::budgets::{BLOCK_SCALE_UP, budget, budget_of, shared};
use crate::ground::{Ground, PATIENCE};
use crate::manifests::deployment;

/// A ClusterBudget over the namespaces with its label; it goes with the test, and the garbage collector takes the rest.
struct Each(&'static str);

impl Each {
    fn new(name: &'static str, limit: u32) -> Self {
        let selector = format!("namespaceSelector: {{matchLabels: {{each: {name}}}}}");
        let limit = format!("limit: {{amount: {limit}, currency: EUR}}, period: {{every: Year}}");
        let spec = format!("mode: PerNamespace, {selector}, {limit}, {BLOCK_SCALE_UP}");
        shared().cluster.apply(&budget_of("ClusterBudget", name, &spec)).expect();
        Self(name)
    }

    fn labelled(&self, ground: &Ground<'_>) {
        ground.kubectl(&format!("label namespace {} each={}", ground.namespace, self.0)).expect();
    }
}

impl Drop for Each {
    fn drop(&mut self) {
        shared().cluster.kubectl(["delete", "clusterbudget", self.0, "--ignore-not-found", "--wait=false"]);
    }
}

fn there(ground: &Ground<'_>, name: &str) -> Value {
    wait_until(&format!("Budget {name} in {}", ground.namespace), PATIENCE, || {
        ground.kubectl(&format!("get bgt {name} -ojson")).json()
    })
    .unwrap_or_else(|error| panic!("{error:#}"))
}

fn gone(ground: &Ground<'_>, name: &str) {
    wait_for(&format!("no Budget {name} in {}", ground.namespace), PATIENCE, || {
        ground.kubectl(&format!("get bgt {name} --ignore-not-found -oname")).expect().is_empty()
    })
    .unwrap();
}

#[test]
fn each_namespace_has_a_budget_of_its_own() {
    let busy = Ground::new("opex-each-busy", &[deployment("web", 2)]);
    let calm = Ground::new("opex-each-calm", &[]);
    busy.runs("web", 2);
    let each = Each::new("each", 3);
    each.labelled(&busy);
    each.labelled(&calm);

    for ground in [&busy, &calm] {
        let child = there(ground, "each");
        assert_eq!(child["metadata"]["labels"]["opex.dev/cluster-budget"], "each");
        let owner = &child["metadata"]["ownerReferences"][0];
        assert_eq!((&owner["kind"], &owner["name"]), (&"ClusterBudget".into(), &"each".into()));
        assert_eq!(child["spec"]["limit"]["amount"].to_string().replace('"', ""), "3");
    }
    // Its gate closes the one namespace, and not the other.
    busy.closed("block-scale-up", r#"Budget "each" is used up (3.00 EUR"#);
    calm.condition("bgt/each", "Exceeded", "False", "WithinLimit");
    assert_eq!(calm.label(), "");
    calm.condition("clusterbudget/each", "Ready", "True", "PerNamespace");
    calm.settle("clusterbudget/each", ".status.namespaces", "2");
    calm.settle_within(Duration::from_mins(2), "clusterbudget/each", ".status.limit", "6.00");

    // An edit of the ClusterBudget reaches all; one of a child is put back, and counts for nothing.
    calm.patch("clusterbudget/each", r#"{"spec":{"limit":{"amount":1000000}}}"#);
    busy.opened();
    busy.settle("bgt/each", ".spec.limit.amount", "1000000");
    let statement = busy.field("bgt/each", ".status.statement");
    let edit = r#"{"metadata":{"labels":null},"spec":{"limit":{"amount":1},"period":{"every":"Day"},"contact":"me"}}"#;
    busy.patch("bgt/each", edit);
    busy.settle("bgt/each", ".spec.limit.amount", "1000000");
    busy.settle("bgt/each", r".metadata.labels.opex\.dev/cluster-budget", "each");
    assert_eq!(busy.field("bgt/each", ".spec.contact"), "finops@example.com");
    assert_eq!(busy.field("bgt/each", ".status.statement"), statement);
    busy.settle(&format!("stmt/{statement}"), ".spec.phase", "Open");

    // Deleted by hand it is made again; what was spent goes on.
    let spent = busy.spent("bgt/each");
    busy.kubectl("delete bgt each").expect();
    there(&busy, "each");
    busy.settle("bgt/each", ".status.statement", &statement);
    assert!(busy.spent("bgt/each") >= spent);
    assert_eq!(busy.kubectl("get stmt -oname").expect().lines().count(), 1);

    // A namespace that is selected no more loses it, and so do all with the mode, or the ClusterBudget.
    calm.kubectl("label namespace opex-each-calm each-").expect();
    gone(&calm, "each");
    each.labelled(&calm);
    there(&calm, "each");
    calm.patch("clusterbudget/each", r#"{"spec":{"mode":"Shared"}}"#);
    gone(&calm, "each");
    gone(&busy, "each");
    wait_for("the pot", PATIENCE, || !calm.field("clusterbudget/each", ".status.statement").is_empty()).unwrap();
    calm.patch("clusterbudget/each", r#"{"spec":{"mode":"PerNamespace"}}"#);
    there(&calm, "each");
    calm.kubectl("delete clusterbudget each").expect();
    gone(&calm, "each");
    gone(&busy, "each");
    busy.settle(&format!("stmt/{statement}"), ".spec.phase", "Open");
}

#[test]
fn a_budget_of_that_name_is_left_alone() {
    let own = Ground::new("opex-each-own", &[deployment("web", 1), budget("taken", 7, BLOCK_SCALE_UP)]);
    let before = own.field("bgt/taken", ".metadata.resourceVersion");
    let other = Ground::new("opex-each-other", &[]);
    let each = Each::new("taken", 1_000_000);
    each.labelled(&own);
    each.labelled(&other);
    there(&other, "taken");
    own.condition("clusterbudget/taken", "Ready", "False", "BudgetExists");
    let message = r#".status.conditions[?(@.type=="Ready")].message"#;
    let message = own.field("clusterbudget/taken", message);
    assert!(message.contains("left alone in opex-each-own:"), "{message}");
    let told = || shared().cluster.kubectl(["events", "--for", "clusterbudget/taken", "-n", "default"]).expect();
    wait_for("the event", PATIENCE, || told().lines().any(|l| l.contains("NotReady") && l.contains("BudgetExists")))
        .unwrap_or_else(|error| panic!("{error:#}: {}", told()));
    assert_eq!(own.field("bgt/taken", ".spec.limit.amount"), "7");
    assert_eq!(own.field("bgt/taken", ".metadata.ownerReferences"), "", "{before}");

    own.kubectl("delete bgt taken").expect();
    own.settle("bgt/taken", ".spec.limit.amount", "1000000");
    own.condition("clusterbudget/taken", "Ready", "True", "PerNamespace");
}
