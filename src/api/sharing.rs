//! Sharing rules of a PricePlan: who bears what is nobody's own.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::amount::Amount;
use super::schema;

/// Who bears idle capacity, and the cost of namespaces that serve others.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(inline)]
pub struct Sharing {
    /// Who bears what no Pod requests of the nodes' cpu, memory and devices.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idle: Option<IdleSharing>,
    /// Which namespaces serve the others, and who bears their cost.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespaces: Option<NamespaceSharing>,
}

/// Who bears idle capacity.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(inline)]
pub struct IdleSharing {
    /// Keep: no namespace; ClusterBudgets with includeIdle show it. Even: all namespaces in equal parts. Usage: all
    /// namespaces, of each resource in proportion to what each has used of it so far in the budget's period.
    pub by: ShareIdle,
}

/// How idle capacity is divided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
#[allow(missing_docs)]
pub enum ShareIdle {
    Keep,
    Even,
    Usage,
}

/// Namespaces whose cost others bear.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("(self.by == 'Weights') == has(self.weights)")
    .message("by: Weights needs weights, such as {team-a: \"2\", team-b: \"1\"}; leave them out otherwise")
    .field_path(".weights"))]
pub struct NamespaceSharing {
    /// Which namespaces are shared, by their labels. Their own Budgets show their cost as ever, and bear no part of
    /// what others share.
    #[schemars(schema_with = "schema::selector")]
    #[x_kube(validation = (
        "(has(self.matchLabels) && size(self.matchLabels) > 0) || (has(self.matchExpressions) && size(self.matchExpressions) > 0)",
        "an empty selector would share every namespace, and nobody could bear it: name at least one label",
    ))]
    pub selector: LabelSelector,
    /// Even: in equal parts to all other namespaces. Usage: to those in proportion to what each has used so far in the
    /// budget's period. Weights: to those listed.
    pub by: ShareNamespaces,
    /// The weight of each namespace, as a whole number or a decimal number in quotes. A namespace bears its weight
    /// divided by the sum of all weights listed.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("minProperties" = 1, "maxProperties" = 256))]
    pub weights: BTreeMap<String, Amount>,
}

/// How the cost of shared namespaces is divided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
#[allow(missing_docs)]
pub enum ShareNamespaces {
    Even,
    Usage,
    Weights,
}
