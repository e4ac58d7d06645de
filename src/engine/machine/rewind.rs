//! A cluster that is not where it was: etcd was restored from a backup, or a Statement comes from another cluster.
//!
//! Versions begin again from where the backup stood, so they say nothing any more about what a Statement holds. What was
//! metered stays; what changed meanwhile is not known, and the gap is written down.

use super::{Entry, Machine, Persisted};
use crate::api::{self, Phase};
use crate::engine::observed::{Cut, Tag};
use crate::facts::Seconds;

/// The longest that a first list takes: what a Statement that was written before had seen, the list shows.
const LISTING: Seconds = 120;

pub(super) const RESTORED: &str = "the cluster was restored from a backup: what changed meanwhile is not counted";

impl Machine {
    /// Up to which versions a Statement has seen this cluster; none, where the cluster never got so far.
    ///
    /// One that is written while this process makes its first lists may be ahead of them, but never of itself.
    pub(super) fn cut_of(&self, statement: &api::Statement) -> Option<Cut> {
        // Another cluster's versions say nothing here.
        if self.moved(&statement.spec) {
            return Some(Cut::default());
        }
        let cut = Cut::from_observed(&statement.spec.observed);
        let own = statement.metadata.resource_version.as_ref().and_then(|version| version.parse().ok()).unwrap_or(0);
        let written = statement.spec.watermark.0.as_second() + self.settings.lag;
        let before_the_list =
            |tag: &Tag| self.listed.get(&tag.source).is_some_and(|listed| written + LISTING < *listed);
        let unreached =
            self.seen.behind(&cut).any(|tag| tag.source.is_watched() && (tag.version > own || before_the_list(&tag)));
        (!unreached).then_some(cut)
    }

    /// A relist is of an older state than what was seen: every version above it is forgotten, what it brought is kept.
    pub(super) fn go_back(&mut self, tag: Tag, last_heard: Seconds, at: Seconds) {
        self.cut.go_back(tag);
        self.seen.go_back(tag);
        for entry in self.ledgers.values_mut() {
            entry.ledger.know_above(tag);
            entry.persisted.as_mut().into_iter().for_each(|persisted| persisted.cut.go_back(tag));
        }
        let items = self.world.items.values_mut().flatten().map(|(_, item)| item);
        for item in items.filter(|item| item.source == tag.source && item.version > tag.version) {
            item.version = Tag::KNOWN.version;
        }
        if tag.source.is_metered() {
            self.gap_everywhere(last_heard, at, RESTORED);
        }
    }
}

// === impl Entry ===

impl Entry {
    /// Whether a Statement that is seen is one that was written before what is known to have been written.
    pub(super) fn is_older(&self, statement: &api::Statement) -> bool {
        let stands = statement.spec.watermark.0.as_second();
        let before = |known: &Persisted| known.watermark > stands;
        let reopened = self.closed_at.is_some() && statement.spec.phase == Phase::Open;
        reopened || self.persisted.as_ref().is_some_and(before)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::machine::{Event, Settings};
    use crate::engine::observed::Source;

    #[test]
    fn a_cut_that_the_cluster_never_reached_says_nothing() {
        let listed = 10_000;
        let mut machine = Machine::new(Settings {
            cluster: "c".to_owned(),
            namespace: "opex-system".into(),
            lag: 10,
            from: None,
            replay: false,
            writes_per_second: 20,
            counting: None,
            retained: 13,
        });
        machine.ingest(Event::Listed { tag: Tag { source: Source::Pods, version: 100 }, held: None }, listed);
        for (why, resource, cut, own, watermark, reached) in [
            ("the list is newer", "pods", "90", "95", listed - 3600, true),
            ("the list is as new", "pods", "100", "105", listed - 3600, true),
            ("written while it was listed", "pods", "110", "115", listed - 20, true),
            ("newer than itself", "pods", "110", "105", listed - 20, false),
            ("written long before the list", "pods", "110", "115", listed - 3600, false),
            ("nothing is metered by it", "statements", "110", "105", listed - 3600, true),
        ] {
            let statement: api::Statement = serde_json::from_value(serde_json::json!({
                "apiVersion": "billing.opex.dev/v1alpha1", "kind": "Statement",
                "metadata": {"namespace": "a", "name": "a-1970", "resourceVersion": own},
                "spec": {"cluster": "c", "budgetRef": {"kind": "Budget", "name": "a"}, "currency": "EUR",
                    "period": {"label": "1970", "start": "1970-01-01T00:00:00Z", "end": "1971-01-01T00:00:00Z"},
                    "phase": "Open", "watermark": crate::engine::machine::persist::time(watermark),
                    "observed": {resource: cut}, "total": "0.0000000000"},
            }))
            .unwrap();
            assert_eq!(machine.cut_of(&statement).is_some(), reached, "{why}");
        }
    }
}
