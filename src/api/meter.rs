//! Meters of a PricePlan, and what a Budget's spend is worth: whatever Prometheus counts.

use kube::KubeSchema;
use serde::{Deserialize, Serialize};

use super::amount::Amount;
use super::statement::Category;

/// Something that Prometheus counts by namespace, at a price: traffic, requests, messages.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct Meter {
    /// The meter's name; its rate is meter/ and this.
    #[schemars(length(min = 1, max = 63), regex(pattern = r"^[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$"))]
    pub name: String,
    /// What kind of cost it is.
    #[serde(default)]
    pub category: Category,
    /// What is counted, such as GiB or request.
    #[schemars(length(min = 1, max = 32), regex(pattern = r"^[A-Za-z0-9]([-A-Za-z0-9_. ]*[A-Za-z0-9])?$"))]
    pub unit: String,
    /// The price of one unit: a whole number, or a decimal number in quotes.
    pub price: Amount,
    /// How much was used, in PromQL, by namespace: its answer has one number for each value of the label namespace. It
    /// is asked for each window, a minute unless the installation says otherwise, with $window standing for its length,
    /// such as sum by (namespace) (increase(egress_bytes_total[$window])) / 2^30.
    #[schemars(length(min = 1, max = 4096))]
    #[x_kube(validation = (
        "self.contains('$window')",
        "a query says with $window over which time it counts, such as sum by (namespace) (increase(egress_bytes_total[$window]))",
    ))]
    pub query: String,
}

/// What a Budget's spend brings about, so that it can be told what one of it costs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct Value {
    /// What is counted, such as order.
    #[schemars(length(min = 1, max = 32), regex(pattern = r"^[A-Za-z0-9]([-A-Za-z0-9_. ]*[A-Za-z0-9])?$"))]
    pub unit: String,
    /// How many there were, in PromQL: its answer is one number. It is asked for each window, a minute unless the
    /// installation says otherwise, with $window standing for its length, such as sum(increase(orders_total[$window])).
    #[schemars(length(min = 1, max = 4096))]
    #[x_kube(validation = (
        "self.contains('$window')",
        "a query says with $window over which time it counts, such as sum(increase(orders_total[$window]))",
    ))]
    pub query: String,
}
