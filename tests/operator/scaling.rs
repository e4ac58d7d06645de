//! Scenario 12: scaled to a floor and restored exactly, with what people changed meanwhile.

use std::sync::{Mutex, OnceLock};

use jiff::SignedDuration;
use opex_cluster::{Cluster, Operator, Options, needs_own_cluster, wait_for, wait_until};
use serde_json::Value;

use crate::budgets::{PLAN, budget};
use crate::case::Want::{Allowed, Denied, Refused};
use crate::case::{case, check};
use crate::ground::{Ground, PATIENCE};
use crate::installed::{OPERATOR, RELEASE_NAMESPACE, prepared_on};
use crate::manifests::{cron_job, database, deployment, owned, replication_controller, workload};
use crate::replicas::{pair, start};
use crate::rights::are_used;

/// More than any budget of the scenarios spends.
const PLENTY: &str = r#"{"spec":{"limit":{"amount":1000000}}}"#;

/// At 100 %, and then the rest.
const SCALE_DOWN: &str = "thresholds: [{percent: 100, action: ScaleDown}]";

/// A cluster on which the operator may scale.
fn scaling() -> &'static (Cluster, Mutex<Vec<Operator>>) {
    static SCALING: OnceLock<(Cluster, Mutex<Vec<Operator>>)> = OnceLock::new();
    SCALING.get_or_init(|| {
        let options = Options::new("operator-scaling").nodes(3).audited(OPERATOR);
        let cluster = prepared_on(&options, &["scaleDown.enabled=true"]);
        cluster.apply(SCALED_OBJECTS).expect();
        cluster.kubectl(["wait", "--for=condition=Established", "crd/scaledobjects.keda.sh"]).expect();
        cluster.apply(PLAN).expect();
        let operators = pair(&cluster).into();
        (cluster, Mutex::new(operators))
    })
}

#[test]
fn s12_scaled_to_a_floor_and_restored_exactly() {
    if needs_own_cluster() {
        return;
    }
    let ground = Ground::on(&scaling().0, "opex-down", &[]);
    ground.make(&database("db", 1));
    let uid = ground.field("database/db", ".metadata.uid");
    for manifest in [
        deployment("web", 3),
        annotated(&deployment("api", 3), "2"),
        annotated(&deployment("own", 3), "keep"),
        owned(&deployment("owned", 2), &uid),
        deployment("edited", 3),
        deployment("idle", 0),
        workload("StatefulSet", "store", 3),
        workload("ReplicaSet", "bare", 2),
        replication_controller("old", 2),
        cron_job("nightly", false),
        cron_job("asleep", true),
        scaled_object("web", ""),
        scaled_object("resting", "autoscaling.keda.sh/paused-replicas: '3'"),
    ] {
        ground.make(&manifest);
    }
    ground.runs("web", 3);
    let before = values(&ground);
    ground.close(&budget("team", 30, SCALE_DOWN), "block");
    ground.condition("bgt/team", "Enforced", "True", "ScaledDown");

    let down = [
        "Deployment/api=2",
        "Deployment/edited=1",
        "Deployment/idle=0",
        "Deployment/own=3",
        "Deployment/owned=2",
        "Deployment/web=1",
        "StatefulSet/store=1",
        "ReplicaSet/bare=1",
        "ReplicationController/old=1",
        "CronJob/asleep=true",
        "CronJob/nightly=true",
        r#"ScaledObject/resting={"autoscaling.keda.sh/paused-replicas":"3"}"#,
        r#"ScaledObject/web={"autoscaling.keda.sh/paused":"true"}"#,
    ];
    assert_eq!(values(&ground), down);
    assert_eq!(ground.annotation("scaled-down"), "1");
    assert_eq!(ground.annotation("ceilings"), "", "nothing grows above what it was scaled to");
    assert_eq!(recorded(&ground), ["api 3", "bare 2", "edited 3", "nightly 1", "old 2", "store 3", "web 1", "web 3"]);
    ground.event("bgt/team", "ScaledDown", "Deployment/api from 3 to 2");
    ground.event("bgt/team", "LeftAlone", "Deployment/owned: Database/db decides");
    check(
        &ground,
        &[
            case("scale deploy/web --replicas=2", Denied("Up to 1 replica is allowed.")),
            case(r#"patch cronjob nightly -p {"spec":{"suspend":false}}"#, Denied("is used up")),
            // What someone changes meanwhile stays.
            case("scale deploy/edited --replicas=0", Allowed),
        ],
    );

    ground.patch("bgt/team", PLENTY);
    ground.opened();
    restored(&ground);
    let after: Vec<_> =
        before.iter().map(|value| value.replace("Deployment/edited=3", "Deployment/edited=0")).collect();
    assert_eq!(values(&ground), after);
    ground.event("bgt/team", "Restored", "Deployment/web from 1 to 3");
    ground.event("bgt/team", "LeftAlone", "Deployment/edited: was set to 1, and is 0");
    ground.condition("bgt/team", "Enforced", "True", "NotRequired");
    assert_eq!(are_used(ground.cluster, "opex-operator-scale-down"), 12);
}

#[test]
fn s12_a_dry_run_changes_nothing() {
    if needs_own_cluster() {
        return;
    }
    let ground = Ground::on(&scaling().0, "opex-dry", &[deployment("web", 3), cron_job("nightly", false)]);
    ground.runs("web", 3);
    let before = values(&ground);
    ground.close(&budget("team", 3, &format!("{SCALE_DOWN}, scaleDown: {{floor: 0, dryRun: true}}")), "block");
    ground.event(
        "bgt/team",
        "ScaleDownDryRun",
        "would be scaled down: CronJob/nightly suspended, Deployment/web from 3 to 0",
    );
    ground.condition("bgt/team", "Enforced", "True", "DryRun");
    assert_eq!((values(&ground), ground.annotation("scaled-down"), recorded(&ground)), (before, String::new(), vec![]));
    assert_eq!(ground.annotation("ceilings"), "deployments.apps/web=3");

    ground.patch("bgt/team", r#"{"spec":{"scaleDown":{"dryRun":false}}}"#);
    ground.settle("deploy/web", ".spec.replicas", "0");
    ground.settle("cronjob/nightly", ".spec.suspend", "true");
    // A Budget that is deleted scales nothing any more.
    ground.kubectl("delete bgt/team").expect();
    restored(&ground);
    assert_eq!(ground.field("deploy/web", ".spec.replicas"), "3");
}

#[test]
fn s12_an_override_restores_until_it_ends() {
    if needs_own_cluster() {
        return;
    }
    let ground = Ground::on(&scaling().0, "opex-respite", &[deployment("web", 3)]);
    ground.runs("web", 3);
    ground.close(&budget("team", 3, SCALE_DOWN), "block");
    ground.settle("deploy/web", ".spec.replicas", "1");
    // Of two budgets that scale down the lower floor holds, until it is lifted.
    ground.make(&budget("other", 1, &format!("{SCALE_DOWN}, scaleDown: {{floor: 0}}")));
    ground.settle("deploy/web", ".spec.replicas", "0");
    ground.kubectl("delete bgt/other").expect();
    ground.settle("deploy/web", ".spec.replicas", "1");

    // Another scenario kills whoever leads.
    let (until, user) = (ground.now() + SignedDuration::from_secs(30), ground.user());
    ground.make(&format!(
        "{{apiVersion: billing.opex.dev/v1alpha1, kind: BudgetOverride, metadata: {{name: once}}, spec: {{budgetRef: \
         {{kind: Budget, name: team}}, until: '{until}', reason: test, grantedBy: '{user}'}}}}"
    ));
    ground.settle("deploy/web", ".spec.replicas", "3");
    restored(&ground);
    ground.settle("deploy/web", ".spec.replicas", "1");
    assert!(ground.now() >= until, "it was scaled down before the override's end");
    assert_eq!(recorded(&ground), ["web 3"]);
}

/// Somebody's policy refuses to scale: what is recorded is carried out by whoever leads when it is gone.
#[test]
fn s12_killed_between_the_record_and_the_workload() {
    if needs_own_cluster() {
        return;
    }
    let (cluster, operators) = scaling();
    let ground = Ground::on(cluster, "opex-killed", &[deployment("web", 3)]);
    ground.runs("web", 3);
    cluster.apply(REFUSES).expect();
    ground.hear("scale deploy/web --replicas=2 --dry-run=server", "not now");
    ground.make(&budget("team", 3, SCALE_DOWN));
    ground.condition("bgt/team", "Enforced", "False", "ScaleFailed");
    ground.event("bgt/team", "ScaleFailed", "Deployment/web from 3 to 1: ");
    assert_eq!(
        (ground.field("deploy/web", ".spec.replicas"), recorded(&ground)),
        ("3".into(), vec!["web 3".to_owned()])
    );

    let mut operators = operators.lock().unwrap();
    let leader = wait_until("a leader", PATIENCE, || {
        let leads = operators.iter().position(|operator| operator.leads(cluster));
        leads.ok_or_else(|| anyhow::anyhow!("nobody leads"))
    });
    operators.swap_remove(leader.unwrap()).process.kill9().unwrap();
    operators.push(start(cluster, "operator-c"));
    cluster
        .kubectl(["delete", "validatingadmissionpolicy,validatingadmissionpolicybinding", "test-no-scaling"])
        .expect();
    ground.settle_within(PATIENCE * 3, "deploy/web", ".spec.replicas", "1");
    ground.condition("bgt/team", "Enforced", "True", "ScaledDown");
    assert_eq!(recorded(&ground), ["web 3"]);
    ground.patch("bgt/team", PLENTY);
    restored(&ground);
    assert_eq!(ground.field("deploy/web", ".spec.replicas"), "3");
}

/// The right to patch a CronJob is no right to run something else in it.
#[test]
fn s12_the_operator_may_suspend_and_no_more() {
    if needs_own_cluster() {
        return;
    }
    let ground = Ground::on(&scaling().0, "opex-held", &[cron_job("nightly", false), deployment("web", 1)]);
    ground.make(&scaled_object("web", ""));
    let patch = |what: &str, patch: &str| {
        format!("--as={OPERATOR} --as-group=opex-test-readers patch {what} --type=merge -p {patch}")
    };
    let warnings =
        "get validatingadmissionpolicy opex-scale-guard -ojsonpath={.status.typeChecking.expressionWarnings}";
    assert_eq!(ground.kubectl(warnings).expect(), "");
    let denied = Denied("the operator may suspend and resume a CronJob, pause and resume a ScaledObject");
    check(
        &ground,
        &[
            case(patch("cronjob/nightly", r#"{"spec":{"suspend":true}}"#), Allowed),
            case(patch("cronjob/nightly", r#"{"spec":{"schedule":"*"}}"#), Refused("schedule")),
            case(patch("cronjob/nightly", r#"{"spec":{"successfulJobsHistoryLimit":9}}"#), denied),
            case(patch("cronjob/nightly", r#"{"spec":{"jobTemplate":{"spec":{"parallelism":9}}}}"#), denied),
            case(patch("cronjob/nightly", r#"{"metadata":{"labels":{"a":"b"}}}"#), denied),
            case(
                patch("scaledobject/web", r#"{"metadata":{"annotations":{"autoscaling.keda.sh/paused":"true"}}}"#),
                Allowed,
            ),
            case(
                patch("scaledobject/web", r#"{"metadata":{"annotations":{"autoscaling.keda.sh/paused":null}}}"#),
                Allowed,
            ),
            case(patch("scaledobject/web", r#"{"metadata":{"annotations":{"a":"b"}}}"#), denied),
            case(patch("scaledobject/web", r#"{"spec":{"maxReplicaCount":9}}"#), denied),
            case(patch("deploy/web", r#"{"spec":{"paused":true}}"#), Refused("cannot patch resource \"deployments\"")),
        ],
    );
}

#[test]
fn s12_without_the_right_it_blocks_and_says_so() {
    let ground = Ground::new("opex-no-right", &[deployment("web", 3)]);
    ground.runs("web", 3);
    ground.close(&budget("team", 3, SCALE_DOWN), "block");
    ground.condition("bgt/team", "Enforced", "False", "ScaleDownForbidden");
    check(&ground, &[case("scale deploy/web --replicas=4", Denied("Up to 3 replicas are allowed."))]);
    assert_eq!(ground.field("deploy/web", ".spec.replicas"), "3");
    ground.patch("bgt/team", PLENTY);
    ground.opened();
    ground.settle("namespace/opex-no-right", r".metadata.annotations.opex\.dev/scaled-down", "");
    ground.condition("bgt/team", "Enforced", "True", "NotRequired");
}

/// With the annotation by which its team says how far it may be scaled down.
fn annotated(manifest: &str, floor: &str) -> String {
    manifest.replacen("metadata: {", &format!("metadata: {{annotations: {{opex.dev/floor: '{floor}'}}, "), 1)
}

fn scaled_object(name: &str, annotation: &str) -> String {
    format!(
        "{{apiVersion: keda.sh/v1alpha1, kind: ScaledObject, metadata: {{name: {name}, annotations: {{{annotation}}}}}, \
         spec: {{maxReplicaCount: 5}}}}"
    )
}

/// Everything that can be scaled down, as it is.
fn values(ground: &Ground<'_>) -> Vec<String> {
    let kinds = "deployments,statefulsets,replicasets,replicationcontrollers,cronjobs,scaledobjects.keda.sh";
    let all = ground.kubectl(&format!("get {kinds} -ojson")).json().unwrap();
    let objects = all["items"].as_array().unwrap().iter();
    let owned = |object: &&Value| object["kind"] == "ReplicaSet" && object["metadata"]["ownerReferences"].is_array();
    let values = objects.filter(|object| !owned(object)).map(|object| {
        let value = match object["kind"].as_str().unwrap() {
            "CronJob" => &object["spec"]["suspend"],
            "ScaledObject" => &object["metadata"]["annotations"],
            _ => &object["spec"]["replicas"],
        };
        format!("{}/{}={value}", object["kind"].as_str().unwrap(), object["metadata"]["name"].as_str().unwrap())
    });
    values.collect()
}

/// The names and first values of what is recorded, in order of the names; nothing where there is no record.
fn recorded(ground: &Ground<'_>) -> Vec<String> {
    let name = format!("opex-scaled-down.{}", ground.namespace);
    let get = ["-n", RELEASE_NAMESPACE, "get", "configmap", &name, "--ignore-not-found", "-ojsonpath={.data}"];
    let data = ground.cluster.kubectl(get).expect();
    let data: Value = serde_json::from_str(&data).unwrap_or_default();
    let entries = data.as_object().into_iter().flatten().map(|(_, entry)| {
        let entry: Value = serde_json::from_str(entry.as_str().unwrap()).unwrap();
        format!("{} {}", entry["name"].as_str().unwrap(), entry["was"])
    });
    let mut entries: Vec<_> = entries.collect();
    entries.sort();
    entries
}

/// Waits until nothing is left to restore.
fn restored(ground: &Ground<'_>) {
    ground.settle(&format!("namespace/{}", ground.namespace), r".metadata.annotations.opex\.dev/scaled-down", "");
    wait_for("the record to go", PATIENCE, || recorded(ground).is_empty()).unwrap();
}

const SCALED_OBJECTS: &str = "
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: scaledobjects.keda.sh}
spec:
  group: keda.sh
  scope: Namespaced
  names: {kind: ScaledObject, plural: scaledobjects, singular: scaledobject}
  versions:
  - name: v1alpha1
    served: true
    storage: true
    schema:
      openAPIV3Schema:
        type: object
        properties:
          spec: {type: object, properties: {maxReplicaCount: {type: integer}}}
";

const REFUSES: &str = "
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata: {name: test-no-scaling}
spec:
  matchConstraints:
    resourceRules:
    - {apiGroups: [apps], apiVersions: [v1], operations: [UPDATE], resources: [deployments/scale], scope: Namespaced}
  validations:
  - {expression: 'false', message: not now}
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicyBinding
metadata: {name: test-no-scaling}
spec:
  policyName: test-no-scaling
  validationActions: [Deny]
  matchResources: {namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: opex-killed}}}
";
