//! `kubectl opex record`: writes down what the operator would observe.

use std::path::PathBuf;

use anyhow::{Context, ensure};
use clap::Args;

use crate::clock::Clock;
use crate::cluster::connect::connect;
use crate::cluster::record::Recorder;
use crate::cluster::run::record;
use crate::telemetry;

/// Writes a trace of what the operator would observe, one JSON object a line, until interrupted.
///
/// The trace holds whole objects: Pods with their environment variables too. Look it through before you pass it on.
#[derive(Args, Debug)]
pub struct RecordArgs {
    /// A new file to write it to, compressed if the name ends in .gz or .zst; default: standard output.
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// The context of the kubeconfig to use.
    #[arg(long, value_name = "NAME")]
    context: Option<String>,
}

// === impl RecordArgs ===

impl RecordArgs {
    pub fn run(self) -> anyhow::Result<()> {
        telemetry::init(None);
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        runtime.block_on(async {
            let clock = Clock::default();
            let client = connect(self.context, &clock).await?;
            let (recorder, name) = match &self.output {
                Some(path) => {
                    ensure!(!path.is_file(), "{} exists: name another file, or remove it", path.display());
                    let recorder = Recorder::create(path).await;
                    (recorder.with_context(|| format!("write {}", path.display()))?, path.display().to_string())
                }
                None => (Recorder::new(tokio::io::stdout()), "standard output".to_owned()),
            };
            record(&client, &clock, recorder).await?.with_context(|| format!("write to {name}"))
        })?;
        runtime.shutdown_background();
        Ok(())
    }
}
