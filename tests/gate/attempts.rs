//! The attempts of the table: what exists grows, what is new, ways round the gate, and what heals.

use crate::manifests::{
    claim, cron_job, daemon_set, database, deployment, job, owned, pod, replication_controller, resource_claim, scale,
    service, workload,
};

/// An attempt, in a few words, and how it is made. Nothing is kept, unless the command knows no dry run.
pub struct Way {
    pub what: &'static str,
    /// kubectl's arguments, split at spaces; `{ns}` stands for the namespace.
    pub command: String,
    pub input: String,
}

fn way(what: &'static str, command: &str) -> Way {
    with(what, command, String::new())
}

fn with(what: &'static str, command: &str, input: String) -> Way {
    Way { what, command: command.to_owned(), input }
}

/// A dry run of a patch.
fn patch(what: &'static str, object: &str, patch: &str) -> Way {
    way(what, &format!("patch {object} --dry-run=server -p {patch}"))
}

/// A dry run of a merge patch, which alone takes a null, and which custom resources take.
fn merge(what: &'static str, object: &str, patch: &str) -> Way {
    way(what, &format!("patch {object} --dry-run=server --type=merge -p {patch}"))
}

/// A dry run of a creation.
fn create(what: &'static str, manifest: String) -> Way {
    with(what, "create --dry-run=server -f -", manifest)
}

/// A request for more by the containers of a template.
fn requests(cpu: &str) -> String {
    format!(
        r#"{{"template":{{"spec":{{"containers":[{{"name":"c","resources":{{"requests":{{"cpu":"{cpu}"}}}}}}]}}}}}}"#
    )
}

/// More of what exists. The ceiling of Deployment `web` with its 3 replicas is 4; StatefulSet `asleep` has none.
pub fn of_what_exists() -> Vec<Way> {
    let raw = "replace --raw /apis/apps/v1/namespaces/{ns}/deployments/web/scale?dryRun=All -f - \
               --as=system:serviceaccount:kube-system:horizontal-pod-autoscaler";
    vec![
        way("`kubectl scale`, up to the ceiling", "scale deploy/web --replicas=4 --dry-run=server"),
        way("`kubectl scale`, above it", "scale deploy/web --replicas=5 --dry-run=server"),
        patch("a strategic patch of `replicas`", "deploy web", r#"{"spec":{"replicas":5}}"#),
        merge("a merge patch", "deploy web", r#"{"spec":{"replicas":5}}"#),
        way(
            "a JSON patch",
            r#"patch deploy web --dry-run=server --type=json -p [{"op":"replace","path":"/spec/replicas","value":5}]"#,
        ),
        merge("a patch of `/scale`", "deploy web --subresource=scale", r#"{"spec":{"replicas":5}}"#),
        with("`kubectl apply`", "apply --dry-run=server -f -", deployment("web", 5)),
        with("server-side apply", "apply --dry-run=server --server-side --force-conflicts -f -", deployment("web", 5)),
        with("`kubectl replace`", "replace --dry-run=server -f -", deployment("web", 5)),
        with("an autoscaler, up to the ceiling", raw, scale("web", "{ns}", 4)),
        with("an autoscaler, above it", raw, scale("web", "{ns}", 5)),
        way("what sleeps wakes, with 1 replica", "scale sts/asleep --replicas=1 --dry-run=server"),
        merge("the same by `replicas: null`", "sts asleep", r#"{"spec":{"replicas":null}}"#),
        way("what sleeps wakes, with 2", "scale sts/asleep --replicas=2 --dry-run=server"),
        way("a ReplicaSet without an owner", "scale rs/bare --replicas=2 --dry-run=server"),
        way("a ReplicationController", "scale rc/rc --replicas=2 --dry-run=server"),
        way("a custom resource, through `/scale`", "scale database/db --replicas=3 --dry-run=server"),
        merge("a custom resource, by a patch", "database db", r#"{"spec":{"replicas":3}}"#),
        way("the StatefulSet that a custom resource owns", "scale sts/db --replicas=3 --dry-run=server"),
        patch("a Job's `parallelism`", "job waiting", r#"{"spec":{"parallelism":2}}"#),
        patch("a suspended Job resumed", "job waiting", r#"{"spec":{"suspend":false}}"#),
        patch("a suspended CronJob resumed", "cronjob paused", r#"{"spec":{"suspend":false}}"#),
        patch("a CronJob that runs more often", "cronjob nightly", r#"{"spec":{"schedule":"@hourly"}}"#),
        patch(
            "more parallel Pods in a CronJob's runs",
            "cronjob nightly",
            r#"{"spec":{"jobTemplate":{"spec":{"parallelism":2}}}}"#,
        ),
        patch("larger requests in a Pod template", "deploy web", &format!(r#"{{"spec":{}}}"#, requests("1"))),
        patch(
            "a GPU, by its limit alone",
            "deploy web",
            r#"{"spec":{"template":{"spec":{"containers":[{"name":"c","resources":{"limits":{"nvidia.com/gpu":"1"}}}]}}}}"#,
        ),
        patch(
            "a device claim more",
            "deploy web",
            r#"{"spec":{"template":{"spec":{"resourceClaims":[{"name":"gpu","resourceClaimTemplateName":"gpu"}]}}}}"#,
        ),
        patch(
            "a volume of its own more",
            "deploy web",
            r#"{"spec":{"template":{"spec":{"volumes":[{"name":"scratch","ephemeral":{"volumeClaimTemplate":{"spec":{"accessModes":["ReadWriteOnce"],"resources":{"requests":{"storage":"9Gi"}}}}}}]}}}}"#,
        ),
        patch(
            "larger requests in a CronJob's template",
            "cronjob nightly",
            &format!(r#"{{"spec":{{"jobTemplate":{{"spec":{}}}}}}}"#, requests("1")),
        ),
        patch(
            "a running Pod resized in place",
            "pod p --subresource=resize",
            r#"{"spec":{"containers":[{"name":"c","resources":{"requests":{"cpu":"20m"}}}]}}"#,
        ),
        merge(
            "a DaemonSet on more nodes",
            "daemonset agent",
            r#"{"spec":{"template":{"spec":{"nodeSelector":null}}}}"#,
        ),
        patch("a larger claim", "pvc disk", r#"{"spec":{"resources":{"requests":{"storage":"2Gi"}}}}"#),
        patch("a Service that becomes a LoadBalancer", "service web", r#"{"spec":{"type":"LoadBalancer"}}"#),
        merge("a higher `maxReplicas`", "hpa web", r#"{"spec":{"maxReplicas":9}}"#),
        merge("a higher `minReplicas`", "hpa web", r#"{"spec":{"minReplicas":4}}"#),
        way("a new autoscaler (what it scales is gated)", "autoscale rs bare --max=9 --dry-run=server"),
        way("`kubectl debug`: a container more in a Pod", "debug p --image=busybox:1 --attach=false"),
    ]
}

/// What was not there before.
pub fn of_new_spend() -> Vec<Way> {
    let nameless = |manifest: String| manifest.replace("name: new", "generateName: new-");
    vec![
        create("a Deployment", deployment("new", 1)),
        with("the same by `kubectl apply`", "apply --dry-run=server -f -", deployment("new", 1)),
        with("the same by server-side apply", "apply --dry-run=server --server-side -f -", deployment("new", 1)),
        create("the same without `replicas`", deployment("new", 1).replace("replicas: 1, ", "")),
        create("a Deployment that sleeps", deployment("new", 0)),
        create("a StatefulSet", workload("StatefulSet", "new", 1)),
        create("a ReplicaSet", workload("ReplicaSet", "new", 1)),
        create("a ReplicationController", replication_controller("new", 1)),
        create("a DaemonSet", daemon_set("new")),
        create("a Job", job("new", false)),
        create("a suspended Job", job("new", true)),
        create("a CronJob", cron_job("new", false)),
        create("a suspended CronJob", cron_job("new", true)),
        way("`kubectl run`", "run new --image=busybox:1 --dry-run=server"),
        create("a Pod with `generateName`", nameless(pod("new"))),
        way("`kubectl debug --copy-to`: a copy of a Pod", "debug p --image=busybox:1 --attach=false --copy-to=copy"),
        way("`kubectl debug` of a node", "debug node/node-0 --image=busybox:1 --attach=false"),
        create("a claim", claim("new")),
        create("a ResourceClaim, of devices", resource_claim("new")),
        create("a LoadBalancer", service("new", "LoadBalancer")),
        way(
            "`kubectl expose --type=LoadBalancer`",
            "expose rs bare --name=new --port=80 --type=LoadBalancer --dry-run=server",
        ),
        create("a Service of another type", service("new", "ClusterIP")),
        create("an object that a plan bills (chart value `rbac.objects`)", database("new", 1)),
    ]
}

/// Ways round the gate.
pub fn of_going_round(uid: &str) -> Vec<Way> {
    vec![
        with("deleted and made again (`kubectl replace --force`)", "replace --force -f -", deployment("again", 1)),
        create("a Pod that names an owner", owned(&pod("new"), uid)),
        create("a StatefulSet that names an owner", owned(&workload("StatefulSet", "new", 1), uid)),
        way("`kubectl create job --from` a CronJob", "create job new --from=cronjob/nightly --dry-run=server"),
        patch(
            "a bare ReplicaSet that is given an owner and replicas at once",
            "rs bare",
            &format!(
                r#"{{"metadata":{{"ownerReferences":[{{"apiVersion":"example.com/v1","kind":"Database","name":"db","uid":"{uid}","controller":true}}]}},"spec":{{"replicas":2}}}}"#
            ),
        ),
        way("a tenant removes the label", "--as=tenant label namespace {ns} opex.dev/gate- --dry-run=server"),
        merge(
            "the same through `/status`",
            "namespace {ns} --subresource=status --as=tenant",
            r#"{"metadata":{"labels":{"opex.dev/gate":null}}}"#,
        ),
        way(
            "a tenant raises a ceiling",
            "--as=tenant annotate namespace {ns} --overwrite opex.dev/ceilings=deployments.apps/web=9 --dry-run=server",
        ),
    ]
}

/// What runs is kept running.
pub fn of_healing(replica_set: &str, uid: &str) -> Vec<Way> {
    let by = |controller: &str| {
        format!(
            "create --dry-run=server -f - --as=system:serviceaccount:kube-system:{controller} --as-group=system:masters"
        )
    };
    let evict = "create --raw /api/v1/namespaces/{ns}/pods/p/eviction?dryRun=All -f -";
    let eviction = r#"{"apiVersion":"policy/v1","kind":"Eviction","metadata":{"name":"p","namespace":"{ns}"}}"#;
    vec![
        with("a controller's replacement of a Pod", &by("replicaset-controller"), owned(&pod("new"), uid)),
        with("the claim of a StatefulSet's Pod", &by("statefulset-controller"), claim("data-asleep-0")),
        way("another image", "set image deploy/web c=busybox:1.36 --dry-run=server"),
        way("`kubectl rollout restart`", "rollout restart deploy/web"),
        way("`kubectl rollout undo`", "rollout undo deploy/web --dry-run=server"),
        way(
            "a Deployment scales a ReplicaSet of its own",
            &format!(r#"patch rs {replica_set} --dry-run=server -p {{"spec":{{"replicas":9}}}}"#),
        ),
        way("fewer replicas", "scale deploy/web --replicas=0 --dry-run=server"),
        patch("smaller requests in a Pod template", "deploy web", &format!(r#"{{"spec":{}}}"#, requests("5m"))),
        merge("what a status says", "deploy web --subresource=status", r#"{"status":{"replicas":9}}"#),
        with("an eviction", evict, eviction.to_owned()),
        way("a node drained", "drain node-0 --dry-run=server --force --ignore-daemonsets"),
        way("anything deleted", "delete deploy/web --dry-run=server"),
    ]
}
