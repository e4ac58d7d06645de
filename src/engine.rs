//! Facts, plans, budgets and an instant in; ledgers and outcomes out. Pure: no client, no clock, no task.
//!
//! [`machine`] is the whole; it joins what the others decide: [`item`] when an object is metered and with what,
//! [`rate`] what that costs, [`meter`] how much of it belongs to a budget, [`ledger`] what it adds up to,
//! [`evaluate`] what that means for the budget, [`statement`] how it is shown and kept.

pub mod accrual;
pub mod allocation;
pub mod budget;
pub mod counted;
pub mod discount;
pub mod evaluate;
pub mod exchange;
pub mod history;
pub mod idle;
pub mod item;
pub mod ledger;
pub mod limit;
pub mod machine;
pub mod meter;
pub mod money;
pub mod node_price;
pub mod observed;
pub mod period;
pub mod plan;
pub mod rate;
pub mod recurring;
pub mod sampling;
pub mod scale_down;
pub mod selector;
pub mod share;
pub mod sharing;
pub mod statement;
pub mod tiers;
pub mod weights;
pub mod world;
pub mod worth;
pub mod write;
