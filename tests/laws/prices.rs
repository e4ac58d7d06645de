//! Plans that price this and that, as a number chooses.

use serde_json::{Value, json};

/// A plan. With `tiers`, a number of its own, some prices are graduated, and none is that of another plan: whose lines
/// are whose can then be read from a Statement.
pub fn plan(currency: &str, x: u8, tiers: Option<u64>) -> Value {
    let own = |price: &str| format!("{price}{}", tiers.map_or_else(String::new, |own| format!("{own:04}")));
    let mut spec = json!({"currency": currency, "pricesPerHour": {"cpu": own(&format!("0.{x:03}"))}});
    if x & 1 == 1 {
        spec["pricesPerHour"]["memory"] = json!("0.25");
        spec["pricesPerHour"]["example.com/gpu"] = json!(own(&format!("{x}.5")));
    }
    if x & 2 == 2 {
        spec["nodeClasses"] = json!([{"name": "spot", "selector": {"matchLabels": {"spot": "true"}}, "pricesPerHour": {"cpu": "0.5", "example.com/gpu": "2"}}]);
    }
    if x & 4 == 4 {
        spec["storage"] =
            json!([{"className": "fast", "pricePerGiBHour": "0.3"}, {"className": "slow", "pricePerGiBMonth": "7"}]);
        spec["pricePerLoadBalancerHour"] = json!("0.025");
    }
    if tiers.is_some() && x & 8 == 8 {
        graduate(
            &mut spec,
            "cpu",
            &json!([{"upTo": "0.05", "price": own("0.7")}, {"upTo": "0.2", "price": own("0.5")}, {"price": own("0.25")}]),
        );
    }
    if tiers.is_some() && x & 16 == 16 {
        graduate(
            &mut spec,
            "example.com/gpu",
            &json!([{"upTo": format!("0.{:02}", 1 + x / 8), "price": own("3.1")}, {"price": own("1.1")}]),
        );
    }
    json!({"spec": spec})
}

fn graduate(spec: &mut Value, resource: &str, tiers: &Value) {
    spec["pricesPerHour"].as_object_mut().expect("a map").remove(resource);
    spec["tiers"][resource] = tiers.clone();
}
