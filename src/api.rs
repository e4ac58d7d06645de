//! The kinds of `billing.opex.dev/v1alpha1`: types, schemas, rules and columns.
//!
//! What a user can get wrong is refused by the API server, by the schemas and CEL rules generated from these types,
//! with a message that says what is allowed. Doc comments of kinds and fields are what `kubectl explain` prints.
//! Amounts stay the decimal text that was written; what they are worth is [`crate::engine::money`]'s business.

#![warn(missing_docs)]

mod amount;
mod budget;
mod budget_override;
mod cluster_budget;
mod columns;
mod exchange;
mod limit;
mod meter;
mod period;
mod price_plan;
mod quantity;
mod recurring;
mod schema;
mod sharing;
mod statement;
mod status;

pub use amount::{Amount, AmountError};
pub use budget::{Action, Basis, Budget, BudgetSpec, Measure, ScaleCeiling, ScaleDown, Threshold};
pub use budget_override::{BudgetOverride, BudgetOverrideSpec, BudgetOverrideStatus};
pub use cluster_budget::{ClusterBudget, ClusterBudgetSpec, ClusterBudgetStatus, Mode};
pub use exchange::ExchangeRate;
pub use limit::{Limit, OverrideCaps, Peak, PlannedLimit, Rollover};
pub use meter::{Meter, Value};
pub use period::{Every, PeriodSpec, Weekday};
pub use price_plan::{
    AllowedNamespaces, CategoryRule, DevicePrice, Discount, NodeClass, ObjectPrice, PlanVersion, PricePlan,
    PricePlanSpec, PricePlanStatus, StoragePrice, Tier,
};
pub use quantity::Quantity;
pub use recurring::{AllocateBy, Allocation, Booking, RecurringCharge};
pub use sharing::{IdleSharing, NamespaceSharing, ShareIdle, ShareNamespaces, Sharing};
pub use statement::{
    BilledKind, BilledRef, BudgetKind, BudgetRef, Category, ChargeClass, ChargeFrequency, Gap, Line, Phase, Share,
    Statement, StatementPeriod, StatementSpec, StatementUnitCost,
};
pub use status::{
    Breakdown, BudgetStatus, BurnRate, CostShare, Forecast, Gate, PeriodStatus, Prices, ThresholdStatus, UnitCost,
};

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::CustomResourceExt;

/// The API group of all kinds.
pub const GROUP: &str = "billing.opex.dev";
/// Their only version.
pub const VERSION: &str = "v1alpha1";

/// On a Statement: the name of the Budget or ClusterBudget it belongs to.
pub const BUDGET_LABEL: &str = "opex.dev/budget";
/// On a Statement: `Budget` or `ClusterBudget`.
pub const BUDGET_KIND_LABEL: &str = "opex.dev/budget-kind";
/// On a Budget: the ClusterBudget that keeps it.
pub const CLUSTER_BUDGET_LABEL: &str = "opex.dev/cluster-budget";
/// On a Namespace: what admission does there; absent means open.
pub const GATE_LABEL: &str = "opex.dev/gate";
/// On a Namespace: the line that a refused client reads.
pub const GATE_MESSAGE_ANNOTATION: &str = "opex.dev/gate-message";
/// On a Namespace: the most replicas of each workload that the gate lets pass.
pub const CEILINGS_ANNOTATION: &str = "opex.dev/ceilings";
/// On a Namespace: to how many replicas its workloads are scaled down. It goes when they are restored.
pub const SCALED_DOWN_ANNOTATION: &str = "opex.dev/scaled-down";

/// The definitions of all kinds, in the order in which a user meets them.
pub fn crds() -> Vec<CustomResourceDefinition> {
    let defined = [
        (PricePlan::crd(), columns::price_plan()),
        (Budget::crd(), columns::budget()),
        (ClusterBudget::crd(), columns::budget()),
        (BudgetOverride::crd(), columns::budget_override()),
        (Statement::crd(), columns::statement()),
    ];
    defined.into_iter().map(|(crd, columns)| columns::set(schema::tidy(crd), &columns)).collect()
}
