//! A real Kubernetes control plane, embedded.
//!
//! [`Cluster::start`] runs etcd, kube-apiserver, kube-controller-manager, kube-scheduler and KWOK
//! (simulated nodes) as processes, ready in seconds, several side by side, and nothing of it is
//! left when the process that started it is gone. With `CLUSTER=current` the same calls work on
//! the user's own cluster instead.

mod cluster;
mod command;
mod current;
pub mod demo;
mod faults;
mod log;
mod nodes;
mod operator;
mod options;
mod ports;
mod process;
mod programs;
mod prometheus;
mod reaper;
mod usage;
mod wait;

pub use cluster::Cluster;
pub use command::Output;
pub use current::{MADE, current_is_wanted, needs_kubernetes, needs_own_cluster, needs_simulated_nodes};
pub use faults::Component;
pub use nodes::Node;
pub use operator::Operator;
pub use options::Options;
pub use process::Process;
pub use programs::Programs;
pub use prometheus::{Counters, Prometheus};
pub use wait::{wait_for, wait_until};
