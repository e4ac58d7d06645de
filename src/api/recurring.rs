//! Recurring charges of a PricePlan: the fixed side of running costs, which no meter counts.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::amount::Amount;
use super::period::Every;
use super::schema;
use super::statement::Category;

/// A charge that recurs, or that comes once: a server, a licence, a support contract.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("!has(self.until) || has(self.every)")
    .message("until ends a charge that recurs: set every as well, or leave until out").field_path(".until"))]
#[x_kube(validation = Rule::new("!has(self.until) || self.from < self.until")
    .message("until must be later than from").field_path(".until"))]
pub struct RecurringCharge {
    /// The charge's name; its rate is recurring/ and this.
    #[schemars(length(min = 1, max = 63), regex(pattern = r"^[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$"))]
    pub name: String,
    /// What kind of cost it is.
    #[serde(default)]
    pub category: Category,
    /// What each charge is: a whole number, or a decimal number in quotes.
    pub amount: Amount,
    /// How often it comes: Day, Week, Month, Quarter or Year. Without it, it comes once, on `from`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub every: Option<Every>,
    /// The first charge date, such as 2026-01-31, in the plan's time zone. The next ones are whole units later, in a
    /// shorter month on its last day.
    #[schemars(length(equal = 10), regex(pattern = schema::DATE), extend("format" = "date"))]
    pub from: String,
    /// The first date that it no longer counts for. A charge period that it cuts is billed in part.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(equal = 10), regex(pattern = schema::DATE), extend("format" = "date"))]
    pub until: Option<String>,
    /// Accrued: evenly over the real length of each charge period. OnChargeDate: whole, at the first instant of the
    /// charge date. What comes once is always booked whole.
    #[serde(default)]
    pub booking: Booking,
    /// Who bears it.
    pub allocate: Allocation,
}

/// When a recurring charge is booked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
#[allow(missing_docs)]
pub enum Booking {
    #[default]
    Accrued,
    OnChargeDate,
}

/// Who bears a recurring charge.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("(self.by == 'Namespaces') == has(self.namespaces)")
    .message("by: Namespaces needs the weights in namespaces, such as {team-a: \"2\", team-b: \"1\"}; leave them out otherwise")
    .field_path(".namespaces"))]
#[x_kube(validation = Rule::new("self.by != 'Namespaces' || !has(self.selector)")
    .message("by: Namespaces names its namespaces: leave the selector out, or use by: Even or Usage").field_path(".selector"))]
pub struct Allocation {
    /// Namespaces: those listed, by their weights. Even: in equal parts to the namespaces that the selector picks at
    /// each instant. Usage: to those in proportion to what each has used so far in the budget's period, and in equal
    /// parts while none has used anything.
    pub by: AllocateBy,
    /// The weight of each namespace, as a whole number or a decimal number in quotes. A namespace bears its weight
    /// divided by the sum of all weights listed.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("minProperties" = 1, "maxProperties" = 256))]
    pub namespaces: BTreeMap<String, Amount>,
    /// Which namespaces bear it, by their labels. Without it: all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::selector")]
    pub selector: Option<LabelSelector>,
}

/// How a charge is divided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
#[allow(missing_docs)]
pub enum AllocateBy {
    Namespaces,
    Even,
    Usage,
}
