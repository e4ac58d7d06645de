//! Builds, starts and ends embedded clusters for people; the tests use the library.

use anyhow::Result;
use clap::{Parser, Subcommand};
use opex_cluster::{Cluster, Options, Programs};

/// A real Kubernetes control plane on this machine.
#[derive(Parser)]
#[command(name = "opex-cluster", version)]
struct Cli {
    #[command(subcommand)]
    command: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Build the programs that the cache lacks.
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
}

fn main() -> Result<()> {
    match Cli::parse().command {
        Task::Build => Programs::build().map(drop),
        Task::Up {
            name,
            nodes,
            metrics,
        } => up(&name, nodes, metrics),
        Task::Down { name } => down(&name),
        Task::Env { name } => {
            print_env(&Cluster::open(&name)?);
            Ok(())
        }
    }
}

fn up(name: &str, nodes: usize, metrics: bool) -> Result<()> {
    let programs = Programs::build()?;
    eprintln!(
        "starting Kubernetes {} as {name}",
        programs.kubernetes_version()
    );
    let started = std::time::Instant::now();
    let mut options = Options::new(name).nodes(nodes);
    options.metrics = metrics;
    let cluster = Cluster::up(options)?;
    eprintln!(
        "ready after {:.1} s, with {nodes} simulated nodes",
        started.elapsed().as_secs_f64()
    );
    print_env(&cluster);
    Ok(())
}

fn down(name: &str) -> Result<()> {
    if Cluster::down(name)? {
        eprintln!("cluster {name} is gone");
    } else {
        eprintln!("there is no cluster {name}");
    }
    Ok(())
}

/// Lines for a shell's `eval`.
fn print_env(cluster: &Cluster) {
    for (key, value) in cluster.env() {
        println!(
            "export {key}='{}'",
            value.to_string_lossy().replace('\'', r"'\''")
        );
    }
}
