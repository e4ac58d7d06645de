//! Vectors of the cost model, asked of the reference alone.

use std::collections::BTreeMap;

use num_rational::BigRational;
use serde_json::{Value, json};

use super::compare::number;
use super::tally::Tally;
use super::{Bill, Change, Event, Input, Seconds};

/// 1 March 2025, 00:00Z; days and hours from there.
pub const MARCH: Seconds = 1_740_787_200;
pub const HOUR: Seconds = 3600;
pub const DAY: Seconds = 24 * HOUR;

pub fn text(instant: Seconds) -> Value {
    json!(jiff::Timestamp::from_second(instant).expect("an instant"))
}

pub fn object(kind: &str, namespace: &str, name: &str, rest: &Value) -> Value {
    let version = match kind {
        "PricePlan" | "Budget" | "BudgetOverride" | "ClusterBudget" => "billing.opex.dev/v1alpha1",
        "ResourceClaim" => "resource.k8s.io/v1",
        "PodMetrics" => "metrics.k8s.io/v1beta1",
        "Instance" => "rds.aws.upbound.io/v1beta1",
        _ => "v1",
    };
    let mut object = json!({"apiVersion": version, "kind": kind});
    for (field, value) in rest.as_object().expect("fields") {
        object[field] = value.clone();
    }
    object["metadata"]["name"] = json!(name);
    if !namespace.is_empty() {
        object["metadata"]["namespace"] = json!(namespace);
    }
    object
}

pub fn plan(spec: &Value) -> Value {
    object("PricePlan", "", "default", &json!({"spec": spec}))
}

pub fn budget(namespace: &str, spec: &Value) -> Value {
    object("Budget", namespace, namespace, &json!({"spec": spec}))
}

/// A Pod that runs on n1 from an instant on.
pub fn pod(namespace: &str, name: &str, at: Seconds, requests: &Value) -> Value {
    object(
        "Pod",
        namespace,
        name,
        &json!({
            "metadata": {"creationTimestamp": text(at)},
            "spec": {"nodeName": "n1", "containers": [{"name": "app", "resources": {"requests": requests}}]},
        }),
    )
}

pub fn added(at: Seconds, object: Value) -> Event {
    Event { at, change: Change::Added, last_seen: None, object }
}

pub fn bills(given: &[Value], trace: &[Event], from: Seconds, to: Seconds) -> BTreeMap<String, Bill> {
    let input = Input { from, to, given: given.to_vec(), trace: trace.to_vec() };
    super::bills(&input).into_iter().map(|((namespace, name), bill)| (format!("{namespace}/{name}"), bill)).collect()
}

pub fn total(bill: &Bill) -> BigRational {
    Tally { lines: bill.lines.clone(), charges: bill.charges.clone(), ..Tally::default() }.total()
}

#[test]
fn vector_12_tiers() {
    let given = [
        plan(&json!({"currency": "EUR", "tiers": {"cpu": [{"upTo": "1000", "price": ".04"}, {"price": ".03"}]}})),
        budget("a", &json!({})),
    ];
    let trace = [added(MARCH, pod("a", "p", MARCH, &json!({"cpu": "1500m"})))];
    let bills = bills(&given, &trace, MARCH, MARCH + 1000 * HOUR);
    assert_eq!(total(&bills["a/a-2025-03"]), number("1000") * number("0.04") + number("116") * number("0.03"));
    assert_eq!(total(&bills["a/a-2025-04"]), number("384") * number("0.04"));
    let given = [given[0].clone(), budget("a", &json!({"period": {"every": "Quarter"}}))];
    let bills = self::bills(&given, &trace, MARCH, MARCH + 1000 * HOUR);
    assert_eq!(total(&bills["a/a-2025-q1"]), number("43.48"));
    let trace = [added(MARCH, pod("a", "p", MARCH, &json!({"cpu": "3"})))];
    let bills = self::bills(&given, &trace, MARCH, MARCH + 500 * HOUR);
    assert_eq!(total(&bills["a/a-2025-q1"]), number("55"));
}

#[test]
fn vector_16_discounts() {
    let discounts = json!([{"name": "a", "percent": "30"}, {"name": "b", "percent": 10}]);
    let prices = json!({"cpu": "0.031611", "memory": "0.004237", "nvidia.com/gpu": "0.95"});
    let given =
        [plan(&json!({"currency": "EUR", "pricesPerHour": prices, "discounts": discounts})), budget("a", &json!({}))];
    let trace = [added(MARCH, pod("a", "p", MARCH, &json!({"cpu": "2", "memory": "8Gi", "nvidia.com/gpu": 1})))];
    let bills = bills(&given, &trace, MARCH, MARCH + DAY);
    assert_eq!(total(&bills["a/a-2025-03"]), number("15.83242416"));
}

pub fn recurring(zone: &str, entry: &Value) -> Value {
    plan(&json!({"currency": "EUR", "timeZone": zone, "pricesPerHour": {"cpu": 1}, "recurring": [entry]}))
}

#[test]
fn vectors_13_and_14_accrual() {
    let to_a = json!({"by": "Namespaces", "namespaces": {"a": "1"}});
    let entry = |from: &str| json!({"name": "s", "amount": "100", "every": "Month", "from": from, "allocate": to_a});
    let berlin = budget("a", &json!({"period": {"every": "Month", "timeZone": "Europe/Berlin"}}));
    // The month begins on 28 February, 23:00Z; noon of the 30th is 10:00Z.
    let given = [recurring("Europe/Berlin", &entry("2025-01-01")), berlin];
    let march = &bills(&given, &[], MARCH - HOUR, MARCH + 29 * DAY + 10 * HOUR)["a/a-2025-03"];
    assert_eq!(total(march), number("70700/743"));
    let given = [recurring("UTC", &entry("2025-02-01")), budget("a", &json!({}))];
    let february = &bills(&given, &[], MARCH - 28 * DAY, MARCH - 18 * DAY)["a/a-2025-02"];
    assert_eq!(total(february), number("1000/28"));
}

#[test]
fn vector_17_sharing() {
    let shared = |allocate: Value| {
        let mut given = vec![recurring(
            "UTC",
            &json!({"name": "s", "amount": "90", "from": "2025-03-01", "category": "Support", "allocate": allocate}),
        )];
        for (name, labels) in [("a", json!({"team": "x"})), ("b", json!({"team": "x"})), ("c", json!({"team": "x"}))] {
            given.push(object("Namespace", "", name, &json!({"metadata": {"labels": labels}})));
            given.push(budget(name, &json!({})));
        }
        given.push(object("Namespace", "", "d", &json!({})));
        let pods = [("a", "3"), ("b", "1"), ("c", "500m"), ("d", "7")];
        let trace = pods.map(|(name, cpu)| added(MARCH, pod(name, "p", MARCH, &json!({"cpu": cpu}))));
        let bills = bills(&given, &trace, MARCH, MARCH + 100 * HOUR);
        ["a", "b", "c"].map(|name| {
            let charges = &bills[&format!("{name}/{name}-2025-03")].charges;
            assert!(charges.keys().all(|charge| charge.frequency == "OneTime" && charge.category == "Support"));
            charges.values().sum::<BigRational>()
        })
    };
    let team = json!({"matchLabels": {"team": "x"}});
    assert_eq!(
        shared(json!({"by": "Usage", "selector": team})),
        [60, 20, 10].map(|n| BigRational::from_integer(n.into()))
    );
    assert_eq!(
        shared(json!({"by": "Even", "selector": team})),
        [30, 30, 30].map(|n| BigRational::from_integer(n.into()))
    );
    let weights = json!({"a": "5", "b": "3", "c": "2"});
    assert_eq!(
        shared(json!({"by": "Namespaces", "namespaces": weights})),
        [45, 27, 18].map(|n| BigRational::from_integer(n.into()))
    );
}

/// A node of 4 cores and 16 GiB, A with 2 cores and 2 GiB, B with 1 core and 6 GiB, and what they bear of the rest.
fn idle(by: &str) -> [BigRational; 3] {
    let prices = json!({"cpu": "0.031611", "memory": "0.004237"});
    let cluster = json!({"spec": {"includeIdle": true, "pricePlan": "default"}});
    let given = [
        plan(&json!({"currency": "EUR", "pricesPerHour": prices, "sharing": {"idle": {"by": by}}})),
        object("Node", "", "n1", &json!({"status": {"capacity": {"cpu": "4", "memory": "16Gi", "pods": "110"}}})),
        object("Namespace", "", "a", &json!({})),
        object("Namespace", "", "b", &json!({})),
        budget("a", &json!({})),
        budget("b", &json!({})),
        object("ClusterBudget", "", "all", &cluster),
    ];
    let trace = [
        added(MARCH, pod("a", "p", MARCH, &json!({"cpu": "2", "memory": "2Gi"}))),
        added(MARCH, pod("b", "p", MARCH, &json!({"cpu": "1", "memory": "6Gi"}))),
    ];
    let bills = bills(&given, &trace, MARCH, MARCH + DAY);
    let names = ["a/a-2025-03", "b/b-2025-03", "opex-system/all-2025-03"];
    assert_eq!(
        bills.contains_key(&format!("opex-system/default-requests-2025-03 [{MARCH}, {})", MARCH + 31 * DAY)),
        by == "Usage"
    );
    names.map(|name| total(&bills[name]))
}

#[test]
fn vector_18_idle() {
    let whole = number("24") * (number("4") * number("0.031611") + number("16") * number("0.004237"));
    assert_eq!(idle("Usage"), [number("2.429856"), number("2.231808"), whole.clone()]);
    let even = number("24") * (number("0.031611") + number("8") * number("0.004237")) / number("2");
    let a = number("24") * (number("2") * number("0.031611") + number("2") * number("0.004237"));
    let b = number("24") * (number("0.031611") + number("6") * number("0.004237"));
    assert_eq!(idle("Keep"), [a.clone(), b.clone(), whole.clone()]);
    assert_eq!(idle("Even"), [a + &even, b + even, whole]);
}

/// Rule 22: 90 of a shared namespace over usage costs of 300, 100 and 50.
#[test]
fn vector_17_shared_namespaces() {
    let shared = |rule: Value| {
        let charge = json!({"name": "s", "amount": "20", "from": "2025-03-01", "category": "Support",
            "allocate": {"by": "Namespaces", "namespaces": {"platform": 1}}});
        let mut given = vec![plan(&json!({"currency": "EUR", "pricesPerHour": {"cpu": 1}, "recurring": [charge],
            "sharing": {"namespaces": rule}}))];
        for (name, labels) in
            [("a", json!({})), ("b", json!({})), ("c", json!({})), ("platform", json!({"shared": "true"}))]
        {
            given.push(object("Namespace", "", name, &json!({"metadata": {"labels": labels}})));
            given.push(budget(name, &json!({})));
        }
        let pods = [("a", "3"), ("b", "1"), ("c", "500m"), ("platform", "700m")];
        let trace = pods.map(|(name, cpu)| added(MARCH, pod(name, "p", MARCH, &json!({"cpu": cpu}))));
        let bills = bills(&given, &trace, MARCH, MARCH + 100 * HOUR);
        assert_eq!(total(&bills["platform/platform-2025-03"]), number("90"));
        ["a", "b", "c"].map(|name| {
            let charges = &bills[&format!("{name}/{name}-2025-03")].charges;
            assert!(charges.keys().all(|charge| charge.rate == "shared/platform" && charge.category == "Other"));
            charges.values().sum::<BigRational>()
        })
    };
    let selector = json!({"matchLabels": {"shared": "true"}});
    let whole = |numbers: [i32; 3]| numbers.map(|n| BigRational::from_integer(n.into()));
    assert_eq!(shared(json!({"selector": selector, "by": "Usage"})), whole([60, 20, 10]));
    assert_eq!(shared(json!({"selector": selector, "by": "Even"})), whole([30, 30, 30]));
    let weights = json!({"a": "5", "b": "3", "c": "2"});
    assert_eq!(shared(json!({"selector": selector, "by": "Weights", "weights": weights})), whole([45, 27, 18]));
}

#[test]
fn vector_22_usage() {
    let prices = json!({"cpu": "0.031611", "memory": "0.004237"});
    let given = |basis: &str| {
        [plan(&json!({"currency": "EUR", "pricesPerHour": prices})), budget("a", &json!({"basis": basis}))]
    };
    let mut trace = vec![added(MARCH, pod("a", "p", MARCH, &json!({})))];
    let sample = |at: Seconds, cpu: &str| {
        let halves = json!([{"name": "app", "usage": {"cpu": cpu, "memory": "256Mi"}}, {"name": "b", "usage": {"cpu": "50m", "memory": "256Mi"}}]);
        added(
            at,
            object("PodMetrics", "a", "p", &json!({"timestamp": text(at), "window": "15s", "containers": halves})),
        )
    };
    trace.extend((0..DAY / 60).map(|minute| sample(MARCH + minute * 60, "200m")));
    let total = |basis: &str, trace: &[Event]| total(&bills(&given(basis), trace, MARCH, MARCH + DAY)["a/a-2025-03"]);
    assert_eq!(total("Usage", &trace), number("0.24051"));
    assert_eq!(total("MaxOfRequestsAndUsage", &trace), number("0.24051"));
    assert_eq!(total("Requests", &trace), number("0"));
    // One sample stands for two minutes, rounded up once; then nothing is known.
    trace.truncate(1);
    trace.push(sample(MARCH + HOUR, "1n"));
    let minutes = number("0.051") * number("0.031611") + number("0.5") * number("0.004237");
    assert_eq!(total("Usage", &trace), minutes * number("120/3600"));
}
