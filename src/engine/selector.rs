//! Which objects a label selector picks. Kubernetes' rules: all requirements hold; an empty one picks everything.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, LabelSelectorRequirement};

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
pub enum SelectorError {
    #[error("matchExpressions: operator {operator:?} of key {key:?} is unknown; use In, NotIn, Exists or DoesNotExist")]
    Operator { key: String, operator: String },
    #[error(
        "{0:?} is no label key: write a name of at most 63 letters, digits, -, _ and ., with a domain and / before it perhaps, such as app.kubernetes.io/name"
    )]
    Key(String),
    #[error(
        "{0:?} is no label's value: at most 63 letters, digits, -, _ and . are allowed, a letter or digit at both ends"
    )]
    Value(String),
    #[error("matchExpressions: key {key:?} with operator {operator} needs values")]
    NoValues { key: String, operator: String },
    #[error("matchExpressions: key {key:?} with operator {operator} takes no values: remove them, or use In or NotIn")]
    Values { key: String, operator: String },
}

// === impl Selector ===

impl Selector {
    pub fn compile(selector: &LabelSelector) -> Result<Self, SelectorError> {
        let mut requirements = Vec::new();
        for (key, value) in selector.match_labels.iter().flatten() {
            requirements.push(Requirement { key: checked_key(key)?, test: Test::In(vec![checked_value(value)?]) });
        }
        for expression in selector.match_expressions.iter().flatten() {
            let LabelSelectorRequirement { key, operator, values } = expression;
            let values = || {
                let values: Vec<_> =
                    values.iter().flatten().map(|value| checked_value(value)).collect::<Result<_, _>>()?;
                let none = || SelectorError::NoValues { key: key.clone(), operator: operator.clone() };
                if values.is_empty() { Err(none()) } else { Ok(values) }
            };
            let none = || match expression.values.as_deref() {
                None | Some([]) => Ok(()),
                Some(_) => Err(SelectorError::Values { key: key.clone(), operator: operator.clone() }),
            };
            let test = match operator.as_str() {
                "In" => Test::In(values()?),
                "NotIn" => Test::NotIn(values()?),
                "Exists" => none().map(|()| Test::Exists)?,
                "DoesNotExist" => none().map(|()| Test::DoesNotExist)?,
                operator => {
                    return Err(SelectorError::Operator { key: key.clone(), operator: operator.to_owned() });
                }
            };
            requirements.push(Requirement { key: checked_key(key)?, test });
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

fn checked_key(key: &str) -> Result<Name, SelectorError> {
    let (domain, own) = key.split_once('/').map_or((None, key), |(domain, own)| (Some(domain), own));
    let part = |part: &str| {
        let inside = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'-';
        !part.is_empty() && part.bytes().all(inside) && !part.starts_with('-') && !part.ends_with('-')
    };
    let is_domain = domain.is_none_or(|domain| domain.len() <= 253 && domain.split('.').all(part));
    let is_key = is_domain && !own.is_empty() && is_value(own);
    if is_key { Ok(name(key)) } else { Err(SelectorError::Key(key.to_owned())) }
}

fn checked_value(value: &str) -> Result<Name, SelectorError> {
    if is_value(value) { Ok(name(value)) } else { Err(SelectorError::Value(value.to_owned())) }
}

/// As the API server checks labels; the empty value is one.
fn is_value(text: &str) -> bool {
    let inside = |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'-' | b'_' | b'.');
    let ends = [text.bytes().next(), text.bytes().next_back()];
    text.len() <= 63 && text.bytes().all(inside) && ends.into_iter().flatten().all(|c| c.is_ascii_alphanumeric())
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
    fn what_matches_nothing_is_named() {
        use serde_json::json;
        let long = "x".repeat(64);
        for (selector, says) in [
            (json!({"matchExpressions": [{"key": "k", "operator": "Near"}]}), Some("operator \"Near\" of key \"k\"")),
            (
                json!({"matchExpressions": [{"key": "k", "operator": "In"}]}),
                Some("key \"k\" with operator In needs values"),
            ),
            (
                json!({"matchExpressions": [{"key": "k", "operator": "Exists", "values": ["a"]}]}),
                Some("operator Exists takes no values"),
            ),
            (json!({"matchExpressions": [{"key": "", "operator": "Exists"}]}), Some("\"\" is no label key")),
            (json!({"matchLabels": {"my app": "x"}}), Some("\"my app\" is no label key")),
            (json!({"matchLabels": {"Example.com/app": "x"}}), Some("no label key")),
            (json!({"matchLabels": {"a/b/c": "x"}}), Some("no label key")),
            (json!({"matchLabels": {"example.com/": "x"}}), Some("no label key")),
            (json!({"matchLabels": {long.clone(): "x"}}), Some("no label key")),
            (json!({"matchLabels": {"app": "a b"}}), Some("\"a b\" is no label's value")),
            (json!({"matchLabels": {"app": "-a"}}), Some("no label's value")),
            (json!({"matchLabels": {"app": long}}), Some("no label's value")),
            (json!({"matchLabels": {"app.kubernetes.io/Name_1": "", "a": "V1.2-x_y"}}), None),
        ] {
            let selector: LabelSelector = serde_json::from_value(selector).unwrap();
            let said = Selector::compile(&selector).err().map(|error| error.to_string());
            assert_eq!(said.is_some(), says.is_some(), "{selector:?}: {said:?}");
            assert!(said.unwrap_or_default().contains(says.unwrap_or_default()), "{selector:?}");
        }
    }
}
