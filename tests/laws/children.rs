//! What the API server makes of the writes to a ClusterBudget's Budgets.

use opex_operator::engine::budget::BudgetKey;
use opex_operator::engine::observed::Source;
use opex_operator::engine::write::{ChildWrite, Outcome};
use serde_json::{Value, json};

use crate::reference::Seconds;
use crate::server::Server;
use crate::traces::text;

/// The Budget as it is after a write; none where it is removed.
pub fn written(server: &Server, key: &BudgetKey, write: &ChildWrite, now: Seconds) -> Result<Option<Value>, Outcome> {
    let namespace = key.namespace.as_deref().expect("a child's");
    let there = server.objects.get(&(Source::Budgets, format!("{namespace}/{}", key.name)));
    let (meta, spec) = match write {
        ChildWrite::Remove { uid } if there.is_some_and(|there| there["metadata"]["uid"] == json!(uid)) => {
            return Ok(None);
        }
        ChildWrite::Remove { .. } => return Err(Outcome::Conflict),
        ChildWrite::Create { meta, spec } | ChildWrite::Replace { meta, spec } => (meta, spec),
    };
    let mut budget = match (write, there) {
        (ChildWrite::Create { .. }, Some(_)) => return Err(Outcome::Conflict),
        (ChildWrite::Create { .. }, None) => json!({
            "apiVersion": "billing.opex.dev/v1alpha1",
            "kind": "Budget",
            "metadata": {
                "namespace": namespace,
                "name": &*key.name,
                "uid": format!("child-{}", server.version),
                "creationTimestamp": text(now),
            },
        }),
        (_, Some(there)) if there["metadata"]["resourceVersion"] == json!(meta.resource_version) => there.clone(),
        (_, Some(_)) => return Err(Outcome::Conflict),
        (_, None) => return Err(Outcome::Gone),
    };
    budget["metadata"]["labels"] = json!(meta.labels);
    budget["metadata"]["ownerReferences"] = json!(meta.owner_references);
    budget["spec"] = json!(&**spec);
    Ok(Some(budget))
}
