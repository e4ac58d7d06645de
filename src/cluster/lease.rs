//! Which of the replicas writes: the one that holds the Lease.
//!
//! A claim lasts for [`DURATION`] from the moment at which its renewal was *sent*, by local monotonic time; others take
//! over only after they have seen it unchanged for as long. So two claims never overlap, whatever clocks say. Each side
//! effect asks [`Claim::holds`] first, because a process that was stopped for a while does not know that it was.
//!
//! The Lease also carries the one thing that a standby asks of the leader: a checkpoint of what was before its own first
//! lists, so that it could take over without a hole.

mod standstill;
mod step;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use http::{Method, Request};
use jiff::Timestamp;
use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use kube::Client;
use serde_json::json;
use tokio::sync::{oneshot, watch};
use tokio::time::timeout;

use super::connect::said;
use super::request::{get, send};
use crate::clock::Clock;
use crate::facts::Seconds;
use step::{Seen, Step, step};

pub use standstill::{Standstill, StandstillError};

/// How long a claim lasts, and thus how long a killed leader is missed at most, before others look again.
const DURATION: Duration = Duration::from_secs(10);

/// How often the leader renews its claim.
const RENEW: Duration = Duration::from_secs(2);

/// How often the others look.
const LOOK: Duration = Duration::from_secs(1);

/// The longest that one request may take: a renewal has several tries before the claim ends.
const REQUEST: Duration = Duration::from_secs(3);

/// The Lease's name, in the operator's namespace.
pub(super) const NAME: &str = "opex-operator";

const FIELD_MANAGER: &str = "opex-operator-lease";

/// The annotation with the instant up to which a standby asks for a checkpoint.
const CHECKPOINT: &str = "opex.dev/checkpoint";

/// Whether this replica may write, at this very moment.
#[derive(Clone, Debug)]
pub struct Claim(Arc<Until>);

#[derive(Debug)]
struct Until {
    origin: Instant,
    /// Milliseconds after `origin`; 0 while there is no claim.
    end: AtomicU64,
}

/// The task that keeps the claim.
#[derive(Debug)]
pub struct Election {
    pub claim: Claim,
    /// Whether this replica leads.
    pub leading: watch::Receiver<bool>,
    /// Asks the leader for a checkpoint of everything up to an instant.
    pub ask: watch::Sender<Option<Seconds>>,
    /// What another replica asked for last.
    pub asked: watch::Receiver<Option<Seconds>>,
    release: oneshot::Sender<()>,
    task: tokio::task::JoinHandle<()>,
}

struct Elector {
    client: Client,
    clock: Clock,
    /// The URL path of the namespace's Leases.
    path: String,
    me: String,
    claim: Claim,
    leading: watch::Sender<bool>,
    ask: watch::Receiver<Option<Seconds>>,
    asked: watch::Sender<Option<Seconds>>,
    lease: Option<Lease>,
    seen: Option<Seen>,
    failing: bool,
}

/// A request for the Lease that failed.
#[derive(Debug, thiserror::Error)]
pub enum LeaseError {
    #[error("{}", said(.0))]
    Request(kube::Error),
    #[error("no answer within {} s", REQUEST.as_secs())]
    Silent,
}

// === impl Claim ===

impl Default for Claim {
    fn default() -> Self {
        Self(Arc::new(Until { origin: Instant::now(), end: AtomicU64::new(0) }))
    }
}

impl Claim {
    pub fn holds(&self) -> bool {
        self.left() > Duration::ZERO
    }

    fn left(&self) -> Duration {
        let end = Duration::from_millis(self.0.end.load(Ordering::Acquire));
        end.saturating_sub(self.0.origin.elapsed())
    }

    fn extend(&self, until: Instant) {
        let end = until.saturating_duration_since(self.0.origin).as_millis();
        self.0.end.store(u64::try_from(end).unwrap_or_default(), Ordering::Release);
    }

    fn give_up(&self) {
        self.0.end.store(0, Ordering::Release);
    }
}

// === impl Election ===

impl Election {
    /// Stands for election under the name `me`.
    pub fn stand(client: Client, clock: Clock, namespace: &str, me: String) -> Self {
        let (leading, receiver) = watch::channel(false);
        let (ask, to_ask) = watch::channel(None);
        let (asked, was_asked) = watch::channel(None);
        let (release, released) = oneshot::channel();
        let claim = Claim::default();
        let elector = Elector {
            client,
            clock,
            path: format!("/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases"),
            me,
            claim: claim.clone(),
            leading,
            ask: to_ask,
            asked,
            lease: None,
            seen: None,
            failing: false,
        };
        let task = tokio::spawn(elector.run(released));
        Self { claim, leading: receiver, ask, asked: was_asked, release, task }
    }

    /// Gives the claim up, so that another replica takes over at once.
    pub async fn release(self) {
        let _ = self.release.send(());
        let _ = self.task.await;
    }
}

// === impl Elector ===

impl Elector {
    async fn run(mut self, mut released: oneshot::Receiver<()>) {
        let mut wait = Duration::ZERO;
        loop {
            tokio::select! {
                _ = &mut released => return self.give_up().await,
                () = tokio::time::sleep(wait) => {}
            }
            wait = match self.turn().await {
                Ok(wait) => {
                    self.failing = false;
                    wait
                }
                Err(error) => {
                    if !std::mem::replace(&mut self.failing, true) {
                        tracing::warn!(%error, "Lease cannot be kept");
                    }
                    LOOK
                }
            };
            self.announce();
            // A claim that runs out is announced when it does.
            if *self.leading.borrow() {
                wait = wait.min(self.claim.left());
            }
        }
    }

    /// Looks, and does what is due; says when to come again.
    async fn turn(&mut self) -> Result<Duration, LeaseError> {
        if !self.claim.holds() || self.lease.is_none() {
            self.look().await?;
        }
        let sent = Instant::now();
        let written = match step(self.seen.as_ref(), &self.me, sent) {
            Step::Wait(wait) => {
                // Another holds it, however long our claim was to last: whoever deleted or wrote the Lease meant that.
                self.claim.give_up();
                self.ask_leader().await?;
                return Ok(wait.min(LOOK));
            }
            Step::Create => self.put(Method::POST, self.spec(1), None).await?,
            Step::Take => {
                let transitions = self.current().and_then(|spec| spec.lease_transitions).unwrap_or_default();
                self.put(Method::PUT, self.spec(transitions.saturating_add(1)), Some(NAME)).await?
            }
            Step::Renew => {
                let renewed = LeaseSpec { renew_time: Some(self.now()), ..self.current().cloned().unwrap_or_default() };
                self.put(Method::PUT, renewed, Some(NAME)).await?
            }
        };
        if written {
            self.claim.extend(sent + DURATION);
            return Ok(RENEW);
        }
        self.lease = None;
        Ok(Duration::from_millis(100))
    }

    fn announce(&self) {
        let holds = self.claim.holds();
        if self.leading.send_if_modified(|leading| std::mem::replace(leading, holds) != holds) {
            let me = &self.me;
            if holds {
                tracing::info!(me, "leading");
            } else {
                tracing::warn!(me, "leading no more");
            }
        }
    }

    async fn look(&mut self) -> Result<(), LeaseError> {
        let lease = match self.request(get(&format!("{}/{NAME}", self.path))).await {
            Ok(lease) => Some(lease),
            Err(LeaseError::Request(error)) if code(&error) == Some(404) => None,
            Err(error) => return Err(error),
        };
        self.take_in(lease);
        Ok(())
    }

    /// Passes on what this replica wants of the leader. It makes the leader's next renewal fail, so that it looks.
    async fn ask_leader(&mut self) -> Result<(), LeaseError> {
        let Some(instant) = *self.ask.borrow_and_update() else { return Ok(()) };
        if self.asked.borrow().is_some_and(|asked| asked >= instant) {
            return Ok(());
        }
        let instant = Timestamp::from_second(instant).unwrap_or_default().to_string();
        let body = json!({"metadata": {"annotations": {CHECKPOINT: instant}}}).to_string().into_bytes();
        let uri = format!("{}/{NAME}?fieldManager={FIELD_MANAGER}", self.path);
        let lease = self.request(send(Method::PATCH, &uri, "application/merge-patch+json", body)).await?;
        self.take_in(Some(lease));
        Ok(())
    }

    fn take_in(&mut self, lease: Option<Lease>) {
        let annotations = lease.as_ref().and_then(|lease| lease.metadata.annotations.as_ref());
        let asked = annotations.and_then(|annotations| annotations.get(CHECKPOINT)?.parse::<Timestamp>().ok());
        let asked = asked.map(Timestamp::as_second);
        self.asked.send_if_modified(|known| asked > *known && std::mem::replace(known, asked) != asked);
        let spec = lease.as_ref().and_then(|lease| lease.spec.as_ref());
        self.seen = lease.is_some().then(|| Seen::of(spec, self.seen.take(), Instant::now()));
        self.lease = lease;
    }

    /// Writes the Lease as it was last seen with another spec; false where someone else was faster.
    async fn put(&mut self, method: Method, spec: LeaseSpec, name: Option<&str>) -> Result<bool, LeaseError> {
        let mut lease = self.lease.clone().unwrap_or_default();
        lease.metadata.name = Some(NAME.to_owned());
        lease.metadata.managed_fields = None;
        lease.spec = Some(spec);
        let uri = name.map_or_else(|| self.path.clone(), |name| format!("{}/{name}", self.path));
        let body = serde_json::to_vec(&lease).expect("a Lease is JSON");
        let request = send(method, &format!("{uri}?fieldManager={FIELD_MANAGER}"), "application/json", body);
        match self.request(request).await {
            Ok(lease) => {
                self.take_in(Some(lease));
                Ok(true)
            }
            Err(LeaseError::Request(error)) if matches!(code(&error), Some(404 | 409)) => Ok(false),
            Err(error) => Err(error),
        }
    }

    async fn request(&self, request: Request<Vec<u8>>) -> Result<Lease, LeaseError> {
        let answer = timeout(REQUEST, self.client.request(request)).await;
        answer.map_err(|_| LeaseError::Silent)?.map_err(LeaseError::Request)
    }

    async fn give_up(&mut self) {
        if !self.claim.holds() {
            return;
        }
        self.claim.give_up();
        let spec = LeaseSpec {
            holder_identity: Some(String::new()),
            renew_time: Some(self.now()),
            ..self.current().cloned().unwrap_or_default()
        };
        match self.put(Method::PUT, spec, Some(NAME)).await {
            Ok(_) => tracing::info!(me = self.me, "Lease released"),
            Err(error) => tracing::warn!(%error, "Lease was not released"),
        }
    }

    fn current(&self) -> Option<&LeaseSpec> {
        self.lease.as_ref().and_then(|lease| lease.spec.as_ref())
    }

    fn spec(&self, transitions: i32) -> LeaseSpec {
        LeaseSpec {
            holder_identity: Some(self.me.clone()),
            lease_duration_seconds: i32::try_from(DURATION.as_secs()).ok(),
            acquire_time: Some(self.now()),
            renew_time: Some(self.now()),
            lease_transitions: Some(transitions),
            ..LeaseSpec::default()
        }
    }

    fn now(&self) -> MicroTime {
        MicroTime(self.clock.now())
    }
}

fn code(error: &kube::Error) -> Option<u16> {
    if let kube::Error::Api(status) = error { Some(status.code) } else { None }
}

#[cfg(test)]
mod tests;
