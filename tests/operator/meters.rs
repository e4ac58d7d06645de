//! What a real Prometheus counts: billed to the last digit of its answers, through its death, the leader's and their
//! return; what it does not know is a gap, and nothing waits for it.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use opex_cluster::{Cluster, Counters, Operator, Options, Prometheus, needs_own_cluster, wait_until};
use serde_json::Value;

use crate::ground::{Ground, PATIENCE};
use crate::installed::install;
use crate::manifests::deployment;
use crate::replicas::pair;

/// The length of a window here, in seconds.
const WINDOW: i64 = 10;

/// What is counted, as the plan has it.
const EGRESS: &str = "sum by (namespace) (increase(egress_bytes_total[$window])) / 2^30";

/// The reason of a gap where Prometheus was not there.
const NO_SAMPLES: &str = "meter egress: Prometheus has no samples of this time";

fn plan() -> String {
    format!(
        "{{apiVersion: billing.opex.dev/v1alpha1, kind: PricePlan, metadata: {{name: metered}}, spec: {{currency: EUR, \
         pricesPerHour: {{cpu: 1}}, meters: [{{name: egress, category: Network, unit: GiB, price: '0.08', query: '{EGRESS}'}}, \
         {{name: broken, unit: one, price: 1, query: 'sum(nothing[$window])'}}]}}}}"
    )
}

const BUDGET: &str = "{apiVersion: billing.opex.dev/v1alpha1, kind: Budget, metadata: {name: team}, \
                      spec: {pricePlan: metered, period: {every: Year}, \
                      value: {unit: order, query: 'sum(increase(orders_total[$window]))'}, \
                      thresholds: [{of: UnitCost, above: '0.000001', action: Notify}]}}";

/// Everything that runs.
struct Scene<'a> {
    ground: &'a Ground<'a>,
    prometheus: Prometheus,
    counters: &'a Counters,
}

#[test]
fn what_prometheus_counts_survives_its_death_and_the_leaders() {
    if needs_own_cluster() {
        return;
    }
    let cluster = Cluster::start(&Options::new("meters").nodes(1)).unwrap();
    let counters = Counters::serve(&cluster).unwrap();
    let prometheus = Prometheus::start(&cluster, "prometheus", &counters).unwrap();
    let (url, window) = (format!("prometheus.url={}", prometheus.url()), format!("prometheus.window={WINDOW}s"));
    install(&cluster, &[&url, &window, "prometheus.delay=3s", "config.lag=2s", "showback.enabled=false"]);
    cluster.apply(&plan()).expect();
    let operators = pair(&cluster);
    let ground = Ground::on(&cluster, "shop", &[deployment("web", 1), BUDGET.to_owned()]);
    ground.runs("web", 1);
    let mut scene = Scene { ground: &ground, prometheus, counters: &counters };

    scene.count_until("something is counted", |spec| line(spec).is_some_and(|line| line["cost"] != "0.0000000000"));
    ground.settle_within(PATIENCE, "priceplan/metered", READY, "MeterUnknown");
    ground.hear("get priceplan metered -oyaml", "meter broken: Prometheus refuses the query");

    ground.settle_within(PATIENCE, "bgt/team", ".status.unitCost.unit", "order");
    ground.event("bgt/team", "ThresholdCrossed", "100 % of 0.000001 EUR for one order");

    // It dies, and everything else goes on.
    scene.prometheus.process.kill9().unwrap();
    let died = counted(&scene.spec());
    ground.settle_within(PATIENCE, "priceplan/metered", READY, "PrometheusSilent");
    let seen = scene.spec()["watermark"].as_str().unwrap().to_owned();
    ground.settle_within(Duration::from_mins(2), "bgt/team", FRESH, "MeterStale");
    ground.settle_within(Duration::from_mins(2), "bgt/team", ".status.unitCost", "");
    scene.count_until("metering goes on", |spec| {
        let stale = gaps(spec).iter().any(|gap| gap["reason"] == "meter egress: Prometheus does not answer");
        spec["watermark"].as_str() > Some(&seen) && stale
    });

    // So does the leader, and both are replaced.
    let standby = kill_the_leader(&cluster, operators);
    let counted_by = counted(&scene.spec());
    assert!(counted_by <= died + WINDOW, "nothing was counted meanwhile: {counted_by} after {died}");
    scene.prometheus.start_again(&cluster).unwrap();
    let back = ground.now().as_second();
    scene.count_until("what it missed is a gap", |spec| {
        counted(spec) > back + 3 * WINDOW && gaps(spec).iter().any(|gap| gap["reason"] == NO_SAMPLES)
    });
    scene.compare();
    ground.settle_within(PATIENCE, "bgt/team", FRESH, "MeterStale");
    let metric = standby.metric("opex_errors_total").unwrap();
    assert!(metric.iter().any(|line| line.contains("class=\"Meter\"")), "{metric:?}");

    // A query that is mended is a meter that counts.
    let mended = plan().replace("sum(nothing[$window])", "sum by (namespace) (increase(nothing[$window]))");
    cluster.apply(&mended).expect();
    scene.count_until("nothing is unknown", |_| ground.field("priceplan/metered", READY) == "Usable");
    ground.settle_within(PATIENCE, "bgt/team", FRESH, "Heard");
    scene.compare();
    ground.settle_within(PATIENCE, "bgt/team", ".status.unitCost.unit", "order");
    let counted = &scene.spec()["unitCost"];
    assert!(counted["perUnit"].is_string() && counted["units"].as_str() > Some("0"), "{counted}");
}

const READY: &str = r#".status.conditions[?(@.type=="Ready")].reason"#;
const FRESH: &str = r#".status.conditions[?(@.type=="DataFresh")].reason"#;

impl Scene<'_> {
    fn spec(&self) -> Value {
        let statement = self.ground.field("bgt/team", ".status.statement");
        self.ground.kubectl(&format!("get stmt {statement} -ojson")).json().unwrap()["spec"].clone()
    }

    /// Has bytes counted, a little more each time, until the Statement is as it should be.
    fn count_until(&self, what: &str, enough: impl Fn(&Value) -> bool) {
        let mut more = 1e9;
        wait_until(what, Duration::from_mins(3), || {
            more += 123_456_789.0;
            self.counters.add("egress_bytes_total{namespace=\"shop\"}", more);
            self.counters.add("egress_bytes_total{namespace=\"elsewhere\"}", more);
            self.counters.add("orders_total", 1.0);
            let spec = self.spec();
            anyhow::ensure!(enough(&spec), "{spec:#}");
            Ok(())
        })
        .unwrap_or_else(|error| panic!("{error:#}"));
    }

    /// The Statement has what Prometheus answers for each of its windows, and says which of them it does not know.
    fn compare(&self) {
        let spec = self.spec();
        let since: Timestamp = self.ground.field("bgt/team", ".status.meteredSince").parse().unwrap();
        let first = (since.as_second() + WINDOW - 1) / WINDOW * WINDOW;
        let query = EGRESS.replace("$window", &format!("{WINDOW}s"));
        let (mut sum, mut unknown) = (0, Vec::new());
        for from in (first..counted(&spec)).step_by(10) {
            let answer = self.prometheus.query(&query, from + WINDOW).unwrap();
            match answer.get("shop") {
                Some(text) => sum += billionths(text),
                None => unknown.push(from),
            }
        }
        let line = line(&spec).expect("a line");
        assert_eq!(line["quantity"], sum.to_string(), "{spec:#}");
        let is_gap = |from: i64| {
            let second = |time: &Value| time.as_str().unwrap().parse::<Timestamp>().unwrap().as_second();
            let mut of = gaps(&spec).into_iter().filter(|gap| gap["reason"] == NO_SAMPLES);
            of.any(|gap| second(&gap["from"]) <= from && from + WINDOW <= second(&gap["to"]))
        };
        // In the first window it had not scraped twice.
        let untold: Vec<_> = unknown.iter().filter(|from| !is_gap(**from) && **from > first + WINDOW).collect();
        assert!(untold.is_empty() && unknown.len() > 1, "{untold:?} of {unknown:?}\n{spec:#}");
        println!(
            "{} windows, {} of them unknown: {}",
            (counted(&spec) - first) / WINDOW,
            unknown.len(),
            line["consumed"]
        );
    }
}

/// The survivor.
fn kill_the_leader(cluster: &Cluster, operators: [Operator; 2]) -> Operator {
    let (mut leaders, mut others): (Vec<_>, Vec<_>) =
        operators.into_iter().partition(|operator| operator.leads(cluster));
    leaders.pop().expect("a leader").process.kill9().unwrap();
    let standby = others.pop().expect("a standby");
    standby.wait_until_leading(cluster, PATIENCE).unwrap();
    standby
}

fn line(spec: &Value) -> Option<Value> {
    let lines = spec["lines"].as_array()?;
    lines.iter().find(|line| line["rate"] == "meter/egress" && line["namespace"] == "shop").cloned()
}

fn gaps(spec: &Value) -> Vec<Value> {
    spec["gaps"].as_array().cloned().unwrap_or_default()
}

/// Up to when it was counted.
fn counted(spec: &Value) -> i64 {
    spec["observed"]["meters"].as_str().and_then(|text| text.parse().ok()).unwrap_or_default()
}

/// The decimal number that a sample says, in billionths, rounded up.
fn billionths(text: &str) -> i128 {
    let (digits, exponent) = text.split_once('e').unwrap_or((text, "0"));
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let places = 9 + exponent.parse::<i32>().unwrap() - i32::try_from(fraction.len()).unwrap();
    let number: i128 = format!("{whole}{fraction}").parse().unwrap();
    let power = 10_i128.pow(places.unsigned_abs());
    if places < 0 { (number + power - 1) / power } else { number * power }
}

#[test]
fn samples_are_read_by_hand() {
    let read: BTreeMap<_, _> =
        ["0", "1.5", "1.5e-07", "1e+02", "0.30000000000000004"].map(|text| (text, billionths(text))).into();
    let expected = [
        ("0", 0),
        ("1.5", 1_500_000_000),
        ("1.5e-07", 150),
        ("1e+02", 100_000_000_000),
        ("0.30000000000000004", 300_000_001),
    ];
    assert_eq!(read, expected.into());
}
