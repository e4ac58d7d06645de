//! Logs: one line for each change, JSON where nobody reads along.

use std::io::{IsTerminal, stderr};

use tracing_subscriber::EnvFilter;

/// What other crates say is said by us already, with what it means: kube logs each failed request as an error.
const OTHERS: &str = "kube_client=off,tower=warn,hyper=warn,hyper_util=warn,rustls=warn";

/// Sets logging up, to standard error. `level` is one of error, warn, info, debug, trace, or filters as in `RUST_LOG`,
/// which counts where `level` is absent.
pub fn init(level: Option<&str>) {
    let level = level.map(ToOwned::to_owned).or_else(|| std::env::var("RUST_LOG").ok());
    let level = level.filter(|level| !level.is_empty()).unwrap_or_else(|| "info".to_owned());
    // What is said last about a crate counts.
    let filter = EnvFilter::builder().parse_lossy(format!("{OTHERS},{level}"));
    let logs = tracing_subscriber::fmt().with_env_filter(filter).with_writer(stderr).with_target(false);
    // Only the first call counts, so that tests may share a process.
    let _ = if stderr().is_terminal() { logs.try_init() } else { logs.json().flatten_event(true).try_init() };
}
