//! `opex-operator run`: the controller.

use std::path::PathBuf;

use clap::Args;
use jiff::SignedDuration;

use crate::cluster::run::run;
use crate::config::{Config, Said};
use crate::telemetry;

/// Runs the controller. Flags count more than the environment, and that more than the configuration file.
#[derive(Args, Debug)]
pub struct RunArgs {
    /// The configuration, in YAML.
    #[arg(long, value_name = "FILE", env = "OPEX_CONFIG")]
    config: Option<PathBuf>,
    /// The name that bills and metrics give this cluster; default: cluster- and the first eight characters of the
    /// kube-system Namespace's UID.
    #[arg(long, value_name = "NAME", env = "OPEX_CLUSTER_NAME")]
    cluster_name: Option<String>,
    /// The operator's own namespace; default: POD_NAMESPACE, else opex-system.
    #[arg(long, value_name = "NAME", env = "OPEX_NAMESPACE")]
    namespace: Option<String>,
    /// Most ledger checkpoints and status writes a second; default: 20.
    #[arg(long, value_name = "N", env = "OPEX_WRITES_PER_SECOND")]
    writes_per_second: Option<i64>,
    /// How far behind now the ledger is persisted; default: 10s.
    #[arg(long, value_name = "DURATION", env = "OPEX_LAG")]
    lag: Option<SignedDuration>,
    /// Closed Statements kept of each budget, 12 at least; default: 13.
    #[arg(long, value_name = "N", env = "OPEX_RETAINED_STATEMENTS")]
    retained_statements: Option<usize>,
    /// Where /metrics, /livez and /readyz are served; default: :8080.
    #[arg(long, value_name = "ADDRESS:PORT", env = "OPEX_LISTEN")]
    listen: Option<String>,
    /// What is logged: error, warn, info, debug, trace, or filters as in RUST_LOG; default: info.
    #[arg(long, value_name = "LEVEL", env = "OPEX_LOG_LEVEL")]
    log_level: Option<String>,
    /// Also write the trace of what is observed to this file, for kubectl opex replay.
    #[arg(long, value_name = "FILE", env = "OPEX_RECORD")]
    record: Option<PathBuf>,
}

// === impl RunArgs ===

impl RunArgs {
    pub fn run(self) -> anyhow::Result<()> {
        let mut file = self.config.as_deref().map(Said::read).transpose()?.unwrap_or_default();
        file.namespace = file.namespace.or_else(|| std::env::var("POD_NAMESPACE").ok());
        let flags = Said {
            cluster_name: self.cluster_name,
            namespace: self.namespace,
            writes_per_second: self.writes_per_second,
            lag: self.lag,
            retained_statements: self.retained_statements,
            listen: self.listen,
            log_level: self.log_level,
            record: self.record,
            defaults: Vec::new(),
            prometheus: None,
        };
        let config = Config::of(flags, file)?;
        telemetry::init(config.log_level.as_deref());
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        runtime.block_on(run(config))?;
        // Watches still read; nothing waits for them.
        runtime.shutdown_background();
        Ok(())
    }
}
