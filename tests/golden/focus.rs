//! Every Statement as FOCUS rows, held to the specification: which columns there are, what may be null, how values are
//! written, and which rules tie them together. The lists are FOCUS 1.3's, written down apart from the program's.

use std::collections::BTreeMap;

use opex_operator::api::Statement;
use opex_operator::focus::rows::{Format, Rows};
use serde_json::Value;

use crate::reference::compare;

/// Columns that are always there and never null.
const NEVER_NULL: &str = "BilledCost BillingAccountId BillingAccountName BillingAccountType BillingCurrency BillingPeriodEnd BillingPeriodStart ChargeCategory ChargeDescription ChargeFrequency ChargePeriodEnd ChargePeriodStart ContractedCost EffectiveCost HostProviderName InvoiceIssuerName ListCost ProviderName PublisherName ServiceCategory ServiceName ServiceProviderName ServiceSubcategory";
/// Columns that are always there.
const MANDATORY: &str = "ChargeClass PricingQuantity PricingUnit";
/// What else there may be, of what the specification has.
const OTHER: &str = "AllocatedMethodDetails AllocatedMethodId AllocatedResourceId AllocatedResourceName AllocatedTags AvailabilityZone CapacityReservationId CapacityReservationStatus CommitmentDiscountCategory CommitmentDiscountId CommitmentDiscountName CommitmentDiscountQuantity CommitmentDiscountStatus CommitmentDiscountType CommitmentDiscountUnit ConsumedQuantity ConsumedUnit ContractApplied ContractedUnitPrice InvoiceId ListUnitPrice PricingCategory PricingCurrency PricingCurrencyContractedUnitPrice PricingCurrencyEffectiveCost PricingCurrencyListUnitPrice RegionId RegionName ResourceId ResourceName ResourceType SkuId SkuMeter SkuPriceDetails SkuPriceId SubAccountId SubAccountName SubAccountType Tags";
const SUBCATEGORIES: [(&str, &str); 9] = [
    ("Business Applications", "Other (Business Applications)"),
    ("Compute", "Containers"),
    ("Databases", "Other (Databases)"),
    ("Management and Governance", "Observability|Support"),
    ("Networking", "Other (Networking)"),
    ("Other", "Other (Other)"),
    ("Security", "Other (Security)"),
    ("Storage", "Backup Storage|Other (Storage)"),
    ("Web", ""),
];

type Row = BTreeMap<String, String>;

/// Everything in which the rows of a Statement are not as they should be.
pub fn faults(statement: &Value) -> Vec<String> {
    let read: Statement = serde_json::from_value(statement.clone()).expect("a Statement");
    let name = format!("focus rows of {}", read.metadata.name.as_deref().unwrap_or_default());
    let (csv, jsonl) = (written(&read, Format::FocusCsv), written(&read, Format::Jsonl));
    let rows = match rows(&csv) {
        Ok(rows) => rows,
        Err(error) => return vec![format!("{name}: {error}")],
    };
    let mut faults = Vec::new();
    for row in &rows {
        faults.extend(row_faults(row).into_iter().map(|fault| format!("{name}: {fault}: {row:?}")));
    }
    let objects: Vec<Row> = jsonl.lines().map(object).collect();
    if objects != rows.iter().map(filled).collect::<Vec<_>>() {
        faults.push(format!("{name}: the formats differ: {objects:?}"));
    }
    let priced = read.spec.lines.iter().filter(|line| line.cost.is_some()).count();
    if rows.len() != priced {
        faults.push(format!("{name}: {} rows of {priced} lines", rows.len()));
    }
    let sum =
        rows.iter().map(|row| compare::number(&row["BilledCost"])).fold(compare::number("0"), |sum, one| sum + one);
    let off = sum - compare::exact_total(&statement["spec"]);
    let most = compare::number("0.0000000001") * compare::number(&rows.len().to_string());
    if off.clone() > most || -off > most {
        faults.push(format!("{name}: the rows do not come to the total"));
    }
    faults
}

fn written(statement: &Statement, format: Format) -> String {
    let mut bytes = Vec::new();
    let mut rows = Rows::new(format, &mut bytes).expect("memory");
    rows.write(statement, |unread| panic!("{unread}")).expect("memory");
    rows.finish().expect("memory");
    String::from_utf8(bytes).expect("text")
}

fn rows(csv: &str) -> Result<Vec<Row>, String> {
    let mut reader = csv::Reader::from_reader(csv.as_bytes());
    let header: Vec<String> = reader.headers().map_err(|error| error.to_string())?.iter().map(str::to_owned).collect();
    let known =
        |column: &String| [NEVER_NULL, MANDATORY, OTHER].iter().any(|list| list.split(' ').any(|c| c == column));
    if let Some(column) = header.iter().find(|column| !known(column)) {
        return Err(format!("FOCUS 1.3 has no column {column}"));
    }
    let missing = NEVER_NULL.split(' ').chain(MANDATORY.split(' ')).find(|column| !header.iter().any(|c| c == column));
    if let Some(column) = missing {
        return Err(format!("column {column} is missing"));
    }
    let records = reader.records().map(|record| {
        let record = record.map_err(|error| error.to_string())?;
        Ok(header.iter().cloned().zip(record.iter().map(str::to_owned)).collect())
    });
    records.collect()
}

fn object(line: &str) -> Row {
    let object: BTreeMap<String, Box<serde_json::value::RawValue>> = serde_json::from_str(line).expect("JSON");
    let text = |value: &str| serde_json::from_str::<String>(value).unwrap_or_else(|_| value.to_owned());
    object
        .into_iter()
        .filter(|(_, value)| value.get() != "null")
        .map(|(name, value)| (name, text(value.get())))
        .collect()
}

fn filled(row: &Row) -> Row {
    row.iter().filter(|(_, value)| !value.is_empty()).map(|(name, value)| (name.clone(), value.clone())).collect()
}

fn row_faults(row: &Row) -> Vec<String> {
    let value = |name: &str| row[name].as_str();
    let null = |name: &str| value(name).is_empty();
    let mut faults = Vec::new();
    let mut hold = |rule: &str, holds: bool| {
        if !holds {
            faults.push(rule.to_owned());
        }
    };
    for column in NEVER_NULL.split(' ') {
        hold(&format!("{column} is null"), !null(column));
    }
    for column in
        row.keys().filter(|name| name.ends_with("Cost") || name.ends_with("Price") || name.ends_with("Quantity"))
    {
        hold(&format!("{column} is no number"), null(column) || is_number(value(column)));
    }
    for column in row.keys().filter(|name| name.contains("Period")) {
        hold(&format!("{column} is no time"), is_time(value(column)));
    }
    for column in ["SkuPriceDetails", "Tags"] {
        hold(&format!("{column} holds no plain values"), null(column) || is_key_value(value(column)));
    }
    let (usage, purchase) = (value("ChargeCategory") == "Usage", value("ChargeCategory") == "Purchase");
    let correction = value("ChargeClass") == "Correction";
    hold("ChargeCategory", usage || purchase || value("ChargeCategory") == "Adjustment");
    hold("ChargeClass", correction || null("ChargeClass"));
    hold("ChargeFrequency", ["One-Time", "Recurring", "Usage-Based"].contains(&value("ChargeFrequency")));
    hold("a purchase is not usage-based", !purchase || value("ChargeFrequency") != "Usage-Based");
    hold("BillingCurrency", value("BillingCurrency").len() == 3);
    hold("periods", value("ChargePeriodStart") < value("ChargePeriodEnd"));
    hold("billing periods", value("BillingPeriodStart") < value("BillingPeriodEnd"));
    hold("the charge is within the billing period", value("ChargePeriodEnd") <= value("BillingPeriodEnd"));
    for column in [
        "PricingQuantity",
        "PricingUnit",
        "ListUnitPrice",
        "ContractedUnitPrice",
        "PricingCategory",
        "SkuId",
        "SkuPriceId",
    ] {
        hold(&format!("{column} of usage and purchases"), correction || !(usage || purchase) || !null(column));
    }
    hold("PricingCategory", null("PricingCategory") || value("PricingCategory") == "Standard");
    hold("ConsumedQuantity", if usage { correction || !null("ConsumedQuantity") } else { null("ConsumedQuantity") });
    for (one, other) in [
        ("ConsumedQuantity", "ConsumedUnit"),
        ("PricingQuantity", "PricingUnit"),
        ("ResourceId", "ResourceType"),
        ("ResourceId", "ResourceName"),
        ("SubAccountId", "SubAccountName"),
        ("SubAccountId", "SubAccountType"),
        ("SkuId", "SkuMeter"),
    ] {
        hold(&format!("{one} goes with {other}"), null(one) == null(other));
    }
    for (price, cost) in [("ListUnitPrice", "ListCost"), ("ContractedUnitPrice", "ContractedCost")] {
        hold(&format!("{price} is negative"), !value(price).starts_with('-'));
        let product = null(price) || is_product(value(price), value("PricingQuantity"), value(cost));
        hold(&format!("{cost} is no product"), correction || product);
    }
    let subcategories = SUBCATEGORIES.iter().find(|(category, _)| *category == value("ServiceCategory"));
    let subcategory =
        subcategories.is_some_and(|(_, these)| these.split('|').any(|one| one == value("ServiceSubcategory")));
    hold("ServiceSubcategory", subcategory);
    faults
}

/// Digits, a point and digits perhaps, a minus perhaps: FOCUS' numeric format without an exponent.
fn is_number(text: &str) -> bool {
    let number = text.strip_prefix('-').unwrap_or(text);
    let (whole, decimals) = number.split_once('.').unwrap_or((number, "0"));
    [whole, decimals].iter().all(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()))
}

/// `2026-11-01T00:00:00Z`
fn is_time(text: &str) -> bool {
    text.len() == 20 && text.ends_with('Z') && text.parse::<jiff::Timestamp>().is_ok()
}

fn is_key_value(text: &str) -> bool {
    let object: Option<serde_json::Map<String, Value>> = serde_json::from_str(text).ok();
    object.is_some_and(|object| object.values().all(|value| !value.is_array() && !value.is_object()))
}

fn is_product(price: &str, quantity: &str, cost: &str) -> bool {
    let off = compare::number(price) * compare::number(quantity) - compare::number(cost);
    let near = compare::number("0.0000000001");
    off.clone() <= near && -off <= near
}
