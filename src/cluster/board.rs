//! Where each watch stands: for `/readyz`, and one log line for each change.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::engine::observed::Source;
use crate::observe::resource::Resource;

/// Shared by all watches.
#[derive(Clone, Debug, Default)]
pub struct Board(Arc<Mutex<BTreeMap<Source, State>>>);

/// How a watch is doing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    Listing,
    Watching,
    /// The API server does not know the kind.
    Missing,
    Forbidden,
    Broken(String),
}

// === impl Board ===

impl Board {
    pub fn set(&self, source: Source, state: State) {
        let mut states = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if states.get(&source) == Some(&state) {
            return;
        }
        let began = matches!(states.get(&source), None | Some(State::Listing));
        let broken = matches!(states.get(&source), Some(State::Broken(_)));
        match &state {
            State::Watching if began => tracing::debug!(%source, "watching"),
            State::Listing => tracing::debug!(%source, "listing"),
            State::Watching => tracing::info!(%source, "watching"),
            State::Missing if source.is_optional() => tracing::info!(%source, "not served here, and not billed"),
            State::Missing => tracing::warn!(%source, "waiting for a kind that is not installed"),
            State::Forbidden => tracing::warn!(%source, "not allowed to watch"),
            State::Broken(error) if broken => tracing::debug!(%source, error, "watch is still broken"),
            State::Broken(error) => tracing::warn!(%source, error, "watch broke"),
        }
        states.insert(source, state);
    }

    /// What is not watched, and why.
    pub fn waiting(&self) -> Vec<String> {
        let states = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let waited_for = Source::ALL.into_iter().filter(|source| !source.is_optional());
        waited_for.filter_map(|source| why(source, states.get(&source))).collect()
    }
}

fn why(source: Source, state: Option<&State>) -> Option<String> {
    let Resource { api_version, .. } = Resource::of(source);
    Some(match state? {
        State::Watching => return None,
        State::Listing => format!("{source}: the first list is not complete"),
        State::Missing => format!("{source}: {api_version} is not installed; apply the CRDs"),
        State::Forbidden => format!("{source}: list and watch are forbidden; grant them to the operator"),
        State::Broken(error) => format!("{source}: {error}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_waited_for_is_named() {
        let board = Board::default();
        assert_eq!(board.waiting(), Vec::<String>::new());
        board.set(Source::Pods, State::Listing);
        board.set(Source::Budgets, State::Missing);
        board.set(Source::Nodes, State::Watching);
        board.set(Source::Services, State::Broken("connection refused".to_owned()));
        let expected = [
            "budgets: billing.opex.dev/v1alpha1 is not installed; apply the CRDs",
            "pods: the first list is not complete",
            "services: connection refused",
        ];
        assert_eq!(board.waiting(), expected);
    }
}
