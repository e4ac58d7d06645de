//! What a PricePlan's manifest means: its price list, net of its discounts.

use std::collections::BTreeMap;
use std::sync::Arc;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use num_bigint::BigInt;
use num_traits::{One, Signed, ToPrimitive};

use super::counted::Meter;
use super::discount::{Discount, Discounts};
use super::exchange::{Exchange, ExchangeError};
use super::item::{LOAD_BALANCER, STORAGE};
use super::money::{Exact, ParsePriceError, Price, Unit, UnitPrice};
use super::period::{PeriodError, Zone};
use super::rate::{ClassPrices, NodeClass, ObjectPrice, PriceList, StoragePrice, device_name, is_of_pods, unit_of};
use super::recurring::{Charge, ChargeError};
use super::selector::{Selector, SelectorError};
use super::sharing::{Sharing, SharingError};
use super::tiers::Step;
use crate::api::{self, Amount, PricePlanSpec};
use crate::facts::quantity::{Quantity, QuantityError};
use crate::facts::{Amounts, Kind, Name, resources};

/// Why a plan cannot be priced with.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    #[error("{field}: {source}")]
    Price { field: String, source: ParsePriceError },
    #[error("spec.tiers[{resource}]: {fault}")]
    Tiers { resource: String, fault: TierFault },
    #[error("spec.minimumPerPod[{resource}]: {source}")]
    Minimum { resource: String, source: QuantityError },
    #[error(
        "spec.minimumPerPod[{0}]: a Pod is billed by cpu, memory, ephemeral-storage, hugepages-SIZE, or an extended resource such as nvidia.com/gpu"
    )]
    NoResource(String),
    #[error("spec.minimumPerPod[cpu]: {0:?} is an amount of bytes: write cores such as 0.5 or 500m")]
    NoCores(String),
    #[error("{field}: set exactly one of {of}")]
    OneOf { field: String, of: &'static str },
    #[error("{field}: {source}")]
    Selector { field: String, source: SelectorError },
    #[error("spec.discounts[{discount}].percent: {percent} is more than 100")]
    Percent { discount: String, percent: String },
    #[error(
        "spec.discounts[{discount}].resources: {rate} is how a Statement names {resource} of a node class: name {resource}, which is taken off in every class"
    )]
    ClassRate { discount: String, rate: String, resource: String },
    #[error("spec.objects[{0}]: what is billed already, or makes Pods, is no object")]
    Object(String),
    #[error("spec.{0}")]
    Zone(#[source] PeriodError),
    #[error("spec.recurring[{charge}].{source}")]
    Recurring { charge: String, source: ChargeError },
    #[error("spec.sharing.{0}")]
    Sharing(#[source] SharingError),
    #[error("spec.exchangeRates[{index}].{source}")]
    Exchange { index: usize, source: ExchangeError },
}

/// What is wrong with graduated prices.
#[derive(Debug, thiserror::Error)]
pub enum TierFault {
    #[error("it is in spec.pricesPerHour as well: leave it in one of the two")]
    Twice,
    #[error("every tier but the last has an upTo, and the last has none")]
    Ends,
    #[error("upTo {0} is not above the one before it: upTo counts from 0 and ascends")]
    Order(String),
    #[error("upTo {0} is no whole number of {1}: shorten it")]
    Whole(String, Unit),
}

// === impl PriceList ===

impl PriceList {
    pub fn compile(spec: &PricePlanSpec) -> Result<Self, PlanError> {
        let discounts = Discounts::new(
            spec.discounts.iter().map(|one| discount(one, &spec.node_classes)).collect::<Result<_, _>>()?,
        );
        let base = prices(&spec.prices_per_hour, |resource| format!("spec.pricesPerHour[{resource}]"))?;
        let classes = spec.node_classes.iter().map(|class| node_class(class, &discounts));
        let meters = spec.meters.iter().map(|meter| compile_meter(meter, &discounts));
        let storage = spec.storage.iter().enumerate().map(|(i, entry)| storage(i, entry, &discounts));
        let devices = spec.devices.iter().map(|entry| {
            let gross = price(&entry.price_per_hour, &format!("spec.devices[{}].pricePerHour", entry.device_class))?;
            let class = entry.device_class.as_str();
            Ok((class.into(), discounts.net(gross, &device_name(class))))
        });
        let objects = spec.objects.iter().map(|entry| object(entry, &discounts));
        let zone = Zone::named(&spec.time_zone).map_err(PlanError::Zone)?;
        let recurring = spec.recurring.iter().map(|charge| {
            Charge::compile(charge, &zone)
                .map_err(|source| PlanError::Recurring { charge: charge.name.clone(), source })
        });
        let categories = spec.categories.iter().enumerate().map(|(i, rule)| {
            let selector = selector(&rule.selector, &format!("spec.categories[{i}].selector"))?;
            Ok((selector, format!("{:?}", rule.category).into()))
        });
        let exchange = Exchange::compile(&spec.exchange_rates, spec.currency.code(), &zone);
        let allowed = spec.allowed_namespaces.as_ref();
        let allowed = allowed.map(|allowed| selector(&allowed.selector, "spec.allowedNamespaces.selector"));
        let load_balancer = spec.price_per_load_balancer_hour.as_ref();
        let load_balancer = load_balancer.map(|amount| price(amount, "spec.pricePerLoadBalancerHour")).transpose()?;
        Ok(Self {
            currency: spec.currency.code().into(),
            estimate: spec.estimate,
            allowed: allowed.transpose()?,
            prices: net(base.clone(), &discounts),
            tiers: tiers(spec, &discounts)?,
            base,
            minimum: minimum(&spec.minimum_per_pod)?,
            classes: classes.collect::<Result<_, _>>()?,
            load_balancer: load_balancer.map(|gross| discounts.net(gross, LOAD_BALANCER)),
            devices: devices.collect::<Result<_, _>>()?,
            storage: storage.collect::<Result<_, _>>()?,
            objects: objects.collect::<Result<_, _>>()?,
            recurring: recurring.collect::<Result<_, _>>()?,
            meters: meters.collect::<Result<_, _>>()?,
            categories: categories.collect::<Result<_, _>>()?,
            sharing: spec.sharing.as_ref().map(Sharing::compile).transpose().map_err(PlanError::Sharing)?,
            discounts,
            exchange: exchange.map_err(|(index, source)| PlanError::Exchange { index, source })?,
        })
    }
}

fn tiers(spec: &PricePlanSpec, discounts: &Discounts) -> Result<BTreeMap<Name, Arc<[Step]>>, PlanError> {
    let compile = |(resource, tiers): (&String, &Vec<api::Tier>)| {
        let refuse = |fault| Err(PlanError::Tiers { resource: resource.clone(), fault });
        if spec.prices_per_hour.contains_key(resource) {
            return refuse(TierFault::Twice);
        }
        let (unit, mut before, mut steps) = (unit_of(resource, 1), 0, Vec::new());
        for (i, tier) in tiers.iter().enumerate() {
            let gross = price(&tier.price, &format!("spec.tiers[{resource}][{i}].price"))?;
            let end = match &tier.up_to {
                Some(up_to) => Some(price(up_to, &format!("spec.tiers[{resource}][{i}].upTo"))?.exact()),
                None => None,
            };
            let end = end.map(|hours| hours * BigInt::from(unit.factor()));
            if end.as_ref().is_some_and(|end| !end.is_integer()) {
                return refuse(TierFault::Whole(said(tier), unit));
            }
            let end = end.map(|end| end.to_integer().to_i128().unwrap_or(i128::MAX));
            if end.is_some() == (i + 1 == tiers.len()) {
                return refuse(TierFault::Ends);
            }
            if end.is_some_and(|end| end <= before) {
                return refuse(TierFault::Order(said(tier)));
            }
            before = end.unwrap_or(before);
            steps.push(Step { end, price: Some(discounts.net(gross, resource)) });
        }
        if steps.is_empty() { refuse(TierFault::Ends) } else { Ok((Name::from(resource.as_str()), steps.into())) }
    };
    spec.tiers.iter().map(compile).collect()
}

fn said(tier: &api::Tier) -> String {
    tier.up_to.as_ref().map(ToString::to_string).unwrap_or_default()
}

fn minimum(quantities: &BTreeMap<String, api::Quantity>) -> Result<Amounts, PlanError> {
    let read = |(resource, quantity): (&String, &api::Quantity)| {
        let text = quantity.as_str();
        if !is_of_pods(resource) {
            return Err(PlanError::NoResource(resource.clone()));
        }
        if resource == "cpu" && text.ends_with(['i', 'k', 'M', 'G', 'T', 'P', 'E']) {
            return Err(PlanError::NoCores(text.to_owned()));
        }
        let quantity = Quantity::parse(text);
        let quantity = quantity.map_err(|source| PlanError::Minimum { resource: resource.clone(), source })?;
        Ok((resource.clone(), quantity))
    };
    let read: Vec<_> = quantities.iter().map(read).collect::<Result<_, _>>()?;
    Ok(resources::amounts(read.iter().map(|(resource, quantity)| (resource.as_str(), quantity))))
}

fn discount(discount: &api::Discount, classes: &[api::NodeClass]) -> Result<Discount, PlanError> {
    let field = || format!("spec.discounts[{}].percent", discount.name);
    let percent = price(&discount.percent, &field())?.exact();
    let left = Exact::one() - percent / Exact::from_integer(100.into());
    if left.is_negative() {
        let (discount, percent) = (discount.name.clone(), discount.percent.to_string());
        return Err(PlanError::Percent { discount, percent });
    }
    for name in discount.resources.iter().flatten() {
        let class = classes.iter().find_map(|class| name.strip_prefix(class.name.as_str())?.strip_prefix('/'));
        if let Some(resource) = class.filter(|resource| is_of_pods(resource)) {
            let (rate, resource) = (name.clone(), resource.to_owned());
            return Err(PlanError::ClassRate { discount: discount.name.clone(), rate, resource });
        }
    }
    let names = discount.resources.as_ref().map(|names| names.iter().map(|name| name.as_str().into()).collect());
    Ok(Discount { left, names })
}

fn storage(i: usize, entry: &api::StoragePrice, discounts: &Discounts) -> Result<StoragePrice, PlanError> {
    let field = format!("spec.storage[{i}]");
    let (amount, monthly) = match (&entry.price_per_gib_hour, &entry.price_per_gib_month) {
        (Some(amount), None) => (amount, false),
        (None, Some(amount)) => (amount, true),
        _ => return Err(PlanError::OneOf { field, of: "pricePerGiBHour and pricePerGiBMonth" }),
    };
    let class = entry.class_name.as_deref().map(Into::into);
    Ok(StoragePrice { class, price: discounts.net(price(amount, &field)?, STORAGE), monthly })
}

fn node_class(class: &api::NodeClass, discounts: &Discounts) -> Result<NodeClass, PlanError> {
    let field = |what: &str| format!("spec.nodeClasses[{}].{what}", class.name);
    let prices = match &class.price_per_node_hour {
        Some(_) if !class.prices_per_hour.is_empty() => {
            let field = format!("spec.nodeClasses[{}]", class.name);
            return Err(PlanError::OneOf { field, of: "pricesPerHour and pricePerNodeHour" });
        }
        Some(amount) => ClassPrices::Node(price(amount, &field("pricePerNodeHour"))?),
        None => {
            let units = prices(&class.prices_per_hour, |resource| field(&format!("pricesPerHour[{resource}]")))?;
            ClassPrices::Units(net(units, discounts))
        }
    };
    let selector = selector(&class.selector, &field("selector"))?;
    Ok(NodeClass { name: class.name.as_str().into(), selector, prices })
}

fn object(entry: &api::ObjectPrice, discounts: &Discounts) -> Result<ObjectPrice, PlanError> {
    let field = |what: &str| format!("spec.objects[{}].{what}", entry.name);
    let kind = Some(entry).filter(|entry| !entry.is_billed_already());
    let kind = kind.and_then(|entry| Kind::of(&entry.group, &entry.kind));
    let name: Name = format!("object/{}", entry.name).into();
    let selector = entry.selector.as_ref().map(|labels| selector(labels, &field("selector"))).transpose()?;
    Ok(ObjectPrice {
        kind: kind.ok_or_else(|| PlanError::Object(entry.name.clone()))?,
        selector: selector.unwrap_or_default(),
        price: discounts.net(price(&entry.price_per_hour, &field("pricePerHour"))?, &name),
        category: format!("{:?}", entry.category).into(),
        name,
    })
}

fn compile_meter(meter: &api::Meter, discounts: &Discounts) -> Result<Meter, PlanError> {
    let name: Name = format!("meter/{}", meter.name).into();
    let gross = price(&meter.price, &format!("spec.meters[{}].price", meter.name))?;
    Ok(Meter {
        category: format!("{:?}", meter.category).into(),
        unit: meter.unit.as_str().into(),
        price: discounts.net(gross, &name),
        query: meter.query.as_str().into(),
        name,
    })
}

fn selector(selector: &LabelSelector, field: &str) -> Result<Selector, PlanError> {
    Selector::compile(selector).map_err(|source| PlanError::Selector { field: field.to_owned(), source })
}

fn prices(
    amounts: &BTreeMap<String, Amount>,
    field: impl Fn(&str) -> String,
) -> Result<BTreeMap<Name, UnitPrice>, PlanError> {
    let priced =
        |(resource, amount): (&String, &Amount)| Ok((resource.as_str().into(), price(amount, &field(resource))?));
    amounts.iter().map(priced).collect()
}

fn net(prices: BTreeMap<Name, UnitPrice>, discounts: &Discounts) -> BTreeMap<Name, UnitPrice> {
    let net = |(name, price): (Name, UnitPrice)| (name.clone(), discounts.net(price, &name));
    prices.into_iter().map(net).collect()
}

fn price(amount: &Amount, field: &str) -> Result<UnitPrice, PlanError> {
    let price = Price::parse(amount.as_str()).map_err(|source| PlanError::Price { field: field.to_owned(), source })?;
    Ok(price.into())
}
