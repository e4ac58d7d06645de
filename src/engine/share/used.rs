//! What every namespace has used under a plan: its metered cost by which others are divided (COST_RULES 20).

use std::collections::HashMap;

use num_bigint::BigInt;
use num_traits::Zero;

use super::is_usage;
use crate::engine::ledger::Ledger;
use crate::engine::money::{Exact, Total, Unit};
use crate::engine::rate::{Rate, Rates};
use crate::facts::{Name, Seconds};

/// Costs by namespace.
pub type Costs = HashMap<Name, Exact>;

/// What was used up to an instant.
#[derive(Debug, Default)]
pub struct Used {
    all: Costs,
    /// Of each resource of Pods.
    resources: HashMap<Name, Costs>,
}

/// How something is divided among some namespaces.
#[derive(Debug)]
pub struct Division<'a> {
    /// None: evenly, as where none of them has used anything.
    costs: Option<&'a Costs>,
    all: Exact,
    many: usize,
}

// === impl Used ===

impl Used {
    pub fn of(rates: &Rates, usage: &Ledger, at: Seconds) -> Self {
        let mut all: HashMap<Name, Total> = HashMap::new();
        let mut resources: HashMap<Name, HashMap<Name, Total>> = HashMap::new();
        for (line, quantity) in usage.lines(rates, at) {
            let rate = rates.get(line.rate);
            let (Some(namespace), Some(price)) = (line.namespace, rate.price.as_ref().filter(|_| is_usage(rate)))
            else {
                continue;
            };
            if let Some(resource) = resource(rate) {
                let of = resources.entry(resource.into()).or_default();
                of.entry(namespace.clone()).or_default().add(price, quantity, rate.unit.factor());
            }
            all.entry(namespace).or_default().add(price, quantity, rate.unit.factor());
        }
        for (line, amount) in usage.carried().iter().filter(|(line, _)| is_usage(rates.get(line.rate))) {
            let Some(namespace) = &line.namespace else { continue };
            if let Some(resource) = resource(rates.get(line.rate)) {
                resources.entry(resource.into()).or_default().entry(namespace.clone()).or_default().add_exact(amount);
            }
            all.entry(namespace.clone()).or_default().add_exact(amount);
        }
        let resources = resources.into_iter().map(|(resource, costs)| (resource, exact(costs)));
        Self { all: exact(all), resources: resources.collect() }
    }

    /// Among these, in proportion to all that each has used.
    pub fn among(&self, namespaces: &[&Name]) -> Division<'_> {
        Division::of(Some(&self.all), namespaces)
    }

    /// In proportion to what each has used of one resource.
    pub fn of_resource(&self, resource: &str, namespaces: &[&Name]) -> Division<'_> {
        Division::of(self.resources.get(resource), namespaces)
    }
}

// === impl Division ===

impl<'a> Division<'a> {
    /// In equal parts.
    pub fn even(namespaces: &[&Name]) -> Self {
        Self::of(None, namespaces)
    }

    fn of(costs: Option<&'a Costs>, namespaces: &[&Name]) -> Self {
        let costs_of = |namespace: &&Name| costs?.get(*namespace);
        let all = namespaces.iter().filter_map(costs_of).fold(Exact::zero(), |sum, cost| sum + cost);
        Self { costs: costs.filter(|_| !all.is_zero()), all, many: namespaces.len() }
    }

    /// The part of one of those among whom it is.
    pub fn part(&self, namespace: &Name) -> Exact {
        match self.costs {
            Some(costs) => costs.get(namespace).map_or_else(Exact::zero, |cost| cost / &self.all),
            None => Exact::new(1.into(), BigInt::from(self.many.max(1))),
        }
    }
}

fn exact(costs: HashMap<Name, Total>) -> Costs {
    costs.into_iter().map(|(namespace, sum)| (namespace, sum.exact())).collect()
}

/// The resource of Pods that a rate prices, without its class and the number of those who share a device.
fn resource(rate: &Rate) -> Option<&str> {
    let parts = rate.name.split('/').count();
    let last = || rate.name.rsplit('/').next();
    match rate.unit {
        Unit::MillicoreSeconds => Some("cpu"),
        Unit::ByteSeconds => last().filter(|_| !rate.name.starts_with("storage")),
        Unit::DeviceMilliseconds { replicas } => {
            let name = match replicas {
                1 => &*rate.name,
                replicas => rate.name.strip_suffix(&format!("/{replicas}"))?,
            };
            // A device's own name has one slash.
            let shared = usize::from(replicas > 1);
            if parts - shared > 2 { name.split_once('/').map(|(_, device)| device) } else { Some(name) }
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::ChargeFrequency;

    #[test]
    fn a_rate_tells_its_resource() {
        let device = |replicas| Unit::DeviceMilliseconds { replicas };
        for (name, unit, expected) in [
            ("cpu", Unit::MillicoreSeconds, Some("cpu")),
            ("spot/cpu", Unit::MillicoreSeconds, Some("cpu")),
            ("memory", Unit::ByteSeconds, Some("memory")),
            ("m5.xlarge/memory", Unit::ByteSeconds, Some("memory")),
            ("storage", Unit::ByteSeconds, None),
            ("storage/fast", Unit::ByteSeconds, None),
            ("storage", Unit::ByteSecondsOfMonth, None),
            ("nvidia.com/gpu", device(1), Some("nvidia.com/gpu")),
            ("g2/nvidia.com/gpu", device(1), Some("nvidia.com/gpu")),
            ("nvidia.com/gpu/4", device(4), Some("nvidia.com/gpu")),
            ("g2/nvidia.com/gpu/4", device(4), Some("nvidia.com/gpu")),
            ("load-balancer", Unit::Seconds, None),
        ] {
            let rate = Rate {
                plan: "default".into(),
                name: name.into(),
                category: "Compute".into(),
                price: None,
                grade: None,
                unit,
                frequency: ChargeFrequency::UsageBased,
                correction: false,
            };
            assert_eq!(resource(&rate), expected, "{name}");
        }
    }
}
