//! The engine, driven twice: what was metered stays, and what runs on costs what the change says.

use serde_json::json;

use super::*;

const NOON: &str = "2026-11-21T12:00:00Z";

fn second(time: &str) -> Seconds {
    time.parse::<Timestamp>().unwrap().as_second()
}

/// A core at 3600 an hour, which is 1 a second, up to 40 seconds past noon; 1,000 were spent by noon.
fn cluster() -> Vec<Value> {
    let line = json!({"namespace": "team", "plan": "p", "rate": "cpu", "category": "Compute", "workload": "Pod/web",
        "unitPrice": "3600", "quantity": "1000000", "unit": "millicore-seconds", "factor": "3600000",
        "consumed": "0.27 core-hours", "chargeFrequency": "UsageBased", "cost": "1000.0000000000"});
    let plan = json!({"currency": "EUR", "pricesPerHour": {"cpu": "3600"}});
    let made = "2026-11-21T11:43:20Z";
    vec![
        json!({"apiVersion": "billing.opex.dev/v1alpha1", "kind": "Statement",
            "metadata": {"name": "team-2026", "namespace": "team", "uid": "s", "resourceVersion": "50"},
            "spec": {"cluster": "c", "budgetRef": {"kind": "Budget", "name": "team"}, "currency": "EUR", "phase": "Open",
                "period": {"label": "2026", "start": "2026-01-01T00:00:00Z", "end": "2027-01-01T00:00:00Z"},
                "watermark": NOON, "observed": {"pods": "40", "priceplans": "40", "budgets": "40"},
                "total": "1000.0000000000", "lines": [line]}}),
        json!({"apiVersion": "billing.opex.dev/v1alpha1", "kind": "PricePlan",
            "metadata": {"name": "p", "uid": "p", "resourceVersion": "9", "generation": 1, "creationTimestamp": made},
            "spec": plan, "status": {"versions": [{"from": made, "generation": 1, "spec": plan}]}}),
        json!({"apiVersion": "v1", "kind": "Namespace",
            "metadata": {"name": "team", "uid": "n", "resourceVersion": "8", "creationTimestamp": made}}),
        json!({"apiVersion": "billing.opex.dev/v1alpha1", "kind": "Budget",
            "metadata": {"name": "team", "namespace": "team", "uid": "b", "resourceVersion": "10", "generation": 1,
                "creationTimestamp": made},
            "spec": {"contact": "c", "pricePlan": "p", "period": {"every": "Year"},
                "limit": {"amount": 5_000_000, "currency": "EUR"}}}),
        pod("web", made),
    ]
}

/// What the operator shows of the Budget 30 seconds past noon, if it has seen 20 more go by.
fn shown() -> Value {
    json!({"period": {"label": "2026", "start": "2026-01-01T00:00:00Z", "end": "2027-01-01T00:00:00Z",
        "resets": "2027-01-01"}, "currency": "EUR", "spent": "1050.00", "updated": "2026-11-21T12:00:30Z"})
}

fn pod(name: &str, from: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": name, "namespace": "team", "uid": name, "resourceVersion": "20", "creationTimestamp": from},
        "spec": {"nodeName": "n", "containers": [{"name": "c", "resources": {"requests": {"cpu": "1"}}}]},
        "status": {"phase": "Running"}})
}

/// 40 seconds after noon, of the Budget as it was made.
fn compared(status: &Value, there: Vec<Value>, gone: Vec<Value>) -> Row {
    let comparison = comparison(&json!({"status": status}), &[], there, gone);
    assert_eq!((comparison.rows.len(), comparison.notes.len()), (1, 0), "{comparison:?}");
    comparison.rows[0].clone()
}

/// The same of a Budget with other fields, and of more objects.
fn comparison(budget: &Value, more: &[Value], there: Vec<Value>, gone: Vec<Value>) -> Comparison {
    let merge = |object: &mut Value| {
        for (field, value) in budget.as_object().unwrap() {
            object[field] = value.clone();
        }
    };
    compare(&merge, more, there, gone)
}

fn compare(merge: &dyn Fn(&mut Value), more: &[Value], there: Vec<Value>, gone: Vec<Value>) -> Comparison {
    let settings = Settings {
        cluster: "c".to_owned(),
        namespace: "opex-system".into(),
        lag: 10,
        from: None,
        replay: false,
        writes_per_second: i64::MAX,
        counting: None,
        retained: usize::MAX,
    };
    let (mut twins, at) = (Twins::new(&settings), second(NOON) + 40);
    for mut object in cluster().into_iter().chain(more.iter().cloned()) {
        if object["kind"] == "Budget" {
            merge(&mut object);
        }
        twins.observe(&read(&object).unwrap().unwrap(), at);
    }
    for source in Source::ALL {
        twins.listed(source, 60, at);
    }
    twins.start(&Imagined { there, gone, notes: Vec::new() }, at).unwrap();
    let namespaces = Some(["team".to_owned()].into());
    twins.compare(&Concerned { namespaces, labels: Vec::new(), whole: true })
}

#[test]
fn what_runs_on_is_what_changes() {
    let left = second("2027-01-01T00:00:00Z") - second(NOON) - 40;
    let amount = |whole: i64| format!("{whole}.00");
    let now = 1040 + left;
    let plan = |price: &str| {
        let mut plan = cluster()[1].clone();
        (plan["spec"]["pricesPerHour"]["cpu"], plan["metadata"]["generation"]) = (json!(price), json!(2));
        plan["metadata"]["managedFields"] = json!([{"manager": "m", "time": "2026-11-21T12:00:40Z"}]);
        plan
    };
    for (there, gone, then, per_day) in [
        (vec![], vec![], now, 86_400),
        (vec![pod("more", "2026-11-21T12:00:40Z")], vec![], now + left, 2 * 86_400),
        (vec![], vec![cluster()[4].clone()], 1040, 0),
        (vec![], vec![pod("unknown", NOON)], now, 86_400),
        (vec![plan("1800")], vec![], 1040 + left / 2, 43_200),
        (vec![plan("7200")], vec![], 1040 + left * 2, 2 * 86_400),
    ] {
        let row = compared(&json!({}), there, gone);
        assert_eq!(row.spent, amount(1040));
        assert_eq!(row.forecast, Compared { now: amount(now), then: amount(then), change: amount(then - now) });
        assert_eq!(row.per_day.then, amount(per_day));
        assert_eq!((row.fits, row.breaks()), (Some(then <= 5_000_000), then > 5_000_000), "{row:?}");
    }
}

#[test]
fn what_vanished_before_anybody_looked_was_spent() {
    let before = compared(&json!({}), Vec::new(), Vec::new());
    let row = compared(&shown(), Vec::new(), Vec::new());
    let more = |amount: &str| {
        let sum = parse_exact(amount).unwrap() + parse_exact("20").unwrap();
        amount_text(&sum, iso_currency::Currency::EUR)
    };
    assert_eq!(row.spent, "1060.00");
    assert_eq!((row.forecast.now, row.forecast.then), (more(&before.forecast.now), more(&before.forecast.then)));
    let mut earlier = shown();
    earlier["period"]["label"] = json!("2025");
    assert_eq!(compared(&earlier, Vec::new(), Vec::new()).spent, "1040.00", "of another period");
}

#[test]
fn a_gate_that_a_forecast_would_close_is_told() {
    let spec = json!({"contact": "c", "pricePlan": "p", "period": {"every": "Year"},
        "limit": {"amount": 5_000_000, "currency": "EUR"},
        "thresholds": [{"percent": 100, "of": "Forecast", "action": "Block"}]});
    let there = vec![pod("more", "2026-11-21T12:00:40Z")];
    let comparison = comparison(&json!({"spec": spec}), &[], there, Vec::new());
    assert_eq!(comparison.rows[0].gate, Gates { now: Gate::Open, then: Gate::Block });
}

#[test]
fn what_has_no_figures_says_why() {
    let spec = json!({"contact": "c", "pricePlan": "nowhere", "period": {"every": "Year"},
        "limit": {"amount": 5, "currency": "USD"}});
    let nowhere = comparison(&json!({"spec": spec}), &[], Vec::new(), Vec::new());
    assert!(nowhere.rows.is_empty() && nowhere.notes.iter().any(|note| note.contains("PlanNotFound")), "{nowhere:?}");
}

#[test]
fn by_usage_another_pod_uses_what_the_newest_does() {
    let sample = |pod: &str, taken: &str| {
        json!({"apiVersion": "metrics.k8s.io/v1beta1", "kind": "PodMetrics", "metadata": {"name": pod, "namespace": "team"},
            "timestamp": taken, "window": "15s", "containers": [{"usage": {"cpu": "2", "memory": "1"}}]})
    };
    let spec = json!({"contact": "c", "pricePlan": "p", "period": {"every": "Year"}, "basis": "Usage"});
    let there = vec![pod("more", "2026-11-21T12:00:40Z"), sample("more", "2026-11-21T12:00:40Z")];
    let comparison = comparison(&json!({"spec": spec}), &[sample("web", "2026-11-21T12:00:10Z")], there, Vec::new());
    let per_day = &comparison.rows[0].per_day;
    assert_eq!((per_day.now.as_str(), per_day.then.as_str()), ("172800.00", "345600.00"));
    assert!(comparison.notes.iter().any(|note| note.contains("goes by what Pods use")), "{comparison:?}");
}
