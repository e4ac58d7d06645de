use proptest::prelude::*;
use serde_json::{Value, json};

use crate::facts::testing::{amounts, merge, pod};

use super::*;

/// The effective request of a Pod with this spec and status.
fn request(spec: &Value, status: &Value) -> String {
    amounts(&effective(&pod(&json!({"spec": spec, "status": status}))))
}

fn container(name: &str, requests: &Value) -> Value {
    json!({"name": name, "resources": {"requests": requests}})
}

fn cpu(name: &str, cpu: &str) -> Value {
    container(name, &json!({"cpu": cpu}))
}

fn sidecar(name: &str, amount: &str) -> Value {
    let mut container = cpu(name, amount);
    container["restartPolicy"] = json!("Always");
    container
}

/// A container's status with the two lists that a resize moves.
fn resized(name: &str, actuated: &Value, allocated: &Value) -> Value {
    json!({"name": name, "resources": {"requests": actuated}, "allocatedResources": allocated})
}

#[test]
fn vector_5_two_containers_resize_in_opposite_directions() {
    // A 2→1 and B 1→2 cores, not yet in effect: 3 cores at .031611 for an hour.
    let spec = json!({"containers": [cpu("a", "1"), cpu("b", "2")]});
    let two = json!({"cpu": "2"});
    let one = json!({"cpu": "1"});
    let status = json!({"containerStatuses": [resized("a", &two, &two), resized("b", &one, &one)]});
    assert_eq!(request(&spec, &status), "cpu=3000");
}

#[test]
fn vector_6_an_init_container_larger_than_the_app() {
    let spec = json!({"initContainers": [cpu("init", "4")], "containers": [cpu("app", "1")]});
    assert_eq!(request(&spec, &json!({})), "cpu=4000");
}

#[test]
fn vector_7_a_sidecar_declared_before_an_init_container() {
    let containers = json!([cpu("app", ".1")]);
    let before = json!({"initContainers": [sidecar("proxy", ".1"), cpu("init", ".2")], "containers": containers});
    assert_eq!(request(&before, &json!({})), "cpu=300");
    let after = json!({"initContainers": [cpu("init", ".2"), sidecar("proxy", ".1")], "containers": containers});
    assert_eq!(request(&after, &json!({})), "cpu=200");
}

#[test]
fn vector_8_overhead_is_added_last() {
    let spec = json!({"containers": [cpu("a", ".1"), cpu("b", ".1")], "overhead": {"cpu": ".05"}});
    assert_eq!(request(&spec, &json!({})), "cpu=250");
}

#[test]
fn vector_9_a_pod_level_request_replaces_the_sum() {
    let spec = json!({"containers": [cpu("a", ".5")], "resources": {"requests": {"cpu": "2"}}});
    assert_eq!(request(&spec, &json!({})), "cpu=2000");
}

#[test]
fn vector_22_best_effort_requests_nothing() {
    let spec = json!({"containers": [container("app", &json!({}))]});
    assert!(effective(&pod(&json!({"spec": spec}))).is_empty());
}

#[test]
fn vectors_23_and_24_memory_to_the_byte() {
    for (text, bytes) in [("1G", 1_000_000_000_i128), ("1Gi", 1 << 30), ("8Ei", 1 << 63)] {
        let spec = json!({"containers": [container("app", &json!({"memory": text}))]});
        assert_eq!(request(&spec, &json!({})), format!("memory={bytes}"), "{text}");
    }
}

#[test]
fn init_containers_run_one_by_one_and_each_resource_counts_for_itself() {
    let spec = json!({
        "initContainers": [container("i", &json!({"cpu": "2", "memory": "10"})), container("j", &json!({"cpu": "1", "memory": "40"}))],
        "containers": [container("a", &json!({"cpu": "1500m", "nvidia.com/gpu": 1})), container("b", &json!({"memory": "30"}))],
    });
    assert_eq!(request(&spec, &json!({})), "cpu=2000 memory=40 nvidia.com/gpu=1");
}

#[test]
fn every_sidecar_before_an_init_container_counts_with_it() {
    let spec = json!({
        "initContainers": [sidecar("p", "1"), cpu("i", "1"), sidecar("q", "2"), cpu("j", "3")],
        "containers": [cpu("a", "1")],
    });
    assert_eq!(request(&spec, &json!({})), "cpu=6000");
}

#[test]
fn overhead_comes_on_top_of_a_pod_level_request() {
    let spec = json!({"containers": [cpu("a", "3")], "resources": {"requests": {"cpu": "2", "memory": "5"}}, "overhead": {"cpu": "1", "memory": "1"}});
    assert_eq!(request(&spec, &json!({})), "cpu=3000 memory=6");
}

#[test]
fn rule_18_rounded_up_once_on_the_pods_amount() {
    let tenth = || container("x", &json!({"cpu": "0.1m", "memory": "0.1", "nvidia.com/gpu": "0.1"}));
    let spec = json!({"containers": [tenth(), tenth(), tenth(), tenth()], "overhead": {"cpu": "0.6m"}});
    assert_eq!(request(&spec, &json!({})), "cpu=1 memory=1 nvidia.com/gpu=1");
}

#[test]
fn rule_25_the_largest_of_the_three_views() {
    let spec = json!({"containers": [cpu("a", "2")]});
    for (actuated, allocated, expected) in [("1", "1", 2000), ("3", "1", 3000), ("1", "4", 4000), ("2", "2", 2000)] {
        let status =
            json!({"containerStatuses": [resized("a", &json!({"cpu": actuated}), &json!({"cpu": allocated}))]});
        assert_eq!(request(&spec, &status), format!("cpu={expected}"), "{actuated} {allocated}");
    }
}

#[test]
fn rule_25_each_view_with_init_containers_sidecars_pod_level_and_overhead() {
    let spec = json!({
        "initContainers": [sidecar("p", "1"), cpu("i", "1")], "containers": [cpu("a", "1")], "overhead": {"cpu": "100m"},
    });
    // The sidecar grew: 3 + 1 with the app, as with the init container.
    let three = json!({"cpu": "3"});
    let status = json!({"initContainerStatuses": [resized("p", &three, &three)]});
    assert_eq!(request(&spec, &status), "cpu=4100");
    let larger = json!({"cpu": "2"});
    let status = json!({"initContainerStatuses": [resized("p", &three, &three), resized("i", &larger, &larger)]});
    assert_eq!(request(&spec, &status), "cpu=5100");
    let mut pod_level = spec.clone();
    pod_level["resources"] = json!({"requests": {"cpu": "2"}});
    assert_eq!(request(&pod_level, &status), "cpu=2100");
}

#[test]
fn rule_25_one_list_stands_in_for_the_other() {
    let spec = json!({"containers": [cpu("a", "1"), cpu("b", "1")]});
    // Views: spec 2, status 3 + 1, allocated 3 + 2.
    let status = json!({"containerStatuses": [
        {"name": "a", "resources": {"requests": {"cpu": "3"}}},
        {"name": "b", "resources": {"requests": {"cpu": "1"}}, "allocatedResources": {"cpu": "2"}},
    ]});
    assert_eq!(request(&spec, &status), "cpu=5000");
    // Views: spec 2, status 3 + 2, allocated 3 + 1.
    let status = json!({"containerStatuses": [
        {"name": "a", "resources": {}, "allocatedResources": {"cpu": "3"}},
        {"name": "b", "resources": {"requests": {"cpu": "2"}}, "allocatedResources": {"cpu": "1"}},
    ]});
    assert_eq!(request(&spec, &status), "cpu=5000");
}

#[test]
fn rule_25_what_the_status_does_not_list_is_the_specs() {
    let spec = json!({"containers": [container("a", &json!({"cpu": "1", "memory": "7"})), container("b", &json!({"cpu": "1", "memory": "5"}))]});
    let five = json!({"cpu": "5"});
    let status = json!({"containerStatuses": [resized("a", &five, &five)]});
    assert_eq!(request(&spec, &status), "cpu=6000 memory=12");
}

#[test]
fn rule_25_infeasible_leaves_the_spec_out_only_with_status_true() {
    let spec = json!({"containers": [cpu("a", "8")]});
    let one = json!({"cpu": "1"});
    let with = |condition: Value| json!({"containerStatuses": [resized("a", &one, &one)], "conditions": [condition]});
    let cases = [
        ("PodResizePending", "True", "Infeasible", 1000),
        ("PodResizePending", "False", "Infeasible", 8000),
        ("PodResizePending", "True", "Deferred", 8000),
        ("PodResizeInProgress", "True", "Infeasible", 8000),
    ];
    for (kind, state, reason, expected) in cases {
        let status = with(json!({"type": kind, "status": state, "reason": reason}));
        assert_eq!(request(&spec, &status), format!("cpu={expected}"), "{kind} {state} {reason}");
    }
    // Without any list in the status there is but the spec.
    let bare = json!({"conditions": [{"type": "PodResizePending", "status": "True", "reason": "Infeasible"}]});
    assert_eq!(request(&spec, &bare), "cpu=8000");
}

#[test]
fn rule_25_and_39_pod_level_statuses() {
    let spec = json!({"containers": [cpu("a", "1")], "resources": {"requests": {"cpu": "2", "memory": "10"}}});
    let cases = [
        (json!({"resources": {"requests": {"cpu": "3"}}, "allocatedResources": {"cpu": "2"}}), "cpu=3000 memory=10"),
        (
            json!({"resources": {"requests": {"cpu": "1"}}, "allocatedResources": {"cpu": "4", "memory": "20"}}),
            "cpu=4000 memory=20",
        ),
        (json!({"resources": {"requests": {"cpu": "5"}}}), "cpu=5000 memory=10"),
        (json!({"allocatedResources": {"cpu": "6"}}), "cpu=6000 memory=10"),
        (json!({"resources": null, "allocatedResources": null}), "cpu=2000 memory=10"),
    ];
    for (status, expected) in cases {
        assert_eq!(request(&spec, &status), expected, "{status}");
    }
    let mut infeasible = json!({"resources": {"requests": {"cpu": "1"}}, "allocatedResources": {"cpu": "1"}});
    infeasible["conditions"] = json!([{"type": "PodResizePending", "status": "True", "reason": "Infeasible"}]);
    assert_eq!(request(&spec, &infeasible), "cpu=1000 memory=10");
}

#[test]
fn a_status_that_sums_containers_does_not_hide_them() {
    let spec = json!({"containers": [cpu("a", "1")]});
    let two = json!({"cpu": "2"});
    let status = json!({"containerStatuses": [resized("a", &two, &two)], "allocatedResources": {"cpu": "1"}});
    assert_eq!(request(&spec, &status), "cpu=2000");
}

#[test]
fn rule_26_a_limit_counts_where_there_is_no_request() {
    let spec = json!({"containers": [
        {"name": "a", "resources": {"limits": {"cpu": "1", "memory": "10", "nvidia.com/gpu": "1"}, "requests": {"cpu": "200m"}}},
        {"name": "b", "resources": {"limits": {"cpu": "1"}, "requests": {"cpu": "0"}}},
    ]});
    assert_eq!(request(&spec, &json!({})), "cpu=200 memory=10 nvidia.com/gpu=1");
}

#[test]
fn rule_26_at_the_pods_level_for_cpu_memory_and_hugepages() {
    let spec = json!({
        "containers": [container("a", &json!({"cpu": "1", "memory": "1", "ephemeral-storage": "3", "nvidia.com/gpu": "1"}))],
        "resources": {
            "requests": {"cpu": "2", "ephemeral-storage": "9"},
            "limits": {"cpu": "4", "memory": "8", "hugepages-2Mi": "2Mi", "nvidia.com/gpu": "7"},
        },
    });
    assert_eq!(
        request(&spec, &json!({})),
        "cpu=2000 ephemeral-storage=3 hugepages-2Mi=2097152 memory=8 nvidia.com/gpu=1"
    );
}

prop_compose! {
    fn containers()(amounts in proptest::collection::vec((0_u32..5000, any::<bool>()), 0..5)) -> Vec<Value> {
        amounts.into_iter().enumerate().map(|(index, (amount, always))| {
            let mut container = cpu(&format!("c{index}"), &format!("{amount}m"));
            if always {
                container["restartPolicy"] = json!("Always");
            }
            container
        }).collect()
    }
}

fn millicores(changes: &Value) -> i128 {
    effective(&pod(changes)).iter().map(|(_, amount)| *amount).sum()
}

proptest! {
    /// A resize of nothing changes nothing, whether all views are summed (the Pod's own status is listed) or one.
    #[test]
    fn equal_views_give_the_same(init in containers(), overhead in 0_u32..100) {
        let spec = json!({"initContainers": init, "overhead": {"cpu": format!("{overhead}m")}});
        let status: Vec<Value> = init.iter().map(|container| {
            let requests = &container["resources"]["requests"];
            resized(container["name"].as_str().unwrap(), requests, requests)
        }).collect();
        let listed = json!({"initContainerStatuses": status});
        let mut all_views = listed.clone();
        merge(&mut all_views, &json!({"allocatedResources": {"pods": "0"}}));
        let expected = request(&spec, &json!({}));
        prop_assert_eq!(request(&spec, &listed), expected.clone());
        prop_assert_eq!(request(&spec, &all_views), expected);
    }

    /// One more container never makes a Pod smaller.
    #[test]
    fn more_never_costs_less(init in containers(), amount in 0_u32..5000) {
        let less = millicores(&json!({"spec": {"initContainers": init}}));
        let more = [&init[..], &[cpu("more", &format!("{amount}m"))]].concat();
        let more = millicores(&json!({"spec": {"initContainers": more}}));
        prop_assert!(less <= more);
    }
}
