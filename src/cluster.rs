//! The only code that talks to the API server: watches in, writes out, and who of the replicas writes.

pub mod backoff;
pub mod board;
pub mod check;
pub mod connect;
pub mod defaults;
pub mod discovery;
pub mod driver;
pub mod dry_run;
pub mod follow;
pub mod lease;
pub mod list;
pub mod objects;
pub mod overrides;
pub mod record;
mod request;
pub mod run;
pub mod sample;
pub mod snapshot;
pub mod uninstall;
pub mod watch;
pub mod write;
