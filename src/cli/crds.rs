//! `opex-operator crds`: the definitions of the kinds.

use std::io::Write;
use std::path::PathBuf;

use anyhow::Context;
use clap::Args;

use crate::api;

/// Prints the CustomResourceDefinitions.
#[derive(Args, Debug)]
pub struct CrdsArgs {
    /// Write one file per kind into this directory instead.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

// === impl CrdsArgs ===

impl CrdsArgs {
    pub fn run(self) -> anyhow::Result<()> {
        for crd in api::crds() {
            let yaml = serde_saphyr::to_string(&crd)?;
            match &self.out {
                Some(directory) => {
                    let path = directory.join(format!("{}.yaml", crd.spec.names.plural));
                    std::fs::write(&path, yaml).with_context(|| format!("write {}", path.display()))?;
                }
                None => write!(std::io::stdout(), "---\n{yaml}")?,
            }
        }
        Ok(())
    }
}
