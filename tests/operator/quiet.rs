//! Scenario 19: what does not change is not written.

use std::process::Command;

use jiff::SignedDuration;
use opex_cluster::{Process, wait_for};

use crate::budgets::{BLOCK_SCALE_UP, budget};
use crate::ground::{Ground, PATIENCE};
use crate::manifests::deployment;

/// Namespaces in which nothing runs.
const STILL: usize = 20;

/// How long nothing must be written.
const INTERVAL: i64 = 35;

#[test]
fn s19_nothing_is_written_that_did_not_change() {
    let names: Vec<_> = (0..STILL).map(|i| format!("opex-still-{i:02}")).collect();
    let grounds: Vec<_> = names.iter().map(|name| Ground::on(&crate::budgets::shared().cluster, name, &[])).collect();
    for ground in &grounds {
        ground.make(&budget("still", 1, BLOCK_SCALE_UP));
    }
    let accruing = Ground::new("opex-accruing", &[deployment("web", 1)]);
    let closed = Ground::new("opex-closed", &[deployment("web", 1)]);
    accruing.runs("web", 1);
    closed.runs("web", 1);
    accruing.make(&budget("team", 1_000_000, BLOCK_SCALE_UP));
    closed.close(&budget("team", 1, BLOCK_SCALE_UP), "block-scale-up");
    for ground in &grounds {
        has_settled(ground, "still");
    }
    has_settled(&accruing, "team");
    has_settled(&closed, "team");
    closed.condition("bgt/team", "Enforced", "True", "GateClosed");
    wait_for("the event", PATIENCE, || !closed.field("bgt/team", ".status.thresholds[0].notifiedAt").is_empty())
        .unwrap();

    let begun = accruing.now();
    let writes = ["namespaces", "budgets", "statements"].map(|kind| (kind, Writes::of(&accruing, kind)));
    accruing.wait_until(begun + SignedDuration::from_secs(INTERVAL));
    for (kind, writes) in &writes {
        let of_all = writes.seen();
        let to = |namespace: &str| of_all.iter().filter(|written| *written == namespace).count();
        for name in &names {
            assert_eq!(to(name), 0, "{kind} of {name}, where nothing changed: {of_all:?}");
        }
        // Figures that move are written every 10 s, the ledger every minute, a Namespace on transitions alone.
        let most = match *kind {
            "namespaces" => 0,
            "budgets" => 5,
            _ => 1,
        };
        for name in ["opex-accruing", "opex-closed"] {
            assert!(to(name) <= most, "{} writes to {kind} of {name} in {INTERVAL} s", to(name));
        }
        assert!(*kind != "budgets" || to("opex-accruing") >= 2, "figures that move are shown: {of_all:?}");
    }
    // The watches would have seen a write.
    grounds[0].kubectl("annotate namespace/opex-still-00 bgt/still seen=yes").expect();
    for (kind, writes) in &writes[..2] {
        wait_for(kind, PATIENCE, || writes.seen().contains(&names[0])).unwrap();
    }
}

/// Waits until the Budget is shown and its Statement is there: nothing more is to come.
fn has_settled(ground: &Ground<'_>, budget: &str) {
    ground.condition(&format!("bgt/{budget}"), "Ready", "True", "Priced");
    wait_for("a Statement", PATIENCE, || ground.kubectl("get stmt -oname").stdout.contains("statement")).unwrap();
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
