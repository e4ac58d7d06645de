//! The controller, put together: client, watches, election, driver.

use std::collections::HashSet;
use std::future::Future;
use std::sync::Arc;

use kube::Client;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{mpsc, watch};

use super::backoff::random;
use super::connect::{ConnectError, cluster_name, connect};
use super::driver::{Driver, Parts, Query};
use super::follow::News;
use super::lease::Election;
use super::record::Recorder;
use super::sample::{INTERVAL, Sampler};
use super::watch::Watches;
use super::write::Writer;
use super::{board::Board, defaults};
use crate::clock::Clock;
use crate::config::Config;
use crate::engine::machine::{self, Fact, Machine, Trouble};
use crate::engine::sampling::Wanted;
use crate::facts::ObjectId;
use crate::prometheus::Endpoint;
use crate::prometheus::asker::Asker;
use crate::web::{self, Web};

/// Reports on their way to the driver.
const REPORTS: usize = 1024;

/// Why the controller cannot run.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    #[error(transparent)]
    Connect(#[from] ConnectError),
    #[error("listen on {address}: {error}")]
    Listen { address: String, error: std::io::Error },
    #[error("record to {path}: {error}")]
    Record { path: String, error: std::io::Error },
    #[error("signals: {0}")]
    Signals(std::io::Error),
}

/// Runs until SIGTERM or SIGINT.
pub async fn run(config: Config) -> Result<(), RunError> {
    let stop = stopped().map_err(RunError::Signals)?;
    let clock = Clock::default();
    let web = Arc::new(Web::new(clock.clone()));
    let address = config.listen.clone();
    web::serve(&address, web.clone()).await.map_err(|error| RunError::Listen { address, error })?;
    let client = connect(None, &clock).await?;
    let recorder = match &config.record {
        None => None,
        Some(path) => {
            let failed = |error| RunError::Record { path: path.display().to_string(), error };
            Some(Recorder::create(path).await.map_err(failed)?)
        }
    };
    let mut stop = Box::pin(stop);
    let cluster = tokio::select! {
        name = named(&config, &client) => name,
        () = &mut stop => return Ok(()),
    };
    control(config, cluster, client, clock, recorder, &web, stop).await;
    Ok(())
}

async fn named(config: &Config, client: &Client) -> String {
    if let Some(name) = &config.cluster_name { name.clone() } else { cluster_name(client).await }
}

async fn control(
    config: Config,
    cluster: String,
    client: Client,
    clock: Clock,
    recorder: Option<Recorder>,
    web: &Web,
    stop: impl Future<Output = ()>,
) {
    let me = identity();
    tracing::info!(cluster, namespace = config.namespace, me, version = env!("CARGO_PKG_VERSION"), "starting");
    let (reports, received) = mpsc::channel(REPORTS);
    let recording = recorder.is_some();
    let watches = Watches { reports, board: web.board.clone(), clock: clock.clone(), recording };
    let billed = watches.spawn(&client);
    let (wanted, samples) = watch::channel(Wanted::Nobody);
    let polling = Sampler {
        client: client.clone(),
        clock: clock.clone(),
        interval: config.sample_interval,
        wanted: samples,
        reports: watches.reports.clone(),
        recording,
    };
    tokio::spawn(polling.run());
    let election = Election::stand(client.clone(), clock.clone(), &config.namespace, me.clone());
    tokio::spawn(defaults::create(client.clone(), config.defaults, election.leading.clone()));
    let (queries, asked) = mpsc::channel::<Query>(16);
    let counters = web.metrics.counters.clone();
    let driver = Driver::new(Parts {
        machine: Machine::new(machine::Settings {
            cluster: cluster.clone(),
            namespace: config.namespace.as_str().into(),
            lag: config.lag,
            from: None,
            replay: false,
            writes_per_second: config.writes_per_second,
            counting: config.prometheus.as_ref().map(Endpoint::counting),
            retained: config.retained_statements,
        }),
        clock: clock.clone(),
        reports: received,
        billed,
        queries: asked,
        leading: election.leading.clone(),
        wanted,
        ask: election.ask.clone(),
        asked: election.asked.clone(),
        lag: config.lag,
        writer: Arc::new(Writer::new(client, election.claim.clone(), clock, &config.namespace, me, counters.clone())),
        recorder,
        asker: config.prometheus.map(Asker::new),
        counters,
        pulse: web.pulse.clone(),
    });
    web.begin(cluster, queries);
    driver.run(stop).await;
    election.release().await;
    tracing::info!("stopped");
}

/// Watches what the controller would, and writes it down: no engine, no election.
pub async fn record(client: &Client, clock: &Clock, recorder: Recorder) -> Result<std::io::Result<()>, RunError> {
    let mut stop = Box::pin(stopped().map_err(RunError::Signals)?);
    let (reports, mut received) = mpsc::channel(REPORTS);
    let watches = Watches { reports, board: Board::default(), clock: clock.clone(), recording: true };
    let mut billed = watches.spawn(client);
    let (wanted, samples) = watch::channel(Wanted::Nobody);
    let polling = Sampler {
        client: client.clone(),
        clock: clock.clone(),
        interval: INTERVAL,
        wanted: samples,
        reports: watches.reports.clone(),
        recording: true,
    };
    tokio::spawn(polling.run());
    let (mut takers, mut unsampled) = (HashSet::new(), String::new());
    loop {
        tokio::select! {
            () = &mut stop => break,
            Some(report) = received.recv() => {
                billed.note(&report.news);
                if let Some((id, takes)) = takes_samples(&report.news) {
                    if takes { takers.insert(id) } else { takers.remove(&id) };
                    let asked = if takers.is_empty() { Wanted::Nobody } else { Wanted::Everybody };
                    wanted.send_if_modified(|before| *before != asked && { *before = asked; true });
                }
                match &report.news {
                    // Once, until it is something else.
                    News::Unsampled(why) if *why != unsampled => {
                        tracing::warn!(error = why, "no samples of what Pods use");
                        unsampled.clone_from(why);
                    }
                    News::Sampled { .. } => unsampled.clear(),
                    News::Trouble(Trouble { class, about, message }) => {
                        tracing::warn!(class, about, error = message, "left out of the trace");
                    }
                    _ => {}
                }
                if let Some(created) = report.created() {
                    clock.reach(created);
                }
                let now = clock.now();
                for line in report.lines() {
                    if !recorder.record(now, line).await {
                        return Ok(recorder.finish().await);
                    }
                }
            }
        }
    }
    Ok(recorder.finish().await)
}

/// Of a Budget or ClusterBudget that is told of, whether it takes samples from now on.
fn takes_samples(news: &News) -> Option<(ObjectId, bool)> {
    let (observed, there) = match news {
        News::Applied(observed) => (observed, true),
        News::Deleted { observed, .. } => (observed, false),
        _ => return None,
    };
    let basis = match &observed.fact {
        Fact::Budget(budget) => budget.spec.basis,
        Fact::ClusterBudget(budget) => budget.spec.budget.basis,
        _ => return None,
    };
    Some((observed.id, there && basis.is_sampled()))
}

/// Resolves at the first SIGTERM or SIGINT; a second one ends the process at once.
fn stopped() -> std::io::Result<impl Future<Output = ()>> {
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    Ok(async move {
        let again = async move {
            tokio::select! {
                _ = terminate.recv() => (terminate, interrupt),
                _ = interrupt.recv() => (terminate, interrupt),
            }
        };
        let (mut terminate, mut interrupt) = again.await;
        tracing::info!("stopping");
        tokio::spawn(async move {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            std::process::exit(130);
        });
    })
}

/// Who this replica is: its Pod, else something that nobody else is.
fn identity() -> String {
    if let Some(pod) = std::env::var("POD_NAME").ok().filter(|pod| !pod.is_empty()) {
        return pod;
    }
    let host = std::env::var("HOSTNAME").ok().filter(|host| !host.is_empty());
    let host = host.or_else(|| std::fs::read_to_string("/proc/sys/kernel/hostname").ok());
    let host = host.as_deref().map_or("localhost", str::trim);
    format!("{host}_{}_{:08x}", std::process::id(), random() & 0xffff_ffff)
}
