use serde_json::{Value, json};

use crate::facts::UNDATED;
use crate::facts::testing::{amounts, fields, read};

use super::*;

const CREATED: &str = "1970-01-01T00:01:40Z";

#[test]
fn a_node_has_labels_and_capacity() {
    let node = json!({
        "metadata": {"name": "node-1", "creationTimestamp": CREATED, "labels": {"zone": "a"}},
        "spec": {"providerID": "x"},
        "status": {"capacity": {"cpu": "4", "memory": "16Gi", "nvidia.com/gpu": "4", "pods": 110, "hugepages-1Gi": "0", "x": "y"}, "allocatable": {"cpu": "3"}},
    });
    let fact = NodeFact::project(&read(&node));
    assert_eq!((&*fact.name, fact.created, fact.labels.iter().count()), ("node-1", 100, 1));
    assert_eq!(amounts(&fact.capacity), "cpu=4000 memory=17179869184 nvidia.com/gpu=4 pods=110");
    assert_eq!(fields(&fact.problems), ["status.capacity.x"]);
    let bare = NodeFact::project(&read(&json!({"metadata": {"name": "n"}, "status": null})));
    assert_eq!((bare.created, &*bare.capacity), (UNDATED, &[][..]));
}

#[test]
fn a_namespace_has_a_gate() {
    let namespace = json!({"metadata": {
        "name": "team-a", "creationTimestamp": CREATED, "labels": {"opex.dev/gate": "block"},
        "annotations": {"opex.dev/gate-message": "used up", "opex.dev/ceilings": "deployments.apps/web=10", "note": "x"},
    }});
    let fact = NamespaceFact::project(&read(&namespace));
    assert_eq!((&*fact.name, fact.created, fact.deleting), ("team-a", 100, false));
    assert_eq!(
        (fact.gate_message.as_deref(), fact.ceilings.as_deref()),
        (Some("used up"), Some("deployments.apps/web=10"))
    );
    let going = NamespaceFact::project(&read(&json!({"metadata": {"name": "b", "deletionTimestamp": CREATED}})));
    assert_eq!((going.gate_message, going.ceilings, going.deleting), (None, None, true));
}

#[test]
fn rule_42_what_is_in_no_namespace_is_billed_to_the_one_that_its_labels_name() {
    let kind = Kind::of("rds.aws.upbound.io", "Instance").unwrap();
    let of = |metadata: Value| ObjectFact::project(kind, &read(&json!({"metadata": metadata, "spec": 7})));
    let labelled = |labels: Value| of(json!({"name": "db", "labels": labels}));
    for (object, to) in [
        (of(json!({"name": "db", "namespace": "a", "labels": {"opex.dev/namespace": "b"}})), "a"),
        (labelled(json!({"opex.dev/namespace": "b", "crossplane.io/claim-namespace": "c"})), "c"),
        (labelled(json!({"opex.dev/namespace": "b"})), "b"),
        (labelled(json!({"crossplane.io/claim-name": "b"})), ""),
        (of(Value::Null), ""),
    ] {
        assert_eq!(&*object.billed_to(), to, "{object:?}");
        assert_eq!((object.created, fields(&object.problems)), (UNDATED, vec!["metadata.creationTimestamp"]));
    }
}

fn claim(spec: &Value, phase: &str) -> ClaimFact {
    ClaimFact::project(&read(&json!({
        "metadata": {"name": "data", "namespace": "team-a", "creationTimestamp": CREATED},
        "spec": spec, "status": {"phase": phase, "capacity": {"storage": "9Ti"}},
    })))
}

#[test]
fn rule_14_a_claim_counts_what_it_requests() {
    let fact = claim(&json!({"storageClassName": "fast", "resources": {"requests": {"storage": "0.1Ki"}}}), "Bound");
    assert_eq!((&*fact.namespace, &*fact.name, &*fact.class), ("team-a", "data", "fast"));
    assert_eq!((fact.created, fact.bytes, fact.bound, fact.lost), (100, 103, true, false));
    for (phase, bound, lost) in [("Pending", false, false), ("Lost", false, true), ("", false, false)] {
        let fact = claim(&json!({"storageClassName": null}), phase);
        assert_eq!((fact.bound, fact.lost, &*fact.class, fact.bytes), (bound, lost, "", 0), "{phase}");
    }
    let odd = claim(&json!({"resources": {"requests": {"storage": "-5Gi"}}}), "Bound");
    assert_eq!((odd.bytes, fields(&odd.problems)), (0, vec!["spec.resources.requests.storage"]));
}

#[test]
fn rule_15_a_service_is_a_load_balancer_by_its_type() {
    for (kind, expected) in [(json!("LoadBalancer"), true), (json!("ClusterIP"), false), (Value::Null, false)] {
        let service =
            json!({"metadata": {"name": "s", "namespace": "a", "creationTimestamp": CREATED}, "spec": {"type": kind}});
        let fact = ServiceFact::project(&read(&service));
        assert_eq!((fact.load_balancer, fact.created), (expected, 100), "{service}");
    }
}
