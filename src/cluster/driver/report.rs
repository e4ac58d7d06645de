//! What the watches report, taken in: into the trace first, then into the machine.

use std::hash::{DefaultHasher, Hash, Hasher};

use super::Driver;
use crate::cluster::follow::{News, Report};
use crate::engine::machine::{Event, Trouble};
use crate::observe::Observed;

/// Troubles remembered, so that each is told once.
const TOLD: usize = 10_000;

impl Driver {
    /// The order in which events are taken in here is their order in the trace, and their times are the same.
    pub(super) async fn take_in(&mut self, report: Report) {
        if let Some(created) = report.created() {
            self.parts.clock.reach(created);
        }
        let now = self.parts.clock.now();
        for line in report.lines() {
            if let Some(recorder) = &self.parts.recorder
                && !recorder.record(now, line).await
            {
                self.stop_recording().await;
            }
        }
        let at = now.as_second();
        self.parts.billed.note(&report.news);
        let machine = &mut self.parts.machine;
        match report.news {
            News::Applied(observed) => {
                let (tag, id) = (observed.tag, observed.id);
                for fact in std::iter::once(observed.fact).chain(observed.also) {
                    machine.ingest(Event::Applied { tag, id, fact }, at);
                }
            }
            News::Deleted { observed, last_seen } => {
                let (tag, id) = (observed.tag, observed.id);
                for fact in std::iter::once(observed.fact).chain(observed.also) {
                    machine.ingest(Event::Deleted { tag, id, fact, last_seen }, at);
                }
            }
            News::Listed { tag, held } => machine.ingest(Event::Listed { tag, held }, at),
            News::Heard(tag) => machine.ingest(Event::Heard { tag }, at),
            // One after the other without a pass between them: what a Statement has seen is all of them or none.
            News::Sampled { tag, samples } => {
                for (Observed { id, fact, .. }, _) in samples {
                    machine.ingest(Event::Applied { tag, id, fact }, at);
                }
                machine.ingest(Event::Heard { tag }, at);
            }
            News::Unsampled(why) => {
                machine.ingest(Event::Unsampled { why: why.clone() }, at);
                self.tell(&Trouble { class: "Samples", about: "metrics.k8s.io".to_owned(), message: why });
            }
            News::Unwatched(why) => machine.ingest(Event::Unwatched { source: report.source, why }, at),
            News::Missed => {}
            News::Trouble(trouble) => self.tell(&trouble),
        }
    }

    async fn stop_recording(&mut self) {
        if let Some(recorder) = self.parts.recorder.take() {
            let error = recorder.finish().await.err().map(|error| error.to_string());
            self.parts.counters.failed("Record");
            tracing::error!(error, "the trace cannot be written any more");
        }
    }

    pub(super) fn report_troubles(&mut self) {
        for trouble in self.parts.machine.troubles() {
            self.tell(&trouble);
        }
    }

    /// Each trouble is counted, and told once.
    fn tell(&mut self, trouble: &Trouble) {
        let Trouble { class, about, message } = trouble;
        self.parts.counters.failed(class);
        let mut hasher = DefaultHasher::new();
        (class, about, message).hash(&mut hasher);
        if self.told.len() >= TOLD {
            self.told.clear();
        }
        if self.told.insert(hasher.finish()) {
            tracing::warn!(class, about, error = message, "something is wrong, and the rest goes on");
        }
    }
}
