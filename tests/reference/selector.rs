//! Label selectors.

use serde_json::Value;

/// Whether a `LabelSelector` matches the labels of an object.
pub fn matches(selector: &Value, labels: &Value) -> bool {
    let wanted = selector["matchLabels"].as_object().into_iter().flatten();
    let terms = selector["matchExpressions"].as_array().into_iter().flatten();
    wanted.into_iter().all(|(key, value)| &labels[key] == value) && terms.into_iter().all(|term| holds(term, labels))
}

fn holds(term: &Value, labels: &Value) -> bool {
    let label = &labels[term["key"].as_str().expect("a key")];
    let listed = term["values"].as_array().is_some_and(|values| values.contains(label));
    match term["operator"].as_str() {
        Some("In") => listed,
        Some("NotIn") => !listed,
        Some("Exists") => !label.is_null(),
        Some("DoesNotExist") => label.is_null(),
        other => panic!("operator {other:?}"),
    }
}
