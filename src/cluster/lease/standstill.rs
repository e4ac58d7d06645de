//! The Lease taken whoever holds it, so that no replica writes any more: what an uninstall begins with.

use std::time::{Duration, Instant};

use http::Method;
use k8s_openapi::api::coordination::v1::LeaseSpec;
use kube::Client;
use tokio::sync::watch;
use tokio::time::sleep;

use super::{Claim, DURATION, Elector, LOOK, LeaseError, NAME};
use crate::clock::Clock;

/// For how long nobody takes over after the last renewal: until the replicas are gone, and no longer than a new
/// installation may have to wait.
const KEPT: Duration = Duration::from_secs(30);

/// A leader that does not know yet writes until its claim ends, and what it sends then may take as long as a write may.
const LATEST_WRITE: Duration = DURATION.saturating_add(Duration::from_secs(5));

/// How often a Lease is tried for that another keeps renewing.
const TRIES: u32 = 50;

/// See the module's documentation.
pub struct Standstill {
    elector: Elector,
    renewed: Instant,
}

/// The Lease changed each time that it was to be taken.
#[derive(Debug, thiserror::Error)]
pub enum StandstillError {
    #[error("the Lease {NAME} cannot be taken: {0}")]
    Lease(#[from] LeaseError),
    #[error("the Lease {NAME} cannot be taken: it changes all the time")]
    Contended,
}

// === impl Standstill ===

impl Standstill {
    /// Takes the Lease, and waits until nobody can be writing any more who held it.
    pub async fn begin(client: Client, clock: Clock, namespace: &str) -> Result<Self, StandstillError> {
        let elector = Elector {
            client,
            clock,
            path: format!("/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases"),
            me: "uninstall".to_owned(),
            claim: Claim::default(),
            leading: watch::Sender::new(false),
            ask: watch::Sender::new(None).subscribe(),
            asked: watch::Sender::new(None),
            lease: None,
            seen: None,
            failing: false,
        };
        let mut standstill = Self { elector, renewed: Instant::now() };
        let held = standstill.seize().await?;
        if let Some(leader) = held {
            tracing::info!(leader, "Lease taken from its holder");
            sleep(LATEST_WRITE).await;
        }
        Ok(standstill)
    }

    /// By which writes are allowed meanwhile.
    pub fn claim(&self) -> Claim {
        self.elector.claim.clone()
    }

    /// Keeps it.
    pub async fn prolong(&mut self) -> Result<(), StandstillError> {
        if self.renewed.elapsed() > KEPT / 3 {
            self.seize().await?;
        }
        Ok(())
    }

    /// Gives it back, so that a replica goes on where the uninstall did not.
    pub async fn end(mut self) {
        self.elector.give_up().await;
    }

    /// Who held it, if somebody did.
    async fn seize(&mut self) -> Result<Option<String>, StandstillError> {
        let Self { elector, renewed } = self;
        for _ in 0..TRIES {
            elector.look().await?;
            let holder = elector.current().and_then(|spec| spec.holder_identity.clone());
            let exists = elector.lease.is_some();
            let spec = LeaseSpec { lease_duration_seconds: i32::try_from(KEPT.as_secs()).ok(), ..elector.spec(1) };
            let (method, name) = if exists { (Method::PUT, Some(NAME)) } else { (Method::POST, None) };
            let sent = Instant::now();
            if elector.put(method, spec, name).await? {
                *renewed = sent;
                elector.claim.extend(sent + KEPT);
                return Ok(holder.filter(|holder| !holder.is_empty() && *holder != elector.me));
            }
            sleep(LOOK / 10).await;
        }
        Err(StandstillError::Contended)
    }
}
