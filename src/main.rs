//! `opex-operator`: the controller.

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use opex_operator::cli;

/// Keeps the running costs of a Kubernetes cluster inside budgets.
#[derive(Parser)]
#[command(name = "opex-operator", version, about)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Run(cli::run::RunArgs),
    Crds(cli::crds::CrdsArgs),
    Uninstall(cli::uninstall::UninstallArgs),
}

fn main() -> ExitCode {
    let command = Cli::parse().command;
    cli::install_crypto();
    cli::finish(match command {
        Command::Run(run) => run.run(),
        Command::Crds(crds) => crds.run(),
        Command::Uninstall(uninstall) => uninstall.run(),
    })
}
