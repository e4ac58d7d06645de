//! Scenarios 1 to 4, 6 and 7: what exists does not grow beyond its ceiling, and heals.

use std::time::Duration;

use opex_cluster::{needs_own_cluster, wait_for};

use crate::by_hand::WHY;
use crate::case::Want::{Allowed, Denied};
use crate::case::{case, check, with};
use crate::ground::Ground;
use crate::manifests::{database, deployment, job, owned, replication_controller, scale, workload};

#[test]
fn s01_a_workload_grows_up_to_its_ceiling() {
    let ground = Ground::new("opex-s01", &[deployment("web", 3), deployment("idle", 0), deployment("cur", 3)]);
    ground.gate("block-scale-up", Some("deployments.apps/idle=3 deployments.apps/web=5"));
    check(
        &ground,
        &[
            case("scale deploy/web --replicas=5", Allowed),
            case("scale deploy/web --replicas=6", Denied("Up to 5 replicas are allowed. Ask finops-")),
            case("scale deploy/web --replicas=3", Allowed),
            case("scale deploy/web --replicas=3", Allowed),
            case("scale deploy/web --replicas=5", Allowed),
            case("scale deploy/web --replicas=0", Allowed),
            case("scale deploy/web --replicas=3", Allowed),
            case("scale deploy/idle --replicas=1", Allowed),
            case("scale deploy/idle --replicas=3", Allowed),
            case("scale deploy/idle --replicas=4", Denied("scale-up of deployments/idle to 4 denied")),
            case("scale deploy/cur --replicas=4", Denied("Up to 3 replicas are allowed.")),
            case("scale deploy/cur --replicas=1", Allowed),
            case("scale deploy/cur --replicas=2", Denied("Up to 1 replica is allowed.")),
            case("scale deploy/cur --replicas=0", Allowed),
            case("scale deploy/cur --replicas=2", Denied("Up to 1 replica is allowed.")),
            case("scale deploy/cur --replicas=1", Allowed),
        ],
    );
    ground.gate("block", Some("deployments.apps/web=5"));
    check(
        &ground,
        &[
            case("scale deploy/web --replicas=5", Allowed),
            case("scale deploy/cur --replicas=0", Allowed),
            case("scale deploy/cur --replicas=1", Denied("Up to 0 replicas are allowed.")),
            case(r#"patch deploy cur --type=merge -p {"spec":{"replicas":null}}"#, Denied("to 1 denied")),
        ],
    );
    ground.gate("block-scale-up", None);
    check(
        &ground,
        &[
            case("scale deploy/web --replicas=6", Denied("Up to 5 replicas are allowed.")),
            case("scale deploy/cur --replicas=1", Allowed),
        ],
    );
    ground.open();
    check(&ground, &[case("scale deploy/web --replicas=9", Allowed)]);
}

#[test]
fn s01_the_message_is_exact() {
    let ground = Ground::new("opex-s01-message", &[deployment("web", 3)]);
    ground.gate("block-scale-up", Some("deployments.apps/web=10"));
    let contact = ground.field("namespace/opex-s01-message", ".metadata.annotations.opex\\.dev/gate-message");
    let contact = contact.rsplit_once(". ").unwrap().1.to_owned();
    let up = ["-n", ground.namespace, "scale", "deploy/web", "--replicas=11"];
    assert_eq!(
        ground.cluster.kubectl(up).expect_refused().trim_end(),
        format!(
            "Error from server (Forbidden): deployments.apps \"web\" is forbidden: ValidatingAdmissionPolicy \
             'opex-scale-gate' with binding 'opex-scale-gate-deny' denied request: scale-up of deployments/web to 11 \
             denied: {WHY}. Up to 10 replicas are allowed. {contact} for a BudgetOverride.",
            contact = contact.trim_end_matches(" for a BudgetOverride."),
        )
    );
}

#[test]
fn s02_no_way_of_writing_gets_past() {
    let ground = Ground::new("opex-s02", &[deployment("web", 3)]);
    ground.gate("block-scale-up", Some("deployments.apps/web=4"));
    let nine = || deployment("web", 9);
    let image = |image: &str| deployment("web", 3).replace("busybox:1", image);
    let raw = "replace -f - --raw=/apis/apps/v1/namespaces/opex-s02/deployments/web/scale --as=system:serviceaccount:kube-system:horizontal-pod-autoscaler";
    check(
        &ground,
        &[
            case(r#"patch deploy web -p {"spec":{"replicas":9}}"#, Denied("to 9 denied")),
            case(r#"patch deploy web --type=merge -p {"spec":{"replicas":9}}"#, Denied("to 9 denied")),
            case(
                r#"patch deploy web --type=json -p [{"op":"replace","path":"/spec/replicas","value":9}]"#,
                Denied("to 9 denied"),
            ),
            case(
                r#"patch deploy web --subresource=scale --type=merge -p {"spec":{"replicas":9}}"#,
                Denied("to 9 denied"),
            ),
            with("apply -f -", nine(), Denied("to 9 denied")),
            with("apply --server-side --force-conflicts -f -", nine(), Denied("to 9 denied")),
            with("replace -f -", nine(), Denied("to 9 denied")),
            with(raw, scale("web", "opex-s02", 9), Denied("to 9 denied")),
            with(raw, scale("web", "opex-s02", 4), Allowed),
            with(raw, scale("web", "opex-s02", 3), Allowed),
            with("apply -f -", image("busybox:1.36"), Allowed),
            with("apply --server-side --force-conflicts -f -", image("busybox:1.37"), Allowed),
            with("replace -f -", image("busybox:1"), Allowed),
            case("label deploy web tier=front", Allowed),
            with("replace -f -", deployment("web", 4), Allowed),
        ],
    );
}

#[test]
fn s02_an_editor_gets_past_no_more() {
    let ground = Ground::new("opex-s02-edit", &[deployment("web", 3)]);
    ground.gate("block-scale-up", Some("deployments.apps/web=4"));
    let edit = |change: &str| {
        let mut kubectl = ground.cluster.command("kubectl");
        kubectl.args(["-n", ground.namespace, "edit", "deploy/web"]);
        // What is refused is kept in a temporary file.
        kubectl.env("KUBE_EDITOR", format!("sed -i.orig -e '{change}'")).env("TMPDIR", ground.cluster.dir());
        let output = kubectl.output().unwrap();
        (output.status.success(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let (edited, said) = edit("s/replicas: 3$/replicas: 9/");
    assert!(!edited && said.contains("scale-up of deployments/web to 9 denied"), "{said}");
    let (edited, said) = edit("s/image: busybox:1$/image: busybox:1.36/");
    assert!(edited && !said.contains("denied"), "{said}");
    assert_eq!(ground.field("deploy/web", ".spec.template.spec.containers[0].image"), "busybox:1.36");
    let (edited, said) = edit("s/replicas: 3$/replicas: 4/");
    assert!(edited, "{said}");
    assert_eq!(ground.field("deploy/web", ".spec.replicas"), "4");
}

#[test]
fn s03_a_rollout_goes_through() {
    let ground = Ground::new("opex-s03", &[deployment("web", 3)]);
    ground.settle("deploy/web", ".status.readyReplicas", "3");
    ground.gate("block", None);
    check(
        &ground,
        &[
            case("set image deploy/web c=busybox:1.36", Allowed),
            case("rollout status deploy/web --timeout=60s", Allowed),
            case("rollout restart deploy/web", Allowed),
            case("rollout status deploy/web --timeout=60s", Allowed),
            case("rollout undo deploy/web", Allowed),
            case("rollout status deploy/web --timeout=60s", Allowed),
        ],
    );
    ground.settle("deploy/web", ".status.updatedReplicas", "3");
}

#[test]
fn s04_a_lost_pod_comes_back() {
    let ground = Ground::new("opex-s04", &[deployment("web", 3)]);
    ground.settle("deploy/web", ".status.readyReplicas", "3");
    ground.gate("block", None);
    let of_web = "-l=app=web";
    let first = || {
        let get = ["-n", "opex-s04", "get", "pods", of_web, "-ojsonpath={.items[0].metadata.name}"];
        ground.cluster.kubectl(get).expect()
    };
    let gone = first();
    ground.cluster.kubectl(["-n", "opex-s04", "delete", "pod", &gone]).expect();
    ground.settle("deploy/web", ".status.readyReplicas", "3");
    let evicted = first();
    ground.evict(&evicted).expect();
    wait_for("another Pod", Duration::from_secs(30), || {
        let pods = ["-n", "opex-s04", "get", "pods", of_web, "-oname"];
        let pods = ground.cluster.kubectl(pods).expect();
        pods.lines().count() == 3 && !pods.contains(&evicted)
    })
    .unwrap();
}

#[test]
fn s04_a_drained_pod_comes_back() {
    if needs_own_cluster() {
        return;
    }
    let ground = Ground::new("opex-s04-drained", &[deployment("drained", 3)]);
    ground.settle("deploy/drained", ".status.readyReplicas", "3");
    ground.gate("block", None);
    let node = ground.field("pods -l=app=drained", ".items[0].spec.nodeName");
    let others = format!("get pods -l=app=drained --field-selector=spec.nodeName!={node} -oname");
    check(&ground, &[case(format!("drain {node} --pod-selector=app=drained --timeout=60s"), Allowed)]);
    wait_for("the Pods elsewhere", Duration::from_mins(1), || ground.kubectl(&others).expect().lines().count() == 3)
        .unwrap();
    ground.settle("deploy/drained", ".status.readyReplicas", "3");
    ground.kubectl(&format!("uncordon {node}")).expect();
}

#[test]
fn s06_custom_resources_and_what_they_own() {
    let ground = Ground::new("opex-s06", &[database("db", 2)]);
    let uid = ground.field("database/db", ".metadata.uid");
    ground.make(&owned(&workload("StatefulSet", "db", 2), &uid));
    ground.gate("block-scale-up", None);
    check(
        &ground,
        &[
            case("scale database/db --replicas=3", Denied("scale-up of databases/db to 3 denied")),
            case(r#"patch database db --type=merge -p {"spec":{"replicas":3}}"#, Denied("to 3 denied")),
            with("apply --server-side --force-conflicts -f -", database("db", 3), Denied("to 3 denied")),
            case(r#"patch database db --type=merge -p {"spec":{"version":"2"}}"#, Allowed),
            case(r#"patch database db --subresource=status --type=merge -p {"status":{"replicas":9}}"#, Allowed),
            case("scale database/db --replicas=0", Allowed),
            case("scale database/db --replicas=2", Denied("Up to 1 replica is allowed.")),
            case("scale database/db --replicas=1", Allowed),
            case("scale statefulset/db --replicas=3", Denied("scale-up of statefulsets/db to 3 denied")),
            case(r#"patch statefulset db -p {"spec":{"replicas":3}}"#, Denied("to 3 denied")),
        ],
    );
    ground.gate("block-scale-up", Some("databases.example.com/db=4"));
    check(
        &ground,
        &[
            case("scale database/db --replicas=4", Allowed),
            case("scale database/db --replicas=5", Denied("Up to 4 replicas are allowed.")),
        ],
    );
}

#[test]
fn s07_replica_sets_jobs_and_controllers() {
    let ground = Ground::new(
        "opex-s07",
        &[deployment("web", 1), workload("ReplicaSet", "bare", 1), replication_controller("rc", 1), job("batch", true)],
    );
    ground.settle("deploy/web", ".status.replicas", "1");
    let name = ground.field("replicaset -l=app=web", ".items[0].metadata.name");
    let up = format!(r#"patch replicaset {name} -p {{"spec":{{"replicas":9}}}}"#);
    ground.gate("block-scale-up", None);
    let forged = r#"patch replicaset bare -p {"metadata":{"ownerReferences":[{"apiVersion":"v1","kind":"Pod","name":"x","uid":"x","controller":true}]},"spec":{"replicas":2}}"#;
    check(
        &ground,
        &[
            case(up, Allowed),
            case("scale replicaset/bare --replicas=2", Denied("scale-up of replicasets/bare to 2 denied")),
            case(r#"patch replicaset bare -p {"spec":{"replicas":2}}"#, Denied("to 2 denied")),
            case(forged, Denied("to 2 denied")),
            case("scale rc/rc --replicas=2", Denied("scale-up of replicationcontrollers/rc to 2 denied")),
            case(r#"patch rc rc -p {"spec":{"replicas":2}}"#, Denied("to 2 denied")),
            case(r#"patch job batch -p {"spec":{"parallelism":2}}"#, Denied("Up to 1 parallel Pod is allowed.")),
            case(r#"patch job batch -p {"spec":{"parallelism":0}}"#, Allowed),
            case(r#"patch job batch --type=merge -p {"spec":{"parallelism":null}}"#, Allowed),
        ],
    );
    ground.gate("block", Some("jobs.batch/batch=3 replicationcontrollers/rc=2"));
    check(
        &ground,
        &[
            case("scale rc/rc --replicas=2", Allowed),
            case("scale rc/rc --replicas=3", Denied("Up to 2 replicas are allowed.")),
            case(r#"patch job batch -p {"spec":{"parallelism":3}}"#, Allowed),
            case(r#"patch job batch -p {"spec":{"parallelism":4}}"#, Denied("Up to 3 parallel Pods are allowed.")),
        ],
    );
}
