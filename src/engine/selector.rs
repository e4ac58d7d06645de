//! Which objects a label selector picks. Kubernetes' rules: all requirements hold; an empty one picks everything.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;

use crate::facts::{Labels, Name};

/// A label selector, ready to match.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selector(Vec<Requirement>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Requirement {
    key: Name,
    test: Test,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Test {
    In(Vec<Name>),
    NotIn(Vec<Name>),
    Exists,
    DoesNotExist,
}

/// A selector that no object could be matched with.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("matchExpressions: operator {operator:?} of key {key:?} is unknown; use In, NotIn, Exists or DoesNotExist")]
pub struct UnknownOperator {
    key: String,
    operator: String,
}

// === impl Selector ===

impl Selector {
    pub fn compile(selector: &LabelSelector) -> Result<Self, UnknownOperator> {
        let mut requirements = Vec::new();
        for (key, value) in selector.match_labels.iter().flatten() {
            requirements.push(Requirement { key: name(key), test: Test::In(vec![name(value)]) });
        }
        for expression in selector.match_expressions.iter().flatten() {
            let values = || expression.values.iter().flatten().map(|v| name(v)).collect();
            let test = match expression.operator.as_str() {
                "In" => Test::In(values()),
                "NotIn" => Test::NotIn(values()),
                "Exists" => Test::Exists,
                "DoesNotExist" => Test::DoesNotExist,
                operator => {
                    return Err(UnknownOperator { key: expression.key.clone(), operator: operator.to_owned() });
                }
            };
            requirements.push(Requirement { key: name(&expression.key), test });
        }
        Ok(Self(requirements))
    }

    /// Whether it asks for nothing.
    pub fn is_everything(&self) -> bool {
        self.0.is_empty()
    }

    pub fn matches(&self, labels: &Labels) -> bool {
        self.0.iter().all(|r| r.matches(labels))
    }
}

// === impl Requirement ===

impl Requirement {
    fn matches(&self, labels: &Labels) -> bool {
        let value = labels.get(&self.key);
        match &self.test {
            Test::In(values) => value.is_some_and(|v| values.contains(v)),
            Test::NotIn(values) => value.is_none_or(|v| !values.contains(v)),
            Test::Exists => value.is_some(),
            Test::DoesNotExist => value.is_none(),
        }
    }
}

fn name(text: &str) -> Name {
    Name::from(text)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn picks(selector: serde_json::Value, labels: &[(&str, &str)]) -> bool {
        let selector: LabelSelector = serde_json::from_value(selector).unwrap();
        let labels = labels.iter().map(|(k, v)| (name(k), name(v))).collect();
        Selector::compile(&selector).unwrap().matches(&Arc::new(labels))
    }

    #[test]
    fn follows_kubernetes() {
        use serde_json::json;
        let in_ab = json!({"matchExpressions": [{"key": "k", "operator": "In", "values": ["a", "b"]}]});
        let not_in_a = json!({"matchExpressions": [{"key": "k", "operator": "NotIn", "values": ["a"]}]});
        for (selector, labels, expected) in [
            (json!({}), &[("k", "v")][..], true),
            (json!({"matchLabels": {"k": "v"}}), &[("k", "v"), ("l", "w")], true),
            (json!({"matchLabels": {"k": "v"}}), &[("k", "w")], false),
            (json!({"matchLabels": {"k": "v"}}), &[], false),
            (in_ab.clone(), &[("k", "b")], true),
            (in_ab, &[], false),
            (not_in_a.clone(), &[], true),
            (not_in_a, &[("k", "a")], false),
            (json!({"matchExpressions": [{"key": "k", "operator": "Exists"}]}), &[("k", "")], true),
            (json!({"matchExpressions": [{"key": "k", "operator": "DoesNotExist"}]}), &[("k", "")], false),
        ] {
            assert_eq!(picks(selector.clone(), labels), expected, "{selector} on {labels:?}");
        }
    }

    #[test]
    fn an_unknown_operator_is_named() {
        let selector: LabelSelector =
            serde_json::from_value(serde_json::json!({"matchExpressions": [{"key": "k", "operator": "Near"}]}))
                .unwrap();
        assert!(Selector::compile(&selector).unwrap_err().to_string().contains("Near"));
    }
}
