//! `opex-operator`: the controller.

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::{Parser, Subcommand};
use opex_operator::api;

/// Keeps the running costs of a Kubernetes cluster inside budgets.
#[derive(Parser)]
#[command(name = "opex-operator", version, about)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Print the CustomResourceDefinitions.
    Crds {
        /// Write one file per kind into this directory instead.
        #[arg(long, value_name = "DIR")]
        out: Option<PathBuf>,
    },
}

fn main() -> anyhow::Result<()> {
    match Cli::parse().command {
        Command::Crds { out } => crds(out.as_deref()),
    }
}

fn crds(out: Option<&Path>) -> anyhow::Result<()> {
    for crd in api::crds() {
        let yaml = serde_saphyr::to_string(&crd)?;
        match out {
            Some(directory) => {
                let path = directory.join(format!("{}.yaml", crd.spec.names.plural));
                std::fs::write(&path, yaml).with_context(|| format!("write {}", path.display()))?;
            }
            None => write!(std::io::stdout(), "---\n{yaml}")?,
        }
    }
    Ok(())
}
