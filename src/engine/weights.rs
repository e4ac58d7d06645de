//! Weights of namespaces, as the part of the whole that each is.

use std::collections::BTreeMap;

use num_traits::Zero;

use super::money::{Exact, ParsePriceError, Price};
use crate::api::Amount;
use crate::facts::Name;

/// By namespace: its weight divided by the sum of all. One of 0 is left out.
pub type Parts = BTreeMap<Name, Exact>;

/// Why weights divide nothing.
#[derive(Debug, thiserror::Error)]
pub enum WeightError {
    #[error("[{namespace}]: {source}")]
    Read { namespace: String, source: ParsePriceError },
    #[error(": at least one weight must be above 0")]
    Weightless,
}

pub fn parts(weights: &BTreeMap<String, Amount>) -> Result<Parts, WeightError> {
    let mut parts = Parts::new();
    for (namespace, weight) in weights {
        let weight = Price::parse(weight.as_str());
        let weight = weight.map_err(|source| WeightError::Read { namespace: namespace.clone(), source })?;
        parts.insert(Name::from(namespace.as_str()), weight.exact());
    }
    let sum = parts.values().fold(Exact::zero(), |sum, weight| sum + weight);
    if sum.is_zero() {
        return Err(WeightError::Weightless);
    }
    parts.retain(|_, weight| !weight.is_zero());
    for weight in parts.values_mut() {
        *weight /= &sum;
    }
    Ok(parts)
}
