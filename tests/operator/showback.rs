//! What a cluster costs, shown back: what its namespaces use and what is idle is what its nodes cost, to the last digit,
//! and a platform's cost is borne by those whom it serves. `kubectl opex replay` makes the same of it.

use jiff::{SignedDuration, Timestamp};
use num_bigint::BigInt;
use opex_cluster::{Node, needs_own_cluster, wait_for};
use opex_operator::api::Line;
use opex_operator::engine::money::Exact;
use opex_operator::engine::statement::total;
use serde_json::Value;

use crate::ground::{Ground, PATIENCE};
use crate::installed::prepared;
use crate::manifests::deployment;
use crate::replicas::{instant, lines, replay, start};

const OPERATOR: &str = "operator";

/// Every node costs one euro a second, or a fraction that has no end.
const PLAN: &str = r#"{
"apiVersion": "billing.opex.dev/v1alpha1", "kind": "PricePlan", "metadata": {"name": "showback"},
"spec": {
  "currency": "EUR",
  "pricesPerHour": {"cpu": "0.031611", "memory": "0.004237"},
  "nodeClasses": [
    {"name": "spot", "selector": {"matchLabels": {"spot": "true"}}, "pricePerNodeHour": "1200.7"},
    {"name": "node", "selector": {"matchExpressions": [{"key": "spot", "operator": "DoesNotExist"}]},
     "pricePerNodeHour": "3600"}
  ],
  "sharing": {
    "idle": {"by": "Usage"},
    "namespaces": {"selector": {"matchLabels": {"opex.dev/shared": "true"}}, "by": "Even"}
  }
}}"#;

#[test]
fn the_showback_adds_up() {
    if needs_own_cluster() {
        return;
    }
    let cluster = prepared("showback");
    cluster.add_nodes(&[Node::new("spot-0").label("spot", "true")]).unwrap();
    cluster.apply(PLAN).expect();
    let [shop, platform] = ["opex-shop", "opex-platform"].map(|name| Ground::on(&cluster, name, &[]));
    shop.kubectl("label namespace opex-platform opex.dev/shared=true").expect();
    let mut operator = start(&cluster, OPERATOR);
    operator.wait_until_ready().unwrap();
    for (kind, name, spec) in [("Budget", "team", ""), ("ClusterBudget", "all", ", includeIdle: true")] {
        shop.make(&format!(
            "{{apiVersion: billing.opex.dev/v1alpha1, kind: {kind}, metadata: {{name: {name}}}, \
             spec: {{pricePlan: showback{spec}}}}}"
        ));
    }
    for ground in [&shop, &platform] {
        ground.make(&deployment("web", 2));
        ground.runs("web", 2);
    }
    let quiet = shop.now();
    wait_for("a quiet moment", PATIENCE, || shop.now().duration_since(quiet) > SignedDuration::from_secs(15)).unwrap();
    // Who goes writes down everything as it stands.
    operator.terminate().unwrap();

    let statements = shop.kubectl("get stmt -A -ojson").json().unwrap()["items"].as_array().cloned().unwrap();
    let of = |kind: &str, name: &str| {
        let mut billing = statements.iter().map(|one| &one["spec"]);
        let found = billing.find(|spec| spec["budgetRef"]["kind"] == kind && spec["budgetRef"]["name"] == name);
        found.unwrap_or_else(|| panic!("no Statement of {kind} {name}: {statements:#?}"))
    };
    for statement in &statements {
        let (spec, replayed) = (&statement["spec"], &replay(&cluster, OPERATOR, statement)["spec"]);
        assert_eq!(lines(spec), lines(replayed), "{}", statement["metadata"]["name"]);
        assert_eq!(spec["total"], replayed["total"], "{}", statement["metadata"]["name"]);
    }
    let shared = |line: &&Value| line["rate"] == "shared/opex-platform";
    for rate in ["node/cpu", "idle/cpu", "idle/memory", "shared/opex-platform"] {
        let billed = of("Budget", "team")["lines"].as_array().unwrap().iter().any(|line| line["rate"] == rate);
        assert!(billed, "{rate} is not billed to the team: {:#}", of("Budget", "team"));
    }

    // What others bear of the platform's is in its own lines.
    let all = of("ClusterBudget", "all");
    let own = all["lines"].as_array().unwrap().iter().filter(|line| !shared(line));
    let own: Vec<Line> = own.map(|line| serde_json::from_value(line.clone()).unwrap()).collect();
    let begun: Timestamp = shop.field("cbgt/all", ".metadata.creationTimestamp").parse().unwrap();
    let seconds = instant(&all["watermark"]).duration_since(begun).as_secs();
    let nodes = shop.kubectl("get nodes -oname").expect().lines().count() - 1;
    let cents = BigInt::from(seconds) * (BigInt::from(nodes) * 360_000 + 120_070);
    assert_eq!(total(&own), Exact::new(cents, 360_000.into()));
}
