//! BudgetOverride: who opened which gate, until when, and why.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::amount::{self, Amount};
use super::schema;
use super::statement::BudgetRef;

/// Who opened which gate, until when, and why.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, CustomResource, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[kube(
    group = "billing.opex.dev",
    version = "v1alpha1",
    kind = "BudgetOverride",
    namespaced,
    status = "BudgetOverrideStatus",
    derive = "PartialEq",
    shortname = "bgto",
    category = "opex",
    doc = "A BudgetOverride opens a budget's gate for a while, or raises its limit for a while, and records who did it and why. It is created and deleted, never edited, and stays as the record when it has ended. For a Budget it lives in the Budget's namespace, for a ClusterBudget in the operator's."
)]
#[x_kube(validation = ("self == oldSelf", "an override cannot be edited; delete it and create another"))]
pub struct BudgetOverrideSpec {
    /// The Budget or ClusterBudget.
    pub budget_ref: BudgetRef,
    /// When the override ends, such as 2026-11-28T06:00:00Z; at most 7 days after its creation.
    #[schemars(regex(pattern = schema::INSTANT))]
    pub until: Time,
    /// What is added to the limit until then: a whole number, or a decimal number in quotes, in the limit's currency.
    /// Without it the gate is open until then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[x_kube(validation = amount::rule())]
    pub extra_amount: Option<Amount>,
    /// Why, for whoever reads the record later.
    #[schemars(length(min = 1, max = 1024), regex(pattern = r"\S"))]
    pub reason: String,
    /// The user who grants it: your own user name, as kubectl auth whoami prints it.
    #[schemars(length(min = 1, max = 256), regex(pattern = r"\S"))]
    pub granted_by: String,
}

/// What became of a BudgetOverride.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(inline)]
pub struct BudgetOverrideStatus {
    /// Active: it has effect now.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "schema::conditions")]
    pub conditions: Vec<Condition>,
}
