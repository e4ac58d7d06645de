//! What other currencies are worth in a plan's.

use iso_currency::Currency;
use kube::KubeSchema;
use serde::{Deserialize, Serialize};

use super::amount::Amount;
use super::schema;

/// What one unit of another currency is worth.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct ExchangeRate {
    /// The ISO 4217 code of the other currency, such as USD.
    #[schemars(schema_with = "schema::currency")]
    pub currency: Currency,
    /// What one unit of it is in the plan's currency, above 0, such as "0.92" in a plan in EUR for USD: at most ten
    /// digits before the point and twelve after it.
    #[schemars(schema_with = "schema::exchange_rate")]
    pub rate: Amount,
    /// The date from which on it counts, in the plan's time zone, such as 2026-11-01: until a later one of the same
    /// currency does. The first one counts for the time before as well.
    #[schemars(length(equal = 10), regex(pattern = schema::DATE), extend("format" = "date"))]
    pub as_of: String,
}
