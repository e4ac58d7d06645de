//! The rate of what of a Node is idle: the Node's own price of each resource, under one name for the whole cluster.

use std::sync::Arc;

use super::{Asked, Held, OnNode, PriceList, Rate, RateId, Rates};
use crate::facts::Name;

/// What the names of these rates begin with.
pub const IDLE: &str = "idle/";

impl Rates {
    /// The rate of what is idle of a resource; none where it has no price (COST_RULES 21).
    pub fn idle(&mut self, list: &Arc<PriceList>, plan: &Name, resource: &Name, node: OnNode<'_>) -> Option<RateId> {
        let asked = Asked { list: list.clone(), labels: node.labels.clone(), capacity: node.capacity.clone() };
        let known = self.idle.get(&asked).and_then(|known| known.iter().find(|(name, _)| name == resource));
        if let Some((_, id)) = known {
            return *id;
        }
        let rate = PriceList::rate(Some(list), plan, Held::Resource { resource, node }, None);
        let name = format!("{IDLE}{resource}").into();
        let id = rate.price.is_some().then(|| self.id(Rate { name, ..rate }));
        self.idle.entry(asked).or_default().push((resource.clone(), id));
        id
    }
}
