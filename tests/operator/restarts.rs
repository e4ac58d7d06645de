//! Scenarios 9 and 10, and the operator that comes before its definitions: a block outlives whoever
//! set it, and nothing opens that should not.

use std::process::Command;

use jiff::{SignedDuration, Timestamp};
use opex_cluster::{Cluster, Component, Options, Process, needs_own_cluster, wait_for};

use crate::budgets::{BLOCK_SCALE_UP, Installation, PLAN, budget, budget_of, installation};
use crate::case::Want::{Allowed, Denied};
use crate::case::{case, check};
use crate::ground::{Ground, PATIENCE};
use crate::installed::install;
use crate::manifests::deployment;
use crate::replicas::{pair, start};

#[test]
fn s09_a_block_outlives_the_operator() {
    if needs_own_cluster() {
        return;
    }
    let Installation { cluster, operators } = installation("operator-stopped");
    let lasting = Ground::on(&cluster, "opex-lasting", &[deployment("web", 1)]);
    let ending = Ground::on(&cluster, "opex-ending", &[deployment("web", 1)]);
    lasting.runs("web", 1);
    ending.runs("web", 1);
    lasting.make(&budget("team", 1, BLOCK_SCALE_UP));
    let end = ending.now() + SignedDuration::from_secs(40);
    ending.close(&window(end), "block-scale-up");
    lasting.closed("block-scale-up", "");
    let labels = Labels::of(&lasting);
    let (spent, crossed) = (lasting.spent("bgt/team"), crossing(&lasting));

    for operator in operators {
        operator.terminate().unwrap();
    }
    ending.wait_until(end);
    let more = [case("scale deploy/web --replicas=2", Denied("Up to 1 replica is allowed."))];
    check(&ending, &more);
    check(&lasting, &more);

    let _operators = pair(&cluster);
    ending.opened();
    check(&ending, &[case("scale deploy/web --replicas=2", Allowed)]);
    check(&lasting, &more);
    wait_for("new figures", PATIENCE, || lasting.spent("bgt/team") > spent).unwrap();
    assert_eq!(crossing(&lasting), crossed, "the crossing is remembered");
    labels.never_opened();
}

/// A fixed window that began an hour ago.
fn window(end: Timestamp) -> String {
    let start = end - SignedDuration::from_hours(1);
    let period = format!("limit: {{amount: 1, currency: EUR}}, period: {{start: '{start}', end: '{end}'}}");
    budget_of("Budget", "window", &format!("{period}, {BLOCK_SCALE_UP}"))
}

fn crossing(ground: &Ground<'_>) -> String {
    ground.field("bgt/team", ".status.thresholds[0].crossedAt")
}

/// Every value that a namespace's label has from now on.
struct Labels(Process);

impl Labels {
    fn of(ground: &Ground<'_>) -> Self {
        let mut watch: Command = ground.cluster.command("kubectl");
        let path = r#"-ojsonpath={.metadata.labels.opex\.dev/gate}{"\n"}"#;
        watch.args(["get", "namespace", ground.namespace, "--watch", path]);
        let watch = Process::start(ground.cluster, &format!("labels-{}", ground.namespace), &watch).unwrap();
        watch.wait_for_log("block-scale-up\n", PATIENCE).unwrap();
        Self(watch)
    }

    fn never_opened(mut self) {
        assert!(self.0.is_running(), "the watch ended: {}", self.0.log());
        let log = self.0.log();
        assert!(log.lines().all(|label| label == "block-scale-up"), "{log}");
    }
}

#[test]
fn s10_a_block_outlives_the_control_plane() {
    if needs_own_cluster() {
        return;
    }
    let Installation { cluster, mut operators } = installation("server-stopped");
    let blocked = Ground::on(&cluster, "opex-blocked", &[deployment("web", 1)]);
    let free = Ground::on(&cluster, "opex-free", &[deployment("web", 1)]);
    blocked.runs("web", 1);
    blocked.close(&budget("team", 1, BLOCK_SCALE_UP), "block-scale-up");
    let crossed = crossing(&blocked);

    for component in [Component::ApiServer, Component::Etcd] {
        cluster.kill9(component).unwrap();
        cluster.revive().unwrap();
        let spent = blocked.spent("bgt/team");
        for _ in 0..10 {
            check(&blocked, &[case("scale deploy/web --replicas=2", Denied("Up to 1 replica is allowed."))]);
            check(
                &free,
                &[case("scale deploy/web --replicas=2", Allowed), case("scale deploy/web --replicas=1", Allowed)],
            );
        }
        wait_for("new figures", PATIENCE, || blocked.spent("bgt/team") > spent).unwrap();
    }
    assert!(operators.iter_mut().all(|operator| operator.process.is_running()), "an operator ended");
    blocked.condition("bgt/team", "DataFresh", "True", "Heard");
    assert_eq!(blocked.label(), "block-scale-up");
    assert_eq!(crossing(&blocked), crossed);

    // What comes after is seen: the watches go on.
    free.make(&budget("team", 1, BLOCK_SCALE_UP));
    free.closed("block-scale-up", "");
}

#[test]
fn it_waits_for_its_definitions() {
    if needs_own_cluster() {
        return;
    }
    let cluster = Cluster::start(&Options::new("definitions").nodes(1)).unwrap();
    install(&cluster, &["crds.enabled=false"]);
    let mut operators = ["operator-a", "operator-b"].map(|name| start(&cluster, name));
    for operator in &operators {
        wait_for("what it waits for", PATIENCE, || {
            operator.http("/readyz").is_ok_and(|(status, body)| status == 503 && body.contains("budgets"))
        })
        .unwrap_or_else(|error| panic!("{error:#}: {:?}\n{}", operator.http("/readyz"), operator.process.log()));
        assert_eq!(operator.http("/livez").unwrap().0, 200);
    }
    cluster.kubectl(["apply", "--server-side", "-f", concat!(env!("CARGO_MANIFEST_DIR"), "/crds")]).expect();
    for operator in &mut operators {
        operator.wait_until_ready().unwrap();
        assert!(operator.process.is_running());
    }
    cluster.apply(PLAN).expect();
    let ground = Ground::on(&cluster, "opex-late", &[]);
    ground.make(&budget("team", 1, BLOCK_SCALE_UP));
    ground.condition("bgt/team", "Ready", "True", "Priced");
}
