//! The Budgets of a ClusterBudget: made, put back and removed, and nobody else's touched.
//!
//! They are not written by server-side apply: that would take over what someone else made under the name meanwhile, and
//! would leave what someone else added to one of ours.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde_json::{Value, json};

use super::{Patch, WriteError, Writer};
use crate::api::{Budget, BudgetSpec};
use crate::engine::budget::BudgetKey;
use crate::engine::observed::Source;
use crate::engine::write::ChildWrite;
use crate::observe::resource::{collection_path, object_path};

/// The field manager of a ClusterBudget's Budgets.
const FIELD_MANAGER: &str = "opex-operator-cluster-budget";

impl Writer {
    pub(super) async fn child(&self, key: &BudgetKey, write: &ChildWrite) -> Result<Option<String>, WriteError> {
        let namespace = key.namespace.as_deref();
        let path = object_path(Source::Budgets, namespace, &key.name);
        match write {
            ChildWrite::Create { meta, spec } => {
                let mut budget = Budget::new(&key.name, (**spec).clone());
                budget.metadata = ObjectMeta { name: budget.metadata.name, ..(**meta).clone() };
                let path = collection_path(Source::Budgets, namespace);
                self.create(format!("{path}?fieldManager={FIELD_MANAGER}"), &budget).await
            }
            ChildWrite::Replace { meta, spec } => {
                self.patch(format!("{path}?fieldManager={FIELD_MANAGER}"), Patch::Json, &replacement(meta, spec)).await
            }
            ChildWrite::Remove { uid } => match self.delete_one(path, uid.as_deref()).await {
                Err(error) if error.code() == Some(404) => Ok(None),
                result => result.map(|_| None),
            },
        }
    }
}

/// The whole spec, if the object is still of this version: another one answers 409.
fn replacement(meta: &ObjectMeta, spec: &BudgetSpec) -> Value {
    json!([
        {"op": "replace", "path": "/metadata/resourceVersion", "value": meta.resource_version},
        {"op": "add", "path": "/metadata/labels", "value": meta.labels},
        {"op": "add", "path": "/metadata/ownerReferences", "value": meta.owner_references},
        {"op": "replace", "path": "/spec", "value": spec},
    ])
}
