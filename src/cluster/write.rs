//! Carries out what the machine wants written: each kind of write in a file, each under its own field manager.

mod child;
mod event;
mod gate;
mod record;
mod scale;
mod statement;
mod status;

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use http::{Method, Request};
use kube::Client;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::time::timeout;

pub use gate::label as gate_label;

use super::connect::said;
use super::lease::Claim;
use super::request::send;
use crate::clock::Clock;
use crate::engine::write::{Outcome, Write, WriteKey};
use crate::metrics::Counters;

/// The longest that a write may take.
const LONGEST: Duration = Duration::from_secs(5);

/// Carries out writes, as long as this replica holds the claim.
#[derive(Debug)]
pub struct Writer {
    client: ClientOf,
    claim: Claim,
    clock: Clock,
    /// The operator's own.
    namespace: String,
    /// Who writes: named on events.
    identity: String,
    counters: Counters,
    /// What failed when it was last tried.
    failing: Mutex<HashSet<WriteKey>>,
}

/// A client, which says nothing of itself.
struct ClientOf(Client);

/// A write that was not done, or perhaps not.
#[derive(Debug, thiserror::Error)]
enum WriteError {
    #[error("this replica does not lead")]
    NotLeading,
    #[error("no answer within {} s", LONGEST.as_secs())]
    Silent,
    #[error("{}", said(.0))]
    Request(kube::Error),
    #[error("not without the chart's value scaleDown.enabled: {}", said(.0))]
    ScaleDown(kube::Error),
    #[error("read the answer: {0}")]
    Read(serde_json::Error),
}

/// How a patch is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Patch {
    Apply,
    Merge,
    Json,
}

// === impl Writer ===

impl Writer {
    pub fn new(
        client: Client,
        claim: Claim,
        clock: Clock,
        namespace: &str,
        identity: String,
        counters: Counters,
    ) -> Self {
        let namespace = namespace.to_owned();
        Self { client: ClientOf(client), claim, clock, namespace, identity, counters, failing: Mutex::default() }
    }

    /// Carries a write out and says what became of it.
    pub async fn carry_out(&self, write: &Write) -> Outcome {
        let result = self.attempt(write).await;
        self.note(write, result.as_ref().err());
        result.unwrap_or_else(|error| error.outcome())
    }

    async fn attempt(&self, write: &Write) -> Result<Outcome, WriteError> {
        let version = match write {
            Write::Statement { namespace, name, budget, version, spec } => match version {
                None => self.create_statement(namespace, name, budget, spec).await,
                Some(version) => self.replace_statement(namespace, name, version, spec).await,
            },
            Write::Copy { original, namespace, name, budget, spec } => match spec {
                Some(spec) => self.create_statement(namespace, name, budget, spec).await,
                None => {
                    let spec = self.read_statement(&original.0, &original.1).await?;
                    self.create_statement(namespace, name, budget, &spec).await
                }
            },
            Write::RemoveStatement { namespace, name } => self.remove_statement(namespace, name).await,
            Write::BudgetStatus { budget, status, namespaces } => self.budget_status(budget, status, *namespaces).await,
            Write::PlanStatus { name, status } => self.plan_status(name, status).await,
            Write::OverrideStatus { namespace, name, status } => self.override_status(namespace, name, status).await,
            Write::Gate { namespace, gate, message, ceilings, scaled_down } => {
                self.gate(namespace, *gate, message.as_deref(), ceilings.as_deref(), scaled_down.as_deref()).await
            }
            Write::Scale { namespace, scale } => {
                return self.scale(namespace, *scale).await.map(Outcome::Scaled);
            }
            Write::Child { key, write } => self.child(key, write).await,
            Write::Event { key, about, warning, note } => self.event(key, about, *warning, note).await,
        };
        version.map(|version| Outcome::Written { version })
    }

    async fn create(&self, uri: String, body: &impl Serialize) -> Result<Option<String>, WriteError> {
        self.send(Method::POST, uri, "application/json", to_json(body)).await
    }

    async fn patch(&self, uri: String, patch: Patch, body: &impl Serialize) -> Result<Option<String>, WriteError> {
        self.send(Method::PATCH, uri, patch.content_type(), to_json(body)).await
    }

    async fn delete(&self, uri: String) -> Result<Option<String>, WriteError> {
        self.send(Method::DELETE, uri, "application/json", Vec::new()).await
    }

    /// Only the object with this uid.
    async fn delete_one(&self, uri: String, uid: Option<&str>) -> Result<Option<String>, WriteError> {
        let options = json!({"preconditions": {"uid": uid}});
        self.send(Method::DELETE, uri, "application/json", to_json(&options)).await
    }

    async fn send(
        &self,
        method: Method,
        uri: String,
        content_type: &str,
        body: Vec<u8>,
    ) -> Result<Option<String>, WriteError> {
        let object: Value = self.request(send(method, &uri, content_type, body)).await?;
        Ok(object["metadata"]["resourceVersion"].as_str().map(ToOwned::to_owned))
    }

    async fn request<T: DeserializeOwned>(&self, request: Request<Vec<u8>>) -> Result<T, WriteError> {
        if !self.claim.holds() {
            return Err(WriteError::NotLeading);
        }
        let answer = timeout(LONGEST, self.client.0.request(request)).await;
        answer.map_err(|_| WriteError::Silent)?.map_err(WriteError::Request)
    }

    /// Counts it, and logs what fails, and what does no more.
    fn note(&self, write: &Write, error: Option<&WriteError>) {
        let (kind, key) = (write.kind(), write.key());
        self.counters.wrote(kind);
        let mut failing = self.failing.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(error) = error else {
            if failing.remove(&key) {
                tracing::info!(kind, ?key, "write succeeds again");
            }
            return;
        };
        let class = error.class();
        self.counters.failed(class);
        if matches!(error.outcome(), Outcome::Failed | Outcome::Forbidden) && failing.insert(key.clone()) {
            tracing::warn!(kind, ?key, class, %error, "write failed");
        } else {
            tracing::debug!(kind, ?key, class, %error, "write failed");
        }
    }
}

impl std::fmt::Debug for ClientOf {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Client")
    }
}

// === impl WriteError ===

impl WriteError {
    fn code(&self) -> Option<u16> {
        if let Self::Request(kube::Error::Api(status)) = self { Some(status.code) } else { None }
    }

    /// The same, where the right is one that the chart grants for scaling down alone.
    fn of_scale_down(self) -> Self {
        match self {
            Self::Request(error) if matches!(&error, kube::Error::Api(status) if status.code == 403) => {
                Self::ScaleDown(error)
            }
            other => other,
        }
    }

    /// What the machine is told.
    fn outcome(&self) -> Outcome {
        match self.code() {
            _ if matches!(self, Self::ScaleDown(_)) => Outcome::Forbidden,
            Some(409) => Outcome::Conflict,
            Some(404) => Outcome::Gone,
            _ => Outcome::Failed,
        }
    }

    /// For the metric and the log.
    fn class(&self) -> &'static str {
        match (self, self.code()) {
            (Self::NotLeading, _) => "NotLeading",
            (Self::Silent, _) => "WriteTimeout",
            (Self::ScaleDown(_), _) => "ScaleDownForbidden",
            (Self::Read(_), _) => "Answer",
            (Self::Request(_), None) => "Connection",
            (Self::Request(_), Some(401 | 403)) => "Forbidden",
            (Self::Request(_), Some(404)) => "Gone",
            (Self::Request(_), Some(409)) => "Conflict",
            (Self::Request(_), Some(429)) => "Throttled",
            (Self::Request(_), Some(400..=499)) => "Refused",
            (Self::Request(_), Some(_)) => "ServerError",
        }
    }
}

// === impl Patch ===

impl Patch {
    fn content_type(self) -> &'static str {
        match self {
            Self::Apply => "application/apply-patch+yaml",
            Self::Merge => "application/merge-patch+json",
            Self::Json => "application/json-patch+json",
        }
    }
}

fn to_json(body: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(body).expect("our types are JSON")
}
