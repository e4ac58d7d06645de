//! Asks metrics.k8s.io what Pods use, while somebody wants to know.
//!
//! It cannot be watched. It is asked at whole multiples of the interval, so that all replicas learn the same at the same
//! time, and tag it alike. What cannot be had is told, and asked for again, later each time up to the interval.

use std::time::Duration;

use kube::Client;
use serde_json::value::RawValue;
use tokio::sync::{mpsc, watch};
use tokio::time::timeout;

use super::backoff::Backoff;
use super::connect::said;
use super::follow::{News, Report, entry};
use super::list::Page;
use super::request::get;
use crate::clock::Clock;
use crate::engine::machine::Fact;
use crate::engine::observed::{Source, Tag};
use crate::engine::sampling::Wanted;
use crate::facts::Seconds;
use crate::observe::Observed;
use crate::observe::resource::Resource;

/// How often it is asked by default, and at least: two such intervals are what a sample stands for.
pub const INTERVAL: Seconds = 60;

/// Up to so many Namespaces are asked for one by one.
const FEW: usize = 16;

/// The longest that an answer may take.
const ANSWER: Duration = Duration::from_secs(30);

/// Pods in a page, where the server gives them in pages.
const PAGE: usize = 500;

/// See the module's documentation.
pub struct Sampler {
    pub client: Client,
    pub clock: Clock,
    pub interval: Seconds,
    pub wanted: watch::Receiver<Wanted>,
    pub reports: mpsc::Sender<Report>,
    /// Whether a trace is written.
    pub recording: bool,
}

/// Samples of one asking, each with its line in a trace.
pub type Samples = Vec<(Observed, Option<String>)>;

/// Why there are none.
#[derive(Debug, thiserror::Error)]
enum SampleError {
    #[error("no metrics.k8s.io in this cluster: install metrics-server")]
    Missing,
    #[error("{}", said(.0))]
    Request(kube::Error),
    #[error("no answer within {} s", ANSWER.as_secs())]
    NoAnswer,
    #[error("read the list: {0}")]
    Read(serde_json::Error),
}

// === impl Sampler ===

impl Sampler {
    /// Asks until nobody listens any more.
    pub async fn run(mut self) {
        let mut backoff = Backoff::default();
        loop {
            let wanted = self.wanted.borrow_and_update().clone();
            let pause = if wanted == Wanted::Nobody {
                backoff.succeeded();
                None
            } else {
                let at = self.clock.second();
                let (news, pause) = match self.ask(&wanted).await {
                    Ok(samples) => {
                        backoff.succeeded();
                        let tag = Tag { source: Source::PodMetrics, version: u64::try_from(at).unwrap_or_default() };
                        (News::Sampled { tag, samples }, self.until_next(at))
                    }
                    Err(error) => (News::Unsampled(error.to_string()), backoff.failed().min(self.until_next(at))),
                };
                if self.reports.send(Report { source: Source::PodMetrics, news, line: None }).await.is_err() {
                    return;
                }
                Some(pause)
            };
            tokio::select! {
                changed = self.wanted.changed() => if changed.is_err() { return },
                () = tokio::time::sleep(pause.unwrap_or(Duration::MAX)) => {}
            }
        }
    }

    /// From an instant to the next multiple of the interval.
    fn until_next(&self, at: Seconds) -> Duration {
        let next = (at.div_euclid(self.interval) + 1) * self.interval;
        self.clock.instant_of(next).saturating_duration_since(std::time::Instant::now())
    }

    async fn ask(&self, wanted: &Wanted) -> Result<Samples, SampleError> {
        let mut samples = Samples::new();
        match wanted {
            Wanted::In(namespaces) if namespaces.len() <= FEW => {
                for namespace in namespaces {
                    self.list(&format!("namespaces/{namespace}/pods"), wanted, &mut samples).await?;
                }
            }
            wanted => self.list("pods", wanted, &mut samples).await?,
        }
        Ok(samples)
    }

    async fn list(&self, of: &str, wanted: &Wanted, samples: &mut Samples) -> Result<(), SampleError> {
        let Resource { api_version, .. } = Resource::of(Source::PodMetrics);
        let mut next = String::new();
        loop {
            let request = get(&format!("/apis/{api_version}/{of}?limit={PAGE}&continue={next}"));
            let answer = timeout(ANSWER, self.client.request_text(request)).await;
            let text = answer.map_err(|_| SampleError::NoAnswer)?.map_err(|error| match error {
                kube::Error::Api(status) if status.code == 404 => SampleError::Missing,
                error => SampleError::Request(error),
            })?;
            let page: Page<'_> = serde_json::from_str(&text).map_err(SampleError::Read)?;
            samples.extend(page.items.into_iter().flatten().filter_map(|item| self.read(item, wanted)));
            next = page.metadata.next;
            if next.is_empty() {
                return Ok(());
            }
        }
    }

    /// One that nobody wants is left out, and so is one that cannot be read at all.
    fn read(&self, item: &RawValue, wanted: &Wanted) -> Option<(Observed, Option<String>)> {
        let observed = Observed::read(Source::PodMetrics, item.get()).ok()?;
        let Fact::Usage(usage) = &observed.fact else { return None };
        let line = || entry(&Resource::of(Source::PodMetrics), "ADDED", item.get());
        wanted.includes(&usage.namespace).then(|| (observed, self.recording.then(line)))
    }
}
