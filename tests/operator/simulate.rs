//! `kubectl opex simulate`: what it says a change would cost is what it costs when it is made.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::budgets::{BLOCK, budget, budget_of};
use crate::ground::Ground;
use crate::manifests::{deployment, service, workload};

/// Prices of what the files of these scenarios hold.
const PLAN: &str = "{apiVersion: billing.opex.dev/v1alpha1, kind: PricePlan, metadata: {name: simulated}, \
                    spec: {currency: EUR, pricesPerHour: {cpu: '360000'}, pricePerLoadBalancerHour: '3600'}}";

/// What the plugin said, and its exit status.
struct Said {
    status: Option<i32>,
    out: String,
    err: String,
}

fn simulate(ground: &Ground<'_>, args: &str, input: &str, kubeconfig: Option<&Path>) -> Said {
    let mut plugin = Command::new(env!("CARGO_BIN_EXE_kubectl-opex"));
    plugin.envs(ground.cluster.env()).args(["simulate", "-n", ground.namespace]).args(args.split(' '));
    if let Some(kubeconfig) = kubeconfig {
        plugin.env("KUBECONFIG", kubeconfig);
    }
    let piped = plugin.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = piped.spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Said { status: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
}

/// The one budget's figures.
fn row(said: &Said) -> Value {
    let report: Value = serde_json::from_str(&said.out).unwrap_or_else(|_| panic!("{}{}", said.out, said.err));
    let rows = report["budgets"].as_array().unwrap();
    let own: Vec<_> = rows.iter().filter(|row| row["kind"] == "Budget").collect();
    assert_eq!(own.len(), 1, "{report:#}");
    own[0].clone()
}

fn cents(amount: &str) -> i64 {
    amount.replace('.', "").parse().unwrap_or_else(|_| panic!("{amount:?}"))
}

/// How a change comes about.
#[derive(Clone, Copy, PartialEq)]
enum Way {
    AtOnce,
    /// Old and new Pods run side by side for some seconds.
    Rolling,
}

/// Simulates, does the same, and compares: the burn to the cent; the forecast but for the seconds between, in which what
/// was added did not cost yet, or what was saved still did.
fn holds(ground: &Ground<'_>, args: &str, input: &str, way: Way, act: impl Fn()) {
    let begun = Instant::now();
    let said = simulate(ground, &format!("{args} -o json"), input, None);
    let row = row(&said);
    act();
    let text = |path: &str| row.pointer(path).and_then(Value::as_str).unwrap().to_owned();
    ground.settle("bgt/team", ".status.burnRate.perDay", &text("/perDay/then"));
    let between = i64::try_from(begun.elapsed().as_secs()).unwrap() + 2;
    let real = cents(&ground.field("bgt/team", ".status.forecast.amount"));
    let off = cents(&text("/forecast/then")) - real;
    // A cent a second is 86,400 cents a day.
    let per_second = cents(&text("/perDay/change")) / 86_400;
    // The clocks agree to a second.
    let clock = per_second.abs() + 1;
    let both = (cents(&text("/perDay/now")) + cents(&text("/perDay/then"))) / 86_400 * between;
    let overlap = if way == Way::Rolling { both } else { 0 };
    let (least, most) = (0.min(per_second * between) - clock - overlap, 0.max(per_second * between) + clock);
    assert!((least..=most).contains(&off), "{args}: off by {off} cents in {between} s at {per_second}/s\n{row:#}");
    let change = cents(&text("/forecast/then")) - cents(&text("/forecast/now"));
    assert_eq!(change, cents(&text("/forecast/change")));
    println!("{args}: {} then, {real} cents really, {between} s at most between", text("/forecast/then"));
}

#[test]
fn what_is_simulated_is_what_it_costs() {
    let ground = Ground::new("opex-simulate", &[deployment("web", 2)]);
    ground.cluster.apply(PLAN).expect();
    ground.runs("web", 2);
    ground.make(&budget("team", 1_000_000_000, "").replace("per-second", "simulated"));
    ground.settle("bgt/team", ".status.burnRate.perDay", "172800.00");

    holds(&ground, "--scale deploy/web=5", "", Way::AtOnce, || {
        ground.kubectl("scale deploy/web --replicas=5").expect();
    });
    holds(&ground, "--scale deployments.apps/web=1", "", Way::AtOnce, || {
        ground.kubectl("scale deploy/web --replicas=1").expect();
    });
    let larger = deployment("web", 2).replace("cpu: 10m", "cpu: 30m");
    let file = [larger, workload("StatefulSet", "db", 2), service("edge", "LoadBalancer")].join("\n---\n");
    holds(&ground, "-f -", &file, Way::Rolling, || {
        ground.cluster.kubectl_with_input(["-n", ground.namespace, "apply", "-f", "-"], &file).expect();
    });
    holds(&ground, "--delete sts/db --delete service/edge --scale deploy/web=1", "", Way::AtOnce, || {
        ground.kubectl("scale deploy/web --replicas=1").expect();
        ground.kubectl("delete sts/db service/edge").expect();
    });
    // Half the price, and with nothing more.
    let plan = PLAN.replace("360000", "180000");
    holds(&ground, "-f -", &plan, Way::AtOnce, || {
        ground.cluster.apply(&plan).expect();
    });

    // The Pods that a Service selects stay.
    ground.make(&service("front", "ClusterIP").replace("ports:", "selector: {app: web}, ports:"));
    let nothing = simulate(&ground, "--delete service/front -o json", "", None);
    assert_eq!(row(&nothing)["perDay"]["change"], "0.00");
    let lower = simulate(&ground, "-f -", &budget("team", 1, "").replace("per-second", "simulated"), None);
    assert!(lower.status == Some(1) && !lower.out.contains("as before"), "{}{}", lower.out, lower.err);

    let table = simulate(&ground, "--scale deploy/web=3", "", None);
    println!("{}", table.out);
    assert_eq!(table.status, Some(0), "{}", table.err);
    for words in [
        "BUDGET",
        "CHANGE",
        "opex-simulate/team",
        "yes",
        "deployments.apps/web --replicas=3: admitted",
        "2 Pods more, on ",
    ] {
        assert!(table.out.contains(words), "{words}: {}", table.out);
    }
}

#[test]
fn what_does_not_fit_or_is_refused_fails() {
    let ground = Ground::new("opex-simulate-no", &[deployment("web", 1), deployment("idle", 0)]);
    ground.runs("web", 1);
    let mistaken = [
        ("--scale deploy/nope=3", "there is no deployments.apps \"nope\" in namespace opex-simulate-no"),
        ("--scale configmap/x=3", "configmaps have no replicas to scale"),
        ("--scale spaceship/x=3", "the API server knows no spaceship"),
        ("--scale deploy/web=-1", "\"-1\" is no number of replicas"),
        ("--delete deploy", "write KIND/NAME, such as deploy/web"),
        ("--delete node/nope", "the Pods of a Node come back on others"),
        ("--delete pod/PODS", "comes back, ReplicaSet web-"),
        ("-f nothing.yaml", "read nothing.yaml"),
        ("-o json", "required arguments were not provided"),
        ("--scale deploy/web=2", "no budget counts what is in opex-simulate-no"),
    ];
    // The chart's own ClusterBudget counts every namespace.
    let counted = ground.cluster.kubectl(["get", "clusterbudget", "cluster"]).status.success();
    let pod = ground.field("pod -l app=web", ".items[0].metadata.name");
    for (args, words) in mistaken.into_iter().take(if counted { 9 } else { 10 }) {
        let said = simulate(&ground, &args.replace("PODS", &pod), "", None);
        assert!(
            said.status == Some(2) && said.err.contains(words),
            "{args}: {:?} {}{}",
            said.status,
            said.out,
            said.err
        );
    }
    let missing = simulate(&ground, "-f -", "{apiVersion: apps/v1, kind: Deployment, metadata: {}}", None);
    assert!(
        missing.status == Some(2) && missing.err.contains("Deployment: metadata.name is missing"),
        "{}",
        missing.err
    );

    ground.close(&budget("team", 2, BLOCK), "block");
    let said = simulate(&ground, "--scale deploy/web=9", "", None);
    println!("{}", said.out);
    assert_eq!(said.status, Some(1), "{}{}", said.out, said.err);
    let kubectl = ground.kubectl("scale deploy/web --replicas=9").expect_refused();
    let kubectl = kubectl.trim().strip_prefix("Error from server (Forbidden): ").unwrap();
    assert!(
        said.out.contains(&format!("deployments.apps/web --replicas=9: refused: {kubectl}")),
        "{}\n{kubectl}",
        said.out
    );

    let saving = simulate(&ground, "--scale deploy/web=1 --delete deploy/idle", "", None);
    assert!(saving.status == Some(0) && saving.out.contains("no, as before"), "{}{}", saving.out, saving.err);
    let new = simulate(&ground, "-f -", &deployment("new", 1), None);
    assert!(
        new.status == Some(1) && new.out.contains("apply deployments.apps/new: refused: "),
        "{}{}",
        new.out,
        new.err
    );
    let costs = row(&simulate(&ground, "-f - -o json", &deployment("new", 1), None));
    assert_eq!(costs["perDay"]["change"], "86400.00", "what is refused is priced all the same: {costs:#}");
}

#[test]
fn whoever_sees_less_is_told_so() {
    let ground = Ground::new("opex-simulate-few", &[deployment("web", 1)]);
    ground.runs("web", 1);
    ground.make(&budget_of("Budget", "team", "limit: {amount: 900000000, currency: EUR}, period: {every: Year}"));
    ground.settle("bgt/team", ".status.burnRate.perDay", "86400.00");
    for command in
        ["create sa reader", "create rolebinding reader --clusterrole=view --serviceaccount=opex-simulate-few:reader"]
    {
        ground.kubectl(command).expect();
    }
    let reader =
        ground.cluster.service_account_kubeconfig(ground.namespace, "reader", Duration::from_mins(10)).unwrap();
    let said = simulate(&ground, "--scale deploy/web=2", "", Some(&reader));
    assert!(
        said.status == Some(2) && said.err.contains("--clusterrole=opex-viewer"),
        "{:?} {}{}",
        said.status,
        said.out,
        said.err
    );

    let bind =
        "create clusterrolebinding simulate-reader --clusterrole=opex-viewer --serviceaccount=opex-simulate-few:reader";
    ground.kubectl(bind).expect();
    let said = simulate(&ground, "--scale deploy/web=2", "", Some(&reader));
    ground.kubectl("delete clusterrolebinding simulate-reader").expect();
    println!("{}", said.out);
    assert_eq!(said.status, Some(0), "{}{}", said.out, said.err);
    for words in [
        "--replicas=2: not asked: ",
        "cannot patch resource \"deployments/scale\"",
        "you may not list nodes",
        "+86400.00",
    ] {
        assert!(said.out.contains(words), "{words}: {}", said.out);
    }
}
