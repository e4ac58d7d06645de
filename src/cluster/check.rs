//! The doctor: what of an installation is not as it has to be, and what to do about it.
//!
//! Each examination reads what it needs by itself, with the rights of whoever asks. What those do not let it see is said
//! and is no fault.

mod budgets;
mod installation;
mod policies;
mod rights;

use http::Method;
use kube::{Client, Error};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::connect::said;
use super::request::{get, send};
use crate::clock::Clock;

/// How something stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum State {
    Ok,
    /// It could not be looked at.
    Unknown,
    Warning,
    Fault,
}

/// What was found, and what to do where something is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    pub state: State,
    /// What was looked at: `installation`, `operator`, `policies`, `rights`, `clock`, `plans`, `budgets`.
    pub about: &'static str,
    pub found: String,
    pub remedy: Option<String>,
}

/// Where to look.
pub struct Doctor {
    client: Client,
    clock: Clock,
    /// The operator's namespace, and its service account there.
    namespace: String,
    account: String,
}

// === impl Doctor ===

impl Doctor {
    pub fn new(client: Client, clock: Clock, namespace: &str, account: &str) -> Self {
        Self { client, clock, namespace: namespace.to_owned(), account: account.to_owned() }
    }

    /// Everything there is to say, in the order in which it is to be mended.
    pub async fn examine(&self) -> Vec<Finding> {
        let mut findings = self.installation().await;
        findings.extend(self.operator().await);
        findings.push(self.time());
        findings.extend(self.policies().await);
        findings.extend(self.rights().await);
        findings.extend(self.plans().await);
        findings.extend(self.budgets().await);
        findings
    }

    async fn read<T: DeserializeOwned>(&self, path: &str) -> Result<T, Error> {
        self.client.request(get(path)).await
    }

    async fn ask(&self, path: &str, question: &Value) -> Result<Value, Error> {
        self.client.request(send(Method::POST, path, "application/json", question.to_string().into_bytes())).await
    }
}

// === impl Finding ===

impl Finding {
    fn ok(about: &'static str, found: impl Into<String>) -> Self {
        Self { state: State::Ok, about, found: found.into(), remedy: None }
    }

    fn warning(about: &'static str, found: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { state: State::Warning, about, found: found.into(), remedy: Some(remedy.into()) }
    }

    fn fault(about: &'static str, found: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { state: State::Fault, about, found: found.into(), remedy: Some(remedy.into()) }
    }

    /// What could not be looked at: without the right it is unknown, else a fault.
    fn unseen(about: &'static str, what: &str, error: &Error) -> Self {
        let found = format!("{what}: {}", said(error));
        match error {
            Error::Api(status) if status.code == 403 => {
                Self { state: State::Unknown, about, found, remedy: Some("ask with the rights of an admin".to_owned()) }
            }
            _ => Self::fault(about, found, "see whether the API server answers: kubectl get --raw /readyz"),
        }
    }
}

/// Whether the API server does not know what was asked for.
fn is_absent(error: &Error) -> bool {
    matches!(error, Error::Api(status) if status.code == 404)
}
