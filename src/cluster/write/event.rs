//! Events: one for each edge. The name is made of the edge, so that telling it twice makes one event.
//!
//! kube's own recorder merges events of one reason into a series and drops the later notes: the crossing of 100 % would
//! read like that of 80 %.

use std::hash::{DefaultHasher, Hash, Hasher};

use k8s_openapi::api::core::v1::ObjectReference;
use k8s_openapi::api::events::v1::Event;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta};

use super::{WriteError, Writer};
use crate::api::{GROUP, VERSION};
use crate::engine::write::{About, EventKey};

const CONTROLLER: &str = "opex-operator";

/// The longest note that the API server takes, in bytes.
const NOTE: usize = 1024;

impl Writer {
    pub(super) async fn event(
        &self,
        key: &EventKey,
        about: &About,
        warning: bool,
        note: &str,
    ) -> Result<Option<String>, WriteError> {
        let mut event = describe(key, about, warning, note);
        event.event_time = Some(MicroTime(self.clock.now()));
        event.reporting_instance = Some(self.identity.clone());
        let namespace = event.metadata.namespace.as_deref().unwrap_or_default();
        let uri = format!("/apis/events.k8s.io/v1/namespaces/{namespace}/events?fieldManager={CONTROLLER}-event");
        match self.create(uri, &event).await {
            // It was told before, by a try whose answer was lost.
            Err(error) if error.code() == Some(409) => Ok(None),
            result => result,
        }
    }
}

fn describe(key: &EventKey, about: &About, warning: bool, note: &str) -> Event {
    // Events about what has no namespace live in this one.
    let namespace = about.namespace.as_deref().unwrap_or("default").to_owned();
    let mut hasher = DefaultHasher::new();
    (key, &about.uid).hash(&mut hasher);
    Event {
        metadata: ObjectMeta {
            name: Some(format!("{}.{:016x}", about.name, hasher.finish())),
            namespace: Some(namespace),
            ..ObjectMeta::default()
        },
        action: Some("Evaluate".to_owned()),
        reason: Some(key.reason().to_owned()),
        note: Some(cut(note, NOTE).to_owned()),
        type_: Some(if warning { "Warning" } else { "Normal" }.to_owned()),
        regarding: Some(ObjectReference {
            api_version: Some(format!("{GROUP}/{VERSION}")),
            kind: Some(about.kind.to_owned()),
            namespace: about.namespace.as_deref().map(ToOwned::to_owned),
            name: Some(about.name.to_string()),
            uid: about.uid.clone(),
            ..ObjectReference::default()
        }),
        reporting_controller: Some(CONTROLLER.to_owned()),
        ..Event::default()
    }
}

/// No more than `bytes` of a text, and no half characters.
fn cut(text: &str, bytes: usize) -> &str {
    &text[..text.floor_char_boundary(bytes)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::Measure;
    use crate::engine::budget::BudgetKey;

    #[test]
    fn each_edge_has_its_name() {
        let about = About { kind: "Budget", namespace: Some("a".into()), name: "x".into(), uid: Some("u".to_owned()) };
        let crossed = |percent, at| EventKey::Crossed {
            budget: BudgetKey::of(Some("a".into()), "x".into()),
            percent,
            of: Measure::Actual,
            at,
        };
        let name = |key: &EventKey, note: &str| describe(key, &about, true, note).metadata.name;
        let first = name(&crossed(80, 7), "80 % reached: spent 8");
        assert_eq!(name(&crossed(80, 7), "80 % reached: spent 9"), first, "other figures are no other edge");
        assert_ne!(name(&crossed(100, 7), "80 % reached: spent 8"), first);
        assert_ne!(name(&crossed(80, 8), "80 % reached: spent 8"), first);
        assert!(first.unwrap().starts_with("x."));
    }

    #[test]
    fn notes_are_cut_between_characters() {
        let cases = [("abc", 4, "abc"), ("abc", 3, "abc"), ("abc", 2, "ab"), ("a€", 3, "a"), ("€", 2, "")];
        for (text, bytes, expected) in cases {
            assert_eq!(cut(text, bytes), expected, "{text} {bytes}");
        }
        let about = About { kind: "ClusterBudget", namespace: None, name: "x".into(), uid: None };
        let budget = BudgetKey::of(None, "x".into());
        let key = EventKey::Changed { budget, reason: "Ready", of: "".into(), at: 1 };
        let event = describe(&key, &about, false, &"€".repeat(1000));
        assert_eq!(event.note.unwrap().len(), 1023);
        assert_eq!(event.metadata.namespace.as_deref(), Some("default"));
    }
}
