//! The gate of a Namespace: one label and two annotations in one patch, which touches nothing else.

use serde_json::{Value, json};

use super::{Patch, WriteError, Writer};
use crate::api::{CEILINGS_ANNOTATION, GATE_LABEL, GATE_MESSAGE_ANNOTATION, Gate};
use crate::cluster::resource::object_path;
use crate::engine::observed::Source;

/// The field manager of gates.
pub const FIELD_MANAGER: &str = "opex-operator-gate";

impl Writer {
    pub(super) async fn gate(
        &self,
        namespace: &str,
        gate: Gate,
        message: Option<&str>,
        ceilings: Option<&str>,
    ) -> Result<Option<String>, WriteError> {
        let uri = format!("{}?fieldManager={FIELD_MANAGER}", object_path(Source::Namespaces, None, namespace));
        let version = self.patch(uri, Patch::Merge, &patch(gate, message, ceilings)).await?;
        tracing::info!(namespace, gate = label(gate).unwrap_or("open"), message, "gate set");
        Ok(version)
    }
}

/// The label's value; an open gate has none.
pub fn label(gate: Gate) -> Option<&'static str> {
    match gate {
        Gate::Open => None,
        Gate::Warn => Some("warn"),
        Gate::BlockScaleUp => Some("block-scale-up"),
        Gate::Block => Some("block"),
    }
}

/// The patch that removes all that a gate writes on a Namespace.
pub fn removed() -> Value {
    patch(Gate::Open, None, None)
}

/// What is null is removed.
fn patch(gate: Gate, message: Option<&str>, ceilings: Option<&str>) -> Value {
    let label = label(gate);
    let message = message.filter(|_| label.is_some());
    let ceilings = ceilings.filter(|_| label.is_some());
    json!({"metadata": {
        "labels": {GATE_LABEL: label},
        "annotations": {GATE_MESSAGE_ANNOTATION: message, CEILINGS_ANNOTATION: ceilings},
    }})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gate_is_one_patch() {
        let closed = json!({"metadata": {
            "labels": {"opex.dev/gate": "block-scale-up"},
            "annotations": {"opex.dev/gate-message": "used up", "opex.dev/ceilings": null},
        }});
        let open = json!({"metadata": {
            "labels": {"opex.dev/gate": null},
            "annotations": {"opex.dev/gate-message": null, "opex.dev/ceilings": null},
        }});
        let cases = [
            ((Gate::BlockScaleUp, Some("used up"), None), closed),
            ((Gate::Open, None, None), open.clone()),
            ((Gate::Open, Some("late"), Some("late")), open),
        ];
        for ((gate, message, ceilings), expected) in cases {
            assert_eq!(patch(gate, message, ceilings), expected);
        }
    }
}
