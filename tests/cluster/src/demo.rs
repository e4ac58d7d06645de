//! `make demo`: a budget fills up, crosses its limit and stops a scale-up, on a real API server.
//!
//! Everything is shown by the command that a user would type, waits for the condition that it is
//! about, and is checked: what does not come out as it says ends the demo with an error that names
//! the step. At the end the cluster and the operators stay until [`down`].

mod ground;
mod stage;
mod steps;

use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, Result, bail};

use crate::Cluster;
use crate::current_is_wanted;
use stage::Stage;

/// The name of the demo's cluster.
const NAME: &str = "demo";

/// One thing that is shown.
type Step = fn(&Stage) -> Result<()>;

const STEPS: [(&str, Step); 11] = [
    ("Helm installs the operator", ground::install),
    ("Day one: figures before anybody made a budget", steps::day_one),
    ("Budgets", steps::budgets),
    ("Half the money is gone: a warning", steps::warning),
    ("All of it is gone: the gate closes", steps::closing),
    ("A scale-up is refused", steps::refusal),
    ("An autoscaler is refused", steps::autoscaler),
    ("Healing goes on", steps::healing),
    ("Somebody opens the gate for a while", steps::opening),
    ("The limit is raised", steps::raising),
    ("The Statement: what it cost, exactly", steps::statement),
];

/// Plays the demo with the operator of the directory `programs`, and leaves its cluster running.
pub fn run(programs: &Path) -> Result<()> {
    if Cluster::open(NAME).is_ok() {
        bail!("the demo's cluster is up already; `make demo-down` removes it");
    }
    let cluster = if current_is_wanted()? { Cluster::borrow(NAME)? } else { ground::embedded(NAME)? };
    let started = Instant::now();
    let stage = play(cluster, programs)?;
    stage.part(started.elapsed());
    stage.into_cluster().keep()
}

/// Ends the demo's operators and cluster; on a user's own cluster removes what the demo made there.
/// Says whether there was a demo.
pub fn down() -> Result<bool> {
    Cluster::down(NAME)
}

/// Plays the demo on a cluster that ends with the demo, and returns all that it showed.
pub fn rehearse(programs: &Path) -> Result<String> {
    let stage = play(Cluster::start(&ground::options("rehearsal"))?, programs)?;
    Ok(stage.transcript())
}

fn play(cluster: Cluster, programs: &Path) -> Result<Stage> {
    ground::settle(&cluster)?;
    let stage = Stage::new(cluster, programs);
    for (number, (name, step)) in STEPS.iter().enumerate() {
        stage.heading(number + 1, STEPS.len(), name);
        step(&stage).with_context(|| {
            format!("step {}, \"{name}\", did not come out{}", number + 1, ground::logs(stage.cluster()))
        })?;
    }
    Ok(stage)
}

/// The repository, from where the demo's commands are run.
fn root() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}
