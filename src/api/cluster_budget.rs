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
    validation = ("size(self.metadata.name) <= 52", "a budget's name has at most 52 characters, because its Statements are named after it and their period: choose a shorter one"),
    validation = Rule::new("!has(self.spec.podSelector) || !has(self.spec.includeIdle) || !self.spec.includeIdle").message("idle capacity is no Pod's: leave includeIdle or the podSelector out").field_path(".spec.includeIdle"),
    validation = Rule::new("self.spec.mode != 'PerNamespace' || !has(self.spec.includeIdle) || !self.spec.includeIdle").message("idle capacity is in no namespace: leave includeIdle out, or make this Shared").field_path(".spec.includeIdle")
)]
pub struct ClusterBudgetSpec {
    /// Which namespaces are counted, by their labels. Without it: all of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::selector")]
    pub namespace_selector: Option<LabelSelector>,
    /// Shared: one pot for all selected namespaces. When a threshold is crossed, the gate closes in every one of them.
    /// PerNamespace: a Budget of this name in each of them, kept equal to this one and removed with it.
    #[serde(default)]
    pub mode: Mode,
    /// Counts the cluster's idle capacity as well: what no Pod requests of the nodes, as far as the plan's sharing.idle
    /// gives it to no namespace.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub include_idle: bool,
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
    PerNamespace,
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::api::{Action, Every, Gate};

    #[test]
    fn an_empty_spec_means_the_defaults() {
        let spec: ClusterBudgetSpec = serde_json::from_value(json!({})).unwrap();
        assert_eq!(spec, ClusterBudgetSpec::default());
        let actions: Vec<_> =
            spec.budget.thresholds.iter().map(|threshold| (threshold.percent, threshold.action)).collect();
        assert_eq!(actions, [(80, Action::Notify), (100, Action::Warn)]);
        assert_eq!(spec.budget.period.every, Some(Every::Month));
        assert_eq!(spec.budget.period.time_zone, "UTC");
        assert_eq!(spec.budget.price_plan, "default");
    }

    #[test]
    fn the_fields_of_a_budget_stand_beside_its_own() {
        let written = json!({
            "namespaceSelector": {"matchLabels": {"department": "shop"}},
            "mode": "Shared",
            "limit": {"amount": "1000.50", "currency": "EUR"},
            "period": {"every": "Week", "timeZone": "Europe/Paris"},
            "pricePlan": "production",
            "basis": "Usage",
            "thresholds": [{"percent": 100, "of": "Forecast", "action": "BlockScaleUp"}],
            "scaleCeiling": "Current",
        });
        let spec: ClusterBudgetSpec = serde_json::from_value(written.clone()).unwrap();
        assert_eq!(serde_json::to_value(&spec).unwrap(), written);

        let budget = BudgetStatus { gate: Some(Gate::Warn), used_percent: Some(101), ..BudgetStatus::default() };
        let status = ClusterBudgetStatus { namespaces: Some(3), budget };
        let written = serde_json::to_value(&status).unwrap();
        assert_eq!(written, json!({"namespaces": 3, "gate": "Warn", "usedPercent": 101}));
        assert_eq!(serde_json::from_value::<ClusterBudgetStatus>(written).unwrap(), status);
    }

    #[test]
    fn a_whole_number_is_an_amount() {
        let spec: ClusterBudgetSpec = serde_saphyr::from_str("{limit: {amount: 1000, currency: EUR}}").unwrap();
        assert_eq!(spec.budget.limit.unwrap().amount.as_str(), "1000");
    }
}
