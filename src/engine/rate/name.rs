//! How rates are named, and in which units they count.

use crate::engine::money::Unit;
use crate::facts::{Labels, Name};

/// The name of a rate where so many share one device.
pub fn base_name(name: &str, slices: u32) -> Name {
    if slices > 1 { format!("{name}/{slices}").into() } else { name.into() }
}

/// The name of a DeviceClass's rate, and of what is taken off it.
pub fn device_name(class: &str) -> Name {
    format!("device/{class}").into()
}

/// How many replicas share one device of this node (COST_RULES 11).
pub fn slices(resource: &str, node: &Labels) -> u32 {
    if is_core(resource) {
        return 1;
    }
    let label = node.iter().find(|(key, _)| key.strip_suffix(".replicas") == Some(resource));
    label.and_then(|(_, n)| n.parse::<u32>().ok()).map_or(1, |n| n.max(1))
}

pub fn unit_of(resource: &str, replicas: u32) -> Unit {
    match resource {
        "cpu" => Unit::MillicoreSeconds,
        _ if is_core(resource) => Unit::ByteSeconds,
        _ => Unit::DeviceMilliseconds { replicas },
    }
}

/// Whether a Pod can request it: what every node has, or an extended resource.
pub fn is_of_pods(resource: &str) -> bool {
    is_core(resource) || resource.contains('/')
}

fn is_core(resource: &str) -> bool {
    matches!(resource, "cpu" | "memory" | "ephemeral-storage") || resource.starts_with("hugepages-")
}
