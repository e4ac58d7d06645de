use std::sync::Arc;

use serde_json::{Value, json};

use crate::facts::testing::{amounts, fields, merge, pod, project};
use crate::facts::{ObjectId, PodFact, UNDATED, no_labels};

use super::*;

fn terminated(finished_at: &Value) -> Value {
    json!({"state": {"terminated": {"finishedAt": finished_at}}})
}

fn at(seconds: i64) -> String {
    jiff::Timestamp::from_second(seconds).unwrap().to_string()
}

#[test]
fn keeps_what_identifies_and_selects() {
    let fact = project(&json!({"metadata": {
        "labels": {"app": "web", "empty": null},
        "ownerReferences": [
            {"apiVersion": "v1", "kind": "ConfigMap", "name": "c", "uid": "c"},
            {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "web-1", "uid": "00000000-0000-0000-0000-000000000007", "controller": true},
        ],
    }}));
    assert_eq!((&*fact.namespace, &*fact.name, fact.node.as_deref()), ("team-a", "web-0", Some("node-1")));
    assert_eq!(
        (fact.labels.get("app").map(|label| &**label), fact.labels.get("empty").map(|label| &**label)),
        (Some("web"), Some(""))
    );
    let owner = fact.owner.unwrap();
    assert_eq!((&*owner.kind, &*owner.name, owner.id), ("ReplicaSet", "web-1", ObjectId::new(7)));
    assert_eq!(fact.problems, []);
    assert_eq!(pod(&json!({})).metadata.id("Pod"), ObjectId::new(0x6ba7_b810_9dad_11d1_80b4_00c0_4fd4_30c8));
}

#[test]
fn labels_that_are_not_there_are_not_allocated() {
    for labels in [Value::Null, json!({})] {
        assert!(Arc::ptr_eq(&project(&json!({"metadata": {"labels": labels}})).labels, &no_labels()));
    }
    assert!(Arc::ptr_eq(&project(&json!({})).labels, &no_labels()));
}

#[test]
fn rule_6_start() {
    let scheduled = |status: &str, time: Value| {
        json!({"status": {"startTime": at(300), "conditions": [
            {"type": "Ready", "status": "True", "lastTransitionTime": at(400)},
            {"type": "PodScheduled", "status": status, "lastTransitionTime": time},
        ]}})
    };
    let cases = [
        ("scheduled", scheduled("True", json!(at(200))), 200),
        (
            "scheduled later than it was created, earlier than it started",
            scheduled("True", json!("1970-01-01T00:03:20.9Z")),
            200,
        ),
        ("not scheduled: static Pods have a startTime", scheduled("False", json!(at(200))), 300),
        ("scheduled at null", scheduled("True", Value::Null), 300),
        ("nothing but a creation time", json!({}), 100),
    ];
    for (name, changes, start) in cases {
        assert_eq!(project(&changes).start, start, "{name}");
    }
    assert_eq!(project(&json!({"spec": {"nodeName": null}})).node, None);
    assert_eq!(project(&json!({"spec": {"nodeName": ""}})).node, None);
}

#[test]
fn rule_5_deadline() {
    let deleted =
        |grace: Value| json!({"metadata": {"deletionTimestamp": at(1000), "deletionGracePeriodSeconds": grace}});
    assert_eq!(project(&deleted(json!(30))).deadline, Some(1030));
    assert_eq!(project(&deleted(Value::Null)).deadline, Some(1000));
    assert_eq!(project(&deleted(json!(i64::MAX))).deadline, Some(i64::MAX));
    assert_eq!(project(&json!({})).deadline, None);
}

#[test]
fn rule_7_finished() {
    let ended = |phase: &str, status: &Value| {
        let mut changes = json!({"status": {"phase": phase}});
        merge(&mut changes["status"], status);
        let fact = project(&changes);
        (fact.terminal, fact.finished)
    };
    let two = json!({"containerStatuses": [terminated(&json!(at(500))), terminated(&json!(at(400)))]});
    assert_eq!(ended("Succeeded", &two), (true, Some(500)));
    assert_eq!(ended("Failed", &two), (true, Some(500)));
    // A container's end does not end a Pod whose phase is not terminal.
    assert_eq!(ended("Running", &two), (false, None));
    // App, init and ephemeral containers.
    for list in ["containerStatuses", "initContainerStatuses", "ephemeralContainerStatuses"] {
        let status = json!({"containerStatuses": [terminated(&json!(at(400)))], list: [terminated(&json!(at(600)))]});
        assert_eq!(ended("Succeeded", &status), (true, Some(600)), "{list}");
    }
    // Never lastState.
    let last = json!({"containerStatuses": [{"lastState": {"terminated": {"finishedAt": at(500)}}, "state": {"running": {}}}]});
    assert_eq!(ended("Failed", &last), (true, None));
    // Null is absent; containers without one are ignored if another has one.
    let partly = json!({"containerStatuses": [terminated(&Value::Null), terminated(&json!("1970-01-01T00:08:20.75Z")), {"state": null}]});
    assert_eq!(ended("Succeeded", &partly), (true, Some(500)));
    assert_eq!(ended("Succeeded", &json!({"containerStatuses": [terminated(&Value::Null)]})), (true, None));
    assert_eq!(ended("Failed", &json!({})), (true, None));
    // An end before the start is the engine's to judge.
    let early = json!({"containerStatuses": [terminated(&json!(at(50)))]});
    assert_eq!(ended("Succeeded", &early), (true, Some(50)));
}

#[test]
fn status_written_is_the_newest_write_of_the_status() {
    let fact = project(&json!({"metadata": {"managedFields": [
        {"manager": "kubectl", "operation": "Update", "time": at(900), "fieldsV1": {"f:spec": {}}},
        {"manager": "kubelet", "operation": "Update", "subresource": "status", "time": at(700)},
        {"manager": "scheduler", "operation": "Update", "subresource": "status", "time": at(600)},
        {"manager": "scaler", "operation": "Update", "subresource": "resize", "time": at(950)},
        {"manager": "old", "operation": "Update", "subresource": "status", "time": null},
    ]}}));
    assert_eq!(fact.status_written, Some(700));
    assert_eq!(project(&json!({})).status_written, None);
    assert_eq!(
        pod(&json!({"metadata": {"managedFields": [{"time": at(5)}, {"subresource": "status", "time": at(9)}]}}))
            .metadata
            .managed_fields
            .object_written(),
        Some(5)
    );
}

#[test]
fn a_bad_time_is_a_problem_and_absent() {
    let fact = project(&json!({
        "metadata": {"deletionTimestamp": "soon", "deletionGracePeriodSeconds": 30},
        "status": {
            "phase": "Failed", "startTime": at(300),
            "conditions": [{"type": "Ready", "status": "True"}, {"type": "PodScheduled", "status": "True", "lastTransitionTime": "x"}],
            "containerStatuses": [terminated(&json!("y"))],
        },
    }));
    assert_eq!((fact.start, fact.deadline, fact.finished), (300, None, None));
    assert_eq!(
        fields(&fact.problems),
        [
            "metadata.deletionTimestamp",
            "status.conditions[1].lastTransitionTime",
            "status.containerStatuses[0].state.terminated.finishedAt",
        ]
    );
    assert_eq!(fact.problems[0].message, "`soon` is not a time; expected RFC 3339 such as 2026-11-21T10:03:00Z");
}

#[test]
fn a_pod_without_times_is_undated() {
    let fact = project(&json!({"metadata": {"creationTimestamp": null}}));
    assert_eq!((fact.start, fields(&fact.problems)), (UNDATED, vec!["metadata.creationTimestamp"]));
    let started = project(&json!({"metadata": {"creationTimestamp": null}, "status": {"startTime": at(300)}}));
    assert_eq!((started.start, started.problems.len()), (300, 0));
}

#[test]
fn a_bad_quantity_is_a_problem_and_the_rest_counts() {
    let fact = project(&json!({
        "spec": {
            "containers": [
                {"name": "a", "resources": {"requests": {"cpu": "-1", "memory": "1.5Gi"}, "limits": {"cpu": "4"}}},
                {"name": "b", "resources": {"requests": {"cpu": "0.1m", "memory": "1e3"}}},
            ],
            "initContainers": [{"name": "i", "resources": {"requests": {"cpu": "much"}}}],
            "overhead": {"nvidia.com/gpu": "1e1001"},
            "resources": {"limits": {"memory": "8Eib"}},
        },
        "status": {
            "containerStatuses": [{"name": "a", "resources": {"requests": {"memory": "?"}}, "allocatedResources": {"cpu": "!"}}],
            "allocatedResources": {"cpu": "-2"},
        },
    }));
    assert_eq!(amounts(&fact.requests), "cpu=1 memory=1610613736");
    assert_eq!(
        fields(&fact.problems),
        [
            "spec.containers[0].resources.requests.cpu",
            "spec.initContainers[0].resources.requests.cpu",
            "spec.overhead[nvidia.com/gpu]",
            "spec.resources.limits.memory",
            "status.containerStatuses[0].resources.requests.memory",
            "status.containerStatuses[0].allocatedResources.cpu",
            "status.allocatedResources.cpu",
        ]
    );
}

#[test]
fn nulls_and_empty_objects_are_read() {
    let texts = [
        r#"{"kind":"Pod","apiVersion":"v1","metadata":{"resourceVersion":"12","creationTimestamp":null},"spec":{"containers":null},"status":{}}"#,
        r#"{"metadata":null,"spec":null,"status":null}"#,
        r"{}",
        r#"{"metadata":{"labels":null,"annotations":null,"ownerReferences":null,"managedFields":null,"name":null},
            "spec":{"containers":[null],"initContainers":null,"overhead":null,"resources":null,"nodeName":null},
            "status":{"conditions":[null],"containerStatuses":[{"resources":null,"state":null,"allocatedResources":null}],"phase":null}}"#,
        r#"{"spec":{"containers":[{"name":"a","resources":{"requests":null,"limits":null}}]}}"#,
    ];
    for text in texts {
        let pod: SlimPod = serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"));
        assert_eq!(amounts(&PodFact::project(&pod).requests), "", "{text}");
    }
    let bookmark: SlimPod = serde_json::from_str(texts[0]).unwrap();
    assert_eq!(bookmark.metadata.version, 12);
}

#[test]
fn a_manifest_is_read_like_the_wire() {
    let manifest = "
metadata: {name: web-0, namespace: team-a, creationTimestamp: 1970-01-01T00:01:40Z, labels: {app: web}}
spec:
  nodeName: node-1
  containers:
  - {name: a, resources: {requests: {cpu: 2, memory: 1e3, nvidia.com/gpu: '1'}, limits: {ephemeral-storage: 0.5Ki}}}
  - {name: b, resources: {requests: {cpu: 0.5, memory: null}}}
status:
";
    let fact = PodFact::project(&serde_saphyr::from_str(manifest).unwrap());
    assert_eq!(fact.start, 100);
    assert_eq!(amounts(&fact.requests), "cpu=2500 ephemeral-storage=512 memory=1000 nvidia.com/gpu=1");
    assert_eq!(fact.problems, []);
}
