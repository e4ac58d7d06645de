//! The parts that the objects of a trace are made of, chosen by numbers.

use serde_json::{Value, json};

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
