//! Statement: the ledger of one budget for one period, and when it is closed, the invoice.
//!
//! Everything stands in `spec`: with a status subresource a copy or a restored backup would lose it.

use std::collections::BTreeMap;

use iso_currency::Currency;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::budget::Basis;
use super::schema;
use super::status::CostShare;

/// The ledger of one budget for one period.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, CustomResource, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[kube(
    group = "billing.opex.dev",
    version = "v1alpha1",
    kind = "Statement",
    namespaced,
    derive = "PartialEq",
    shortname = "stmt",
    category = "opex",
    doc = "A Statement is the ledger of one Budget or ClusterBudget for one period, written by the operator: what was used, at which price, and what it cost. It is open while the period runs. Then it is closed, never changes again, and is the invoice."
)]
#[x_kube(validation = (
    "oldSelf.phase != 'Closed' || self == oldSelf",
    "a closed Statement never changes: what is found later becomes a Correction in the next one",
))]
#[x_kube(validation = Rule::new("(self.phase == 'Closed') == has(self.closedAt)")
    .message("closedAt is set when, and only when, phase is Closed").field_path(".closedAt"))]
pub struct StatementSpec {
    /// The cluster's name, as the operator was told it.
    #[schemars(length(max = 253))]
    pub cluster: String,
    /// The Budget, ClusterBudget or PricePlan, by name: one that is deleted and made again within the period continues it.
    pub budget_ref: BilledRef,
    /// The period that is billed.
    pub period: StatementPeriod,
    /// The ISO 4217 code of the currency of all amounts here: the PricePlan's.
    #[schemars(schema_with = "schema::currency")]
    pub currency: Currency,
    /// Open while the period runs, then Closed.
    pub phase: Phase,
    /// When it was closed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closed_at: Option<Time>,
    /// The instant up to which everything is counted.
    #[x_kube(validation = ("self >= oldSelf", "a watermark never goes back: what was counted would be counted twice"))]
    pub watermark: Time,
    /// For each watched resource the resourceVersion up to which it was seen; what a plan's objects name, by its kind.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "observed", extend("maxProperties" = 256))]
    pub observed: BTreeMap<String, String>,
    /// The exact sum of all lines, rounded once, with 10 decimals.
    #[schemars(length(max = 64), regex(pattern = r"^-?[0-9]+\.[0-9]{10}$"))]
    pub total: String,
    /// What was used, at which price, and what it cost.
    #[serde(default)]
    #[schemars(length(max = 1000), extend("x-kubernetes-list-type" = "atomic"))]
    pub lines: Vec<Line>,
    /// Of a Budget with a value: what one unit of it has cost.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit_cost: Option<StatementUnitCost>,
    /// Times of which something is not known, and is not guessed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 200), extend("x-kubernetes-list-type" = "atomic"))]
    pub gaps: Vec<Gap>,
    /// While it is open: in which times it shares in what is divided by a plan, where that is not the whole period. Only
    /// what came up in them is divided.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 20), extend("x-kubernetes-list-type" = "atomic"))]
    pub shares: Vec<Share>,
    /// The ten workloads that cost most, of a closed Statement.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 10), extend("x-kubernetes-list-type" = "atomic"))]
    pub top_workloads: Vec<CostShare>,
}

/// A Budget or ClusterBudget, by name.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(inline)]
pub struct BudgetRef {
    /// Budget or ClusterBudget.
    pub kind: BudgetKind,
    /// Its name.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
}

/// The kinds that a reference can name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
#[allow(missing_docs)]
pub enum BudgetKind {
    Budget,
    ClusterBudget,
}

/// What a Statement is the ledger of, by name.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(inline)]
pub struct BilledRef {
    /// Budget, ClusterBudget, or PricePlan: what every namespace used under a plan that shares charges by usage.
    pub kind: BilledKind,
    /// Its name.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
}

/// The kinds that have Statements.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
#[allow(missing_docs)]
pub enum BilledKind {
    Budget,
    ClusterBudget,
    PricePlan,
}

/// The period that is billed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(inline)]
pub struct StatementPeriod {
    /// Its short name, such as 2026-11, 2026-w47 or 2026-q4.
    #[schemars(length(max = 16))]
    pub label: String,
    /// Its first instant.
    pub start: Time,
    /// The first instant that no longer belongs to it.
    pub end: Time,
}

/// A time in which a Statement shares in what is divided by a plan. What came up in it is what stood at its end, less
/// what stood at its beginning.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(inline)]
pub struct Share {
    /// The PricePlan.
    #[schemars(length(max = 253))]
    pub plan: String,
    /// The basis on which it is used.
    #[serde(default)]
    pub basis: Basis,
    /// Its first instant.
    pub from: Time,
    /// The first instant that no longer belongs to it; absent while it goes on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Time>,
    /// What shared namespaces had used since the period began, and what had been idle, at its first instant; absent
    /// where that is more than a Statement keeps.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 48), extend("x-kubernetes-list-type" = "atomic"))]
    pub before: Option<Vec<Line>>,
    /// The same at its end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 48), extend("x-kubernetes-list-type" = "atomic"))]
    pub after: Option<Vec<Line>>,
}

/// Whether a Statement still grows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
#[allow(missing_docs)]
pub enum Phase {
    Open,
    Closed,
}

/// One rate and unit price: how much was used, and what that cost.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(inline)]
pub struct Line {
    /// The namespace that used it; empty where several were merged, or an object is nobody's.
    #[schemars(length(max = 63))]
    pub namespace: String,
    /// The PricePlan that priced it; absent where there was none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 253))]
    pub plan: Option<String>,
    /// What was priced: cpu, spot/cpu for a node class, storage/fast, load-balancer and others.
    #[schemars(length(min = 1, max = 400))]
    pub rate: String,
    /// What kind of cost it is.
    pub category: Category,
    /// The controller at the top, such as Deployment/web; other for the smallest ones; absent where none applies.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 400))]
    pub workload: Option<String>,
    /// The price of one unit for an hour, or of one charge, as a decimal number, or as a fraction such as 12/34567;
    /// absent where there was none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 1000), regex(pattern = r"^[0-9]+(\.[0-9]+|/[1-9][0-9]*)?$"))]
    pub unit_price: Option<String>,
    /// How much was used: an exact whole number of units. Negative in a Correction only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 40), regex(pattern = r"^-?[0-9]+$"))]
    pub quantity: Option<String>,
    /// What the quantity counts, such as millicore-seconds or byte-seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub unit: Option<String>,
    /// The cost is the unit price times the quantity divided by this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 40), regex(pattern = r"^[1-9][0-9]*$"))]
    pub factor: Option<String>,
    /// The quantity for people, such as 12 core-hours.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub consumed: Option<String>,
    /// The exact cost as a fraction, instead of unitPrice and quantity, where it is no such product.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 1000), regex(pattern = r"^-?[0-9]+(\.[0-9]+|/[1-9][0-9]*)?$"))]
    pub exact_cost: Option<String>,
    /// How the charge came about: UsageBased, Recurring or OneTime, as in the FOCUS specification.
    pub charge_frequency: ChargeFrequency,
    /// Correction: of an earlier, closed Statement. Absent normally.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub charge_class: Option<ChargeClass>,
    /// What it cost, rounded to 10 decimals; absent where there was no price.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64), regex(pattern = r"^-?[0-9]+\.[0-9]{10}$"))]
    pub cost: Option<String>,
}

/// What kind of cost a line is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
#[allow(missing_docs)]
pub enum Category {
    Compute,
    Storage,
    Network,
    Database,
    Software,
    Security,
    Backup,
    Support,
    Monitoring,
    #[default]
    Other,
}

/// How a charge came about, in the words of the FOCUS specification.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
#[allow(missing_docs)]
pub enum ChargeFrequency {
    UsageBased,
    Recurring,
    OneTime,
}

/// What marks a charge as out of the ordinary, in the words of the FOCUS specification.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
#[allow(missing_docs)]
pub enum ChargeClass {
    Correction,
}

/// What one unit of a Budget's value has cost. While the Statement is open, the last minute or two are not in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(inline)]
pub struct StatementUnitCost {
    /// The total, without what is left out, divided by the units, rounded to 10 decimals; absent where there are none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64), regex(pattern = r"^[0-9]+\.[0-9]{10}$"))]
    pub per_unit: Option<String>,
    /// What is counted, such as order.
    #[schemars(length(max = 32))]
    pub unit: String,
    /// How many were counted: an exact decimal number.
    #[schemars(length(max = 64), regex(pattern = r"^[0-9]+(\.[0-9]{1,9})?$"))]
    pub units: String,
    /// Of the total, what was spent while it is not known how many units there were, as an exact number; absent where that
    /// is nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 1000), regex(pattern = r"^-?[0-9]+(\.[0-9]+|/[1-9][0-9]*)?$"))]
    pub left_out: Option<String>,
}

/// A time of which something is not known.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(inline)]
pub struct Gap {
    /// Its first instant.
    pub from: Time,
    /// The first instant that no longer belongs to it.
    pub to: Time,
    /// Why nothing is known.
    #[schemars(length(max = 512))]
    pub reason: String,
}

fn observed(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    schemars::json_schema!({"type": "object", "additionalProperties": {"type": "string", "maxLength": 32}})
}

// === impl Share ===

impl Share {
    /// How many lines it takes.
    pub fn lines(&self) -> usize {
        [&self.before, &self.after].into_iter().flatten().map(Vec::len).sum()
    }
}
