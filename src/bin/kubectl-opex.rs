//! `kubectl opex`: the plugin.

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use opex_operator::cli;

/// Shows, exports and replays the running costs of a Kubernetes cluster.
#[derive(Parser)]
#[command(name = "kubectl-opex", bin_name = "kubectl opex", version, about)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Check(cli::check::CheckArgs),
    Export(cli::export::ExportArgs),
    Override(cli::grant::OverrideArgs),
    Record(cli::record::RecordArgs),
    Replay(cli::replay::ReplayArgs),
    Simulate(cli::simulate::SimulateArgs),
}

fn main() -> ExitCode {
    let command = Cli::parse().command;
    cli::install_crypto();
    cli::finish(match command {
        Command::Check(check) => check.run(),
        Command::Export(export) => export.run(),
        Command::Override(grant) => grant.run(),
        Command::Record(record) => record.run(),
        Command::Replay(replay) => replay.run(),
        Command::Simulate(simulate) => return cli::answer(simulate.run()),
    })
}
