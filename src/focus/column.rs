//! The columns of a row: name, feature level, type and nullability as FOCUS 1.3 has them, and how each is filled.
//!
//! Absent are those whose condition does not hold here: commitments, capacity reservations, regions and zones, prices
//! in another currency than the bill's, contracts, and costs split by a generator of data.

use std::collections::BTreeSet;

use serde_json::json;

use super::category::{self, Service};
use super::charge::{Charge, Kind, shortest};
use crate::api::{BilledKind, ChargeClass, ChargeFrequency, Phase};
use crate::engine::money::cost_text;

/// A column of the specification.
#[derive(Clone, Copy, Debug)]
pub struct Column {
    pub name: &'static str,
    pub level: Level,
    pub kind: DataType,
    pub nullable: bool,
    /// For people, in docs/focus.md.
    pub filled: &'static str,
    pub value: fn(&Charge<'_>) -> Option<String>,
}

/// Whether a row must have it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    Mandatory,
    Recommended,
    Conditional,
}

/// What its values are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DataType {
    Decimal,
    String,
    /// One of the values that the specification allows.
    OneOf(&'static [&'static str]),
    /// An ISO 4217 code.
    Currency,
    /// UTC, to the second.
    DateTime,
    /// A JSON object of plain values.
    KeyValue,
}

use DataType::{Currency, DateTime, Decimal, KeyValue, OneOf, String as Text};
use Level::{Conditional, Mandatory, Recommended};

const CHARGE_CATEGORIES: &[&str] = &["Usage", "Purchase", "Tax", "Credit", "Adjustment"];
const CHARGE_CLASSES: &[&str] = &["Correction"];
const CHARGE_FREQUENCIES: &[&str] = &["One-Time", "Recurring", "Usage-Based"];
const PRICING_CATEGORIES: &[&str] = &["Standard", "Dynamic", "Committed", "Other"];

/// Never null.
const VALUE: bool = false;
const NULL: bool = true;

/// In the order of the alphabet.
#[rustfmt::skip]
pub const COLUMNS: &[Column] = &[
    column("BilledCost", Mandatory, Decimal, VALUE, "the line's cost, from its exact value", cost),
    column("BillingAccountId", Mandatory, Text, VALUE, "the budget: CLUSTER/NAMESPACE/NAME, of a ClusterBudget CLUSTER/NAME", account),
    column("BillingAccountName", Mandatory, Text, NULL, "the budget's name", |c| some(&c.statement.spec.budget_ref.name)),
    column("BillingAccountType", Conditional, Text, VALUE, "Budget or ClusterBudget", |c| some(account_type(c))),
    column("BillingCurrency", Mandatory, Currency, VALUE, "currency", |c| some(c.statement.spec.currency.code())),
    column("BillingPeriodEnd", Mandatory, DateTime, VALUE, "period.end", |c| some(c.statement.spec.period.end.0)),
    column("BillingPeriodStart", Mandatory, DateTime, VALUE, "period.start", |c| some(c.statement.spec.period.start.0)),
    column("ChargeCategory", Mandatory, OneOf(CHARGE_CATEGORIES), VALUE, "Usage; Purchase where it recurs or comes once; Adjustment where usage has an exactCost alone", |c| some(kind(c))),
    column("ChargeClass", Mandatory, OneOf(CHARGE_CLASSES), NULL, "chargeClass", |c| c.line.charge_class.map(|ChargeClass::Correction| "Correction".to_owned())),
    column("ChargeDescription", Mandatory, Text, NULL, "rate, consumed and unitPrice", |c| some(description(c))),
    column("ChargeFrequency", Recommended, OneOf(CHARGE_FREQUENCIES), VALUE, "chargeFrequency", |c| some(frequency(c))),
    column("ChargePeriodEnd", Mandatory, DateTime, VALUE, "watermark: of an open Statement up to when it is metered", |c| some(c.statement.spec.watermark.0)),
    column("ChargePeriodStart", Mandatory, DateTime, VALUE, "period.start", |c| some(c.statement.spec.period.start.0)),
    column("ConsumedQuantity", Conditional, Decimal, NULL, "as PricingQuantity, of Usage", |c| priced_usage(c).map(|p| shortest(&p.quantity))),
    column("ConsumedUnit", Conditional, Text, NULL, "as PricingUnit, of Usage", |c| priced_usage(c).map(|p| p.unit.clone())),
    column("ContractedCost", Mandatory, Decimal, VALUE, "as BilledCost", cost),
    column("ContractedUnitPrice", Conditional, Decimal, NULL, "unitPrice: the plan's, net of its discounts", price),
    column("EffectiveCost", Mandatory, Decimal, VALUE, "as BilledCost", cost),
    column("HostProviderName", Mandatory, Text, NULL, "cluster", cluster),
    column("InvoiceId", Recommended, Text, NULL, "the Statement: CLUSTER/NAMESPACE/NAME; provisional while it is open", invoice),
    column("InvoiceIssuerName", Mandatory, Text, VALUE, "cluster", cluster),
    column("ListCost", Mandatory, Decimal, VALUE, "as BilledCost", cost),
    column("ListUnitPrice", Conditional, Decimal, NULL, "as ContractedUnitPrice: a Statement keeps no other", price),
    column("PricingCategory", Conditional, OneOf(PRICING_CATEGORIES), NULL, "Standard; null of an Adjustment", |c| (c.kind != Kind::Adjustment).then(|| "Standard".to_owned())),
    column("PricingQuantity", Mandatory, Decimal, NULL, "quantity ÷ factor; of an exactCost that recurs or comes once 1", |c| c.priced.as_ref().map(|p| shortest(&p.quantity))),
    column("PricingUnit", Mandatory, Text, NULL, "what a price is for: Core-Hours, GiB-Hours, GiB-Months, Device-Hours, Hours, Charges, or the unit of a meter", |c| c.priced.as_ref().map(|p| p.unit.clone())),
    column("ProviderName", Mandatory, Text, VALUE, "cluster; deprecated in 1.3, and still asked for", cluster),
    column("PublisherName", Mandatory, Text, VALUE, "cluster; deprecated in 1.3, and still asked for", cluster),
    column("ResourceId", Conditional, Text, NULL, "CLUSTER/NAMESPACE/KIND/NAME of the workload; null where there is none, or several were merged", resource),
    column("ResourceName", Conditional, Text, NULL, "the workload's name", |c| c.resource().map(|(_, name)| name.to_owned())),
    column("ResourceType", Conditional, Text, NULL, "the workload's kind", |c| c.resource().map(|(kind, _)| kind.to_owned())),
    column("ServiceCategory", Mandatory, OneOf(category::CATEGORIES), VALUE, "by category, see below", |c| some(service(c).category)),
    column("ServiceName", Mandatory, Text, VALUE, "by category, see below", |c| some(service(c).name)),
    column("ServiceProviderName", Mandatory, Text, VALUE, "cluster", cluster),
    column("ServiceSubcategory", Recommended, OneOf(category::SUBCATEGORIES), VALUE, "by category, see below", |c| some(service(c).subcategory)),
    column("SkuId", Conditional, Text, NULL, "rate", |c| some(&c.line.rate)),
    column("SkuMeter", Conditional, Text, NULL, "what the rate measures: cpu of spot/cpu, storage of storage/fast", |c| some(meter(&c.line.rate))),
    column("SkuPriceDetails", Conditional, KeyValue, NULL, "x_PricePlan", |c| some(json!({"x_PricePlan": plan(c)}))),
    column("SkuPriceId", Conditional, Text, NULL, "PLAN/RATE, of what has a unit price", |c| c.priced.as_ref().map(|_| format!("{}/{}", plan(c), c.line.rate))),
    column("SubAccountId", Conditional, Text, NULL, "the namespace: CLUSTER/NAMESPACE; null where several were merged", |c| namespace(c).map(|n| qualify(c, n))),
    column("SubAccountName", Conditional, Text, NULL, "the namespace", |c| namespace(c).map(str::to_owned)),
    column("SubAccountType", Conditional, Text, NULL, "Namespace", |c| namespace(c).map(|_| "Namespace".to_owned())),
    column("Tags", Conditional, KeyValue, NULL, "opex.dev/category, opex.dev/cluster, opex.dev/phase; opex.dev/gaps where the Statement has gaps: their reasons", tags),
];

const fn column(
    name: &'static str,
    level: Level,
    kind: DataType,
    nullable: bool,
    filled: &'static str,
    value: fn(&Charge<'_>) -> Option<String>,
) -> Column {
    Column { name, level, kind, nullable, filled, value }
}

#[allow(clippy::needless_pass_by_value, clippy::unnecessary_wraps, reason = "for all columns alike")]
fn some(value: impl ToString) -> Option<String> {
    Some(value.to_string())
}

fn cost(charge: &Charge<'_>) -> Option<String> {
    some(cost_text(&charge.cost))
}

fn price(charge: &Charge<'_>) -> Option<String> {
    charge.priced.as_ref().map(|priced| priced.price.clone())
}

fn priced_usage<'a>(charge: &'a Charge<'_>) -> Option<&'a super::charge::Priced> {
    charge.priced.as_ref().filter(|_| charge.kind == Kind::Usage)
}

fn cluster(charge: &Charge<'_>) -> Option<String> {
    some(&charge.statement.spec.cluster)
}

/// A Budget bills its own namespace, wherever the Statement is kept once that is gone.
fn account(charge: &Charge<'_>) -> Option<String> {
    let budget = &charge.statement.spec.budget_ref;
    some(match (budget.kind, namespace(charge)) {
        (BilledKind::Budget, Some(namespace)) => qualify(charge, &format!("{namespace}/{}", budget.name)),
        _ => qualify(charge, &budget.name),
    })
}

fn account_type(charge: &Charge<'_>) -> &'static str {
    match charge.statement.spec.budget_ref.kind {
        BilledKind::Budget => "Budget",
        BilledKind::ClusterBudget => "ClusterBudget",
        BilledKind::PricePlan => "PricePlan",
    }
}

fn kind(charge: &Charge<'_>) -> &'static str {
    match charge.kind {
        Kind::Usage => "Usage",
        Kind::Purchase => "Purchase",
        Kind::Adjustment => "Adjustment",
    }
}

fn frequency(charge: &Charge<'_>) -> &'static str {
    match charge.line.charge_frequency {
        ChargeFrequency::UsageBased => "Usage-Based",
        ChargeFrequency::Recurring => "Recurring",
        ChargeFrequency::OneTime => "One-Time",
    }
}

/// `spot/cpu: 12 core-hours at 0.031611 EUR`
fn description(charge: &Charge<'_>) -> String {
    let line = charge.line;
    let mut text = line.rate.clone();
    if let (Some(consumed), Some(price)) = (&line.consumed, &line.unit_price) {
        text = format!("{text}: {consumed} at {price} {}", charge.statement.spec.currency.code());
    }
    text
}

fn resource(charge: &Charge<'_>) -> Option<String> {
    let (kind, name) = charge.resource()?;
    let namespace = namespace(charge)?;
    some(qualify(charge, &format!("{namespace}/{kind}/{name}")))
}

fn namespace<'a>(charge: &Charge<'a>) -> Option<&'a str> {
    Some(charge.line.namespace.as_str()).filter(|namespace| !namespace.is_empty())
}

fn service(charge: &Charge<'_>) -> Service {
    Service::of(charge.line.category)
}

fn plan<'a>(charge: &Charge<'a>) -> &'a str {
    charge.line.plan.as_deref().unwrap_or("-")
}

fn tags(charge: &Charge<'_>) -> Option<String> {
    let spec = &charge.statement.spec;
    let phase = match spec.phase {
        Phase::Open => "Open",
        Phase::Closed => "Closed",
    };
    let mut tags =
        json!({"opex.dev/category": charge.line.category, "opex.dev/cluster": spec.cluster, "opex.dev/phase": phase});
    let reasons: BTreeSet<_> = spec.gaps.iter().map(|gap| gap.reason.as_str()).collect();
    if !reasons.is_empty() {
        tags["opex.dev/gaps"] = reasons.into_iter().collect::<Vec<_>>().join("; ").into();
    }
    some(tags)
}

fn qualify(charge: &Charge<'_>, what: &str) -> String {
    format!("{}/{what}", charge.statement.spec.cluster)
}

fn invoice(charge: &Charge<'_>) -> Option<String> {
    let metadata = &charge.statement.metadata;
    let names = metadata.namespace.iter().chain(&metadata.name).map(String::as_str);
    some(qualify(charge, &names.collect::<Vec<_>>().join("/")))
}

/// What a rate measures: its name without the class of nodes or storage, and without replicas of a device.
fn meter(rate: &str) -> &str {
    let first = rate.split('/').next().unwrap_or_default();
    if ["storage", "recurring", "meter", "object", "device", "shared", "idle"].contains(&first) {
        return first;
    }
    let whole = rate.rsplit_once('/').filter(|(_, n)| n.parse::<u32>().is_ok()).map_or(rate, |(resource, _)| resource);
    let Some((before, last)) = whole.rsplit_once('/') else { return whole };
    let core = matches!(last, "cpu" | "memory" | "ephemeral-storage") || last.starts_with("hugepages-");
    // An extended resource has a domain before its name.
    let domain = before.rsplit('/').next().filter(|part| !core && part.contains('.')).map_or(0, |part| part.len() + 1);
    &whole[whole.len() - last.len() - domain..]
}

#[cfg(test)]
mod tests;
