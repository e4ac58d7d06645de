use serde_json::{Value, json};

use crate::facts::testing::{project, read};

use super::*;

fn owned() -> Value {
    json!([{"apiVersion": "apps/v1", "kind": "Deployment", "name": "web", "uid": "u", "controller": true}])
}

fn object(owners: &Value, replicas: &Value) -> Value {
    json!({"metadata": {"name": "web", "namespace": "team-a", "ownerReferences": owners}, "spec": {"replicas": replicas}})
}

#[test]
fn targets_are_named_as_the_scale_gate_looks_them_up() {
    let web = object(&Value::Null, &json!(3));
    let facts = [
        ScaleFact::project(&read::<SlimDeployment>(&web)),
        ScaleFact::project(&read::<SlimStatefulSet>(&web)),
        ScaleFact::project(&read::<SlimReplicaSet>(&web)),
        ScaleFact::project(&read::<SlimReplicationController>(&web)),
    ];
    let targets = facts
        .map(|fact| fact.map(|fact| (fact.namespace.to_string(), fact.target.to_string(), fact.replicas)).unwrap());
    let expected =
        ["deployments.apps/web", "statefulsets.apps/web", "replicasets.apps/web", "replicationcontrollers/web"];
    assert_eq!(targets, expected.map(|target| ("team-a".to_owned(), target.to_owned(), 3)));
}

#[test]
fn owned_replica_sets_are_exempt_and_owned_stateful_sets_are_not() {
    let web = object(&owned(), &json!(3));
    assert_eq!(ScaleFact::project(&read::<SlimReplicaSet>(&web)), None);
    assert_eq!(ScaleFact::project(&read::<SlimReplicationController>(&web)), None);
    assert!(ScaleFact::project(&read::<SlimStatefulSet>(&web)).is_some());
    assert!(ScaleFact::project(&read::<SlimDeployment>(&web)).is_some());
}

#[test]
fn replicas_default_to_one() {
    for (replicas, expected) in [(Value::Null, 1), (json!(0), 0), (json!(7), 7)] {
        let fact = ScaleFact::project(&read::<SlimDeployment>(&object(&Value::Null, &replicas))).unwrap();
        assert_eq!(fact.replicas, expected);
    }
    assert_eq!(ScaleFact::project(&read::<SlimDeployment>(&json!({"spec": null}))).unwrap().replicas, 1);
}

#[test]
fn owners_lead_to_the_top() {
    let job: SlimJob = read(&json!({"metadata": {"ownerReferences": [
        {"apiVersion": "batch/v1", "kind": "CronJob", "name": "nightly", "uid": "c", "controller": true},
    ]}}));
    assert_eq!(&*OwnerFact::project("Job", &job.metadata).owner.unwrap().workload(), "CronJob/nightly");
    let replica_set: SlimReplicaSet = read(&object(&owned(), &json!(1)));
    assert_eq!(&*OwnerFact::project("ReplicaSet", &replica_set.metadata).owner.unwrap().workload(), "Deployment/web");
    assert_eq!(OwnerFact::project("Job", &Metadata::default()).owner, None);
}

#[test]
fn an_owner_is_found_by_uid_or_by_name() {
    let replica_set: SlimReplicaSet = read(&json!({"metadata": {"name": "web-1", "namespace": "team-a"}}));
    let pod = project(&json!({"metadata": {"ownerReferences": [
        {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "web-1", "controller": true},
    ]}}));
    assert_eq!(pod.owner.unwrap().id, replica_set.metadata.id("ReplicaSet.apps"));
}

#[test]
fn a_pod_without_owner_is_its_own_workload() {
    assert_eq!(&*project(&json!({})).own_workload(), "Pod/web-0");
}

#[test]
fn what_a_plan_names_scales_where_it_has_replicas() {
    let kind = Kind::of("argoproj.io", "Rollout").unwrap();
    let scales = |spec: &Value| {
        let object = json!({"metadata": {"namespace": "shop", "name": "web"}, "spec": spec});
        ScaleFact::of_object(kind, &read::<SlimObject>(&object)).map(|scale| (scale.target, scale.replicas))
    };
    assert_eq!(
        scales(&json!({"replicas": 4, "strategy": {"canary": {}}})),
        Some(("rollouts.argoproj.io/web".into(), 4))
    );
    for other in
        [json!({}), json!(null), json!("text"), json!([1]), json!({"replicas": "4"}), json!({"replicas": null})]
    {
        assert_eq!(scales(&other), None, "{other}");
    }
    let wide = read::<SlimObject>(&json!({"metadata": {"name": "web"}, "spec": {"replicas": 4}}));
    assert_eq!(ScaleFact::of_object(kind, &wide), None);
}
