//! What each kind brings and takes away.

use super::*;

fn around() -> Surroundings {
    let node =
        |name: &str, pool: &str| Node::read(&json!({"metadata": {"name": name, "labels": {"pool": pool}}, "spec": {}}));
    Surroundings {
        nodes: vec![node("n1", "a"), node("n2", "a"), node("n3", "b")],
        default_class: "standard".to_owned(),
        now: "2026-11-21T10:00:00Z".parse().unwrap(),
        ..Surroundings::default()
    }
}

fn template(cpu: &str) -> Value {
    json!({"metadata": {"labels": {"app": "web"}},
        "spec": {"containers": [{"name": "c", "resources": {"requests": {"cpu": cpu}}}]}})
}

fn workload(kind: &str, spec: &Value) -> Value {
    let group = if kind == "Job" || kind == "CronJob" { "batch" } else { "apps" };
    let mut object = json!({"apiVersion": format!("{group}/v1"), "kind": kind,
        "metadata": {"name": "web", "namespace": "team", "uid": "u"}, "spec": {"template": template("1")}});
    for (field, value) in spec.as_object().unwrap() {
        object["spec"][field] = value.clone();
    }
    object
}

fn pod(name: &str, node: &str, minute: u32) -> Value {
    json!({"apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": name, "namespace": "team", "creationTimestamp": format!("2026-11-21T09:{minute:02}:00Z")},
        "spec": {"nodeName": node, "containers": [{"name": "c"}, {"name": "sidecar"}]}})
}

fn change(before: Option<Value>, after: Option<Value>, pods: &[Value]) -> Change {
    Change { name: "x/web".to_owned(), before, after, pods: pods.to_vec(), ..Change::default() }
}

/// `web-1@n2` for each.
fn shown(objects: &[Value]) -> Vec<String> {
    let one = |object: &Value| match node_of(object) {
        Some(node) => format!("{}@{node}", name_of(object)),
        None => name_of(object).to_owned(),
    };
    objects.iter().map(one).collect()
}

fn imagine(change: Change, around: &Surroundings) -> (Vec<String>, Vec<String>) {
    let imagined = Imagined::of(&[change], around);
    (shown(&imagined.there), shown(&imagined.gone))
}

#[test]
fn replicas_come_where_the_newest_is_and_the_newest_go() {
    let deployment = |replicas: u32| Some(workload("Deployment", &json!({"replicas": replicas})));
    let pods = [pod("b", "n2", 2), pod("a", "n1", 1), pod("waits", "", 0)];
    let scaled = |to: u32| Change { replicas: Some(to.into()), ..change(deployment(3), deployment(3), &pods) };
    for (to, there, gone) in [
        (5, &["web-imagined-0@n2", "web-imagined-1@n2"][..], &[][..]),
        (3, &[], &[]),
        (2, &[], &["waits"]),
        (1, &[], &["b@n2", "waits"]),
        (0, &[], &["a@n1", "b@n2", "waits"]),
    ] {
        let (here, away) = imagine(scaled(to), &around());
        assert_eq!((here, away), (own(there), own(gone)), "{to}");
    }
    let more = Imagined::of(&[scaled(4)], &around());
    assert_eq!(more.there[0]["spec"]["containers"].as_array().unwrap().len(), 2, "as the newest Pod is");
    assert_eq!(more.there[0]["metadata"]["ownerReferences"][0]["kind"], "Deployment");
    let (here, away) = imagine(change(deployment(3), None, &pods), &around());
    assert_eq!((here.len(), away.len()), (0, 3));
}

#[test]
fn a_pod_more_uses_what_the_newest_uses() {
    let mut around = around();
    around.samples =
        vec![json!({"kind": "PodMetrics", "metadata": {"name": "a", "namespace": "team"}, "timestamp": "t"})];
    let deployment = Some(workload("Deployment", &json!({"replicas": 1})));
    let scaled = Change { replicas: Some(2), ..change(deployment.clone(), deployment, &[pod("a", "n1", 1)]) };
    assert_eq!(imagine(scaled, &around).0, own(&["web-imagined-0@n1", "web-imagined-0"]));
}

fn own(list: &[&str]) -> Vec<String> {
    list.iter().map(|text| (*text).to_owned()).collect()
}

#[test]
fn a_template_that_costs_otherwise_replaces_every_pod_where_it_is() {
    let before = workload("Deployment", &json!({"replicas": 2}));
    let pods = [pod("a", "n1", 1), pod("b", "n3", 2)];
    let after = |cpu: &str, image: &str| {
        let mut template = template(cpu);
        template["spec"]["containers"][0]["image"] = json!(image);
        Some(workload("Deployment", &json!({"replicas": 2, "template": template})))
    };
    let other = |after| imagine(change(Some(before.clone()), after, &pods), &around());
    assert_eq!(other(after("1", "web:2")), (Vec::new(), Vec::new()));
    let replaced = own(&["web-imagined-0@n1", "web-imagined-1@n3"]);
    assert_eq!(other(after("2", "web:2")), (replaced, own(&["a@n1", "b@n3"])));
}

#[test]
fn a_new_workload_is_put_where_most_nodes_are_alike() {
    let new = change(None, Some(workload("Deployment", &json!({"replicas": 2}))), &[]);
    assert_eq!(imagine(new, &around()).0, own(&["web-imagined-0@n1", "web-imagined-1@n1"]));
    let mut chosen = template("1");
    chosen["spec"]["nodeSelector"] = json!({"pool": "b"});
    let new = change(None, Some(workload("Deployment", &json!({"template": chosen}))), &[]);
    assert_eq!(imagine(new, &around()).0, own(&["web-imagined-0@n3"]), "one replica where none is said");
    let new = change(None, Some(workload("Deployment", &json!({}))), &[]);
    assert_eq!(imagine(new, &Surroundings::default()).0, own(&["web-imagined-0@unknown"]));
}

#[test]
fn a_stateful_set_brings_claims_and_leaves_them() {
    let set = |replicas: u32, policy: &str| {
        Some(workload(
            "StatefulSet",
            &json!({"replicas": replicas,
                "volumeClaimTemplates": [{"metadata": {"name": "data"}, "spec": {"resources": {"requests": {"storage": "1Gi"}}}}],
                "persistentVolumeClaimRetentionPolicy": {"whenScaled": policy, "whenDeleted": policy}}),
        ))
    };
    let pods = [pod("web-1", "n2", 2), pod("web-0", "n1", 1)];
    let claim = |name: &str| json!({"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": name, "namespace": "team"}});
    let mut around = around();
    around.claims = vec![claim("data-web-0"), claim("data-web-1"), claim("data-web-2")];
    let to = |after, policy| imagine(change(set(2, policy), after, &pods), &around);
    let (there, gone) = to(set(4, "Retain"), "Retain");
    assert_eq!(there, own(&["web-2@n2", "web-3@n2", "data-web-3"]), "data-web-2 was left from before");
    assert!(gone.is_empty());
    assert_eq!(to(set(1, "Retain"), "Retain").1, own(&["web-1@n2"]));
    assert_eq!(to(set(1, "Delete"), "Delete").1, own(&["web-1@n2", "data-web-1"]));
    assert_eq!(to(None, "Delete").1, own(&["web-1@n2", "web-0@n1", "data-web-1", "data-web-0"]));
    let brought = Imagined::of(&[change(set(2, "Retain"), set(4, "Retain"), &pods)], &around).there;
    let claim = &brought[2];
    assert_eq!((&claim["status"]["phase"], &claim["spec"]["storageClassName"]), (&json!("Bound"), &json!("standard")));
}

#[test]
fn a_daemon_set_has_one_on_each_node_that_takes_it() {
    let mut chosen = template("1");
    chosen["spec"]["nodeSelector"] = json!({"pool": "a"});
    let everywhere = Some(workload("DaemonSet", &json!({})));
    let some = Some(workload("DaemonSet", &json!({"template": chosen})));
    assert_eq!(
        imagine(change(None, everywhere.clone(), &[]), &around()).0,
        own(&["web-on-n1@n1", "web-on-n2@n2", "web-on-n3@n3"])
    );
    let pods = [pod("x", "n1", 1), pod("y", "n2", 1), pod("z", "n3", 1)];
    assert_eq!(
        imagine(change(everywhere.clone(), some, &pods), &around()),
        (own(&["web-on-n1@n1", "web-on-n2@n2"]), own(&["x@n1", "y@n2", "z@n3"]))
    );
    assert_eq!(imagine(change(everywhere.clone(), everywhere, &pods), &around()), (own(&[]), own(&[])));
}

#[test]
fn jobs_run_on_and_cron_jobs_are_not_guessed() {
    for (spec, pods) in [
        (json!({}), 1),
        (json!({"parallelism": 3, "completions": 2}), 2),
        (json!({"parallelism": 3}), 3),
        (json!({"parallelism": 3, "suspend": true}), 0),
    ] {
        assert_eq!(imagine(change(None, Some(workload("Job", &spec)), &[]), &around()).0.len(), pods, "{spec}");
    }
    let cron = Imagined::of(&[change(None, Some(workload("CronJob", &json!({}))), &[])], &around());
    assert!(cron.there.is_empty() && cron.notes[0].contains("costs when it runs"), "{cron:?}");
}

#[test]
fn an_autoscaler_is_said_and_not_counted() {
    let hpa = json!({"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": {"name": "web"},
        "spec": {"maxReplicas": 9, "scaleTargetRef": {"kind": "Deployment", "name": "web"}}});
    let imagined = Imagined::of(&[change(None, Some(hpa), &[])], &around());
    assert!(imagined.there.is_empty() && imagined.notes[0].contains("--scale deployment/web=9"), "{imagined:?}");
}

#[test]
fn what_is_no_workload_is_as_it_is() {
    let service = json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web", "namespace": "team"},
        "spec": {"type": "LoadBalancer"}});
    let new = Imagined::of(&[change(None, Some(service.clone()), &[])], &around());
    assert_eq!(new.there[0]["metadata"]["creationTimestamp"], "2026-11-21T10:00:00Z");
    assert_eq!(Imagined::of(&[change(Some(service.clone()), None, &[])], &around()).gone, [service]);
    let bare = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p", "namespace": "team"}, "spec": {
        "containers": [{"name": "c"}],
        "volumes": [{"name": "tmp", "ephemeral": {"volumeClaimTemplate": {"spec": {}}}}]}});
    let there = Imagined::of(&[change(None, Some(bare), &[])], &around()).there;
    assert_eq!(shown(&there), ["p-tmp", "p@n1"]);
    let claim = json!({"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "c"}, "spec": {}});
    let there = Imagined::of(&[change(None, Some(claim), &[])], &around()).there;
    assert_eq!(
        (&there[0]["status"]["phase"], &there[0]["spec"]["storageClassName"]),
        (&json!("Bound"), &json!("standard"))
    );
}

#[test]
fn more_pods_than_can_be_simulated_are_refused() {
    let web = |replicas: i64| Some(workload("Deployment", &json!({"replicas": replicas})));
    assert!(change(web(1), web(10_000), &[]).ensure_countable().is_ok());
    for too_many in [
        change(web(1), web(10_001), &[]),
        Change { replicas: Some(1_000_000), ..change(web(1), web(1), &[]) },
        change(None, Some(workload("Job", &json!({"parallelism": 20_000}))), &[]),
    ] {
        let error = too_many.ensure_countable().unwrap_err().to_string();
        assert!(error.starts_with("x/web: ") && error.ends_with(" replicas, and no more than 10000 can be simulated"));
    }
}

#[test]
fn what_comes_of_a_change_is_what_has_to_be_countable() {
    let many = Some(workload("Deployment", &json!({"replicas": 20_000})));
    assert!(Change { replicas: Some(1), ..change(many.clone(), many, &[]) }.ensure_countable().is_ok());
    let few = Some(workload("Job", &json!({"parallelism": 20_000, "completions": 5})));
    assert!(change(None, few, &[]).ensure_countable().is_ok());
}
