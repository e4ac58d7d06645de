//! Statements move to another cluster as any object does, and keep everything: `kubectl get -o yaml | kubectl create`.
//! The operator there goes on from an open one.

use std::io::Read as _;
use std::path::PathBuf;
use std::process::Command;

use jiff::{SignedDuration, Timestamp};
use opex_cluster::{Cluster, Process, needs_own_cluster, wait_until};
use opex_operator::replay::unpack;
use serde_json::Value;

use crate::budgets::{PLAN, WARN, budget};
use crate::ground::{Ground, PATIENCE};
use crate::installed::prepared;
use crate::manifests::deployment;
use crate::replicas::start;

const PLUGIN: &str = env!("CARGO_BIN_EXE_kubectl-opex");
const NAMESPACE: &str = "opex-moving";

#[test]
fn statements_move_to_another_cluster() {
    if needs_own_cluster() {
        return;
    }
    let old = prepared("moving-from");
    old.apply(PLAN).expect();
    let mut operator = start(&old, "operator");
    operator.wait_for_lists().unwrap();
    let mut record = recording(&old, "trace");
    let ground = Ground::on(&old, NAMESPACE, &[deployment("web", 1), budget("team", 1_000_000, WARN)]);
    ground.runs("web", 1);
    ground.make(&budget("cut", 1_000_000, WARN));
    wait_until("a cost", PATIENCE, || costs(&ground.field("bgt/cut", ".status.spent"))).unwrap();
    // Another period closes the Statement of the one before.
    ground.patch("bgt/cut", r#"{"spec":{"period":{"every":"Month"}}}"#);
    let closed = wait_until("a closed Statement", PATIENCE, || one(&old, "Closed")).unwrap();
    let open = || old.get(["-n", NAMESPACE, "statement", &format!("team-{}", ground.now().strftime("%Y"))]);
    wait_until("the open Statement", PATIENCE, || {
        // Each edit of a limit has it written.
        ground.patch("bgt/team", &format!(r#"{{"spec":{{"limit":{{"amount":{}}}}}}}"#, ground.now().as_millisecond()));
        let open = open()?;
        anyhow::ensure!(total(&open) > 5, "{open:#}");
        Ok(())
    })
    .unwrap_or_else(|error| panic!("{error:#}"));
    let label = closed["spec"]["period"]["label"].as_str().unwrap().to_owned();
    operator.terminate().unwrap();
    record.terminate(PATIENCE).unwrap();
    let before = statements(&old);
    assert_eq!(before.len(), 4, "the period that was cut, the new one, the team, the cluster: {before:#?}");
    replays(&old, &before);
    recordings_follow_each_other(&ground);
    let yaml = old.kubectl(["get", "statements", "-A", "-o", "yaml"]).expect();
    drop(ground);
    drop(old);

    let new = prepared("moving-to");
    new.apply(PLAN).expect();
    let ground = Ground::on(&new, NAMESPACE, &[deployment("web", 1)]);
    let create = |user: &str| new.kubectl_with_input(["create", user, "-f", "-"], &yaml);
    let refused = create("--as=tenant").expect_refused();
    assert!(refused.contains("verb override"), "{refused}");
    create("--as=finance").expect();
    for (is, was) in statements(&new).iter().zip(&before) {
        assert_eq!(is["spec"], was["spec"]);
        assert_eq!(is["metadata"]["labels"], was["metadata"]["labels"]);
        assert_eq!(is["metadata"]["name"], was["metadata"]["name"]);
    }
    for name in ["team", "cut"] {
        ground.make(&budget(name, 1_000_000, WARN));
    }
    ground.runs("web", 1);
    let mut operator = start(&new, "operator");
    operator.wait_until_ready().unwrap();
    goes_on(&new, &ground, &before);
    let kept = one(&new, "Closed").unwrap();
    assert_eq!(kept["spec"], closed["spec"], "the invoice of {label}");
    exported(&new, &kept);
}

fn costs(spent: &str) -> anyhow::Result<()> {
    anyhow::ensure!(spent.parse::<f64>().is_ok_and(|spent| spent > 0.0), "spent {spent:?}");
    Ok(())
}

/// `kubectl opex record`, compressed, with the rights of whoever runs it.
fn recording(cluster: &Cluster, name: &str) -> Process {
    let path = trace(cluster, name);
    let mut record = Command::new(PLUGIN);
    record.args(["record", "-o"]).arg(&path);
    let record = Process::start(cluster, &format!("record-{name}"), &record).unwrap();
    wait_until("the trace to begin", PATIENCE, || {
        anyhow::ensure!(std::fs::metadata(&path)?.len() > 1000, "{}", record.log());
        // As far as it is written.
        let mut lines = String::new();
        let _ = unpack::text(std::fs::File::open(&path)?)?.read_to_string(&mut lines);
        anyhow::ensure!(lines.contains(r#""kind":"PodList""#), "the list of Pods is not complete: {}", record.log());
        Ok(())
    })
    .unwrap();
    record
}

fn trace(cluster: &Cluster, name: &str) -> PathBuf {
    cluster.dir().join(format!("{name}.zst"))
}

fn statements(cluster: &Cluster) -> Vec<Value> {
    let list = cluster.get(["statements", "-A"]).unwrap();
    list["items"].as_array().unwrap().clone()
}

fn one(cluster: &Cluster, phase: &str) -> anyhow::Result<Value> {
    let found = statements(cluster).into_iter().find(|statement| statement["spec"]["phase"] == phase);
    found.ok_or_else(|| anyhow::anyhow!("no Statement is {phase}"))
}

/// What was recorded beside the operator gives what it wrote: a second off at most, as both see each event apart.
fn replays(cluster: &Cluster, statements: &[Value]) {
    let open = statements.iter().find(|statement| statement["spec"]["budgetRef"]["name"] == "team").unwrap();
    let created = open["metadata"]["creationTimestamp"].as_str().unwrap().parse::<Timestamp>().unwrap();
    let from = created - SignedDuration::from_hours(1);
    let report = replayed(cluster, "trace", from, open["spec"]["watermark"].as_str().unwrap());
    let replayed = report["statements"].as_array().unwrap();
    let same = |statement: &&Value| statement["metadata"]["name"] == open["metadata"]["name"];
    let replayed = replayed.iter().find(same).unwrap_or_else(|| panic!("{report:#}"));
    let (live, replayed) = (total(open), total(replayed));
    assert!((live - replayed).abs() <= 1, "live {live}, replayed {replayed}");
}

/// What was deleted while nobody recorded ends with the first recording, and that nobody recorded is a gap.
fn recordings_follow_each_other(ground: &Ground<'_>) {
    let cluster = ground.cluster;
    ground.kubectl("delete deployment web").expect();
    wait_until("no Pod", PATIENCE, || {
        let pods = cluster.get(["-n", NAMESPACE, "pods"])?;
        anyhow::ensure!(pods["items"].as_array().is_some_and(Vec::is_empty), "{pods:#}");
        Ok(())
    })
    .unwrap();
    recording(cluster, "again").terminate(PATIENCE).unwrap();
    let both = ["trace", "again"].map(|name| std::fs::read(trace(cluster, name)).unwrap()).concat();
    std::fs::write(trace(cluster, "both"), both).unwrap();
    let to = Timestamp::from_second(ground.now().as_second()).unwrap();
    let (from, later) = (to - SignedDuration::from_hours(1), to + SignedDuration::from_hours(1));
    let cost = |name, to: Timestamp| {
        let report = replayed(cluster, name, from, &to.to_string());
        let statements = report["statements"].as_array().unwrap();
        let team = statements.iter().find(|one| one["spec"]["budgetRef"]["name"] == "team");
        let team = team.unwrap_or_else(|| panic!("{report:#}"));
        let unwatched = |gap: &Value| gap["reason"] == "nothing watched the cluster" && gap["to"] == to.to_string();
        let gaps = team["spec"]["gaps"].as_array().into_iter().flatten().filter(|gap| unwatched(gap)).count();
        (total(team), gaps)
    };
    let (alone, both) = (cost("trace", later), cost("both", later));
    assert_eq!(both, (cost("both", to).0, 1), "nothing runs on");
    assert!(alone.0 >= both.0 + 3500 && alone.1 == 1, "alone {alone:?}, both {both:?}");
}

fn replayed(cluster: &Cluster, name: &str, from: Timestamp, to: &str) -> Value {
    let replay = Command::new(PLUGIN)
        .args(["replay", "-o", "json", "--from", &from.to_string(), "--to", to])
        .arg(trace(cluster, name))
        .output()
        .unwrap();
    assert!(replay.status.success(), "{}", String::from_utf8_lossy(&replay.stderr));
    serde_json::from_slice(&replay.stdout).unwrap()
}

/// In euros: whole ones, as a Pod costs one a second.
fn total(statement: &Value) -> i64 {
    let total = statement["spec"]["total"].as_str().unwrap();
    total.strip_suffix(".0000000000").and_then(|euros| euros.parse().ok()).unwrap_or_else(|| panic!("{total}"))
}

/// The open Statement grows from where it was, by what runs here, and says since when it was not watched.
fn goes_on(cluster: &Cluster, ground: &Ground<'_>, before: &[Value]) {
    let was = before.iter().find(|statement| statement["spec"]["budgetRef"]["name"] == "team").unwrap();
    let name = was["metadata"]["name"].as_str().unwrap();
    ground.patch("bgt/team", r#"{"spec":{"limit":{"amount":2000000}}}"#);
    let is = wait_until("the Statement to grow", PATIENCE, || {
        let is = cluster.get(["-n", NAMESPACE, "statement", name])?;
        anyhow::ensure!(is["spec"]["cluster"] != was["spec"]["cluster"] && total(&is) > total(was), "{is:#}");
        Ok(is)
    })
    .unwrap_or_else(|error| panic!("{error:#}"));
    let gap = &is["spec"]["gaps"][0];
    assert_eq!(gap["from"], was["spec"]["watermark"]);
    let reason = gap["reason"].as_str().unwrap();
    assert!(
        reason.starts_with(&format!("moved from cluster {}:", was["spec"]["cluster"].as_str().unwrap())),
        "{reason}"
    );
    // One Pod at a euro a second, since it is there.
    let pods = ground.kubectl("get pods -ojson").json().unwrap();
    let conditions = pods["items"][0]["status"]["conditions"].as_array().unwrap().clone();
    let scheduled = conditions.iter().find(|condition| condition["type"] == "PodScheduled").unwrap();
    let time = |value: &Value| value.as_str().unwrap().parse::<Timestamp>().unwrap();
    let ran = time(&is["spec"]["watermark"]).duration_since(time(&scheduled["lastTransitionTime"]));
    assert_eq!(total(&is) - total(was), ran.as_secs(), "{is:#}");
}

/// The invoice as rows, from the cluster that it came to.
fn exported(cluster: &Cluster, closed: &Value) {
    let mut export = Command::new(PLUGIN);
    export.envs(cluster.env()).args(["export", "--from", "2000-01-01", "--to", "2100-01-01", "--format", "jsonl"]);
    let output = export.args(["-n", NAMESPACE, "-l", "opex.dev/budget=cut"]).output().unwrap();
    let rows = String::from_utf8(output.stdout).unwrap();
    let rows: Vec<Value> = rows.lines().map(|row| serde_json::from_str(row).unwrap()).collect();
    let name = closed["metadata"]["name"].as_str().unwrap();
    let (cluster, invoice) = (closed["spec"]["cluster"].as_str().unwrap(), format!("{NAMESPACE}/{name}"));
    let own: Vec<_> = rows.iter().filter(|row| row["InvoiceId"] == format!("{cluster}/{invoice}")).collect();
    assert!(!own.is_empty(), "{rows:#?}");
    let cost = |row: &&Value| row["BilledCost"].to_string().strip_suffix(".0").unwrap().parse::<i64>().unwrap();
    assert_eq!(own.iter().map(cost).sum::<i64>(), total(closed), "{own:#?}");
}
