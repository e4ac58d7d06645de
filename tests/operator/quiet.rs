//! Scenario 19: what does not change is not written.

use std::env;
use std::fmt::Write as _;
use std::process::Command;
use std::time::Duration;

use jiff::SignedDuration;
use opex_cluster::{Cluster, Process, needs_own_cluster, wait_for};

use crate::budgets::{BLOCK_SCALE_UP, Installation, budget, installation};
use crate::ground::{Ground, PATIENCE};
use crate::manifests::deployment;

/// Budgets in each namespace in which nothing runs.
const BUDGETS: usize = 5;

/// How long nothing must be written.
const INTERVAL: i64 = 35;

#[test]
fn s19_nothing_is_written_that_did_not_change() {
    if needs_own_cluster() {
        return;
    }
    let is_long = env::var_os("SOAK").is_some();
    let still = if is_long { 1000 } else { 100 };
    let Installation { cluster, operators: _operators } = installation("quiet");
    let names: Vec<_> = (0..still).map(|i| format!("opex-still-{i:03}")).collect();
    cluster.kubectl_with_input(["create", "-f", "-"], &manifests(&names)).expect();
    let accruing = Ground::on(&cluster, "opex-accruing", &[deployment("web", 1)]);
    let closed = Ground::on(&cluster, "opex-closed", &[deployment("web", 1)]);
    accruing.runs("web", 1);
    closed.runs("web", 1);
    accruing.make(&budget("team", 1_000_000, BLOCK_SCALE_UP));
    closed.close(&budget("team", 1, BLOCK_SCALE_UP), "block-scale-up");
    have_settled(&cluster, still * BUDGETS + 2);
    closed.condition("bgt/team", "Enforced", "True", "GateClosed");
    wait_for("the event", PATIENCE, || !closed.field("bgt/team", ".status.thresholds[0].notifiedAt").is_empty())
        .unwrap();

    let begun = accruing.now();
    let writes = ["namespaces", "budgets", "statements"].map(|kind| (kind, Writes::of(&accruing, kind)));
    accruing.wait_until(begun + SignedDuration::from_secs(INTERVAL));
    for (kind, writes) in &writes {
        let of_all = writes.seen();
        let to = |namespace: &str| of_all.iter().filter(|written| *written == namespace).count();
        // A Statement says every five minutes up to when nothing changed: before so many have settled.
        let allowed = if is_long && *kind == "statements" { BUDGETS } else { 0 };
        let wrong: Vec<_> = names.iter().filter(|name| to(name) > allowed).collect();
        assert!(wrong.is_empty(), "{kind} where nothing changed: {wrong:?}");
        // Figures that move are written every 10 s, of many budgets as often as 20 writes a second allow; the ledger every
        // minute, a Namespace on transitions alone.
        let most = match *kind {
            "namespaces" => 0,
            "budgets" => 5,
            _ => 1,
        };
        for name in ["opex-accruing", "opex-closed"] {
            assert!(to(name) <= most, "{} writes to {kind} of {name} in {INTERVAL} s", to(name));
        }
        assert!(*kind != "budgets" || to("opex-accruing") >= 1, "figures that move are shown: {of_all:?}");
    }
    // The watches would have seen a write.
    cluster.kubectl(["-n", &names[0], "annotate", "namespace", &names[0], "seen=yes"]).expect();
    cluster.kubectl(["-n", &names[0], "annotate", "bgt", "still-0", "seen=yes"]).expect();
    for (kind, writes) in &writes[..2] {
        wait_for(kind, PATIENCE, || writes.seen().contains(&names[0])).unwrap();
    }
}

/// The namespaces, and their Budgets.
fn manifests(names: &[String]) -> String {
    let mut text = String::new();
    for name in names {
        writeln!(text, "---\n{{apiVersion: v1, kind: Namespace, metadata: {{name: {name}}}}}").unwrap();
        for number in 0..BUDGETS {
            let own = budget(&format!("still-{number}"), 1, BLOCK_SCALE_UP);
            writeln!(text, "---\n{}", own.replace("metadata: {", &format!("metadata: {{namespace: {name}, "))).unwrap();
        }
    }
    text
}

/// Waits until each Budget is shown and its Statement is there: nothing more is to come.
fn have_settled(cluster: &Cluster, budgets: usize) {
    // Each takes a Statement and two writes of its status, of twenty a second.
    let patience = PATIENCE * 4 + Duration::from_millis(150 * 2) * u32::try_from(budgets).unwrap();
    let count = |what: &[&str]| cluster.kubectl(what).expect().split_whitespace().count();
    wait_for("the Budgets to have settled", patience, || {
        count(&["get", "bgt", "-A", "-ojsonpath={.items[*].status.statement}"]) == budgets
            && count(&["get", "stmt", "-A", "-oname"]) >= budgets
    })
    .unwrap();
}

/// The writes to one kind from now on.
struct Writes(Process);

impl Writes {
    fn of(ground: &Ground<'_>, kind: &str) -> Self {
        let mut watch: Command = ground.cluster.command("kubectl");
        let path = r#"-ojsonpath={.metadata.namespace},{.metadata.name}{"\n"}"#;
        watch.args(["get", kind, "-A", "--watch-only", path]);
        Self(Process::start(ground.cluster, &format!("writes-{kind}"), &watch).unwrap())
    }

    /// The Namespace of each write.
    fn seen(&self) -> Vec<String> {
        let log = self.0.log();
        let lines = log.lines().filter_map(|line| line.split_once(','));
        lines.map(|(namespace, name)| if namespace.is_empty() { name } else { namespace }.to_owned()).collect()
    }
}
