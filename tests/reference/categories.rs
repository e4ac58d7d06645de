//! What a cost is called in the books.

use serde_json::Value;

use super::selector::matches;

/// The category of a Pod or claim by its labels, or what it is without.
pub fn of(plan: Option<&Value>, labels: &Value, otherwise: &str) -> String {
    let mut entries = plan.and_then(|plan| plan["categories"].as_array()).into_iter().flatten();
    let found = entries.find(|entry| matches(&entry["selector"], labels));
    found.and_then(|entry| entry["category"].as_str()).unwrap_or(otherwise).to_owned()
}
