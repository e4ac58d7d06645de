//! Builds, starts and ends embedded clusters for people; the tests use the library.

use std::env;
use std::ffi::OsString;
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use clap::{Parser, Subcommand};
use opex_cluster::{Cluster, Options, Process, Programs, current_is_wanted, demo};

/// A real Kubernetes control plane on this machine.
#[derive(Parser)]
#[command(name = "opex-cluster", version)]
struct Cli {
    #[command(subcommand)]
    command: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Build the programs that the cache lacks; none with CLUSTER=current.
    Build,
    /// Start a cluster that stays, and print the environment in which kubectl reaches it.
    Up {
        /// Its name.
        #[arg(long, default_value = "dev")]
        name: String,
        /// How many simulated nodes it has.
        #[arg(long, default_value_t = 3)]
        nodes: usize,
        /// Run metrics-server too, for `kubectl top` and HorizontalPodAutoscalers.
        #[arg(long)]
        metrics: bool,
    },
    /// Run a command against a cluster that ends with it.
    Run {
        /// How many simulated nodes the cluster has.
        #[arg(long, default_value_t = 3)]
        nodes: usize,
        /// The command and its arguments.
        #[arg(last = true, required = true)]
        command: Vec<OsString>,
    },
    /// End the cluster and remove its directory.
    Down {
        /// Its name.
        #[arg(long, default_value = "dev")]
        name: String,
    },
    /// Print the environment of a running cluster again.
    Env {
        /// Its name.
        #[arg(long, default_value = "dev")]
        name: String,
    },
    /// Show a budget that fills up and stops a scale-up, and leave the cluster running.
    Demo,
    /// End the demo's operators and cluster.
    DemoDown,
}

fn main() -> Result<ExitCode> {
    // What stays would hold them for its caller: a lock, or the end of a pipe.
    close_fds::set_fds_cloexec(3, &[]);
    match Cli::parse().command {
        Task::Build if current_is_wanted()? => Ok(()),
        Task::Build => Programs::build().map(drop),
        Task::Up { name, nodes, metrics } => up(&Options { metrics, ..Options::new(&name).nodes(nodes) }),
        Task::Run { nodes, command } => return run(nodes, &command),
        Task::Down { name } => down(&name),
        Task::Env { name } => {
            print_env(&Cluster::open(&name)?);
            Ok(())
        }
        Task::Demo => demo::run(env::current_exe()?.parent().context("a program is in a directory")?),
        Task::DemoDown => {
            eprintln!("{}", if demo::down()? { "the demo is gone" } else { "there is no demo" });
            Ok(())
        }
    }?;
    Ok(ExitCode::SUCCESS)
}

/// Ends as the command does.
fn run(nodes: usize, command: &[OsString]) -> Result<ExitCode> {
    let cluster = Cluster::start(&Options::new("run").nodes(nodes))?;
    let mut process = Process::attach(&cluster, "command", Command::new(&command[0]).args(&command[1..]))?;
    let status = process.wait(Duration::MAX)?;
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    Ok(code.map_or(ExitCode::FAILURE, ExitCode::from))
}

fn up(options: &Options) -> Result<()> {
    let name = &options.name;
    if let Ok(cluster) = Cluster::open(name) {
        let ready = cluster.wait_until_ready(Duration::from_secs(1));
        ready.with_context(|| format!("cluster {name} does not answer; `down` removes it"))?;
        eprintln!("cluster {name} is up already");
        print_env(&cluster);
        return Ok(());
    }
    let programs = Programs::build()?;
    let version = programs.kubernetes_version();
    eprintln!("starting Kubernetes {version} as {name}");
    let started = Instant::now();
    let cluster = Cluster::up(options)?;
    let seconds = started.elapsed().as_secs_f64();
    eprintln!("ready after {seconds:.1} s, with {} simulated nodes", options.nodes);
    print_env(&cluster);
    cluster.keep()
}

fn down(name: &str) -> Result<()> {
    if Cluster::down(name)? {
        eprintln!("cluster {name} is gone");
    } else {
        eprintln!("there is no cluster {name}");
    }
    Ok(())
}

fn print_env(cluster: &Cluster) {
    for line in cluster.exports() {
        println!("{line}");
    }
}
