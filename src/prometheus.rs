//! The only code that talks to Prometheus: one window at a time is asked for, and nothing waits for the answer.
//!
//! What was counted is the machine's business, and so is which window comes next. Here it is asked, in time and not too
//! often, and read as text.

pub mod answer;
pub mod asker;
pub mod client;

use std::path::PathBuf;

use jiff::SignedDuration;
use serde::Deserialize;

use crate::engine::counted::Counting;

/// Where Prometheus is, and how it is asked.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Endpoint {
    /// Its address, with a path where it has one; `/api/v1/query` follows. Empty: there is none.
    #[serde(default)]
    pub url: String,
    /// A file with the token that it asks for; read again when it changes.
    #[serde(default)]
    pub bearer_token_file: Option<PathBuf>,
    /// The certificates by which it is known, in PEM.
    #[serde(default)]
    pub ca_file: Option<PathBuf>,
    /// The longest that one query takes.
    #[serde(default = "timeout")]
    pub timeout: SignedDuration,
    /// What is counted at a time.
    #[serde(default = "window")]
    pub window: SignedDuration,
    /// By then everything of a window was scraped.
    #[serde(default = "delay")]
    pub delay: SignedDuration,
}

/// A setting that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum EndpointError {
    #[error("prometheus.url must be an http or https address such as http://prometheus.monitoring:9090, not {0:?}")]
    Url(String),
    #[error("prometheus.{name} must be {expected}, not {got}")]
    OutOfRange { name: &'static str, expected: &'static str, got: String },
}

// === impl Endpoint ===

impl Endpoint {
    pub fn check(&self) -> Result<(), EndpointError> {
        let address = self.url.parse::<http::Uri>().ok().filter(|uri| {
            uri.host().is_some_and(|host| !host.is_empty())
                && matches!(uri.scheme_str(), Some("http" | "https"))
                && uri.query().is_none()
        });
        if address.is_none() {
            return Err(EndpointError::Url(self.url.clone()));
        }
        let within = |name, value: SignedDuration, fits: bool, expected| {
            let got = || value.to_string();
            if fits { Ok(()) } else { Err(EndpointError::OutOfRange { name, expected, got: got() }) }
        };
        let (window, delay, timeout) = (self.window.as_secs(), self.delay.as_secs(), self.timeout.as_secs());
        let divides = (10..=3600).contains(&window) && 3600 % window == 0 && self.window.subsec_nanos() == 0;
        within("window", self.window, divides, "10s to 1h, and a part of an hour, such as 1m or 5m")?;
        within("delay", self.delay, (0..=3600).contains(&delay), "0s to 1h")?;
        within("timeout", self.timeout, (1..=120).contains(&timeout), "1s to 2m")
    }

    pub fn counting(&self) -> Counting {
        Counting { window: self.window.as_secs(), delay: self.delay.as_secs() }
    }
}

fn timeout() -> SignedDuration {
    SignedDuration::from_secs(10)
}

fn window() -> SignedDuration {
    SignedDuration::from_mins(1)
}

fn delay() -> SignedDuration {
    SignedDuration::from_secs(30)
}
