use serde_json::{Value, json};

use crate::facts::testing::{amounts, fields, read};

use super::*;

fn claim(requests: &Value, status: &Value) -> DeviceClaimFact {
    DeviceClaimFact::project(&read(&json!({
        "metadata": {"name": "gpu", "namespace": "team-a", "creationTimestamp": "1970-01-01T00:01:40Z"},
        "spec": {"devices": {"requests": requests}}, "status": status,
    })))
}

fn requests() -> Value {
    json!([
        {"name": "one", "exactly": {"deviceClassName": "gpu.nvidia.com", "count": 2}},
        {"name": "any", "firstAvailable": [
            {"name": "big", "deviceClassName": "gpu.nvidia.com"}, {"name": "small", "deviceClassName": "mig.nvidia.com"},
        ]},
        {"name": "old", "deviceClassName": "nic.example.com"},
    ])
}

#[test]
fn rule_41_each_result_is_one_device_of_its_requests_class() {
    let result = |request: &str| json!({"request": request, "driver": "d", "pool": "p", "device": "x"});
    let results = ["one", "one", "any/small", "any/big", "old"].map(result);
    let fact = claim(
        &requests(),
        &json!({"allocation": {
            "allocationTimestamp": "1970-01-01T00:03:20.7Z", "devices": {"results": results},
        }}),
    );
    assert_eq!((&*fact.namespace, &*fact.name), ("team-a", "gpu"));
    let allocated = fact.allocated.unwrap();
    assert_eq!(allocated.since, Some(200));
    assert_eq!(amounts(&allocated.devices), "gpu.nvidia.com=3 mig.nvidia.com=1 nic.example.com=1");
    assert!(fact.problems.is_empty());
}

#[test]
fn rule_41_what_administrators_look_at_is_free() {
    let results = json!([{"request": "one", "adminAccess": true}, {"request": "one", "adminAccess": false}, {"request": "one", "adminAccess": null}]);
    let fact = claim(&requests(), &json!({"allocation": {"devices": {"results": results}}}));
    assert_eq!(amounts(&fact.allocated.unwrap().devices), "gpu.nvidia.com=2");
}

#[test]
fn without_an_allocation_nothing_is_held() {
    for status in [Value::Null, json!({}), json!({"allocation": null}), json!({"reservedFor": [{"name": "p"}]})] {
        assert_eq!(claim(&requests(), &status).allocated, None, "{status}");
    }
    for allocation in [
        json!({}),
        json!({"devices": null}),
        json!({"devices": {"results": null}}),
        json!({"devices": {"results": []}}),
    ] {
        let allocated = claim(&requests(), &json!({"allocation": allocation})).allocated.unwrap();
        assert_eq!((allocated.since, &*allocated.devices), (None, &[][..]), "{allocation}");
    }
}

#[test]
fn what_names_nothing_is_reported_and_the_rest_counts() {
    let named = |request: Value| json!({"request": request});
    let results: Vec<_> =
        [json!("any"), json!("any/huge"), json!("none"), json!("one/x"), Value::Null, json!("one")].map(named).into();
    let fact =
        claim(&requests(), &json!({"allocation": {"allocationTimestamp": "soon", "devices": {"results": results}}}));
    let allocated = fact.allocated.unwrap();
    assert_eq!((allocated.since, amounts(&allocated.devices)), (None, "gpu.nvidia.com=1".to_owned()));
    let result = |i: usize| format!("status.allocation.devices.results[{i}].request");
    let mut expected = vec!["status.allocation.allocationTimestamp".to_owned()];
    expected.extend((0..5).map(result));
    assert_eq!(fields(&fact.problems), expected);
    let nothing = claim(&json!([null, {}]), &json!({"allocation": {"devices": {"results": [null]}}}));
    assert_eq!(fields(&nothing.problems).len(), 1);
}
