//! What a unit costs: a plan's prices by resource and node class, and the names under which they are billed.
//!
//! A rate is named after where its price comes from (COST_RULES 8): `memory` from the base prices, `spot/memory` from
//! the class `spot`. No price is no price: the rate is kept, unpriced, and never free (12).

mod asked;
mod idle;
mod name;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use num_traits::One;

use super::counted::Meter;
use super::discount::Discounts;
use super::exchange::Exchange;
use super::item::{LOAD_BALANCER, STORAGE};
use super::money::{Exact, Unit, UnitPrice};
use super::node_price::{self, Share};
use super::observed::Source;
use super::recurring::Charge;
use super::selector::Selector;
use super::sharing::Sharing;
use super::tiers::{Grade, Step};
use crate::api::ChargeFrequency;
use crate::facts::{Amounts, Kind, Labels, Name, Seconds};

use asked::Asked;

pub use idle::IDLE;
pub use name::{base_name, device_name, is_of_pods, slices, unit_of};

/// A unit price with everything a ledger line says about it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Rate {
    pub plan: Name,
    pub name: Name,
    pub category: Name,
    /// Absent: unpriced, or graduated.
    pub price: Option<UnitPrice>,
    /// The prices of a stretch of a ledger's time, where they are graduated or were.
    pub grade: Option<Grade>,
    pub unit: Unit,
    pub frequency: ChargeFrequency,
    /// Late facts of a closed period.
    pub correction: bool,
}

/// A rate among [`Rates`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RateId(u32);

/// All rates in use, each known by a number.
#[derive(Debug, Default)]
pub struct Rates {
    all: Vec<Rate>,
    ids: HashMap<Rate, RateId>,
    /// Of each rate, the one of exact amounts under its name.
    amounts: Vec<RateId>,
    /// Of each graduated rate, those as which its steps are shown.
    steps: HashMap<RateId, Vec<RateId>>,
    /// What was looked up before, a few resources and categories each.
    known: HashMap<Asked, Vec<(Name, Option<Name>, RateId)>>,
    /// The same of what is idle, where that has a price.
    idle: HashMap<Asked, Vec<(Name, Option<RateId>)>>,
}

/// What of a Node decides prices.
#[derive(Clone, Copy, Debug)]
pub struct OnNode<'a> {
    pub labels: &'a Labels,
    pub capacity: &'a Amounts,
}

/// What one object holds, as a rate prices it.
#[derive(Clone, Copy, Debug)]
pub enum Held<'a> {
    /// A Pod's resource (`cpu`, `memory`, `nvidia.com/gpu` …).
    Resource {
        resource: &'a str,
        node: OnNode<'a>,
    },
    /// Bytes of a claim of this StorageClass.
    Storage {
        class: &'a str,
    },
    LoadBalancer,
    /// Devices of this DeviceClass.
    Devices {
        class: &'a str,
    },
    Object(&'a ObjectPrice),
}

/// One version of a PricePlan, ready to price: net of its discounts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PriceList {
    pub currency: Name,
    pub estimate: bool,
    /// The namespaces whose Budgets may use it; absent: all.
    pub allowed: Option<Selector>,
    pub prices: BTreeMap<Name, UnitPrice>,
    /// Graduated prices, of resources that have none above.
    pub tiers: BTreeMap<Name, Arc<[Step]>>,
    /// The flat ones before discounts: a node's price is split in their ratio.
    pub base: BTreeMap<Name, UnitPrice>,
    /// What a Pod is billed at least.
    pub minimum: Amounts,
    pub classes: Vec<NodeClass>,
    pub load_balancer: Option<UnitPrice>,
    /// Of one device, by its DeviceClass.
    pub devices: BTreeMap<Name, UnitPrice>,
    pub storage: Vec<StoragePrice>,
    /// Of objects of any kind; the first that matches counts.
    pub objects: Vec<ObjectPrice>,
    pub recurring: Vec<Charge>,
    /// What Prometheus counts.
    pub meters: Vec<Meter>,
    /// Of Pods and claims, by their labels; the first that matches counts.
    pub categories: Vec<(Selector, Name)>,
    /// For what is priced elsewhere.
    pub discounts: Discounts,
    /// Who bears what is nobody's own.
    pub sharing: Option<Sharing>,
    /// For limits in other currencies.
    pub exchange: Exchange,
}

/// Nodes that a plan prices of their own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeClass {
    pub name: Name,
    pub selector: Selector,
    pub prices: ClassPrices,
}

/// How a class prices its nodes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClassPrices {
    /// By the unit of a resource.
    Units(BTreeMap<Name, UnitPrice>),
    /// A whole node, before discounts.
    Node(UnitPrice),
}

/// The price of a GiB of a claim.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoragePrice {
    /// Absent: every class.
    pub class: Option<Name>,
    pub price: UnitPrice,
    /// Per GiB and month of 730 h, not per hour.
    pub monthly: bool,
}

/// The price of an object that is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectPrice {
    /// `object/NAME`.
    pub name: Name,
    pub kind: Kind,
    pub selector: Selector,
    pub price: UnitPrice,
    pub category: Name,
}

// === impl RateId ===

impl RateId {
    pub const FIRST: Self = Self(0);
    /// Of no rate: see [`LineKey::UNSAMPLED`](super::ledger::LineKey::UNSAMPLED).
    pub const NONE: Self = Self(u32::MAX);
}

// === impl Rates ===

impl Rates {
    pub fn id(&mut self, rate: Rate) -> RateId {
        if let Some(id) = self.ids.get(&rate) {
            return *id;
        }
        let id = RateId(u32::try_from(self.all.len()).unwrap_or(u32::MAX));
        self.all.push(rate.clone());
        self.ids.insert(rate.clone(), id);
        self.amounts.push(id);
        if let Some(grade) = &rate.grade {
            let shown = |step: &Step| Rate { price: step.price.clone(), grade: None, ..rate.clone() };
            let steps = grade.steps.iter().map(|step| self.id(shown(step))).collect();
            self.steps.insert(id, steps);
        }
        if rate.unit != Unit::Amount {
            self.amounts[id.0 as usize] = self.id(Rate { price: None, grade: None, unit: Unit::Amount, ..rate });
        }
        id
    }

    /// The same rate in a stretch of a ledger's time with these prices.
    pub fn graduated(&mut self, id: RateId, grade: &Grade) -> RateId {
        self.id(Rate { price: None, grade: Some(grade.clone()), ..self.get(id).clone() })
    }

    /// The rates as which the steps of a graduated one are shown.
    pub fn steps(&self, id: RateId) -> &[RateId] {
        self.steps.get(&id).map_or(&[], Vec::as_slice)
    }

    /// A rate that is in use.
    pub fn find(&self, rate: &Rate) -> Option<RateId> {
        self.ids.get(rate).copied()
    }

    /// The rate of exact amounts under the same name.
    pub fn amount(&self, id: RateId) -> RateId {
        self.amounts[id.0 as usize]
    }

    /// The rate of a Pod's resource, as [`PriceList::rate`] has it.
    pub fn resource(
        &mut self,
        list: Option<&Arc<PriceList>>,
        plan: &Name,
        resource: &Name,
        node: OnNode<'_>,
        category: Option<&Name>,
    ) -> RateId {
        let held = Held::Resource { resource, node };
        let Some(list) = list else { return self.id(PriceList::rate(None, plan, held, category)) };
        let asked = Asked { list: list.clone(), labels: node.labels.clone(), capacity: node.capacity.clone() };
        let same = |(name, of, _): &&(Name, Option<Name>, RateId)| name == resource && of.as_ref() == category;
        if let Some((_, _, id)) = self.known.get(&asked).and_then(|known| known.iter().find(same)) {
            return *id;
        }
        let id = self.id(PriceList::rate(Some(list), plan, held, category));
        self.known.entry(asked).or_default().push((resource.clone(), category.cloned(), id));
        id
    }

    /// Forgets what was looked up: lists and labels that nothing else refers to are free to go.
    pub fn forget(&mut self) {
        self.known.clear();
        self.idle.clear();
    }

    pub fn get(&self, id: RateId) -> &Rate {
        &self.all[id.0 as usize]
    }

    /// The same rate for late facts of a closed period.
    pub fn correction(&mut self, id: RateId) -> RateId {
        let rate = Rate { correction: true, ..self.get(id).clone() };
        self.id(rate)
    }
}

// === impl Rate ===

impl Rate {
    pub fn is_unpriced(&self) -> bool {
        match &self.grade {
            None => self.price.is_none(),
            Some(grade) => grade.steps.iter().any(|step| step.price.is_none()),
        }
    }
}

// === impl PriceList ===

impl PriceList {
    /// What one unit of a currency is in this plan's, as of `t`.
    pub fn worth(&self, currency: &str, t: Seconds) -> Option<Exact> {
        if *self.currency == *currency { Some(Exact::one()) } else { self.exchange.rate(currency, t).cloned() }
    }

    /// The rate of what is held, under the plan's name and in this category or its own. No list: the plan is missing,
    /// and everything unpriced.
    pub fn rate(list: Option<&Self>, plan: &Name, held: Held<'_>, category: Option<&Name>) -> Rate {
        let rate = |name: Name, own: &str, price, unit| Rate {
            plan: plan.clone(),
            name,
            category: category.cloned().unwrap_or_else(|| own.into()),
            price,
            grade: None,
            unit,
            frequency: ChargeFrequency::UsageBased,
            correction: false,
        };
        match held {
            Held::Resource { resource, node } => {
                let (name, price) = list.map_or((resource.into(), None), |list| list.resource(resource, node));
                let slices = slices(resource, node.labels);
                rate(base_name(&name, slices), "Compute", price, unit_of(resource, slices))
            }
            Held::Storage { class } => {
                let entry = list.and_then(|list| list.storage(class));
                let name =
                    entry.and_then(|e| e.class.as_ref()).map_or(STORAGE.into(), |c| format!("{STORAGE}/{c}").into());
                let monthly = entry.is_some_and(|entry| entry.monthly);
                let unit = if monthly { Unit::ByteSecondsOfMonth } else { Unit::ByteSeconds };
                rate(name, "Storage", entry.map(|e| e.price.clone()), unit)
            }
            Held::LoadBalancer => {
                let price = list.and_then(|list| list.load_balancer.clone());
                rate(LOAD_BALANCER.into(), "Network", price, Unit::Seconds)
            }
            Held::Devices { class } => {
                let price = list.and_then(|list| list.devices.get(class).cloned());
                rate(device_name(class), "Compute", price, Unit::DeviceMilliseconds { replicas: 1 })
            }
            Held::Object(entry) => rate(entry.name.clone(), &entry.category, Some(entry.price.clone()), Unit::Seconds),
        }
    }

    /// Whether it prices objects of this source that not every API server serves.
    pub fn bills(&self, source: Source) -> bool {
        match source {
            Source::ResourceClaims => !self.devices.is_empty(),
            Source::Objects(kind) => self.objects.iter().any(|entry| entry.kind == kind),
            _ => false,
        }
    }

    /// The entry that prices an object (COST_RULES 42).
    pub fn object(&self, kind: Kind, labels: &Labels) -> Option<&ObjectPrice> {
        self.objects.iter().find(|entry| entry.kind == kind && entry.selector.matches(labels))
    }

    /// What a Pod that requests so much is billed for (COST_RULES 40).
    pub fn billed(&self, requests: &Amounts) -> Amounts {
        let held =
            |resource: &Name| requests.iter().find(|(name, _)| name == resource).map_or(0, |(_, amount)| *amount);
        if self.minimum.iter().all(|(resource, least)| held(resource) >= *least) {
            return requests.clone();
        }
        let mut billed: BTreeMap<Name, i128> = requests.iter().cloned().collect();
        for (resource, least) in self.minimum.iter() {
            let amount = billed.entry(resource.clone()).or_default();
            *amount = (*amount).max(*least);
        }
        billed.into_iter().collect()
    }

    /// The same of one resource.
    pub fn billed_of(&self, resource: &str, requests: &Amounts) -> i128 {
        let of =
            |amounts: &Amounts| amounts.iter().find(|(name, _)| **name == *resource).map_or(0, |(_, amount)| *amount);
        of(requests).max(of(&self.minimum))
    }

    /// The category that a Pod or claim with these labels is given, if any (COST_RULES 43).
    pub fn category(&self, labels: &Labels) -> Option<&Name> {
        self.categories.iter().find(|(selector, _)| selector.matches(labels)).map(|(_, category)| category)
    }

    fn resource(&self, resource: &str, node: OnNode<'_>) -> (Name, Option<UnitPrice>) {
        let class = self.classes.iter().find(|class| class.selector.matches(node.labels));
        let own = |class: &NodeClass| Name::from(format!("{}/{resource}", class.name));
        let base = || (resource.into(), self.prices.get(resource).cloned());
        let Some(class) = class else { return base() };
        match &class.prices {
            ClassPrices::Units(prices) => {
                prices.get(resource).map_or_else(base, |price| (own(class), Some(price.clone())))
            }
            ClassPrices::Node(price) => match node_price::share(price, &self.base, node, resource) {
                Share::Priced(price) => (own(class), Some(self.discounts.net(price, resource))),
                Share::Unpriced if !self.tiers.contains_key(resource) => (resource.into(), None),
                Share::Unpriced | Share::Elsewhere => base(),
            },
        }
    }

    fn storage(&self, class: &str) -> Option<&StoragePrice> {
        self.storage.iter().find(|entry| entry.class.as_deref().is_none_or(|c| c == class))
    }
}

#[cfg(test)]
mod tests;
