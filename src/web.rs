//! What the operator serves: `/livez`, `/readyz`, `/metrics`.
//!
//! Ready is who could take over: every first list is complete, and no open Statement stands behind it. Once ready, a
//! replica stays so; what breaks later is the business of metrics and of the condition DataFresh.

use std::fmt::Write as _;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

use crate::clock::Clock;
use crate::cluster::board::Board;
use crate::cluster::driver::{Pulse, Query, Standing};
use crate::metrics::{Figures, Metrics};

/// A driver that has not turned for longer is stuck.
const STUCK: Duration = Duration::from_mins(1);

/// How long the driver may take to answer.
const ANSWER: Duration = Duration::from_secs(5);

/// Lines that say what is waited for.
const LINES: usize = 20;

const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// What there is to serve.
#[derive(Debug)]
pub struct Web {
    pub board: Board,
    pub metrics: Metrics,
    pub pulse: Pulse,
    clock: Clock,
    /// The cluster's name and the way to the driver, once it drives.
    driver: OnceLock<(String, mpsc::Sender<Query>)>,
    ready: AtomicBool,
}

// === impl Web ===

impl Web {
    pub fn new(clock: Clock) -> Self {
        Self {
            board: Board::default(),
            metrics: Metrics::default(),
            pulse: Pulse::default(),
            clock,
            driver: OnceLock::new(),
            ready: AtomicBool::new(false),
        }
    }

    /// From now on the driver drives.
    pub fn begin(&self, cluster: String, queries: mpsc::Sender<Query>) {
        let _ = self.driver.set((cluster, queries));
    }

    async fn waiting(&self) -> Vec<String> {
        if self.ready.load(Ordering::Relaxed) {
            return Vec::new();
        }
        if self.driver.get().is_none() {
            return vec!["the API server".to_owned()];
        }
        let waiting = self.board.waiting();
        if !waiting.is_empty() {
            return waiting;
        }
        let Some(waiting) = self.ask(Query::Waiting).await else { return vec!["the driver".to_owned()] };
        if waiting.is_empty() && !self.ready.swap(true, Ordering::Relaxed) {
            tracing::info!("ready");
        }
        waiting
    }

    async fn ask<T>(&self, query: impl FnOnce(oneshot::Sender<T>) -> Query) -> Option<T> {
        let (_, queries) = self.driver.get()?;
        let (sender, answer) = oneshot::channel();
        timeout(ANSWER, async {
            queries.send(query(sender)).await.ok()?;
            answer.await.ok()
        })
        .await
        .ok()?
    }
}

/// Serves on `address` (`:8080`: on every address) from now on.
pub async fn serve(address: &str, web: Arc<Web>) -> std::io::Result<()> {
    let listener = bind(address).await?;
    let routes = Router::new()
        .route("/livez", get(livez))
        .route("/readyz", get(readyz))
        .route("/metrics", get(metrics))
        .with_state(web);
    tokio::spawn(async move { axum::serve(listener, routes).await });
    Ok(())
}

async fn bind(address: &str) -> std::io::Result<TcpListener> {
    match address.strip_prefix(':').and_then(|port| port.parse::<u16>().ok()) {
        None => TcpListener::bind(address).await,
        // Where there is no IPv6, there is IPv4.
        Some(port) => match TcpListener::bind((Ipv6Addr::UNSPECIFIED, port)).await {
            Err(_) => TcpListener::bind((Ipv4Addr::UNSPECIFIED, port)).await,
            bound => bound,
        },
    }
}

async fn livez(State(web): State<Arc<Web>>) -> impl IntoResponse {
    let age = web.pulse.age();
    if web.driver.get().is_none() || age < STUCK {
        (StatusCode::OK, "ok\n".to_owned())
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, format!("the driver has been stuck for {} s\n", age.as_secs()))
    }
}

async fn readyz(State(web): State<Arc<Web>>) -> impl IntoResponse {
    let waiting = web.waiting().await;
    if waiting.is_empty() {
        return (StatusCode::OK, "ok\n".to_owned());
    }
    let mut text = String::from("waiting for\n");
    for line in waiting.iter().take(LINES) {
        text.push_str("  ");
        text.push_str(line);
        text.push('\n');
    }
    if let Some(more) = waiting.len().checked_sub(LINES).filter(|more| *more > 0) {
        writeln!(text, "  and {more} more").expect("a string");
    }
    (StatusCode::SERVICE_UNAVAILABLE, text)
}

async fn metrics(State(web): State<Arc<Web>>) -> impl IntoResponse {
    let Standing { leading, shown } = web.ask(Query::Shown).await.unwrap_or_default();
    let cluster = web.driver.get().map(|(cluster, _)| cluster.clone()).unwrap_or_default();
    match web.metrics.text(Figures { cluster, leading, shown }, web.clock.offset_seconds()) {
        Ok(text) => ([(header::CONTENT_TYPE, OPEN_METRICS)], text).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::board::State as WatchState;
    use crate::engine::observed::Source;

    #[tokio::test]
    async fn ready_names_what_it_waits_for_and_stays() {
        let web = Web::new(Clock::default());
        assert_eq!(web.waiting().await, ["the API server"]);
        let (queries, mut asked) = mpsc::channel(1);
        web.begin("prod".to_owned(), queries);
        web.board.set(Source::Pods, WatchState::Listing);
        assert_eq!(web.waiting().await, ["pods: the first list is not complete"]);
        web.board.set(Source::Pods, WatchState::Watching);
        tokio::spawn(async move {
            for answer in [vec!["Statement a/x".to_owned()], Vec::new()] {
                let Some(Query::Waiting(to)) = asked.recv().await else { return };
                to.send(answer).unwrap();
            }
        });
        assert_eq!(web.waiting().await, ["Statement a/x"]);
        assert!(web.waiting().await.is_empty());
        web.board.set(Source::Pods, WatchState::Broken("down".to_owned()));
        assert!(web.waiting().await.is_empty(), "who was ready once stays so");
    }
}
