//! Figures for Prometheus, computed when they are asked for: no label goes stale.
//!
//! The one place where an amount becomes a binary fraction, and it becomes one from its exact text. Figures of budgets
//! come from the leader alone, so that a sum over all replicas counts nothing twice.

mod figures;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;

use crate::engine::machine::Shown;

type Labels = Vec<(&'static str, String)>;

/// What is counted as it happens. Clones count together.
#[derive(Clone, Debug)]
pub struct Counters {
    writes: Family<Labels, Counter>,
    errors: Family<Labels, Counter>,
    passes: Histogram,
}

/// What the driver knows at the moment of a scrape.
#[derive(Debug, Default)]
pub struct Figures {
    pub cluster: String,
    pub leading: bool,
    pub shown: Shown,
}

/// Everything there is to scrape.
#[derive(Debug)]
pub struct Metrics {
    pub counters: Counters,
    registry: Registry,
    latest: Latest,
}

/// What the scrape at hand shows.
#[derive(Clone, Debug, Default)]
struct Latest(Arc<Mutex<(Figures, f64)>>);

// === impl Counters ===

impl Default for Counters {
    fn default() -> Self {
        Self {
            writes: Family::default(),
            errors: Family::default(),
            passes: Histogram::new(exponential_buckets(0.000_1, 4.0, 8)),
        }
    }
}

impl Counters {
    pub fn wrote(&self, kind: &'static str) {
        self.writes.get_or_create(&vec![("kind", kind.to_owned())]).inc();
    }

    pub fn failed(&self, class: &'static str) {
        self.errors.get_or_create(&vec![("class", class.to_owned())]).inc();
    }

    pub fn passed(&self, took: Duration) {
        self.passes.observe(took.as_secs_f64());
    }
}

// === impl Metrics ===

impl Default for Metrics {
    fn default() -> Self {
        let (counters, latest) = (Counters::default(), Latest::default());
        let mut registry = Registry::with_prefix("opex");
        registry.register("api_writes", "Writes sent to the API server", counters.writes.clone());
        registry.register("errors", "What went wrong and did not stop the rest", counters.errors.clone());
        registry.register(
            "pass_duration_seconds",
            "How long it takes to decide what is to be written",
            counters.passes.clone(),
        );
        registry.register_collector(Box::new(latest.clone()));
        Self { counters, registry, latest }
    }
}

impl Metrics {
    /// OpenMetrics text. `offset` is how far the API server's clock is ahead, in seconds.
    pub fn text(&self, figures: Figures, offset: f64) -> Result<String, std::fmt::Error> {
        *self.latest.0.lock().unwrap_or_else(PoisonError::into_inner) = (figures, offset);
        let mut text = String::new();
        encode(&mut text, &self.registry)?;
        Ok(text)
    }
}
