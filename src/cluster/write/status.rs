//! Status of budgets, plans and overrides, by server-side apply: what is left out vanishes.

use serde_json::{Value, json};

use super::{Patch, WriteError, Writer};
use crate::api::{BudgetOverrideStatus, BudgetStatus, ClusterBudgetStatus, PricePlanStatus};
use crate::engine::budget::BudgetKey;
use crate::engine::observed::Source;
use crate::observe::resource::{Resource, object_path};

/// The field manager of every status.
const FIELD_MANAGER: &str = "opex-operator-status";

impl Writer {
    pub(super) async fn budget_status(
        &self,
        key: &BudgetKey,
        status: &BudgetStatus,
        namespaces: Option<i64>,
    ) -> Result<Option<String>, WriteError> {
        if let Some(namespace) = &key.namespace {
            return self.status(Source::Budgets, Some(namespace), &key.name, json!(status)).await;
        }
        let status = ClusterBudgetStatus { namespaces, budget: status.clone() };
        self.status(Source::ClusterBudgets, None, &key.name, json!(status)).await
    }

    pub(super) async fn plan_status(&self, name: &str, status: &PricePlanStatus) -> Result<Option<String>, WriteError> {
        self.status(Source::PricePlans, None, name, json!(status)).await
    }

    pub(super) async fn override_status(
        &self,
        namespace: &str,
        name: &str,
        status: &BudgetOverrideStatus,
    ) -> Result<Option<String>, WriteError> {
        self.status(Source::BudgetOverrides, Some(namespace), name, json!(status)).await
    }

    async fn status(
        &self,
        source: Source,
        namespace: Option<&str>,
        name: &str,
        status: Value,
    ) -> Result<Option<String>, WriteError> {
        let Resource { api_version, kind, .. } = Resource::of(source);
        let mut object = json!({"apiVersion": api_version, "kind": kind, "metadata": {"name": name}, "status": status});
        if let Some(namespace) = namespace {
            object["metadata"]["namespace"] = namespace.into();
        }
        let path = object_path(source, namespace, name);
        self.patch(format!("{path}/status?fieldManager={FIELD_MANAGER}&force=true"), Patch::Apply, &object).await
    }
}
