//! The operator on a real control plane: two processes of it, with the rights of the chart's service account and the
//! configuration that Helm rendered. `s09` is scenario 9 of those that must pass, `a03` point 3 of the acceptance.

#[path = "operator/acceptance.rs"]
mod acceptance;
#[path = "operator/autoscaler.rs"]
mod autoscaler;
#[path = "operator/budgets.rs"]
mod budgets;
#[path = "support/case.rs"]
mod case;
#[path = "operator/check.rs"]
mod check;
#[path = "operator/clock.rs"]
mod clock;
#[path = "operator/devices.rs"]
mod devices;
#[path = "operator/figures.rs"]
mod figures;
#[path = "support/ground.rs"]
mod ground;
#[path = "operator/growth.rs"]
mod growth;
#[path = "operator/hand.rs"]
mod hand;
#[path = "support/installed.rs"]
mod installed;
#[path = "operator/latency.rs"]
mod latency;
#[path = "operator/lifting.rs"]
mod lifting;
#[path = "operator/load.rs"]
mod load;
#[path = "support/manifests.rs"]
mod manifests;
#[path = "operator/moving.rs"]
mod moving;
#[path = "operator/objects.rs"]
mod objects;
#[path = "operator/per_namespace.rs"]
mod per_namespace;
#[path = "operator/plans.rs"]
mod plans;
#[path = "operator/quantities.rs"]
mod quantities;
#[path = "operator/replicas.rs"]
mod replicas;
#[path = "operator/restarts.rs"]
mod restarts;
#[path = "operator/rights.rs"]
mod rights;
#[path = "operator/scaling.rs"]
mod scaling;
#[path = "operator/seasons.rs"]
mod seasons;
#[path = "operator/showback.rs"]
mod showback;
#[path = "operator/simulate.rs"]
mod simulate;
