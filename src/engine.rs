//! Facts, plans, budgets and an instant in; ledgers and outcomes out. Pure: no client, no clock, no task.

pub mod money;
pub mod period;
