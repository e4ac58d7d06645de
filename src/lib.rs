//! Keeps the running costs (OPEX) of a Kubernetes cluster inside budgets.
//!
//! Data flows one way, and each step is a module:
//! [`cluster`] watches and [`facts`] keeps of every object the few numbers that matter;
//! [`engine`] meters, prices and decides; [`cluster`] carries out what it wants written.
//! [`prometheus`] is asked what else was used.
//! [`replay`] drives the same engine with a trace and a virtual clock; [`focus`] turns what it bills into the rows of
//! a warehouse; [`simulate`] drives it twice, to compare what is with what might be.

pub mod api;
pub mod cli;
pub mod clock;
pub mod cluster;
pub mod config;
pub mod engine;
pub mod facts;
pub mod focus;
pub mod metrics;
pub mod observe;
pub mod prometheus;
pub mod replay;
pub mod simulate;
pub mod telemetry;
pub mod web;
