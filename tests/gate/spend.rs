//! Scenarios 15 and 16: warnings that only warn, and no new spend under the strictest gate.

use opex_cluster::needs_simulated_nodes;

use crate::case::Want::{Allowed, Denied, Warned};
use crate::case::{case, check, with};
use crate::ground::Ground;
use crate::manifests::{
    autoscaler, claim, cron_job, daemon_set, database, deployment, growing_volume, job, owned, pod,
    replication_controller, service, workload,
};

#[test]
fn s15_a_warning_is_only_a_warning() {
    let ground = Ground::new("opex-s15", &[deployment("web", 1), autoscaler("web", 3), cron_job("nightly", false)]);
    let template = |spec: &str| {
        format!(
            r#"{{"spec":{{"template":{{"spec":{{"containers":[{{"name":"c","resources":{{"requests":{spec}}}}}]}}}}}}}}"#
        )
    };
    let more = format!("patch deploy web -p {}", template(r#"{"memory":"1Gi"}"#));
    let less = format!("patch deploy web -p {}", template(r#"{"cpu":"0.001"}"#));
    let nightly = r#"patch cronjob nightly -p {"spec":{"jobTemplate":{"spec":{"template":{"spec":{"containers":[{"name":"c","resources":{"requests":{"cpu":"1"}}}]}}}}}}"#;
    ground.gate("warn", None);
    check(
        &ground,
        &[
            case(
                "scale deploy/web --replicas=2",
                Warned("scale-up of deployments/web to 2 allowed, but ClusterBudget \"payments\" is used up"),
            ),
            case("scale deploy/web --replicas=1", Allowed),
            with("create -f -", deployment("new", 1), Warned("creation of deployments/new allowed, but ClusterBudget")),
            case(
                r#"patch hpa web --type=merge -p {"spec":{"maxReplicas":5}}"#,
                Warned("a higher maxReplicas of horizontalpodautoscalers/web allowed, but"),
            ),
            case(r#"patch hpa web --type=merge -p {"spec":{"maxReplicas":4}}"#, Allowed),
        ],
    );
    ground.gate("block", None);
    check(
        &ground,
        &[
            case(more, Warned("larger requests of deployments/web allowed, but")),
            case(less, Allowed),
            case(nightly, Warned("larger requests of cronjobs/nightly allowed, but")),
            case(
                r#"patch hpa.v1.autoscaling web --type=merge -p {"spec":{"maxReplicas":6}}"#,
                Warned("a higher maxReplicas of"),
            ),
        ],
    );
    ground.gate("block-scale-up", None);
    check(
        &ground,
        &[with("create -f -", deployment("newer", 1), Warned("creation of deployments/newer allowed, but"))],
    );
}

#[test]
fn s16_no_new_spend_under_block() {
    let ground = Ground::new(
        "opex-s16",
        &[
            database("db", 1),
            job("waiting", true),
            cron_job("nightly", false),
            cron_job("paused", true),
            service("web", "ClusterIP"),
        ],
    );
    let uid = ground.field("database/db", ".metadata.uid");
    ground.gate("block", None);
    let nameless = pod("x").replace("name: x", "generateName: x-");
    let defaulted = deployment("new", 1).replace("replicas: 1, ", "");
    check(
        &ground,
        &[
            with(
                "create -f -",
                deployment("new", 1),
                Denied("creation of deployments/new denied: ClusterBudget \"payments\" is used up"),
            ),
            with("create -f -", defaulted, Denied("creation of deployments/new denied")),
            with("apply --server-side -f -", deployment("new", 1), Denied("creation of deployments/new denied")),
            with("create -f -", deployment("asleep", 0), Allowed),
            with("create -f -", workload("StatefulSet", "new", 1), Denied("creation of statefulsets/new denied")),
            with("create -f -", workload("ReplicaSet", "new", 1), Denied("creation of replicasets/new denied")),
            with("create -f -", owned(&workload("ReplicaSet", "ours", 1), &uid), Allowed),
            with(
                "create -f -",
                replication_controller("new", 1),
                Denied("creation of replicationcontrollers/new denied"),
            ),
            with("create -f -", daemon_set("new"), Denied("creation of daemonsets/new denied")),
            with("create -f -", owned(&daemon_set("ours"), &uid), Allowed),
            with("create -f -", pod("new"), Denied("creation of pods/new denied")),
            with("create -f -", nameless, Denied("creation of pods/x-")),
            with("create -f -", owned(&pod("ours"), &uid), Allowed),
            with("create -f -", job("new", false), Denied("creation of jobs/new denied")),
            with("create -f -", job("later", true), Allowed),
            case("create job run --from=cronjob/nightly", Allowed),
            case(r#"patch job waiting -p {"spec":{"suspend":false}}"#, Denied("resumption of jobs/waiting denied")),
            case(
                r#"patch cronjob paused -p {"spec":{"suspend":false}}"#,
                Denied("resumption of cronjobs/paused denied"),
            ),
            case(r#"patch cronjob paused -p {"spec":{"schedule":"@yearly"}}"#, Allowed),
            with("create -f -", claim("new"), Denied("creation of persistentvolumeclaims/new denied")),
            with("create -f -", owned(&claim("ours"), &uid), Allowed),
            with(
                "create -f - --as=system:serviceaccount:kube-system:statefulset-controller",
                claim("data-db-0"),
                Allowed,
            ),
            with("create -f -", service("lb", "LoadBalancer"), Denied("a load balancer for services/lb denied")),
            with("create -f -", service("inner", "ClusterIP"), Allowed),
            case(
                r#"patch service web -p {"spec":{"type":"LoadBalancer"}}"#,
                Denied("a load balancer for services/web denied"),
            ),
            case(r#"patch service web -p {"spec":{"sessionAffinity":"ClientIP"}}"#, Allowed),
        ],
    );
}

#[test]
fn s16_claims_and_requests_do_not_grow_under_block() {
    if needs_simulated_nodes() {
        return;
    }
    let ground = Ground::new("opex-s16-growth", &[claim("data"), pod("p")]);
    ground.make(&growing_volume("growing", "opex-s16", "opex-s16-growth", "data"));
    ground.settle("pvc/data", ".status.phase", "Bound");
    ground.runs_in_place("p");
    let resize = |cpu: &str, want| {
        let patch = format!(
            r#"patch pod p --subresource=resize -p {{"spec":{{"containers":[{{"name":"c","resources":{{"requests":{{"cpu":"{cpu}"}}}}}}]}}}}"#
        );
        case(patch, want)
    };
    // Until 1.33 a Pod was not resized through a subresource.
    let resizes = |cases: Vec<_>| if ground.cluster.minor() < 33 { Vec::new() } else { cases };
    let larger = r#"patch pvc data -p {"spec":{"resources":{"requests":{"storage":"2Gi"}}}}"#;
    ground.gate("block", None);
    check(
        &ground,
        &[case(larger, Denied("growth of persistentvolumeclaims/data denied")), case("label pvc data a=b", Allowed)],
    );
    let refused = resize("20m", Denied("larger requests of pods/p denied"));
    check(&ground, &resizes(vec![refused, resize("0.010", Allowed), resize("5m", Allowed)]));
    ground.open();
    check(&ground, &[case(larger, Allowed)]);
    check(&ground, &resizes(vec![resize("20m", Allowed)]));
    ground.cluster.kubectl(["delete", "pv/opex-s16", "storageclass/growing", "--wait=false"]).expect();
}
