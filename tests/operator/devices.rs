//! Devices by Dynamic Resource Allocation: what is allocated to a ResourceClaim costs, as long as it is.

use opex_cluster::{needs_kubernetes, wait_for};

use crate::budgets::{WARN, budget, shared};
use crate::ground::{Ground, PATIENCE};

/// A device of this class costs one euro a second; what the other class costs nobody says.
const PLAN: &str = "{apiVersion: billing.opex.dev/v1alpha1, kind: PricePlan, metadata: {name: opex-devices}, \
                    spec: {currency: EUR, devices: [{deviceClass: gpu.example.com, pricePerHour: 3600}]}}";

fn claim(name: &str) -> String {
    format!(
        "{{apiVersion: resource.k8s.io/v1, kind: ResourceClaim, metadata: {{name: {name}}}, spec: {{devices: {{requests: [\
         {{name: gpu, exactly: {{deviceClassName: gpu.example.com}}}}, \
         {{name: any, firstAvailable: [{{name: slice, deviceClassName: mig.example.com}}]}}]}}}}}}"
    )
}

impl Ground<'_> {
    /// Has devices allocated to a claim, as the scheduler would, for these of its requests.
    fn allocate(&self, claim: &str, requests: &[&str]) {
        let device = |(i, request): (usize, &&str)| {
            format!(r#"{{"request":"{request}","driver":"gpu.example.com","pool":"n1","device":"gpu-{i}"}}"#)
        };
        let results: Vec<_> = requests.iter().enumerate().map(device).collect();
        self.set_status(claim, &format!(r#"{{"allocation":{{"devices":{{"results":[{}]}}}}}}"#, results.join(",")));
    }

    fn set_status(&self, claim: &str, status: &str) {
        let patch = format!(r#"{{"status":{status}}}"#);
        self.kubectl(&format!("patch resourceclaim/{claim} --subresource=status --type=merge -p {patch}")).expect();
    }

    /// What is spent of a budget under which nothing accrues any more.
    fn spent_at_rest(&self, budget: &str) -> i64 {
        self.settle(budget, ".status.burnRate.perDay", "0.00");
        self.spent(budget)
    }
}

#[test]
fn devices_cost_while_they_are_allocated() {
    // The first with ResourceClaims of resource.k8s.io/v1.
    if needs_kubernetes(34, &shared().cluster) {
        return;
    }
    let ground = Ground::new("opex-devices", &[PLAN.to_owned(), claim("train"), claim("slice")]);
    ground.make(&budget("team", 1_000_000, WARN).replace("per-second", "opex-devices"));
    ground.condition("bgt/team", "Ready", "True", "Priced");
    assert_eq!(ground.spent("bgt/team"), 0);

    ground.allocate("train", &["gpu", "gpu"]);
    wait_for("spending", PATIENCE, || ground.spent("bgt/team") >= 4).unwrap();
    ground.allocate("slice", &["any/slice"]);
    ground.condition("bgt/team", "Ready", "True", "Unpriced");
    ground.event("bgt/team", "Ready", "device/mig.example.com");

    ground.settle("bgt/team", ".status.breakdown.byCategory[0].name", "Compute");
    let statement = ground.field("bgt/team", ".status.statement");
    let seen = ground.field(&format!("stmt/{statement}"), ".spec.observed.resourceclaims");
    assert!(seen.parse::<u64>().is_ok_and(|version| version > 0), "{seen:?}");
    ground.set_status("train", r#"{"allocation":null}"#);
    let spent = ground.spent_at_rest("bgt/team");
    ground.allocate("train", &["gpu"]);
    wait_for("spending again", PATIENCE, || ground.spent("bgt/team") > spent).unwrap();
    ground.kubectl("delete resourceclaim/train").expect();
    ground.spent_at_rest("bgt/team");

    ground.kubectl("delete priceplan/opex-devices").expect();
}
