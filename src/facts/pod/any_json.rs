//! Whatever JSON stands anywhere in a Pod, reading and projecting it never panics.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

const NAMES: &[&str] = &[
    "metadata",
    "spec",
    "status",
    "containers",
    "initContainers",
    "resources",
    "requests",
    "limits",
    "cpu",
    "memory",
    "overhead",
    "phase",
    "conditions",
    "type",
    "lastTransitionTime",
    "containerStatuses",
    "state",
    "terminated",
    "finishedAt",
    "allocatedResources",
    "creationTimestamp",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "managedFields",
    "subresource",
    "time",
    "ownerReferences",
    "controller",
    "uid",
    "name",
    "labels",
    "nodeName",
];

const TEXTS: &[&str] = &[
    "Succeeded",
    "PodScheduled",
    "True",
    "Always",
    "1e3",
    "8Ei",
    "-1",
    "1e-900",
    "1970-01-01T00:00:00Z",
    "-009999-01-01T00:00:00Z",
];

/// Any JSON, under the names that a projection reads.
fn json_values() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        proptest::sample::select(TEXTS).prop_map(Value::from),
        "\\PC{0,8}".prop_map(Value::from),
    ];
    leaf.prop_recursive(6, 64, 6, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::btree_map(proptest::sample::select(NAMES), inner, 0..6)
                .prop_map(|map| map.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()),
        ]
    })
}

proptest! {
    #[test]
    fn no_json_panics(value in json_values()) {
        if let Ok(pod) = serde_json::from_str::<SlimPod>(&value.to_string()) {
            PodFact::project(&pod);
        }
        if let Ok(pod) = serde_json::from_value::<SlimPod>(value) {
            PodFact::project(&pod);
        }
    }

    #[test]
    fn no_json_in_any_place_of_a_pod_panics(steps in proptest::collection::vec(any::<prop::sample::Index>(), 1..9), value in json_values()) {
        let mut pod = full_pod();
        *place(&mut pod, &steps) = value;
        if let Ok(pod) = serde_json::from_value::<SlimPod>(pod) {
            PodFact::project(&pod);
        }
    }
}

/// The value that the steps lead to, or the last one on the way.
fn place<'a>(value: &'a mut Value, steps: &[prop::sample::Index]) -> &'a mut Value {
    let places = value.as_object().map_or(0, serde_json::Map::len).max(value.as_array().map_or(0, Vec::len));
    let Some((step, rest)) = steps.split_first().filter(|_| places > 0) else {
        return value;
    };
    let index = step.index(places);
    match value {
        Value::Object(map) => place(map.values_mut().nth(index).unwrap(), rest),
        list => place(&mut list[index], rest),
    }
}

/// A Pod with every field that is read.
fn full_pod() -> Value {
    let requests = json!({"requests": {"cpu": "1", "memory": "1Gi"}, "limits": {"nvidia.com/gpu": 1}});
    let status = json!({
        "name": "a", "resources": requests, "allocatedResources": {"cpu": "2"}, "state": {"terminated": {"finishedAt": at(500)}},
    });
    json!({
        "metadata": {
            "name": "web-0", "namespace": "team-a", "uid": "x", "creationTimestamp": at(100), "deletionTimestamp": at(900),
            "deletionGracePeriodSeconds": 30, "labels": {"app": "web"}, "annotations": {"opex.dev/x": "y", "z": "z"},
            "ownerReferences": [{"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "web", "uid": "y", "controller": true}],
            "managedFields": [{"subresource": "status", "time": at(200)}],
        },
        "spec": {
            "nodeName": "n", "containers": [{"name": "a", "resources": requests}], "resources": requests, "overhead": {"cpu": "1m"},
            "initContainers": [{"name": "b", "resources": requests, "restartPolicy": "Always"}, {"name": "c", "resources": requests}],
        },
        "status": {
            "phase": "Succeeded", "startTime": at(150), "resources": requests, "allocatedResources": {"cpu": "3"},
            "conditions": [{"type": "PodScheduled", "status": "True", "reason": "r", "lastTransitionTime": at(120)}],
            "containerStatuses": [status], "initContainerStatuses": [status], "ephemeralContainerStatuses": [status],
        },
    })
}

#[test]
fn a_full_pod_is_read_in_full() {
    let fact = PodFact::project(&serde_json::from_value(full_pod()).unwrap());
    assert_eq!((fact.start, fact.finished, fact.terminal), (120, Some(500), true));
    assert_eq!((fact.deadline, fact.status_written), (Some(930), Some(200)));
    assert_eq!(fact.problems, []);
}

fn at(seconds: i64) -> String {
    jiff::Timestamp::from_second(seconds).unwrap().to_string()
}
