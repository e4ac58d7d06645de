//! The way to the API server, and what it is known by.

use std::time::Duration;

use kube::client::ClientBuilder;
use kube::config::{Config, KubeConfigOptions};
use kube::{Client, Error};

use super::backoff::Backoff;
use super::request::get;
use crate::clock::Clock;
use crate::clock::http::ReadDate;
use crate::engine::observed::Source;
use crate::observe::resource::object_path;

/// The longest that one request may take which is no watch.
pub const REQUEST: Duration = Duration::from_secs(10);

/// A cluster that cannot be reached as told.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    #[error("no way to a cluster: {0}")]
    Infer(kube::config::InferConfigError),
    #[error("kubeconfig: {0}")]
    Context(kube::config::KubeconfigError),
    #[error("client: {0}")]
    Build(Error),
}

/// A client for the cluster of the environment: `KUBECONFIG`, else the one we run in. `context` is one of the former.
/// What its answers say of the time, `clock` learns.
pub async fn connect(context: Option<String>, clock: &Clock) -> Result<Client, ConnectError> {
    let mut config = match context {
        None => Config::infer().await.map_err(ConnectError::Infer)?,
        context => {
            let options = KubeConfigOptions { context, ..KubeConfigOptions::default() };
            Config::from_kubeconfig(&options).await.map_err(ConnectError::Context)?
        }
    };
    // Who asks knows best when to ask again.
    config.default_retry = false;
    let builder = ClientBuilder::try_from(config).map_err(ConnectError::Build)?;
    Ok(builder.with_layer(&ReadDate(clock.clone())).build())
}

/// What went wrong: in the server's words where there are any (kube's own text repeats the whole answer), else with its
/// causes, each once.
pub fn said(error: &Error) -> String {
    if let Error::Api(status) = error {
        return format!("{} ({})", status.message, status.code);
    }
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        let more = error.to_string();
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        cause = error.source();
    }
    text
}

/// `cluster-` and the first eight characters of the kube-system Namespace's UID; waits until the API server answers.
pub async fn cluster_name(client: &Client) -> String {
    let path = object_path(Source::Namespaces, None, "kube-system");
    let mut backoff = Backoff::default();
    loop {
        let error = match tokio::time::timeout(REQUEST, client.request::<serde_json::Value>(get(&path))).await {
            Ok(Ok(namespace)) => match namespace["metadata"]["uid"].as_str().and_then(|uid| uid.get(..8)) {
                Some(uid) => return format!("cluster-{uid}"),
                None => "Namespace kube-system has no UID".to_owned(),
            },
            Ok(Err(error)) => said(&error),
            Err(_) => format!("no answer within {} s", REQUEST.as_secs()),
        };
        let wait = backoff.failed();
        tracing::warn!(error, "waiting for the API server");
        tokio::time::sleep(wait).await;
    }
}
