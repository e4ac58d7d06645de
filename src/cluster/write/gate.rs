//! The gate of a Namespace: one label and three annotations in one patch, which touches nothing else.

use serde_json::{Value, json};

use super::{Patch, WriteError, Writer};
use crate::api::{CEILINGS_ANNOTATION, GATE_LABEL, GATE_MESSAGE_ANNOTATION, Gate, SCALED_DOWN_ANNOTATION};
use crate::engine::observed::Source;
use crate::observe::resource::object_path;

/// The field manager of gates.
const FIELD_MANAGER: &str = "opex-operator-gate";

impl Writer {
    pub(super) async fn gate(
        &self,
        namespace: &str,
        gate: Gate,
        message: Option<&str>,
        ceilings: Option<&str>,
        scaled_down: Option<&str>,
    ) -> Result<Option<String>, WriteError> {
        let uri = format!("{}?fieldManager={FIELD_MANAGER}", object_path(Source::Namespaces, None, namespace));
        let version = self.patch(uri, Patch::Merge, &patch(gate, message, ceilings, scaled_down)).await?;
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

/// What is null is removed.
fn patch(gate: Gate, message: Option<&str>, ceilings: Option<&str>, scaled_down: Option<&str>) -> Value {
    let label = label(gate);
    let message = message.filter(|_| label.is_some());
    let ceilings = ceilings.filter(|_| label.is_some());
    json!({"metadata": {
        "labels": {GATE_LABEL: label},
        "annotations": {
            GATE_MESSAGE_ANNOTATION: message,
            CEILINGS_ANNOTATION: ceilings,
            SCALED_DOWN_ANNOTATION: scaled_down,
        },
    }})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gate_is_one_patch() {
        let closed = json!({"metadata": {
            "labels": {"opex.dev/gate": "block-scale-up"},
            "annotations": {
                "opex.dev/gate-message": "used up", "opex.dev/ceilings": null, "opex.dev/scaled-down": null,
            },
        }});
        let down = json!({"metadata": {
            "labels": {"opex.dev/gate": "block"},
            "annotations": {
                "opex.dev/gate-message": "used up", "opex.dev/ceilings": null, "opex.dev/scaled-down": "1",
            },
        }});
        let open = json!({"metadata": {
            "labels": {"opex.dev/gate": null},
            "annotations": {
                "opex.dev/gate-message": null, "opex.dev/ceilings": null, "opex.dev/scaled-down": null,
            },
        }});
        let restoring = json!({"metadata": {
            "labels": {"opex.dev/gate": null},
            "annotations": {
                "opex.dev/gate-message": null, "opex.dev/ceilings": null, "opex.dev/scaled-down": "1",
            },
        }});
        let cases = [
            ((Gate::BlockScaleUp, Some("used up"), None, None), closed),
            ((Gate::Block, Some("used up"), None, Some("1")), down),
            ((Gate::Open, None, None, None), open.clone()),
            ((Gate::Open, Some("late"), Some("late"), None), open),
            ((Gate::Open, None, None, Some("1")), restoring),
        ];
        for ((gate, message, ceilings, scaled_down), expected) in cases {
            assert_eq!(patch(gate, message, ceilings, scaled_down), expected);
        }
    }
}
