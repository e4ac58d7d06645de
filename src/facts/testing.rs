//! Objects for the tests of this module: a JSON object laid over another.

use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::pod::SlimPod;
use super::{PodFact, Problem};

pub fn read<T: DeserializeOwned>(value: &Value) -> T {
    serde_json::from_str(&value.to_string()).unwrap_or_else(|error| panic!("{error}: {value}"))
}

/// A bound, running Pod of one container; `changes` replace or add fields, at any depth.
pub fn pod(changes: &Value) -> SlimPod {
    let mut pod = json!({
        "metadata": {
            "name": "web-0", "namespace": "team-a", "uid": "6ba7b810-9dad-11d1-80b4-00c04fd430c8",
            "creationTimestamp": "1970-01-01T00:01:40Z",
        },
        "spec": {"nodeName": "node-1", "containers": [{"name": "app"}]},
        "status": {"phase": "Running"},
    });
    merge(&mut pod, changes);
    read(&pod)
}

pub fn project(changes: &Value) -> PodFact {
    PodFact::project(&pod(changes))
}

pub fn merge(base: &mut Value, changes: &Value) {
    match (base, changes) {
        (Value::Object(base), Value::Object(changes)) => {
            for (key, change) in changes {
                merge(base.entry(key).or_insert(Value::Null), change);
            }
        }
        (base, change) => *base = change.clone(),
    }
}

/// `cpu=100 memory=1073741824`, which reads better in a table than a list of pairs.
pub fn amounts(amounts: &[(super::Name, i128)]) -> String {
    amounts.iter().map(|(name, amount)| format!("{name}={amount}")).collect::<Vec<_>>().join(" ")
}

pub fn fields(problems: &[Problem]) -> Vec<&str> {
    problems.iter().map(|problem| &*problem.field).collect()
}
