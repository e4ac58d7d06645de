//! The parts that the objects of a trace are made of, chosen by numbers.

use serde_json::{Value, json};

use crate::features::{self, Features};
use crate::reference::Seconds;
use crate::traces::text;

pub fn pick<'a>(of: &[&'a str], by: u8) -> &'a str {
    of[usize::from(by) % of.len()]
}

pub fn scheduled(at: Seconds) -> Value {
    json!({"type": "PodScheduled", "status": "True", "lastTransitionTime": text(at)})
}

pub fn containers([x, y]: [u8; 2]) -> Value {
    json!([{"name": "app", "resources": {"requests": {"cpu": format!("{}m", 1 + u32::from(x)), "memory": format!("{y}Mi"), "example.com/gpu": x % 3}}}])
}

pub fn statuses([x, y]: [u8; 2]) -> Value {
    json!([{"name": "app", "resources": {"requests": {"cpu": format!("{}m", 2 * u32::from(x))}}, "allocatedResources": {"cpu": format!("{}m", 2 * u32::from(y))}}])
}

/// A plan that prices this and that.
pub fn plan(currency: &str, [x, y]: [u8; 2], features: Features) -> Value {
    let mut spec = json!({"currency": currency, "pricesPerHour": {"cpu": format!("0.{x:03}")}});
    if x & 1 == 1 {
        spec["pricesPerHour"]["memory"] = json!("0.25");
        spec["pricesPerHour"]["example.com/gpu"] = json!(x);
    }
    if x & 2 == 2 {
        spec["nodeClasses"] = json!([{"name": "spot", "selector": {"matchLabels": {"spot": "true"}}, "pricesPerHour": {"cpu": "0.5", "example.com/gpu": "2"}}]);
    }
    if x & 4 == 4 {
        spec["storage"] =
            json!([{"className": "fast", "pricePerGiBHour": "0.3"}, {"className": "slow", "pricePerGiBMonth": "7"}]);
        spec["pricePerLoadBalancerHour"] = json!("0.025");
    }
    features::extend_plan(&mut spec, features, &[x, y]);
    json!({"spec": spec})
}
