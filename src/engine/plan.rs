//! What a PricePlan's manifest means: its price list, and since when each version of it is in force.

use super::money::{ParsePriceError, Price, UnitPrice};
use super::period::{PeriodError, Zone};
use super::rate::{NodeClass, PriceList, StoragePrice};
use super::recurring::{Charge, ChargeError};
use super::selector::{Selector, UnknownOperator};
use crate::api::{Amount, PricePlanSpec};

/// Why a plan cannot be priced with.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    #[error("{field}: {source}")]
    Price { field: String, source: ParsePriceError },
    #[error("spec.nodeClasses[{class}].selector: {source}")]
    Selector { class: String, source: UnknownOperator },
    #[error("spec.{0}")]
    Zone(#[source] PeriodError),
    #[error("spec.recurring[{charge}].{source}")]
    Recurring { charge: String, source: ChargeError },
}

// === impl PriceList ===

impl PriceList {
    pub fn compile(spec: &PricePlanSpec) -> Result<Self, PlanError> {
        let classes = spec.node_classes.iter().map(|class| {
            let field = |resource: &str| format!("spec.nodeClasses[{}].pricesPerHour[{resource}]", class.name);
            Ok(NodeClass {
                name: class.name.as_str().into(),
                selector: Selector::compile(&class.selector)
                    .map_err(|source| PlanError::Selector { class: class.name.clone(), source })?,
                prices: prices(&class.prices_per_hour, field)?,
            })
        });
        let storage = spec.storage.iter().enumerate().map(|(i, entry)| {
            let monthly = entry.price_per_gib_hour.is_none();
            let amount = entry.price_per_gib_hour.as_ref().or(entry.price_per_gib_month.as_ref());
            let class = entry.class_name.as_deref().map(Into::into);
            let price = amount.map_or(Ok(Price::ZERO.into()), |amount| price(amount, &format!("spec.storage[{i}]")));
            Ok(StoragePrice { class, price: price?, monthly })
        });
        let zone = Zone::named(&spec.time_zone).map_err(PlanError::Zone)?;
        let recurring = spec.recurring.iter().map(|charge| {
            Charge::compile(charge, &zone)
                .map_err(|source| PlanError::Recurring { charge: charge.name.clone(), source })
        });
        Ok(Self {
            currency: spec.currency.code().into(),
            estimate: spec.estimate,
            prices: prices(&spec.prices_per_hour, |resource| format!("spec.pricesPerHour[{resource}]"))?,
            classes: classes.collect::<Result<_, _>>()?,
            load_balancer: spec
                .price_per_load_balancer_hour
                .as_ref()
                .map(|amount| price(amount, "spec.pricePerLoadBalancerHour"))
                .transpose()?,
            storage: storage.collect::<Result<_, _>>()?,
            recurring: recurring.collect::<Result<_, _>>()?,
        })
    }
}

fn prices<'a, C>(
    amounts: &'a C,
    field: impl Fn(&str) -> String,
) -> Result<std::collections::BTreeMap<crate::facts::Name, UnitPrice>, PlanError>
where
    &'a C: IntoIterator<Item = (&'a String, &'a Amount)>,
{
    let priced =
        |(resource, amount): (&String, &Amount)| Ok((resource.as_str().into(), price(amount, &field(resource))?));
    amounts.into_iter().map(priced).collect()
}

fn price(amount: &Amount, field: &str) -> Result<UnitPrice, PlanError> {
    let price = Price::parse(amount.as_str()).map_err(|source| PlanError::Price { field: field.to_owned(), source })?;
    Ok(price.into())
}
