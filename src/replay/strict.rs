//! Manifests of our own kinds, as strictly as the API server takes them: a field that nobody knows is a mistake, and so is
//! what cannot be computed with.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::api;
use crate::engine::budget::Budget;
use crate::engine::rate::PriceList;

const OURS: [&str; 5] = ["Budget", "ClusterBudget", "BudgetOverride", "PricePlan", "Statement"];

/// What is wrong with an object of a manifest; other kinds are not looked at.
pub fn check(object: &Value) -> Result<(), String> {
    let text = |field: &Value| field.as_str().unwrap_or_default().to_owned();
    let (version, kind) = (text(&object["apiVersion"]), text(&object["kind"]));
    let group = version.split_once('/').map_or("", |(group, _)| group);
    let about = |what: String| format!("{kind} {}: {what}", text(&object["metadata"]["name"]));
    if !OURS.contains(&kind.as_str()) {
        let unknown = || format!("there is no such kind in {version}: it is one of {}", OURS.join(", "));
        return if group == api::GROUP { Err(about(unknown())) } else { Ok(()) };
    }
    let ours = format!("{}/{}", api::GROUP, api::VERSION);
    if version != ours {
        return Err(about(format!("apiVersion is {version:?}: write {ours}")));
    }
    if !["ClusterBudget", "PricePlan"].contains(&kind.as_str()) && object["metadata"]["namespace"].is_null() {
        return Err(about("metadata.namespace is missing".to_owned()));
    }
    match kind.as_str() {
        "Budget" => read(object).and_then(|budget: api::Budget| {
            Budget::of_namespace(&"".into(), &budget.spec).map(drop).map_err(|error| error.to_string())
        }),
        "ClusterBudget" => read(object).and_then(|budget: api::ClusterBudget| {
            Budget::of_mode(&budget.spec).map(drop).map_err(|error| error.to_string())
        }),
        "PricePlan" => read(object).and_then(|plan: api::PricePlan| {
            PriceList::compile(&plan.spec).map(drop).map_err(|error| error.to_string())
        }),
        "BudgetOverride" => read::<api::BudgetOverride>(object).map(drop),
        _ => read::<api::Statement>(object).map(drop),
    }
    .map_err(about)
}

/// Reads an object of which nothing may be left over.
fn read<T: DeserializeOwned + Serialize>(object: &Value) -> Result<T, String> {
    let read = serde_json::from_value::<T>(object.clone()).map_err(|error| error.to_string())?;
    let known = serde_json::to_value(&read).map_err(|error| error.to_string())?;
    match left_over(&object["spec"], &known["spec"]) {
        Some(field) => Err(format!("there is no field spec{field}")),
        None => Ok(read),
    }
}

/// The path of what was written and not read. What says nothing (null, an empty list) need not be there again.
fn left_over(written: &Value, read: &Value) -> Option<String> {
    match (written, read) {
        (Value::Object(written), Value::Object(read)) => {
            written.iter().find_map(|(name, value)| match read.get(name) {
                Some(same) => left_over(value, same).map(|rest| format!(".{name}{rest}")),
                None => says_something(value).then(|| format!(".{name}")),
            })
        }
        (Value::Array(written), Value::Array(read)) => {
            let each = written.iter().zip(read).enumerate();
            each.map(|(i, (value, same))| left_over(value, same).map(|rest| format!("[{i}]{rest}")))
                .find_map(|path| path)
        }
        _ => None,
    }
}

fn says_something(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => false,
        Value::Array(list) => !list.is_empty(),
        Value::Object(fields) => !fields.is_empty(),
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mistakes_are_named() {
        let plan = |spec: &str| {
            format!("{{apiVersion: billing.opex.dev/v1alpha1, kind: PricePlan, metadata: {{name: p}}, spec: {spec}}}")
        };
        let budget = |version: &str, metadata: &str, spec: &str| {
            format!("{{apiVersion: {version}, kind: Budget, metadata: {metadata}, spec: {spec}}}")
        };
        let (ours, team) = ("billing.opex.dev/v1alpha1", "{name: b, namespace: a}");
        let cases = [
            (plan("{currency: EUR, pricesPerHuor: {cpu: '1'}}"), "PricePlan p: there is no field spec.pricesPerHuor"),
            (
                plan("{currency: EUR, storage: [{pricePerGiBMonth: '1', clas: x}]}"),
                "there is no field spec.storage[0].clas",
            ),
            (plan("{currency: EUR, timeZone: Europe/Pariss}"), "Europe/Pariss"),
            (plan("{currency: EUR, pricesPerHour: {cpu: 0.03}}"), "a decimal number in quotes"),
            (
                budget("opex.dev/v1", team, "{}"),
                "Budget b: apiVersion is \"opex.dev/v1\": write billing.opex.dev/v1alpha1",
            ),
            (budget(ours, "{name: b}", "{}"), "Budget b: metadata.namespace is missing"),
            (
                budget(ours, team, "{limit: {amount: 1, currency: EUR}, thresholds: [{percent: 1, action: Blok}]}"),
                "Blok",
            ),
            (
                budget(ours, team, "{}").replace("Budget", "Budgett"),
                "Budgett b: there is no such kind in billing.opex.dev/v1alpha1",
            ),
        ];
        for (manifest, wrong) in cases {
            let error = check(&serde_saphyr::from_str(&manifest).unwrap()).unwrap_err();
            assert!(error.contains(wrong), "{manifest}: {error}");
        }
    }

    #[test]
    fn what_is_right_passes() {
        let right = [
            "{apiVersion: v1, kind: Pod, metadata: {name: p}, spec: {any: thing}}",
            "{apiVersion: billing.opex.dev/v1alpha1, kind: PricePlan, metadata: {name: p}, spec: {currency: EUR, estimate: false, \
             pricesPerHour: {cpu: 1, memory: '0.004'}, nodeClasses: []}}",
            "{apiVersion: billing.opex.dev/v1alpha1, kind: Budget, metadata: {name: b, namespace: a}, spec: {limit: {amount: 1000, \
             currency: EUR}, period: {every: Month, startDay: 1}, thresholds: [{percent: 80, of: Actual, action: Notify}]}}",
        ];
        for manifest in right {
            assert_eq!(check(&serde_saphyr::from_str(manifest).unwrap()), Ok(()));
        }
    }
}
