//! Statements: compare and swap, so that of two leaders one wins, and nobody's labels are lost.

use serde_json::{Value, json};

use super::{Patch, WriteError, Writer};
use crate::api::{BUDGET_KIND_LABEL, BUDGET_LABEL, Statement, StatementSpec};
use crate::cluster::request::get;
use crate::engine::budget::BudgetKey;
use crate::engine::machine::FIELD_MANAGER;
use crate::engine::observed::Source;
use crate::observe::resource::{collection_path, object_path};

impl Writer {
    pub(super) async fn create_statement(
        &self,
        namespace: &str,
        name: &str,
        budget: &BudgetKey,
        spec: &StatementSpec,
    ) -> Result<Option<String>, WriteError> {
        let mut statement = Statement::new(name, spec.clone());
        statement.metadata.namespace = Some(namespace.to_owned());
        let labels = [(BUDGET_LABEL, budget.name.to_string()), (BUDGET_KIND_LABEL, budget.kind().to_owned())];
        statement.metadata.labels = Some(labels.map(|(key, value)| (key.to_owned(), value)).into());
        let path = collection_path(Source::Statements, Some(namespace));
        self.create(format!("{path}?fieldManager={FIELD_MANAGER}"), &statement).await
    }

    /// What a Statement says. One that is gone answers 404.
    pub(super) async fn read_statement(&self, namespace: &str, name: &str) -> Result<StatementSpec, WriteError> {
        let path = object_path(Source::Statements, Some(namespace), name);
        Ok(self.request::<Statement>(get(&path)).await?.spec)
    }

    pub(super) async fn replace_statement(
        &self,
        namespace: &str,
        name: &str,
        version: &str,
        spec: &StatementSpec,
    ) -> Result<Option<String>, WriteError> {
        let path = object_path(Source::Statements, Some(namespace), name);
        self.patch(format!("{path}?fieldManager={FIELD_MANAGER}"), Patch::Json, &replacement(version, spec)).await
    }

    pub(super) async fn remove_statement(&self, namespace: &str, name: &str) -> Result<Option<String>, WriteError> {
        match self.delete(object_path(Source::Statements, Some(namespace), name)).await {
            Err(error) if error.code() == Some(404) => Ok(None),
            result => result.map(|_| None),
        }
    }
}

/// The whole spec, if the object is still of this version: another one answers 409.
fn replacement(version: &str, spec: &StatementSpec) -> Value {
    json!([
        {"op": "replace", "path": "/metadata/resourceVersion", "value": version},
        {"op": "replace", "path": "/spec", "value": spec},
    ])
}
