//! `kubectl opex export` against a real API server: pages, selections, rights, and a cluster without the kinds.

use std::fmt::Write as _;
use std::process::Command;
use std::time::Duration;

use opex_cluster::{Cluster, Options, wait_for};

const PATIENCE: Duration = Duration::from_secs(30);

/// More than two pages of each namespace.
const MANY: usize = 70;

/// What the plugin answers: its standard output and error, and whether it succeeded.
#[derive(Debug)]
struct Answer {
    out: String,
    error: String,
    success: bool,
}

fn plugin(cluster: &Cluster) -> Command {
    let mut plugin = Command::new(env!("CARGO_BIN_EXE_kubectl-opex"));
    plugin.envs(cluster.env());
    plugin
}

fn export(command: &mut Command, arguments: &str) -> Answer {
    let command = command.arg("export").args(arguments.split(' '));
    let output = command.output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    Answer { out: text(&output.stdout), error: text(&output.stderr), success: output.status.success() }
}

/// A Statement that began on a day of November, with a line that has a price and one that has none.
fn statement(namespace: &str, n: usize) -> String {
    let day = 1 + n % 28;
    let rest = "currency: EUR, phase: Open, total: '1.5000000000', cluster: test";
    let priced = "{rate: cpu, plan: default, category: Compute, unitPrice: '0.5', quantity: '10800000', \
                  unit: millicore-seconds, factor: '3600000', chargeFrequency: UsageBased, cost: '1.5000000000'";
    let period = format!(
        "period: {{label: 2026-11-{day:02}, start: '2026-11-{day:02}T00:00:00Z', end: '2026-12-01T00:00:00Z'}}, \
         watermark: '2026-11-30T00:00:00Z'"
    );
    let unpriced = priced.replace(", unitPrice: '0.5'", "").replace(", cost: '1.5000000000'", "");
    let lines = format!("{priced}, namespace: {namespace}}}, {unpriced}, namespace: {namespace}, workload: Pod/x}}");
    format!(
        "---\n{{apiVersion: billing.opex.dev/v1alpha1, kind: Statement, \
         metadata: {{namespace: {namespace}, name: s{n}, labels: {{opex.dev/budget: b{}}}}}, \
         spec: {{{rest}, budgetRef: {{kind: Budget, name: b}}, {period}, lines: [{lines}]}}}}\n",
        n % 2
    )
}

#[test]
fn statements_of_a_cluster_become_rows() {
    let cluster = Cluster::start(&Options::new("export")).unwrap();
    let plugin = || plugin(&cluster);
    let all = "--from 2026-11-01 --to 2026-12-01";
    let answer = export(&mut plugin(), all);
    assert!(answer.error.contains("is opex-operator installed in this cluster?"), "{answer:?}");
    assert!(!answer.success && answer.out.is_empty(), "{answer:?}");

    cluster.kubectl(["apply", "--server-side", "-f", concat!(env!("CARGO_MANIFEST_DIR"), "/crds")]).expect();
    wait_for("the kinds", PATIENCE, || export(&mut plugin(), all).success).unwrap();
    let header = export(&mut plugin(), all).out;
    assert!(header.lines().count() == 1 && header.starts_with("BilledCost,"), "{header}");

    let mut manifests = String::new();
    for namespace in ["team-a", "team-b"] {
        cluster.create_namespace(namespace).unwrap();
        for n in 0..MANY {
            write!(manifests, "{}", statement(namespace, n)).unwrap();
        }
    }
    cluster.kubectl_with_input(["create", "-f", "-"], &manifests).expect();

    let rows = |arguments: &str| {
        let answer = export(&mut plugin(), arguments);
        assert!(answer.success, "{answer:?}");
        answer.out.lines().count()
    };
    let answer = export(&mut plugin(), all);
    assert!(answer.out.starts_with(&header) && answer.out.lines().count() == 1 + 2 * MANY, "{answer:?}");
    assert_eq!(answer.error, format!("Note: lines without a price, which are no rows: {}\n", 2 * MANY));
    assert_eq!(
        answer.out.lines().filter(|line| line.starts_with("1.5000000000,test/team-b/b,b,Budget,")).count(),
        MANY
    );
    assert_eq!(rows(&format!("{all} --format jsonl")), 2 * MANY);
    assert_eq!(rows(&format!("{all} -n team-a")), 1 + MANY);
    assert_eq!(rows(&format!("{all} -n team-a -l opex.dev/budget=b1")), 1 + MANY / 2);
    assert_eq!(rows(&format!("{all} -l opex.dev/budget,opex.dev/budget!=b1")), 1 + MANY);
    // 70 Statements begin on 28 days.
    assert_eq!(rows("--from 2026-11-01 --to 2026-11-02 -n team-a"), 1 + 3);
    assert_eq!(rows("--from 2026-11-27T00:00:01Z --to 2026-11-28T00:00:01Z -n team-a"), 1 + 2);
    assert_eq!(rows("--from 2026-12-01 --to 2027-12-01"), 1);

    may_be_asked_for_one_namespace(&cluster);
}

/// Who may read Statements in a namespace alone is told how to ask.
fn may_be_asked_for_one_namespace(cluster: &Cluster) {
    let account = cluster.service_account_kubeconfig("team-a", "default", Duration::from_hours(1)).unwrap();
    let verbs = "--verb=get,list --resource=statements.billing.opex.dev";
    for command in [
        format!("create role reader -n team-a {verbs}"),
        "create rolebinding reader -n team-a --role=reader --serviceaccount=team-a:default".to_owned(),
    ] {
        cluster.kubectl(command.split(' ')).expect();
    }
    let all = "--from 2026-11-01 --to 2026-12-01";
    let answer = export(plugin(cluster).env("KUBECONFIG", &account), all);
    assert!(answer.error.contains("is forbidden") && answer.error.contains("--namespace"), "{answer:?}");
    let answer = export(plugin(cluster).env("KUBECONFIG", &account), &format!("{all} -n team-a"));
    assert!(answer.success && answer.out.lines().count() == 1 + MANY, "{answer:?}");
}
