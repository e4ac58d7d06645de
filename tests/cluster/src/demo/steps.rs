//! What the demo shows, one step after the other, on what the step before left.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::stage::{Stage, expect};
use crate::wait::wait_until;

/// How long the demo's override holds.
const OVERRIDE: SignedDuration = SignedDuration::from_secs(20);

/// The budgets among the examples that hold at any time of the year.
const EXAMPLES: [&str; 7] =
    ["priceplan", "budget", "budget-block", "budget-pods", "budget-quarter", "budget-showback", "clusterbudget"];

pub fn day_one(stage: &Stage) -> Result<()> {
    stage.say("The operator made a PricePlan of list prices, marked as an estimate, and a budget without a limit.");
    stage.run("kubectl wait clusterbudget/cluster --for=jsonpath='{.status.forecast.amount}' --timeout=60s")?;
    stage.run("kubectl get priceplans,clusterbudgets -o wide")?;
    let status = &stage.cluster().get(["clusterbudget", "cluster"])?["status"];
    ensure!(status["prices"] == "Estimate", "the prices should be an estimate: {status}");
    ensure!(status["gate"] == "Open", "nothing should be blocked: {status}");
    let namespaces = status["namespaces"].as_i64().unwrap_or_default();
    ensure!(namespaces >= 7, "every namespace should be counted: {status}");
    let per_day = text(&status["burnRate"]["perDay"]);
    ensure!(is_positive(per_day), "what runs should cost something: {status}");
    stage.say(&format!("{namespaces} namespaces, {per_day} EUR a day at these prices. Nothing is blocked."));
    Ok(())
}

pub fn budgets(stage: &Stage) -> Result<()> {
    stage.say("The examples: prices, and budgets for the teams that are there.");
    stage.run(&format!("cd examples && kubectl apply -f {}.yaml", EXAMPLES.join(".yaml -f ")))?;
    stage.say("And one for the store, at prices so high that a month's 16 EUR last half a minute.");
    stage.run("kubectl apply -f tests/cluster/demo/budget.yaml")?;
    stage.run("kubectl wait budgets --all -A --for=condition=Ready --timeout=60s")?;
    let table = stage.run("kubectl get budgets -A")?;
    expect(&table, "RESETS")?;
    let budgets = stage.cluster().get(["budgets", "-A"])?;
    let unlimited = items(&budgets).filter(|budget| budget["spec"]["limit"].is_null()).count();
    ensure!(unlimited == 1, "one of the examples has no limit");
    Ok(())
}

pub fn warning(stage: &Stage) -> Result<()> {
    stage.say("The store's budget tells at 25 %, warns at 50 %, and stops growth at 100 %.");
    stage.watch("kubectl get budget store -n store --watch", "Warn")?;
    stage.say("Growth is warned of, and goes through.");
    let answer = stage.run("kubectl scale deployment/web -n store --replicas=4")?;
    expect(&answer, "Warning: ")?;
    expect(&answer, "scale-up of deployments/web to 4 allowed, but Budget \"store\" has reached 50 %")?;
    expect(&answer, "deployment.apps/web scaled")
}

pub fn closing(stage: &Stage) -> Result<()> {
    stage.watch("kubectl get budget store -n store --watch", "BlockScaleUp")?;
    stage.run("kubectl wait budget/store -n store --for=condition=Exceeded --for=condition=Enforced --timeout=30s")?;
    expect(&stage.run("kubectl get budgets -A")?, "BlockScaleUp")?;
    stage.say("It told its crossings, and labelled its namespace: the API server itself goes by that label.");
    wait_until("the event of the crossing", Duration::from_secs(30), || {
        expect(&stage.ask("kubectl events -n store --for budget/store")?, "100 % of 16.00 EUR")
    })?;
    stage.run("kubectl events -n store --for budget/store")?;
    let label = stage.run("kubectl get namespace store --label-columns=opex.dev/gate")?;
    expect(&label, "block-scale-up")
}

pub fn refusal(stage: &Stage) -> Result<()> {
    let answer = stage.refused("kubectl scale deployment/web -n store --replicas=5")?;
    expect(&answer, "forbidden: ValidatingAdmissionPolicy 'opex-scale-gate'")?;
    expect(&answer, "scale-up of deployments/web to 5 denied: Budget \"store\" is used up (16.00 EUR for ")?;
    expect(&answer, "Up to 4 replicas are allowed. Ask finops@example.com for a BudgetOverride.")?;
    stage.say("Down, and up again to the most of the last 24 hours, is no growth.");
    stage.run("kubectl scale deployment/web -n store --replicas=2")?;
    stage.run("kubectl scale deployment/web -n store --replicas=4")?;
    Ok(())
}

pub fn autoscaler(stage: &Stage) -> Result<()> {
    if !stage.cluster().is_embedded() {
        stage.say("skipped: the autoscaler needs the usage that simulated nodes report; CLUSTER=current has none");
        return Ok(());
    }
    stage.say("api runs at 180 % of what this HorizontalPodAutoscaler aims at: it will want more than 2 replicas.");
    stage.run("kubectl apply -f tests/cluster/demo/autoscaler.yaml")?;
    stage.run("kubectl wait hpa/api -n store --for=condition=AbleToScale=false --timeout=60s")?;
    wait_until("the event of the refusal", Duration::from_secs(30), || {
        expect(&stage.ask("kubectl describe hpa api -n store")?, "FailedRescale")
    })?;
    let answer = stage.run("kubectl describe hpa api -n store | sed -n '/^Deployment pods/,$p'")?;
    expect(&answer, "FailedUpdateScale")?;
    expect(&answer, "scale-up of deployments/api to 4 denied")?;
    let api = stage.cluster().get(["deployment", "api", "-n", "store"])?;
    ensure!(api["spec"]["replicas"] == 2, "api should still have 2 replicas");
    Ok(())
}

pub fn healing(stage: &Stage) -> Result<()> {
    stage.say("The gate is closed; a rolling update with surge goes through all the same.");
    stage.run("kubectl set env deployment/web -n store RELEASE=2")?;
    stage.run("kubectl rollout status deployment/web -n store --timeout=120s")?;
    stage.say("So does the replacement of a Pod that is lost.");
    let lost = stage.ask("kubectl get pods -n store -l app=web -o jsonpath='{.items[0].metadata.name}'")?;
    stage.run(&format!("kubectl delete pod {lost} -n store"))?;
    wait_until("the Pod's replacement", Duration::from_mins(1), || {
        let pods =
            stage.cluster().get(["pods", "-n", "store", "-l", "app=web", "--field-selector=status.phase=Running"])?;
        ensure!(items(&pods).filter(|pod| pod["metadata"]["name"] != *lost).count() == 4, "it is not there yet");
        Ok(())
    })?;
    let pods = stage.run("kubectl get pods -n store -l app=web")?;
    ensure!(!pods.contains(&lost), "the Pod should be gone");
    Ok(())
}

pub fn opening(stage: &Stage) -> Result<()> {
    let until = now(stage)? + OVERRIDE;
    let me = stage.ask("kubectl auth whoami -o jsonpath='{.status.userInfo.username}'")?;
    stage.say(&format!("A BudgetOverride, here for {} s: who, until when, and why.", OVERRIDE.as_secs()));
    stage.run(&format!(
        "kubectl create -f - <<EOF
apiVersion: billing.opex.dev/v1alpha1
kind: BudgetOverride
metadata: {{name: launch, namespace: store}}
spec:
  budgetRef: {{kind: Budget, name: store}}
  until: {until}
  reason: launch, CHG-4711
  grantedBy: {me}
EOF"
    ))?;
    stage.run("kubectl wait budget/store -n store --for=jsonpath='{.status.gate}'=Open --timeout=30s")?;
    stage.run("kubectl scale deployment/web -n store --replicas=6")?;
    if stage.cluster().is_embedded() {
        stage.say("The autoscaler tries again by itself.");
        stage.run("kubectl wait deployment/api -n store --for=jsonpath='{.spec.replicas}'=4 --timeout=60s")?;
    }
    stage.say("When it ends, the gate closes, and the override stays as the record.");
    stage.run("kubectl wait budget/store -n store --for=jsonpath='{.status.gate}'=BlockScaleUp --timeout=60s")?;
    stage.run("kubectl wait budgetoverride/launch -n store --for=condition=Active=false --timeout=30s")?;
    stage.run("kubectl get budgetoverrides -n store -o wide")?;
    expect(&stage.refused("kubectl scale deployment/web -n store --replicas=7")?, "is used up")
}

pub fn raising(stage: &Stage) -> Result<()> {
    stage.run("kubectl patch budget store -n store --type=merge -p '{\"spec\": {\"limit\": {\"amount\": 5000}}}'")?;
    stage.run("kubectl wait budget/store -n store --for=jsonpath='{.status.gate}'=Open --timeout=30s")?;
    stage.run("kubectl scale deployment/web -n store --replicas=7")?;
    stage.run("kubectl get budget store -n store")?;
    let budget = stage.cluster().get(["budget", "store", "-n", "store"])?;
    ensure!(budget["status"]["limit"] == "5000.00", "the limit should be 5000.00");
    Ok(())
}

pub fn statement(stage: &Stage) -> Result<()> {
    stage.say("The ledger of each budget and period. When the period is over it is closed, and never changes again.");
    expect(&stage.run("kubectl get statements -A")?, "store-")?;
    let name = stage.ask("kubectl get budget store -n store -o jsonpath='{.status.statement}'")?;
    stage.run(&format!("kubectl get statement {name} -n store -o yaml | sed -n '/^spec/,$p' | head -n 29"))?;
    let statement = stage.cluster().get(["statement", &name, "-n", "store"])?;
    let lines = statement["spec"]["lines"].as_array().map(Vec::as_slice).unwrap_or_default();
    ensure!(!lines.is_empty(), "the Statement should have lines");
    for line in lines {
        ensure!(exact_cost(line)? == text(&line["cost"]), "this does not multiply: {line}");
    }
    stage.say(&format!("{} lines; unitPrice × quantity ÷ factor is the cost of each, to the last digit.", lines.len()));
    Ok(())
}

/// `unitPrice × quantity ÷ factor`, rounded half-even to 10 decimals, of a line whose price is a whole number.
fn exact_cost(line: &Value) -> Result<String> {
    let number =
        |field: &str| -> Result<i128> { text(&line[field]).parse().with_context(|| format!("{field} of {line}")) };
    let (numerator, factor) = (number("unitPrice")? * number("quantity")? * 10_i128.pow(10), number("factor")?);
    let (whole, rest) = (numerator / factor, numerator % factor);
    let up = rest * 2 > factor || rest * 2 == factor && whole % 2 == 1;
    let rounded = whole + i128::from(up);
    Ok(format!("{}.{:010}", rounded / 10_i128.pow(10), rounded % 10_i128.pow(10)))
}

/// The time of the API server: that by which overrides end.
fn now(stage: &Stage) -> Result<Timestamp> {
    let made =
        stage.ask("kubectl create configmap now --dry-run=server -o jsonpath='{.metadata.creationTimestamp}'")?;
    made.parse().with_context(|| format!("the API server's time is {made:?}"))
}

fn items(list: &Value) -> impl Iterator<Item = &Value> {
    list["items"].as_array().into_iter().flatten()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// Whether an amount has a digit other than 0 and no sign.
fn is_positive(amount: &str) -> bool {
    !amount.starts_with('-') && amount.contains(|digit| ('1'..='9').contains(&digit))
}
