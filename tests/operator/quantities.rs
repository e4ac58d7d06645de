//! Pods with quantities as people write them, through the real API server: each is billed as what it says.

use jiff::SignedDuration;
use opex_cluster::{needs_simulated_nodes, wait_for};
use serde_json::Value;

use crate::budgets::{WARN, budget};
use crate::case::Want::Refused;
use crate::case::{check, with};
use crate::ground::{Ground, PATIENCE};
use crate::manifests::pod;

/// A Pod, its resource, what it says, and what that is a second: millicores or bytes. As the API server takes them, it
/// rounds a tenth of a millicore up, and what is beyond a signed 64-bit integer down to the largest one.
const PODS: &[(&str, &str, &str, i128)] = &[
    ("exponent", "cpu", "1e3", 1_000_000),
    ("tenth", "cpu", "0.1m", 1),
    ("huge", "memory", "8Ei", (1 << 63) - 1),
    ("fraction", "memory", "1.5Gi", 3 << 29),
    ("plain", "cpu", "1", 1000),
];

#[test]
fn quantities_are_read_as_people_write_them() {
    if needs_simulated_nodes() {
        return;
    }
    let ground = Ground::new("opex-quantities", &[]);
    let requesting = |name: &str, resource: &str, quantity: &str| {
        let manifest = pod(name).replace("requests: {cpu: 10m}", &format!("requests: {{{resource}: '{quantity}'}}"));
        // No scheduler would find a place for them.
        manifest.replace("spec: {", "spec: {nodeName: node-0, ")
    };
    for (name, resource, quantity, _) in PODS {
        ground.make(&requesting(name, resource, quantity));
    }
    let negative = "must be greater than or equal to 0";
    check(&ground, &[with("create -f -", requesting("negative", "cpu", "-1"), Refused(negative))]);
    ground.make(&budget("team", 1_000_000_000, WARN));
    // Memory has no price in this plan: it is counted, shown as unpriced, and never free.
    ground.condition("bgt/team", "Ready", "True", "Unpriced");
    ground.settle("bgt/team", ".status.prices", "Incomplete");
    let statement = ground.field("bgt/team", ".status.statement");
    ground.wait_until(ground.now() + SignedDuration::from_secs(13));
    ground.patch("bgt/team", r#"{"spec":{"limit":{"amount":2000000000}}}"#);
    let lines = || -> Vec<Value> {
        let statement = ground.kubectl(&format!("get stmt {statement} -ojson")).json().unwrap();
        statement["spec"]["lines"].as_array().cloned().unwrap_or_default()
    };
    wait_for("a line of each Pod", PATIENCE, || lines().len() >= PODS.len()).unwrap();
    for (name, resource, quantity, a_second) in PODS {
        let lines = lines();
        let own = |line: &&Value| line["workload"] == format!("Pod/{name}") && line["rate"] == *resource;
        let line = lines.iter().find(own).unwrap_or_else(|| panic!("no {resource} of {name}: {lines:#?}"));
        let billed: i128 = line["quantity"].as_str().unwrap().parse().unwrap();
        let (seconds, rest) = (billed / a_second, billed % a_second);
        assert!(rest == 0 && (1..120).contains(&seconds), "{quantity} is {a_second} a second: {line:#}");
    }
}
