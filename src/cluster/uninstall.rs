//! What is undone before the operator goes: everything that it wrote on what is not its own.
//!
//! The replicas still run meanwhile and would write it again, so they are made to stand still first. Budgets, Statements
//! and all other objects of our kinds stay.

use std::time::Duration;

use http::Method;
use kube::Client;
use serde_json::Value;
use serde_json::value::RawValue;
use tokio::time::{sleep, timeout};

use super::connect::{REQUEST, said};
use super::lease::{Standstill, StandstillError};
use super::list::{ListError, Pages};
use super::request::send;
use super::resource::object_path;
use super::write::{GATE_MANAGER, removed_gate};
use crate::api::GATE_LABEL;
use crate::clock::Clock;
use crate::engine::machine::Fact;
use crate::engine::observed::Source;
use crate::observe::Observed;

/// How often it is looked for what is left.
const ROUNDS: u32 = 10;

/// The pause between two rounds.
const PAUSE: Duration = Duration::from_secs(1);

/// Undoes it.
pub struct Uninstall {
    pub client: Client,
    pub clock: Clock,
    /// The operator's namespace.
    pub namespace: String,
}

#[derive(Debug, thiserror::Error)]
pub enum UninstallError {
    #[error(transparent)]
    Standstill(#[from] StandstillError),
    #[error(transparent)]
    List(#[from] ListError),
    #[error("the gates of these Namespaces could not be removed: {}", .0.join(", "))]
    Gates(Vec<String>),
}

// === impl Uninstall ===

impl Uninstall {
    pub async fn run(self) -> Result<(), UninstallError> {
        let mut standstill = Standstill::begin(self.client.clone(), self.clock.clone(), &self.namespace).await?;
        let undone = self.undo(&mut standstill).await;
        if undone.is_err() {
            standstill.end().await;
        }
        undone
    }

    async fn undo(&self, standstill: &mut Standstill) -> Result<(), UninstallError> {
        self.remove_gates(standstill).await
    }

    /// Until none is left: a write that was under way may come late.
    async fn remove_gates(&self, standstill: &mut Standstill) -> Result<(), UninstallError> {
        let mut left = Vec::new();
        for _ in 0..ROUNDS {
            left = self.gated().await?;
            if left.is_empty() {
                return Ok(());
            }
            for namespace in &left {
                standstill.prolong().await?;
                self.remove_gate(namespace).await;
            }
            sleep(PAUSE).await;
        }
        Err(UninstallError::Gates(left))
    }

    /// The Namespaces that bear anything of a gate.
    async fn gated(&self) -> Result<Vec<String>, ListError> {
        let mut pages = Pages::of(self.client.clone(), Source::Namespaces, None, None);
        let mut gated = Vec::new();
        while let Some(page) = pages.next().await? {
            gated.extend(page.iter().filter_map(|object| gated_name(object)));
        }
        Ok(gated)
    }

    async fn remove_gate(&self, namespace: &str) {
        let path = object_path(Source::Namespaces, None, namespace);
        let uri = format!("{path}?fieldManager={GATE_MANAGER}");
        let body = serde_json::to_vec(&removed_gate()).expect("JSON");
        let request = send(Method::PATCH, &uri, "application/merge-patch+json", body);
        match timeout(REQUEST, self.client.request::<Value>(request)).await {
            Ok(Ok(_)) => tracing::info!(namespace, "gate removed"),
            Ok(Err(error)) => tracing::warn!(namespace, error = said(&error), "gate could not be removed"),
            Err(_) => tracing::warn!(namespace, error = "no answer", "gate could not be removed"),
        }
    }
}

fn gated_name(object: &RawValue) -> Option<String> {
    let Fact::Namespace(namespace) = Observed::read(Source::Namespaces, object.get()).ok()?.fact else { return None };
    let is_gated =
        namespace.labels.get(GATE_LABEL).is_some() || namespace.gate_message.is_some() || namespace.ceilings.is_some();
    is_gated.then(|| namespace.name.to_string())
}
