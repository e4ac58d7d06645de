//! What rates were looked up before.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use super::PriceList;
use crate::facts::{Amounts, Labels};

/// What decides the rates of a Node's resources. The same are the same in memory: each version of a plan has a list of
/// its own, each version of a Node its labels and capacity.
#[derive(Debug)]
pub(super) struct Asked {
    pub list: Arc<PriceList>,
    pub labels: Labels,
    pub capacity: Amounts,
}

impl PartialEq for Asked {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.list, &other.list)
            && Arc::ptr_eq(&self.labels, &other.labels)
            && Arc::ptr_eq(&self.capacity, &other.capacity)
    }
}

impl Eq for Asked {}

impl Hash for Asked {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (Arc::as_ptr(&self.list), Arc::as_ptr(&self.labels), Arc::as_ptr(&self.capacity)).hash(state);
    }
}
