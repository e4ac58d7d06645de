//! Drives the machine with what watches report and the clock says, and has its writes carried out.
//!
//! One task owns the machine. It passes when something happened (at once when idle, every [`COALESCED`] under load),
//! when the machine asked to be woken, and every [`LATEST`] anyhow.

mod report;

use std::collections::HashSet;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::{Semaphore, mpsc, oneshot, watch};
use tokio::task::JoinSet;
use tokio::time::{sleep_until, timeout_at};

use super::follow::Report;
use super::objects::Billed;
use super::record::Recorder;
use super::write::Writer;
use crate::clock::Clock;
use crate::engine::machine::{Event, Machine, Pass, Shown};
use crate::engine::sampling::Wanted;
use crate::engine::write::{Outcome, Write, WriteKey};
use crate::facts::Seconds;
use crate::metrics::Counters;
use crate::prometheus::asker::Asker;

/// Under load no two passes are closer.
const COALESCED: Duration = Duration::from_millis(50);

/// A pass takes no more than one part in so many of the time.
const SHARE: u32 = 4;

/// No two passes are farther apart.
const LATEST: Duration = Duration::from_secs(10);

/// How long the last checkpoint may take.
const CHECKPOINT: Duration = Duration::from_secs(3);

/// How often what nothing refers to any more is forgotten.
const SWEEP: Duration = Duration::from_mins(5);

/// Reports taken in before anything else is looked at.
const BATCH: usize = 256;

/// Writes under way at a time, gates apart.
const CONCURRENT: usize = 16;

/// A question to the driver, and where the answer goes.
#[derive(Debug)]
pub enum Query {
    /// What is waited for before this replica could take over.
    Waiting(oneshot::Sender<Vec<String>>),
    Shown(oneshot::Sender<Standing>),
}

/// Where everything stands, for metrics.
#[derive(Debug, Default)]
pub struct Standing {
    pub leading: bool,
    pub shown: Shown,
}

/// Shows whether the driver still turns.
#[derive(Clone, Debug)]
pub struct Pulse(Arc<(Instant, AtomicU64)>);

/// What the driver works with.
#[derive(Debug)]
pub struct Parts {
    pub machine: Machine,
    pub clock: Clock,
    pub reports: mpsc::Receiver<Report>,
    /// What plans name is watched.
    pub billed: Billed,
    pub queries: mpsc::Receiver<Query>,
    pub leading: watch::Receiver<bool>,
    /// Whose samples are wanted.
    pub wanted: watch::Sender<Wanted>,
    /// To ask the leader for a checkpoint, and what others asked for.
    pub ask: watch::Sender<Option<Seconds>>,
    pub asked: watch::Receiver<Option<Seconds>>,
    /// What is persisted stops this long before now.
    pub lag: Seconds,
    pub writer: Arc<Writer>,
    pub recorder: Option<Recorder>,
    /// Where there is a Prometheus.
    pub asker: Option<Asker>,
    pub counters: Counters,
    pub pulse: Pulse,
}

/// See the module's documentation.
#[derive(Debug)]
pub struct Driver {
    parts: Parts,
    writes: JoinSet<(WriteKey, Outcome)>,
    slots: Arc<Semaphore>,
    /// The second up to which was passed.
    passed: Seconds,
    passed_at: Instant,
    took: Duration,
    /// When a pass is due, and the second at which the machine asked for one.
    due: Instant,
    wake: Option<Seconds>,
    /// What everything is to be persisted past: the first lists of a replica.
    listed: Option<Seconds>,
    swept: Instant,
    told: HashSet<u64>,
}

// === impl Pulse ===

impl Default for Pulse {
    fn default() -> Self {
        Self(Arc::new((Instant::now(), AtomicU64::new(0))))
    }
}

impl Pulse {
    fn beat(&self) {
        let since = u64::try_from(self.0.0.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.0.1.store(since, Ordering::Relaxed);
    }

    /// How long ago it last turned.
    pub fn age(&self) -> Duration {
        self.0.0.elapsed().saturating_sub(Duration::from_millis(self.0.1.load(Ordering::Relaxed)))
    }
}

// === impl Driver ===

impl Driver {
    pub fn new(parts: Parts) -> Self {
        let now = Instant::now();
        Self {
            parts,
            writes: JoinSet::new(),
            slots: Arc::new(Semaphore::new(CONCURRENT)),
            passed: Seconds::MIN,
            passed_at: now,
            took: Duration::ZERO,
            due: now,
            wake: None,
            listed: None,
            swept: now,
            told: HashSet::new(),
        }
    }

    /// Drives until `stop`, then hands everything over.
    pub async fn run(mut self, stop: impl Future<Output = ()>) {
        let mut stop = std::pin::pin!(stop);
        let mut batch = Vec::with_capacity(BATCH);
        loop {
            self.parts.pulse.beat();
            let next = self.next_pass();
            tokio::select! {
                biased;
                () = &mut stop => break,
                () = sleep_until(next.into()) => self.pass(),
                Ok(()) = self.parts.leading.changed() => self.lead(),
                Ok(()) = self.parts.asked.changed() => {
                    let asked = *self.parts.asked.borrow_and_update();
                    self.checkpoint_past(asked);
                }
                Some(done) = self.writes.join_next() => self.done(done),
                Some(query) = self.parts.queries.recv() => self.answer(query),
                counted = answered(&mut self.parts.asker) => {
                    self.parts.machine.ingest(counted, self.parts.clock.second());
                    self.ask();
                    self.pass_soon();
                }
                _ = self.parts.reports.recv_many(&mut batch, BATCH) => {
                    for report in batch.drain(..) {
                        self.take_in(report).await;
                    }
                    self.start();
                    self.pass_soon();
                }
            }
        }
        self.hand_over().await;
    }

    fn next_pass(&self) -> Instant {
        let wake = self.wake.into_iter().chain(self.checkpoint_due()).min();
        wake.map_or(self.due, |wake| self.due.min(self.parts.clock.instant_of(wake)))
    }

    fn pass_soon(&mut self) {
        let pause = COALESCED.max(self.took * SHARE);
        self.due = self.due.min(self.passed_at + pause);
    }

    fn pass(&mut self) {
        let (now, began) = (self.parts.clock.second(), Instant::now());
        if self.checkpoint_due().is_some_and(|due| due <= now)
            && let Some(listed) = self.listed.take()
        {
            self.parts.machine.persist_past(listed);
        }
        let Pass { writes, wake } = self.parts.machine.pass(now);
        self.took = began.elapsed();
        if self.parts.machine.is_running() {
            self.parts.counters.passed(self.took);
        }
        self.passed = now;
        self.passed_at = Instant::now();
        self.due = self.passed_at + LATEST;
        self.wake = wake;
        let wanted = self.parts.machine.wanted_samples();
        self.parts.wanted.send_if_modified(|before| {
            let changed = before != wanted;
            if changed {
                before.clone_from(wanted);
            }
            changed
        });
        self.report_troubles();
        for write in writes {
            self.carry_out(write);
        }
        self.ask();
        if self.swept.elapsed() > SWEEP {
            self.parts.machine.sweep();
            self.swept = Instant::now();
        }
    }

    /// Has Prometheus asked for the next window that is due, if it is not being asked.
    fn ask(&mut self) {
        let Some(asker) = self.parts.asker.as_mut().filter(|asker| asker.is_idle()) else { return };
        if let Some(question) = self.parts.machine.question(self.parts.clock.second()) {
            asker.ask(question);
        }
    }

    /// Begins once the first list of every watch is complete.
    fn start(&mut self) {
        let machine = &mut self.parts.machine;
        if !machine.is_running() && machine.has_first_lists() {
            let now = self.parts.clock.second();
            machine.start(now);
            tracing::info!("the first lists are complete");
            self.parts.ask.send_replace(Some(now));
            self.checkpoint_past(Some(now));
        }
    }

    /// Has everything persisted past an instant, as soon as what is persisted reaches so far.
    fn checkpoint_past(&mut self, instant: Option<Seconds>) {
        if self.parts.machine.is_running() && *self.parts.leading.borrow() {
            self.listed = self.listed.max(instant);
        }
    }

    fn checkpoint_due(&self) -> Option<Seconds> {
        self.listed.map(|listed| listed + self.parts.lag + 1)
    }

    fn carry_out(&mut self, write: Write) {
        let (writer, slots) = (self.parts.writer.clone(), self.slots.clone());
        self.writes.spawn(async move {
            let slot = if matches!(write, Write::Gate { .. }) { None } else { slots.acquire_owned().await.ok() };
            let outcome = writer.carry_out(&write).await;
            drop(slot);
            (write.key(), outcome)
        });
    }

    fn done(&mut self, done: Result<(WriteKey, Outcome), tokio::task::JoinError>) {
        match done {
            Ok((key, outcome)) => {
                self.parts.machine.ingest(Event::Done { key, outcome }, self.parts.clock.second());
                self.pass_soon();
            }
            Err(error) => tracing::error!(%error, "a write was lost"),
        }
    }

    fn lead(&mut self) {
        let leading = *self.parts.leading.borrow_and_update();
        let now = self.parts.clock.second();
        self.parts.machine.ingest(Event::Leading(leading), now);
        self.checkpoint_past(Some(now));
        self.pass_soon();
    }

    fn answer(&mut self, query: Query) {
        let machine = &self.parts.machine;
        match query {
            Query::Waiting(to) => {
                let _ = to.send(machine.waiting());
            }
            Query::Shown(to) => {
                let shown = if machine.is_running() { machine.shown(self.passed) } else { Shown::default() };
                let _ = to.send(Standing { leading: *self.parts.leading.borrow(), shown });
            }
        }
    }

    /// Persists everything, as far as that is quick, and leads no more.
    async fn hand_over(mut self) {
        let deadline = Instant::now() + CHECKPOINT;
        for write in self.parts.machine.checkpoint(self.parts.clock.second()) {
            self.carry_out(write);
        }
        while let Ok(Some(done)) = timeout_at(deadline.into(), self.writes.join_next()).await {
            self.done(done);
        }
        let left = self.writes.len();
        self.writes.shutdown().await;
        tracing::info!(left, "checkpoint done");
        self.parts.machine.ingest(Event::Leading(false), self.parts.clock.second());
        if let Some(recorder) = self.parts.recorder.take()
            && let Err(error) = recorder.finish().await
        {
            tracing::error!(%error, "the trace could not be completed");
        }
    }
}

/// What Prometheus counted; never, where there is none.
async fn answered(asker: &mut Option<Asker>) -> Event {
    match asker {
        Some(asker) => asker.next().await,
        None => std::future::pending().await,
    }
}
