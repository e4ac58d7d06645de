//! The gate on a real control plane, without an operator: namespaces are labelled by hand. The
//! numbers are those of the scenarios that the gate must pass.

#[path = "gate/acceptance.rs"]
mod acceptance;
#[path = "gate/attempts.rs"]
mod attempts;
#[path = "gate/by_hand.rs"]
mod by_hand;
#[path = "support/case.rs"]
mod case;
#[path = "gate/documented.rs"]
mod documented;
#[path = "gate/gitops.rs"]
mod gitops;
#[path = "support/ground.rs"]
mod ground;
#[path = "gate/growth.rs"]
mod growth;
#[path = "gate/guards.rs"]
mod guards;
#[path = "support/installed.rs"]
mod installed;
#[path = "support/manifests.rs"]
mod manifests;
#[path = "gate/rights.rs"]
mod rights;
#[path = "gate/spend.rs"]
mod spend;
#[path = "gate/upkeep.rs"]
mod upkeep;

use std::time::Duration;

use opex_cluster::{Component, needs_own_cluster, wait_for};

use by_hand::shared;

#[test]
fn s10_the_gate_holds_over_a_restart_of_the_api_server() {
    if needs_own_cluster() {
        return;
    }
    let cluster = installed::prepared("gate-restart");
    let kubectl = |args: &str| cluster.kubectl(args.split(' '));
    kubectl("create namespace blocked").expect();
    kubectl("create namespace free").expect();
    for namespace in ["blocked", "free"] {
        kubectl(&format!("-n {namespace} create deployment web --image=busybox:1 --replicas=1")).expect();
    }
    kubectl("label namespace blocked opex.dev/gate=block").expect();
    let denied = || kubectl("-n blocked scale deploy/web --replicas=2 --dry-run=server").stderr;
    wait_for("the gate", Duration::from_secs(30), || denied().contains("opex-scale-gate")).unwrap();

    cluster.kill9(Component::ApiServer).unwrap();
    cluster.revive().unwrap();
    for _ in 0..10 {
        let first = kubectl("-n blocked scale deploy/web --replicas=2").expect_refused();
        assert!(first.contains("(Forbidden)") && first.contains("opex-scale-gate"), "{first}");
        kubectl("-n free scale deploy/web --replicas=2").expect();
        kubectl("-n free scale deploy/web --replicas=1").expect();
    }
}

#[test]
fn the_policies_have_no_type_errors() {
    let policies = shared().get(["validatingadmissionpolicies"]).unwrap();
    let ours = policies["items"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|policy| policy["metadata"]["name"].as_str().unwrap().starts_with("opex-"));
    let mut count = 0;
    for policy in ours {
        let name = policy["metadata"]["name"].as_str().unwrap();
        wait_for("the type check", Duration::from_secs(30), || {
            let checked = shared().get(["validatingadmissionpolicy", name]).unwrap();
            checked["status"]["typeChecking"] == serde_json::json!({})
        })
        .unwrap();
        count += 1;
    }
    assert_eq!(count, 7);
}
