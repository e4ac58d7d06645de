//! ClusterBudget: one limit across namespaces.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::budget::BudgetSpec;
use super::schema;
use super::status::BudgetStatus;

/// What may be spent across namespaces, in which time, and what happens on the way there.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, CustomResource, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(inline)]
#[kube(
    group = "billing.opex.dev",
    version = "v1alpha1",
    kind = "ClusterBudget",
    status = "ClusterBudgetStatus",
    derive = "PartialEq",
    shortname = "cbgt",
    category = "opex",
    doc = "A ClusterBudget keeps the running costs of many namespaces inside one limit: of those that namespaceSelector picks, or of all. Apart from that it is a Budget. Without a limit it shows figures only.",
    validation = ("size(self.metadata.name) <= 52", "a budget's name has at most 52 characters, because its Statements are named after it and their period: choose a shorter one")
)]
pub struct ClusterBudgetSpec {
    /// Which namespaces are counted, by their labels. Without it: all of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::selector")]
    pub namespace_selector: Option<LabelSelector>,
    /// Shared: one pot for all selected namespaces. When a threshold is crossed, the gate closes in every one of them.
    #[serde(default)]
    pub mode: Mode,
    /// All that a Budget has.
    #[serde(flatten)]
    pub budget: BudgetSpec,
}

/// How the limit is divided.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
#[allow(missing_docs)]
pub enum Mode {
    #[default]
    Shared,
}

/// Where a ClusterBudget stands.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(inline)]
pub struct ClusterBudgetStatus {
    /// How many namespaces are counted now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespaces: Option<i64>,
    /// All that a Budget's status has.
    #[serde(flatten)]
    pub budget: BudgetStatus,
}
