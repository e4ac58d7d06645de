//! Scenario 8: what the cluster does by itself goes on under a gate, and its own namespaces never have one.

use std::time::Duration;

use opex_cluster::{needs_own_cluster, wait_for};

use crate::by_hand::shared;
use crate::case::Want::Allowed;
use crate::case::{case, check};
use crate::ground::Ground;
use crate::manifests::{
    autoscaler, budget_override, claim, database, deployment, job, owned, service, statement, workload,
};

#[test]
fn s08_the_clusters_own_namespaces_are_never_gated() {
    if needs_own_cluster() {
        return;
    }
    let cluster = shared();
    for (namespace, name) in [("kube-system", "opex-s08"), ("opex-system", "opex-s08")] {
        let namespaced = |args: &str| {
            let args = ["-n", namespace].into_iter().chain(args.split(' '));
            cluster.kubectl(args).expect()
        };
        let label = |gate: &str| cluster.kubectl(["label", "namespace", namespace, gate]).expect();
        label("opex.dev/gate=block");
        namespaced(&format!("create deployment {name} --image=busybox:1 --replicas=0"));
        namespaced(&format!("scale deploy/{name} --replicas=1"));
        namespaced(&format!("delete deploy/{name}"));
        label("opex.dev/gate-");
    }
}

#[test]
fn s08_a_gated_namespace_can_be_deleted() {
    let ground = Ground::new("opex-s08", &[deployment("web", 2), database("db", 2), claim("data")]);
    ground.make(&statement("closing"));
    ground.make(&budget_override("once", &ground.user(), "2026-01-01T00:00:00Z"));
    ground.gate("block", None);
    let delete = ["delete", "namespace", ground.namespace, "--timeout=60s"];
    ground.cluster.kubectl(delete).expect();
}

#[test]
fn s08_status_writes_are_unaffected() {
    let ground = Ground::new(
        "opex-s08-status",
        &[
            deployment("web", 1),
            database("db", 1),
            job("batch", true),
            claim("data"),
            service("lb", "LoadBalancer"),
            autoscaler("web", 3),
        ],
    );
    ground.gate("block", None);
    let status = |object: &str, status: &str| {
        let patch = format!(r#"{{"status":{status}}}"#);
        case(format!("patch {object} --subresource=status --type=merge -p {patch}"), Allowed)
    };
    check(
        &ground,
        &[
            status("deploy/web", r#"{"replicas":9,"unavailableReplicas":9}"#),
            status("database/db", r#"{"replicas":9}"#),
            status("job/batch", r#"{"active":0}"#),
            status("pvc/data", r#"{"capacity":{"storage":"9Gi"}}"#),
            status("service/lb", r#"{"loadBalancer":{"ingress":[{"ip":"192.0.2.1"}]}}"#),
            status("hpa/web", r#"{"desiredReplicas":9,"currentReplicas":9}"#),
        ],
    );
}

#[test]
fn s08_what_has_lost_its_owner_is_collected() {
    let ground = Ground::new("opex-s08-owners", &[database("db", 1), deployment("web", 2), deployment("kept", 2)]);
    let uid = ground.field("database/db", ".metadata.uid");
    ground.make(&owned(&workload("StatefulSet", "db", 1), &uid));
    for deployment in ["web", "kept"] {
        ground.settle(&format!("deploy/{deployment}"), ".status.replicas", "2");
    }
    ground.gate("block", None);
    check(
        &ground,
        &[
            case("delete database/db --cascade=background", Allowed),
            case("delete deploy/web --cascade=foreground --timeout=60s", Allowed),
            case("delete deploy/kept --cascade=orphan --timeout=60s", Allowed),
        ],
    );
    let rest = || ground.kubectl("get statefulsets,replicasets,pods -oname").expect();
    wait_for("what the owners had", Duration::from_mins(1), || {
        let rest = rest();
        !rest.contains("statefulset") && !rest.contains("/db-") && !rest.contains("/web-")
    })
    .unwrap();
    // What was let go stays, without an owner.
    let orphan = rest().lines().find(|name| name.starts_with("replicaset.apps/kept-")).map(str::to_owned).unwrap();
    ground.settle(&orphan, ".metadata.ownerReferences", "");
    assert_eq!(rest().matches("pod/kept-").count(), 2);
}
