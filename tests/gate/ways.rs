//! Every way to grow that we know of, tried in each state of the gate. The table in docs/enforcement.md is what came of
//! it: after a change, look at the difference and accept it with `GATE_TABLE=overwrite cargo test --test gate ways`.

use std::fmt::Write as _;
use std::thread;

use opex_cluster::{Output, needs_kubernetes, needs_simulated_nodes};

use crate::attempts::{Way, of_going_round, of_healing, of_new_spend, of_what_exists};
use crate::by_hand::shared;
use crate::case::{is_denial, is_warning};
use crate::documented::is_documented;
use crate::ground::Ground;
use crate::manifests::{
    autoscaler, claim, cron_job, daemon_set, database, deployment, growing_volume, job, owned, pod,
    replication_controller, service, workload,
};

/// The state and its namespace.
const STATES: [(&str, &str); 3] =
    [("warn", "opex-ways-warn"), ("block-scale-up", "opex-ways-scale-up"), ("block", "opex-ways-block")];

/// The tables by their names, a row for each attempt.
type Outcomes = Vec<(&'static str, Vec<(&'static str, String)>)>;

#[test]
fn ways_to_grow_are_documented() {
    // An older API server knows fewer ways.
    if needs_simulated_nodes() || needs_kubernetes(37, shared()) {
        return;
    }
    let [warn, scale_up, block] = thread::scope(|scope| {
        STATES
            .map(|(state, namespace)| scope.spawn(move || tried_in(state, namespace)))
            .map(|tried| tried.join().unwrap())
    });
    for (((name, warn), (_, scale_up)), (_, block)) in warn.into_iter().zip(scale_up).zip(block) {
        let mut table = "| Attempt | `warn` | `block-scale-up` | `block` |\n|---|---|---|---|\n".to_owned();
        for (((what, warn), (_, scale_up)), (_, block)) in warn.into_iter().zip(scale_up).zip(block) {
            writeln!(table, "| {what} | {warn} | {scale_up} | {block} |").unwrap();
        }
        is_documented("docs/enforcement.md", name, &table);
    }
}

fn tried_in(state: &str, namespace: &'static str) -> Outcomes {
    let ground = Ground::new(namespace, &existing(namespace));
    let uid = ground.field("database/db", ".metadata.uid");
    ground.make(&owned(&workload("StatefulSet", "db", 2), &uid));
    ground.make(&growing_volume(namespace, namespace, namespace, "disk"));
    ground.runs_in_place("p");
    ground.settle("pvc/disk", ".status.phase", "Bound");
    // What is rolled out again has a revision to go back to.
    ground.kubectl("rollout restart deploy/web").expect();
    ground.kubectl("rollout status deploy/web --timeout=60s").expect();
    ground.settle("deploy/web", ".status.replicas", "3");
    let replica_set = ground.field("replicaset -l=app=web", ".items[0].metadata.name");
    ground.gate(state, Some("deployments.apps/web=4"));
    let tables = [
        ("growth", of_what_exists()),
        ("new spend", of_new_spend()),
        ("ways round", of_going_round(&uid)),
        ("healing", of_healing(&replica_set, &uid)),
    ];
    let tried = |ways: Vec<Way>| ways.iter().map(|way| (way.what, outcome(&attempt(&ground, way)))).collect();
    let outcomes = tables.map(|(name, ways)| (name, tried(ways))).into();
    ground.kubectl(&format!("delete pv/{namespace} storageclass/{namespace} --wait=false")).expect();
    outcomes
}

fn existing(namespace: &str) -> Vec<String> {
    vec![
        deployment("web", 3),
        deployment("again", 1),
        workload("StatefulSet", "asleep", 0),
        workload("ReplicaSet", "bare", 1),
        replication_controller("rc", 1),
        daemon_set("agent").replace(
            "spec: {terminationGracePeriodSeconds",
            "spec: {nodeSelector: {none: here}, terminationGracePeriodSeconds",
        ),
        job("waiting", true),
        cron_job("nightly", false),
        cron_job("paused", true),
        claim("disk").replace("growing", namespace),
        pod("p"),
        service("web", "ClusterIP"),
        autoscaler("web", 4),
        database("db", 2),
    ]
}

fn attempt(ground: &Ground<'_>, way: &Way) -> Output {
    let command = way.command.replace("{ns}", ground.namespace);
    let args = ["-n", ground.namespace].into_iter().chain(command.split(' '));
    ground.cluster.kubectl_with_input(args, &way.input.replace("{ns}", ground.namespace))
}

/// In a word; what is neither of these is no answer of the gate.
fn outcome(output: &Output) -> String {
    let answer = match output.status.success() {
        true if is_warning(output) => "warning",
        true => "passes",
        false if is_denial(output) => "denied",
        false => panic!("{output}"),
    };
    answer.to_owned()
}
