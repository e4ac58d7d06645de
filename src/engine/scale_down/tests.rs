//! Which workloads, from what to what; and what is put back.

use serde_json::{Value, json};

use super::*;

fn read(kind: Kind, name: &str, metadata: &Value, spec: &Value) -> Option<Workload> {
    let mut object =
        json!({"metadata": {"name": name, "uid": format!("uid-{name}"), "resourceVersion": "7"}, "spec": spec});
    object["metadata"].as_object_mut().unwrap().extend(metadata.as_object().unwrap().clone());
    Workload::read(kind, &object.to_string()).unwrap()
}

fn deployment(name: &str, replicas: i64) -> Workload {
    read(Kind::Deployments, name, &json!({}), &json!({"replicas": replicas})).unwrap()
}

/// What is done, one after the other, and what is left.
fn told(plan: &Plan) -> (Vec<String>, Vec<String>) {
    (plan.steps.iter().map(ToString::to_string).collect(), plan.left.iter().map(ToString::to_string).collect())
}

/// The steps of a plan taken: the workloads after it, and the record.
fn carried_out(plan: &Plan, found: &[Workload], floor: Option<i64>) -> (Vec<Workload>, Record) {
    let (mut found, mut record) = (found.to_vec(), plan.record.clone());
    for step in &plan.steps {
        let workload = found.iter_mut().find(|workload| workload.uid == step.uid).unwrap();
        assert_eq!(workload.value, step.from);
        workload.value = step.to;
        step.settle(&mut record, floor);
    }
    (found, record)
}

#[test]
fn each_kind_goes_down_as_its_team_lets_it() {
    use Kind::{CronJobs, Deployments, ReplicaSets, ReplicationControllers, ScaledObjects, StatefulSets};
    let owner = |kind: &str| json!({"ownerReferences": [{"apiVersion": "x/v1", "kind": kind, "name": "o", "uid": "u", "controller": true}]});
    let annotated = |key: &str, value: &str| json!({"annotations": {key: value}});
    let floor = |value: &str| annotated("opex.dev/floor", value);
    let none = json!({});
    let cases = [
        (Deployments, none.clone(), json!({"replicas": 5}), "Deployment/x from 5 to 2", ""),
        (Deployments, none.clone(), json!({"replicas": 2}), "", ""),
        (Deployments, none.clone(), json!({"replicas": 0}), "", ""),
        (Deployments, none.clone(), json!({}), "", ""),
        (Deployments, floor("3"), json!({"replicas": 5}), "Deployment/x from 5 to 3", ""),
        (Deployments, floor("1"), json!({"replicas": 5}), "Deployment/x from 5 to 2", ""),
        (Deployments, floor("9"), json!({"replicas": 5}), "", ""),
        (Deployments, floor("keep"), json!({"replicas": 5}), "", ""),
        (
            Deployments,
            floor("two"),
            json!({"replicas": 5}),
            "",
            "Deployment/x: opex.dev/floor \"two\" is neither a number nor keep",
        ),
        (
            Deployments,
            floor("-1"),
            json!({"replicas": 5}),
            "",
            "Deployment/x: opex.dev/floor \"-1\" is neither a number nor keep",
        ),
        (Deployments, floor("99999999999999999999"), json!({"replicas": 0}), "", ""),
        (Deployments, owner("Database"), json!({"replicas": 5}), "", "Deployment/x: Database/o decides"),
        (Deployments, owner("Database"), json!({"replicas": 1}), "", ""),
        (StatefulSets, none.clone(), json!({"replicas": 4}), "StatefulSet/x from 4 to 2", ""),
        (ReplicaSets, none.clone(), json!({"replicas": 4}), "ReplicaSet/x from 4 to 2", ""),
        (ReplicaSets, owner("Deployment"), json!({"replicas": 4}), "", ""),
        (ReplicationControllers, none.clone(), json!({"replicas": 4}), "ReplicationController/x from 4 to 2", ""),
        (CronJobs, none.clone(), json!({}), "CronJob/x suspended", ""),
        (CronJobs, none.clone(), json!({"suspend": false}), "CronJob/x suspended", ""),
        (CronJobs, none.clone(), json!({"suspend": true}), "", ""),
        (CronJobs, floor("1"), json!({"suspend": false}), "", ""),
        (CronJobs, floor("0"), json!({"suspend": false}), "CronJob/x suspended", ""),
        (CronJobs, floor("keep"), json!({"suspend": false}), "", ""),
        (ScaledObjects, none.clone(), json!(null), "ScaledObject/x paused", ""),
        (ScaledObjects, annotated("autoscaling.keda.sh/paused", "true"), json!({}), "", ""),
        (ScaledObjects, annotated("autoscaling.keda.sh/paused", "false"), json!({}), "ScaledObject/x paused", ""),
        (ScaledObjects, annotated("autoscaling.keda.sh/paused-replicas", "3"), json!({}), "", ""),
        (Deployments, json!({"deletionTimestamp": "2026-11-26T00:00:00Z"}), json!({"replicas": 5}), "", ""),
    ];
    for (kind, metadata, spec, step, left) in cases {
        let found: Vec<_> = read(kind, "x", &metadata, &spec).into_iter().collect();
        let plan = Plan::of(&Record::default(), &found, Some(2));
        let (steps, lefts) = told(&plan);
        assert_eq!((steps.join(", "), lefts.join(", ")), (step.into(), left.into()), "{kind:?} {metadata} {spec}");
        assert_eq!(plan.record.entries.len(), plan.steps.len(), "what is changed is recorded first");
        let (_, record) = carried_out(&plan, &found, Some(2));
        assert_eq!(Record::read(record.data()), record, "{kind:?} {metadata} {spec}");
    }
}

#[test]
fn everything_comes_back_in_the_opposite_order() {
    let kinds = [Kind::Deployments, Kind::CronJobs, Kind::ScaledObjects, Kind::StatefulSets];
    let paused = json!({"annotations": {"autoscaling.keda.sh/paused": "false"}});
    let found = kinds.iter().map(|kind| read(*kind, "x", &paused, &json!({"replicas": 3})).unwrap());
    let found: Vec<_> = found.zip(["a", "b", "c", "d"]).map(|(w, uid)| Workload { uid: uid.into(), ..w }).collect();
    let down = Plan::of(&Record::default(), &found, Some(0));
    assert_eq!(
        told(&down).0,
        ["ScaledObject/x paused", "CronJob/x suspended", "Deployment/x from 3 to 0", "StatefulSet/x from 3 to 0"]
    );
    let (scaled, record) = carried_out(&down, &found, Some(0));
    assert_eq!(
        Plan::of(&record, &scaled, Some(0)),
        Plan { record: record.clone(), room: record.room(), ..Plan::default() }
    );
    let back = Plan::of(&record, &scaled, None);
    assert_eq!(
        told(&back).0,
        ["StatefulSet/x from 0 to 3", "Deployment/x from 0 to 3", "CronJob/x resumed", "ScaledObject/x resumed"]
    );
    assert_eq!(back.steps[3].paused.as_deref(), Some("false"));
    let (restored, record) = carried_out(&back, &scaled, None);
    assert_eq!((restored, record.is_empty()), (found, true));
}

/// The operator may end at any moment: what it does when it comes back, by what it finds.
#[test]
fn what_is_found_decides_what_is_put_back() {
    let entry = |was, from, set| Entry { kind: Kind::Deployments, name: "web".into(), was, from, set, paused: None };
    let (done, begun, raised) = (entry(5, 1, 1), entry(5, 5, 1), entry(5, 0, 2));
    let changed = |value| format!("Deployment/web: was set to 1, and is {value}");
    let to = |from, to| format!("Deployment/web from {from} to {to}");
    // What is recorded, what is found, the floor; what is done, what is left, and whether the record keeps it until then.
    let cases = [
        (&done, 1, None, to(1, 5), String::new(), true),
        (&done, 5, None, String::new(), String::new(), false),
        (&done, 3, None, String::new(), changed(3), false),
        (&done, 0, None, String::new(), changed(0), false),
        (&begun, 5, None, String::new(), String::new(), false),
        (&begun, 1, None, to(1, 5), String::new(), true),
        (&begun, 4, None, String::new(), changed(4), false),
        (&raised, 0, None, to(0, 5), String::new(), true),
        (&raised, 2, None, to(2, 5), String::new(), true),
        (&done, 1, Some(1), String::new(), String::new(), true),
        (&begun, 5, Some(1), to(5, 1), String::new(), true),
        (&begun, 1, Some(1), String::new(), String::new(), true),
        (&done, 5, Some(1), String::new(), changed(5), true),
        (&done, 3, Some(1), String::new(), changed(3), true),
        (&done, 1, Some(0), to(1, 0), String::new(), true),
        (&done, 1, Some(2), to(1, 2), String::new(), true),
        (&done, 1, Some(9), to(1, 5), String::new(), true),
    ];
    for (entry, value, floor, step, left, kept) in cases {
        let record = Record { entries: [("uid-web".to_owned(), entry.clone())].into(), ..Record::default() };
        let found = [deployment("web", value)];
        let plan = Plan::of(&record, &found, floor);
        let (steps, lefts) = told(&plan);
        let about = format!("{entry:?}, found {value}, floor {floor:?}");
        assert_eq!((steps.join(", "), lefts.join(", ")), (step, left), "{about}");
        assert_eq!(!plan.record.is_empty(), kept, "{about}");
        let was = plan.record.entries.values().map(|entry| entry.was);
        assert!(was.into_iter().all(|was| was == 5), "{about}: what it was is never overwritten");
        let (found, record) = carried_out(&plan, &found, floor);
        let again = Plan::of(&record, &found, floor);
        assert_eq!(again.steps, [], "{about}: the same again changes nothing");
    }
}

#[test]
fn a_workload_made_anew_is_another_one() {
    let found = [deployment("web", 5)];
    let plan = Plan::of(&Record::default(), &found, Some(1));
    let (_, record) = carried_out(&plan, &found, Some(1));
    let anew = [Workload { uid: "other".into(), ..deployment("web", 1) }];
    let back = Plan::of(&record, &anew, None);
    assert_eq!((told(&back), back.record.is_empty()), ((Vec::new(), Vec::new()), true));
    // Under the floor it is one more.
    let anew = [Workload { uid: "other".into(), ..deployment("web", 3) }];
    let down = Plan::of(&record, &anew, Some(1));
    assert_eq!(told(&down).0, ["Deployment/web from 3 to 1"]);
    assert_eq!(down.record.entries.values().map(|entry| entry.was).collect::<Vec<_>>(), [3, 5]);
}

#[test]
fn a_record_changed_by_hand_is_kept_and_nothing_is_guessed() {
    let good = r#"{"kind":"Deployment","name":"web","was":5,"set":1}"#;
    for broken in [
        "",
        "5",
        r#"{"kind":"Deployment","name":"web","was":"many","set":1}"#,
        r#"{"kind":"Pod","name":"web","was":5,"set":1}"#,
    ] {
        let data = [("uid-web".to_owned(), broken.to_owned()), ("uid-api".to_owned(), good.to_owned())];
        let record = Record::read(data.clone().into());
        assert_eq!(record.data(), data.into());
        for floor in [Some(1), None] {
            let plan = Plan::of(&record, &[deployment("web", 3)], floor);
            assert_eq!(told(&plan), (vec![], vec!["Deployment/web: what is recorded of it cannot be read".to_owned()]));
            assert_eq!(plan.record.unread.len(), 1);
        }
    }
}

#[test]
fn what_cannot_be_recorded_is_not_scaled() {
    let name = |i: usize| format!("{i:0>250}");
    let uid = |i: usize| format!("{i:0>36}");
    let found: Vec<_> = (0..4000).map(|i| Workload { uid: uid(i), ..deployment(&name(i), 5) }).collect();
    let plan = Plan::of(&Record::default(), &found, Some(0));
    assert_eq!(plan.steps.len() + plan.left.len(), found.len());
    assert!(plan.left.iter().all(|left| left.why == Why::Full) && !plan.left.is_empty());
    let bytes: usize = plan.record.data().iter().map(|(uid, text)| uid.len() + text.len()).sum();
    assert!((800_000..1_000_000).contains(&bytes), "{bytes}");
}
