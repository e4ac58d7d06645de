//! What people see: the figures of day one, and what kubectl prints of a budget (acceptance 6).

use std::process::Command;
use std::time::{Duration, Instant};

use opex_cluster::{Cluster, Operator, Options, Process, needs_own_cluster, wait_for};
use serde_json::Value;

use crate::budgets::{budget_of, shared};
use crate::ground::{Ground, PATIENCE};
use crate::installed::{RELEASE_NAMESPACE, install};
use crate::manifests::deployment;
use crate::replicas::pair;

#[test]
fn day_one_gives_figures_and_blocks_nothing() {
    if needs_own_cluster() {
        return;
    }
    let cluster = Cluster::start(&Options::new("day-one").nodes(3)).unwrap();
    let teams = ["shop", "blog"];
    let large = deployment("web", 4).replace("cpu: 10m", "cpu: '8', memory: 16Gi");
    let grounds = teams.map(|name| Ground::on(&cluster, name, std::slice::from_ref(&large)));
    for ground in &grounds {
        ground.runs("web", 4);
    }

    let begun = Instant::now();
    install(&cluster, &[]);
    let operators = pair(&cluster);
    let minutes = Duration::from_mins(2);
    let lines = || -> Vec<Value> {
        let statements = cluster.get(["-n", RELEASE_NAMESPACE, "stmt"]).unwrap();
        statements["items"][0]["spec"]["lines"].as_array().cloned().unwrap_or_default()
    };
    for team in teams {
        wait_for(&format!("figures of {team}"), minutes.saturating_sub(begun.elapsed()), || {
            let metered = lines().iter().any(|line| line["namespace"] == team && line["cost"] != "0.0000000000");
            let metric = operators.iter().flat_map(|operator| operator.metric("opex_namespace_spent").unwrap());
            let mut positive = metric.filter(|line| !line.ends_with(" 0") && !line.ends_with(" 0.0"));
            metered && positive.any(|line| line.contains(&format!("namespace=\"{team}\"")))
        })
        .unwrap_or_else(|error| panic!("{error:#}: {:?}\n{:#?}", operators[0].http("/metrics"), lines()));
    }
    let shown = cluster.get(["clusterbudget", "cluster"]).unwrap();
    let amount = |path: &str| shown.pointer(path).and_then(Value::as_str).and_then(|text| text.parse::<f64>().ok());
    assert!(amount("/status/spent") > Some(0.0) && amount("/status/forecast/amount") > Some(0.0), "{shown:#}");
    assert_eq!(shown["status"]["prices"], "Estimate");
    assert!(begun.elapsed() < minutes);
    println!("day one's figures came after {:.0} s", begun.elapsed().as_secs_f64());
    println!("{}", cluster.kubectl(["get", "clusterbudgets,priceplans"]).expect());

    assert_eq!(cluster.kubectl(["get", "namespaces", "-l", "opex.dev/gate", "-oname"]).expect(), "");
    for ground in &grounds {
        let output = ground.kubectl("scale deploy/web --replicas=5");
        assert_eq!((output.status.success(), output.stderr.as_str()), (true, ""), "{output}");
    }
}

#[test]
fn a06_kubectl_prints_what_its_users_expect() {
    let ground = Ground::new("opex-printed", &[deployment("web", 2)]);
    ground.runs("web", 2);
    let mut get: Command = ground.cluster.command("kubectl");
    get.args(["-n", ground.namespace, "get", "budgets", "--watch"]);
    let watch = Process::start(ground.cluster, "budgets-watch", &get).unwrap();
    let spec = "limit: {amount: 20, currency: EUR}, period: {every: Year}";
    let thresholds = "thresholds: [{percent: 50, of: Actual, action: Warn}, {percent: 100, of: Actual, action: BlockScaleUp}, \
         {percent: 10000, of: Actual, action: Notify}]";
    ground.make(&budget_of("Budget", "team", &format!("{spec}, {thresholds}")));

    let waited = ground.kubectl("wait --for=condition=Exceeded budget/team --timeout=60s").expect();
    assert_eq!(waited, "budget.billing.opex.dev/team condition met\n");
    ground.condition("bgt/team", "Enforced", "True", "GateClosed");
    ground.event("bgt/team", "GateClosed", "scale-ups above the ceilings are refused");
    for crossed in
        [r#"percent="50",of="Actual"} 1"#, r#"percent="100",of="Actual"} 1"#, r#"percent="10000",of="Actual"} 0"#]
    {
        let sample = format!(r#"namespace="opex-printed",budget="team",{crossed}"#);
        let shows = |operator: &Operator| {
            operator.metric("opex_budget_threshold_crossed").unwrap().iter().any(|line| line.contains(&sample))
        };
        wait_for(&sample, PATIENCE, || shared().operators.iter().any(shows)).unwrap();
    }
    watch.wait_for_log("BlockScaleUp", PATIENCE).unwrap();
    println!("kubectl get budgets --watch\n{}", watch.log());
    let gates: Vec<_> =
        watch.log().lines().filter_map(|line| Some(line.split_whitespace().nth(6)?.to_owned())).collect();
    for gate in ["Open", "Warn", "BlockScaleUp"] {
        assert!(gates.contains(&gate.to_owned()), "{gate} is missing: {gates:?}");
    }

    let table = print(&ground, "get budgets");
    let rows: Vec<Vec<_>> = table.lines().map(|line| line.split_whitespace().collect()).collect();
    let columns = ["NAME", "SPENT", "LIMIT", "CURRENCY", "USED%", "FORECAST", "GATE", "RESETS", "AGE"];
    assert_eq!(rows[0], columns);
    let next_year = ground.field("bgt/team", ".status.period.resets");
    let row = &rows[1];
    assert_eq!([row[0], row[2], row[3], row[6], row[7]], ["team", "20.00", "EUR", "BlockScaleUp", &next_year]);
    assert!(row[1].parse::<f64>().unwrap() >= 20.0 && row[4].parse::<u32>().unwrap() >= 100, "{row:?}");
    assert!(row[5].parse::<f64>().unwrap() > row[1].parse::<f64>().unwrap(), "{row:?}");

    let wide = print(&ground, "get budgets -o wide");
    let header: Vec<_> = wide.lines().next().unwrap().split_whitespace().collect();
    assert_eq!(header[..9], columns);
    for column in ["REMAINING", "SINCE", "PRICES", "PLAN", "UPDATED", "READY"] {
        assert!(header.contains(&column), "{column} is missing: {wide}");
    }
    assert!(wide.lines().nth(1).unwrap().ends_with("True"), "{wide}");

    let described = print(&ground, "describe budget team");
    for words in ["Exceeded", "LimitReached", "By Category:", "Deployment/web", "ThresholdCrossed", "GateClosed"] {
        assert!(described.contains(words), "{words} is missing: {described}");
    }
    assert!(!described.contains("<invalid>") && !wide.contains("<invalid>"));

    let statements = print(&ground, "get statements");
    let columns = ["NAME", "BUDGET", "PERIOD", "TOTAL", "CURRENCY", "PHASE", "UPDATED"];
    assert_eq!(statements.lines().next().unwrap().split_whitespace().collect::<Vec<_>>(), columns);
    assert!(print(&ground, "get opex").contains("budget.billing.opex.dev/team"));
}

/// What kubectl prints, for those who read the test's output too.
fn print(ground: &Ground<'_>, command: &str) -> String {
    let output = ground.kubectl(command).expect();
    println!("kubectl {command}\n{output}");
    output
}
