//! What a budget may spend, and when that is more or less: seasons, peaks, what was left over, overrides.

use iso_currency::Currency;
use kube::KubeSchema;
use serde::{Deserialize, Serialize};

use super::amount::{self, Amount};
use super::schema;

/// An amount of money in a currency.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct Limit {
    /// How much: a whole number, or a decimal number in quotes such as "1000.50"; at most 28 significant digits.
    #[x_kube(validation = amount::rule())]
    pub amount: Amount,
    /// The ISO 4217 code of the currency, such as EUR: that of the PricePlan, or one of which the plan has an exchange
    /// rate.
    #[schemars(schema_with = "schema::currency")]
    pub currency: Currency,
}

/// Another amount in some periods.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = (
    "has(self.period) != has(self.months)",
    "set exactly one of period (one period, by its label) and months (each year)",
))]
pub struct PlannedLimit {
    /// One period, by its label: 2026-11 for a month, 2026-q4, 2026, 2026-w47, 2026-11-21 for a day. Where periods
    /// begin on another day than usual, and for a fixed window, it is the date of its start. status.period shows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 16))]
    #[x_kube(validation = (
        "self.matches('^[0-9]{4}(-(q[1-4]|w[0-5][0-9]|(0[1-9]|1[0-2])(-(0[1-9]|[12][0-9]|3[01]))?))?$')",
        "write a period's label: 2026-11 for a month, 2026-q4, 2026, 2026-w47, or a date such as 2026-11-21",
    ))]
    pub period: Option<String>,
    /// Every period that starts in one of these months, each year: 1 is January.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(
        length(min = 1, max = 12),
        inner(range(min = 1, max = 12)),
        extend("x-kubernetes-list-type" = "set")
    )]
    pub months: Vec<i32>,
    /// What may be spent then, instead of limit.amount, in its currency: a whole number, or a decimal number in quotes.
    pub amount: Amount,
}

/// More for a time that is known to be expensive.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("self.from < self.to")
    .message("to must be later than from: it is the first date after the peak").field_path(".to"))]
pub struct Peak {
    /// Its first date, such as 2026-11-26, in the budget's time zone. The whole extra amount belongs to the period that
    /// holds it.
    #[schemars(length(equal = 10), regex(pattern = schema::DATE), extend("format" = "date"))]
    pub from: String,
    /// The first date after it, for whoever reads the plan: the amount stays until the period ends.
    #[schemars(length(equal = 10), regex(pattern = schema::DATE), extend("format" = "date"))]
    pub to: String,
    /// What is added to the limit, in its currency: a whole number, or a decimal number in quotes.
    pub extra_amount: Amount,
}

/// What of the period before is still there to be spent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct Rollover {
    /// How many percent of what the period before left over are added to the limit. What was left over is what was
    /// planned for it, peaks included, less what was spent: what rolled over into it, and what overrides added, is not
    /// rolled on.
    #[schemars(range(min = 0, max = 100))]
    pub unspent_percent: i32,
}

/// What BudgetOverrides may add.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = (
    "has(self.maxPercent) || has(self.maxPerPeriod)",
    "set maxPercent, maxPerPeriod or both; without overrides there is no cap",
))]
pub struct OverrideCaps {
    /// How many percent of the limit the extra amounts in force add at most, all together. What is above is not added;
    /// an override without an extra amount is not a matter of percent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 10000))]
    pub max_percent: Option<i32>,
    /// How many overrides have effect in one period at most, in the order in which they were created. 0: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 1000))]
    pub max_per_period: Option<i32>,
}
