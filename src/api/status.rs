//! Where a Budget or ClusterBudget stands. Display only: the truth is in its Statement.

use iso_currency::Currency;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::budget::Measure;
use super::schema;

/// Where a budget stands. Amounts are rounded to the currency's minor unit.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(inline)]
pub struct BudgetStatus {
    /// The generation of the spec that these figures are computed from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// Ready: the budget can be computed. Exceeded: as much was spent as the limit, or more. ForecastExceeded: the
    /// forecast is above the limit. Enforced: the gate asked for is in place. DataFresh: the cluster is being heard.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "schema::conditions")]
    pub conditions: Vec<Condition>,
    /// The period that the figures are of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub period: Option<PeriodStatus>,
    /// Nothing before this instant is counted; later than the period's start for a Budget made within it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metered_since: Option<Time>,
    /// The currency of the amounts: the limit's, or without a limit the PricePlan's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::currency")]
    pub currency: Option<Currency>,
    /// What may be spent in this period, overrides included.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub limit: Option<String>,
    /// What was spent in this period.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub spent: Option<String>,
    /// Of spent, what no scaling can recover: recurring charges that were booked or have accrued so far.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub fixed: Option<String>,
    /// The recurring charges of the whole period, as they are known now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub committed: Option<String>,
    /// Limit less spent; negative when over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub remaining: Option<String>,
    /// Spent, in percent of the limit, rounded down.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub used_percent: Option<i64>,
    /// What the whole period will cost if what runs now runs on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub forecast: Option<Forecast>,
    /// How fast money is being spent now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub burn_rate: Option<BurnRate>,
    /// What one unit of spec.value has cost so far in this period; absent where that is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit_cost: Option<UnitCost>,
    /// What it was spent on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub breakdown: Option<Breakdown>,
    /// What this budget asks admission to do: the strictest action of the crossed thresholds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gate: Option<Gate>,
    /// Set: everything has a price. Estimate: by list prices that are not yours (the PricePlan says so). Incomplete:
    /// something has no price, and is in none of the amounts; the Ready condition names it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prices: Option<Prices>,
    /// When each threshold was crossed in this period, and when people were told.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32), extend(
        "x-kubernetes-list-type" = "map",
        "x-kubernetes-list-map-keys" = ["percent", "of"],
    ))]
    pub thresholds: Vec<ThresholdStatus>,
    /// The Statement of this period.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 253))]
    pub statement: Option<String>,
    /// The instant that these figures stand at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub updated: Option<Time>,
}

/// The period that the figures are of.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(inline)]
pub struct PeriodStatus {
    /// Its short name, such as 2026-11, 2026-w47 or 2026-q4.
    #[schemars(length(max = 16))]
    pub label: String,
    /// Its first instant.
    pub start: Time,
    /// The first instant that no longer belongs to it.
    pub end: Time,
    /// The day on which the next period begins, in the budget's time zone; for a fixed window, on which it ends.
    #[schemars(length(max = 16), extend("format" = "date"))]
    pub resets: String,
}

/// What the whole period will cost if what runs now runs on.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(inline)]
pub struct Forecast {
    /// The amount.
    #[schemars(length(max = 64))]
    pub amount: String,
    /// When the limit will be reached at this rate; absent where that is after the period's end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exhausts_at: Option<Time>,
}

/// How fast money is being spent now.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(inline)]
pub struct BurnRate {
    /// The cost of 24 hours of what runs now.
    #[schemars(length(max = 64))]
    pub per_day: String,
}

/// What one unit of a value has cost.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(inline)]
pub struct UnitCost {
    /// The cost of one, rounded to at most ten decimals.
    #[schemars(length(max = 64))]
    pub per_unit: String,
    /// What is counted, such as order.
    #[schemars(length(max = 32))]
    pub unit: String,
}

/// What money was spent on. The parts add up to what was spent.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(inline)]
pub struct Breakdown {
    /// By category: Compute, Storage, Network and others.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 10), extend("x-kubernetes-list-type" = "atomic"))]
    pub by_category: Vec<CostShare>,
    /// The ten workloads that cost most.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 10), extend("x-kubernetes-list-type" = "atomic"))]
    pub top_workloads: Vec<CostShare>,
}

/// A part of what was spent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(inline)]
pub struct CostShare {
    /// A category, or a workload such as Deployment/web.
    #[schemars(length(max = 400))]
    pub name: String,
    /// What it cost.
    #[schemars(length(max = 64))]
    pub cost: String,
}

/// What admission does in a namespace, in order of strictness.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
#[allow(missing_docs)]
pub enum Gate {
    #[default]
    Open,
    Warn,
    BlockScaleUp,
    Block,
}

/// Whether everything has a price, and whose.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
#[allow(missing_docs)]
pub enum Prices {
    #[default]
    Set,
    Estimate,
    Incomplete,
}

/// What became of one threshold in this period.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(inline)]
pub struct ThresholdStatus {
    /// The threshold's percentage.
    pub percent: i32,
    /// What is compared with the limit: Actual, Forecast or UnitCost.
    pub of: Measure,
    /// The instant at which it was crossed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub crossed_at: Option<Time>,
    /// When people were told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notified_at: Option<Time>,
}
