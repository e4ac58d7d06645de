//! Numbers that follow from the rules, asked of the reference alone.

use num_rational::BigRational;
use serde_json::{Value, json};

use super::compare::number;
use super::vectors::{DAY, HOUR, MARCH, added, bills, budget, object, plan, pod, recurring, text, total};
use super::{Event, Input, Seconds};

/// Rule 10: cpu and memory in the ratio of their base prices, whole nodes costing what they cost.
#[test]
fn a_node_price_is_split_over_the_capacity() {
    let class = json!({"name": "big", "selector": {}, "pricePerNodeHour": "0.192"});
    let prices = json!({"cpu": "0.031611", "memory": "0.004237"});
    let given = [
        plan(&json!({"currency": "EUR", "pricesPerHour": prices, "nodeClasses": [class]})),
        budget("a", &json!({})),
        object("Node", "", "n1", &json!({"status": {"capacity": {"cpu": "4", "memory": "16Gi"}}})),
    ];
    let trace = [added(MARCH, pod("a", "p", MARCH, &json!({"cpu": "4", "memory": "16Gi"})))];
    let bills = bills(&given, &trace, MARCH, MARCH + 10 * HOUR);
    assert_eq!(total(&bills["a/a-2025-03"]), number("1.92"));
    let rates: Vec<_> = bills["a/a-2025-03"].lines.keys().map(|key| key.rate.as_str()).collect();
    assert_eq!(rates, ["big/cpu", "big/memory"]);
    let ram = number("0.192") / (number("4") * number("0.031611") / number("0.004237") + number("16"));
    assert_eq!(bills["a/a-2025-03"].lines.keys().nth(1).expect("memory").unit_price, Some(ram));
}

/// Rule 16: 31 January, 28 February, 31 March; a charge at `--from` is booked, one at `--to` is not.
#[test]
fn charge_dates_are_clamped_and_do_not_drift() {
    let allocate = json!({"by": "Namespaces", "namespaces": {"a": "2", "b": "1"}});
    let entry = json!({"name": "s", "amount": "90", "every": "Month", "from": "2025-01-31", "until": "2025-05-31",
        "booking": "OnChargeDate", "allocate": allocate});
    let given = [recurring("UTC", &entry), budget("a", &json!({"period": {"every": "Year"}}))];
    let booked = |from: Seconds, to: Seconds| total(&bills(&given, &[], from, to)["a/a-2025"]);
    assert_eq!(booked(MARCH - 29 * DAY, MARCH - DAY), number("60"));
    assert_eq!(booked(MARCH - 29 * DAY, MARCH - DAY + 1), number("120"));
    assert_eq!(booked(MARCH - 29 * DAY + 1, MARCH - DAY + 1), number("60"));
    assert_eq!(booked(MARCH - DAY, MARCH + 30 * DAY), number("60"));
    assert_eq!(booked(MARCH - DAY, MARCH + 30 * DAY + 1), number("120"));
    assert_eq!(booked(MARCH - 29 * DAY, MARCH + 200 * DAY), number("240"));
}

/// Rule 41: two devices by request and alternative, one for nothing; from the allocation's own time.
#[test]
fn devices_are_billed_while_allocated() {
    let given = [
        plan(&json!({"currency": "EUR", "devices": [{"deviceClass": "gpu", "pricePerHour": "0.95"}],
            "discounts": [{"name": "d", "percent": 10, "resources": ["device/gpu"]}]})),
        budget("a", &json!({})),
    ];
    let claim = |allocation: Value| {
        let requests = json!([{"name": "one", "exactly": {"deviceClassName": "gpu"}},
            {"name": "any", "firstAvailable": [{"name": "big", "deviceClassName": "gpu"}, {"name": "small", "deviceClassName": "mig"}]}]);
        object(
            "ResourceClaim",
            "a",
            "c",
            &json!({"spec": {"devices": {"requests": requests}}, "status": {"allocation": allocation}}),
        )
    };
    let results = json!([{"request": "one"}, {"request": "any/small"}, {"request": "one", "adminAccess": true}]);
    let allocation = json!({"allocationTimestamp": text(MARCH + HOUR), "devices": {"results": results}});
    let mut trace = vec![added(MARCH, claim(Value::Null)), added(MARCH + HOUR + 7, claim(allocation))];
    trace.push(added(MARCH + 3 * HOUR, claim(Value::Null)));
    let bills = bills(&given, &trace, MARCH, MARCH + DAY);
    let bill = &bills["a/a-2025-03"];
    assert_eq!(total(bill), number("2") * number("0.95") * number("0.9"));
    let lines: Vec<_> = bill.lines.iter().map(|(key, quantity)| (key.rate.as_str(), quantity.clone())).collect();
    assert_eq!(lines, [("device/gpu", 7_200_000.into()), ("device/mig", 7_200_000.into())]);
}

/// Rule 42: by kind and labels, the first that matches; whose they are is in a label where they have no namespace.
#[test]
fn objects_are_billed_while_they_match() {
    let entry = |name: &str, selector: Value, price: &str| {
        json!({"name": name, "group": "rds.aws.upbound.io", "kind": "Instance",
        "selector": selector, "pricePerHour": price, "category": "Database"})
    };
    let objects = json!([entry("big", json!({"matchLabels": {"size": "big"}}), "2"), entry("any", json!({}), "1")]);
    let given = [
        plan(&json!({"currency": "EUR", "objects": objects})),
        budget("a", &json!({})),
        object("ClusterBudget", "", "all", &json!({"spec": {}})),
    ];
    let instance = |labels: Value| {
        object(
            "Instance",
            "",
            "i",
            &json!({"metadata": {"uid": "i", "creationTimestamp": text(MARCH), "labels": labels}}),
        )
    };
    let mine = json!({"crossplane.io/claim-namespace": "a", "opex.dev/namespace": "b"});
    let mut big = mine.clone();
    big["size"] = json!("big");
    let trace = [
        added(MARCH + 60, instance(mine)),
        added(MARCH + HOUR, instance(big)),
        added(MARCH + 2 * HOUR, instance(json!({"opex.dev/namespace": "b"}))),
        added(MARCH + 3 * HOUR, instance(json!({}))),
    ];
    let bills = bills(&given, &trace, MARCH, MARCH + 4 * HOUR);
    assert_eq!(total(&bills["a/a-2025-03"]), number("3"));
    assert_eq!(total(&bills["opex-system/all-2025-03"]), number("5"));
}

/// Rule 32: a Budget in each namespace that matches, while it does; somebody's own is left alone.
#[test]
fn a_cluster_budget_has_one_in_each_namespace() {
    let given = [
        plan(&json!({"currency": "EUR", "pricesPerHour": {"cpu": 1}})),
        object(
            "ClusterBudget",
            "",
            "each",
            &json!({"spec": {"mode": "PerNamespace",
            "namespaceSelector": {"matchLabels": {"team": "x"}}}}),
        ),
        object("Budget", "c", "each", &json!({"spec": {"period": {"every": "Quarter"}}})),
    ];
    let namespace = |at: Seconds, name: &str, team: &str| {
        added(at, object("Namespace", "", name, &json!({"metadata": {"uid": name, "labels": {"team": team}}})))
    };
    let mut trace: Vec<Event> =
        ["a", "b", "c"].iter().map(|name| namespace(MARCH, name, if *name == "b" { "y" } else { "x" })).collect();
    trace.extend(["a", "b", "c"].map(|name| added(MARCH, pod(name, "p", MARCH, &json!({"cpu": 1})))));
    trace.extend([(2, "y"), (5, "x")].map(|(hour, team)| namespace(MARCH + hour * HOUR, "a", team)));
    trace.push(namespace(MARCH + 9 * HOUR, "b", "x"));
    let bills = bills(&given, &trace, MARCH, MARCH + 10 * HOUR);
    assert_eq!(bills.keys().collect::<Vec<_>>(), ["a/each-2025-03", "b/each-2025-03", "c/each-2025-q1"]);
    let totals: Vec<_> = bills.values().map(total).collect();
    assert_eq!(totals, [7, 1, 10].map(|hours| BigRational::from_integer(hours.into())));
}

/// Rules 38, 44 and 45: 30 of 10,000 left over, a peak, an override for an hour, and when half of it all is spent.
#[test]
fn limits_and_crossings() {
    let limit = |rest: Value| {
        let mut spec = json!({"limit": {"amount": 100, "currency": "EUR"}, "period": {"every": "Day"},
            "thresholds": [{"percent": 50, "of": "Actual", "action": "Notify"}, {"percent": 100, "of": "Actual", "action": "Warn"}]});
        for (field, value) in rest.as_object().expect("fields") {
            spec[field] = value.clone();
        }
        spec
    };
    let status = |spec: &Value, hours: Seconds| {
        let given = vec![plan(&json!({"currency": "EUR", "pricesPerHour": {"cpu": 3}})), budget("a", spec)];
        let mut grant = object(
            "BudgetOverride",
            "a",
            "o",
            &json!({"spec": {"budgetRef": {"kind": "Budget", "name": "a"},
            "extraAmount": 20, "until": text(MARCH + DAY + 12 * HOUR)}}),
        );
        grant["metadata"]["creationTimestamp"] = text(MARCH + DAY + 11 * HOUR);
        let trace = vec![added(MARCH, pod("a", "p", MARCH, &json!({"cpu": 1}))), added(MARCH + DAY + 11 * HOUR, grant)];
        let input = Input { from: MARCH, to: MARCH + DAY + hours * HOUR, given, trace };
        super::statuses(&input).into_values().next().expect("a status")
    };
    let plain = status(&limit(json!({})), 20);
    assert_eq!((plain.limit.as_str(), plain.spent.as_str(), plain.remaining.as_str()), ("100.00", "60.00", "40.00"));
    assert_eq!((plain.used_percent.as_str(), &plain.crossed[1]), ("60", &("100".to_owned(), None)));
    // 50 at 3 an hour.
    assert_eq!(plain.crossed[0].1, Some(MARCH + DAY + 60_000));
    // 72 of 100 were spent on the day before: 28 are left, and half of that is added.
    assert_eq!(status(&limit(json!({"rollover": {"unspentPercent": 50}})), 1).limit, "114.00");
    assert_eq!(
        status(&limit(json!({"plannedLimits": [{"months": [3], "amount": 7}], "rollover": {"unspentPercent": 50}})), 1)
            .limit,
        "7.00"
    );
    assert_eq!(
        status(&limit(json!({"peaks": [{"from": "2025-03-02", "to": "2025-03-03", "extraAmount": 5}]})), 1).limit,
        "105.00"
    );
    assert_eq!(status(&limit(json!({})), 11).limit, "120.00");
    assert_eq!(status(&limit(json!({"overrides": {"maxPercent": 10}})), 11).limit, "110.00");
    // Half of 60 is reached after 10 hours; the override takes that back for its hour.
    let small = json!({"limit": {"amount": 60, "currency": "EUR"}});
    assert_eq!(status(&limit(small.clone()), 10).crossed[0].1, Some(MARCH + DAY + 10 * HOUR));
    assert_eq!(status(&limit(small.clone()), 11).crossed[0].1, None);
    assert_eq!(status(&limit(small), 13).crossed[0].1, Some(MARCH + DAY + 12 * HOUR));
    let zero = status(&limit(json!({"limit": {"amount": 0, "currency": "EUR"}})), 1);
    assert_eq!((zero.used_percent.as_str(), zero.remaining.as_str()), ("100", "-3.00"));
}
