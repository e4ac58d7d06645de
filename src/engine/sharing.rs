//! A plan's rules on who bears what is nobody's own: idle capacity, and namespaces that serve others (COST_RULES 21,
//! 22).

use super::selector::{Selector, SelectorError};
use super::weights::{self, Parts, WeightError};
use crate::api::{self, ShareIdle, ShareNamespaces};

/// The rules of one version of a plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sharing {
    pub idle: ShareIdle,
    pub namespaces: Option<SharedNamespaces>,
}

/// Whose cost others bear.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SharedNamespaces {
    pub selector: Selector,
    pub by: ShareNamespaces,
    /// Where it is by weights.
    pub weights: Parts,
}

/// Why nobody could be told to bear it.
#[derive(Debug, thiserror::Error)]
pub enum SharingError {
    #[error("namespaces.selector: {0}")]
    Selector(#[source] SelectorError),
    #[error("namespaces.weights{0}")]
    Weights(#[source] WeightError),
}

// === impl Sharing ===

impl Sharing {
    pub fn compile(spec: &api::Sharing) -> Result<Self, SharingError> {
        let idle = spec.idle.as_ref().map_or(ShareIdle::Keep, |idle| idle.by);
        let namespaces = spec.namespaces.as_ref().map(SharedNamespaces::compile).transpose()?;
        Ok(Self { idle, namespaces })
    }
}

// === impl SharedNamespaces ===

impl SharedNamespaces {
    fn compile(spec: &api::NamespaceSharing) -> Result<Self, SharingError> {
        let selector = Selector::compile(&spec.selector).map_err(SharingError::Selector)?;
        let weights = match spec.by {
            ShareNamespaces::Weights => weights::parts(&spec.weights).map_err(SharingError::Weights)?,
            ShareNamespaces::Even | ShareNamespaces::Usage => Parts::new(),
        };
        Ok(Self { selector, by: spec.by, weights })
    }
}
