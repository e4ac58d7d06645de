//! `opex-operator uninstall`: what the chart's hook runs before the operator is removed.

use clap::Args;

use crate::clock::Clock;
use crate::cluster::connect::connect;
use crate::cluster::uninstall::Uninstall;
use crate::config::NAMESPACE;
use crate::telemetry;

/// Undoes what the operator wrote on what is not its own: removes all gates, and puts back what was scaled down. Helm
/// runs it before it uninstalls the chart; running replicas stand still from then on. Budgets and Statements stay.
#[derive(Args, Debug)]
pub struct UninstallArgs {
    /// The operator's own namespace.
    #[arg(long, value_name = "NAME", env = "POD_NAMESPACE", default_value = NAMESPACE)]
    namespace: String,
}

// === impl UninstallArgs ===

impl UninstallArgs {
    pub fn run(self) -> anyhow::Result<()> {
        telemetry::init(None);
        super::block_on(async {
            let clock = Clock::default();
            let client = connect(None, &clock).await?;
            Uninstall { client, clock, namespace: self.namespace }.run().await?;
            tracing::info!("nothing of the operator is left on Namespaces");
            Ok(())
        })
    }
}
