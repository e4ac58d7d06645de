//! What is undone before the operator goes: everything that it wrote on what is not its own.
//!
//! The replicas still run meanwhile and would write it again, so they are made to stand still first. Budgets, Statements
//! and all other objects of our kinds stay.

use std::time::Duration;

use kube::Client;
use serde_json::value::RawValue;
use tokio::time::sleep;

use super::lease::{Standstill, StandstillError};
use super::list::{ListError, Pages};
use super::write::Writer;
use crate::api::{GATE_LABEL, Gate};
use crate::clock::Clock;
use crate::engine::machine::Fact;
use crate::engine::observed::Source;
use crate::engine::write::{Outcome, Scale, Scaled, Write};
use crate::facts::{Name, NamespaceFact};
use crate::metrics::Counters;
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
    #[error(
        "not all is undone in these Namespaces: {}; try again, or leave it (helm uninstall --no-hooks)",
        .0.join(", ")
    )]
    Left(Vec<String>),
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

    /// Until nothing is left: a write that was under way may come late.
    async fn undo(&self, standstill: &mut Standstill) -> Result<(), UninstallError> {
        let (client, clock, me) = (self.client.clone(), self.clock.clone(), "uninstall".to_owned());
        let writer = Writer::new(client, standstill.claim(), clock, &self.namespace, me, Counters::default());
        let mut left = Vec::new();
        for _ in 0..ROUNDS {
            left = self.marked().await?;
            if left.is_empty() {
                return Ok(());
            }
            for namespace in &left {
                standstill.prolong().await?;
                if namespace.scaled_down.is_none() || put_back(&writer, &namespace.name).await {
                    writer.carry_out(&opened(&namespace.name)).await;
                }
            }
            sleep(PAUSE).await;
        }
        Err(UninstallError::Left(left.into_iter().map(|namespace| namespace.name.to_string()).collect()))
    }

    /// The Namespaces that bear anything of the operator's.
    async fn marked(&self) -> Result<Vec<NamespaceFact>, ListError> {
        let mut pages = Pages::of(self.client.clone(), Source::Namespaces, None, None);
        let mut marked = Vec::new();
        while let Some(page) = pages.next().await? {
            marked.extend(page.iter().filter_map(|object| marked_namespace(object)));
        }
        Ok(marked)
    }
}

/// Before the gate opens, so that what is not put back stays marked.
async fn put_back(writer: &Writer, namespace: &Name) -> bool {
    let back = Write::Scale { namespace: namespace.clone(), scale: Scale::Back };
    match writer.carry_out(&back).await {
        Outcome::Scaled(Scaled { left, failed, .. }) => {
            let said = |what: &[String]| what.join("; ");
            if !left.is_empty() {
                tracing::warn!(%namespace, left = said(&left), "left alone");
            }
            if !failed.is_empty() {
                tracing::warn!(%namespace, failed = said(&failed), "not put back");
            }
            failed.is_empty()
        }
        // A Budget asked for it, and the operator never had the right; or has it no more, and the record stays.
        Outcome::Forbidden => {
            tracing::warn!(%namespace, "nothing is put back without scaleDown.enabled");
            true
        }
        outcome => outcome == Outcome::Gone,
    }
}

fn opened(namespace: &Name) -> Write {
    let (message, ceilings, scaled_down) = (None, None, None);
    Write::Gate { namespace: namespace.clone(), gate: Gate::Open, message, ceilings, scaled_down }
}

fn marked_namespace(object: &RawValue) -> Option<NamespaceFact> {
    let Fact::Namespace(namespace) = Observed::read(Source::Namespaces, object.get()).ok()?.fact else { return None };
    let NamespaceFact { labels, gate_message, ceilings, scaled_down, .. } = &namespace;
    let is_marked =
        labels.get(GATE_LABEL).is_some() || gate_message.is_some() || ceilings.is_some() || scaled_down.is_some();
    is_marked.then_some(namespace)
}
