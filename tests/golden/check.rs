//! What a case's outcome is held to: what it writes down, every Statement's own arithmetic, and the reference.

use serde_json::Value;

use crate::case::{Case, Outcome};
use crate::focus;
use crate::reference::{self, compare};

/// Everything in which the outcome differs; empty is right.
pub fn faults(case: &Case, outcome: &Outcome) -> Vec<String> {
    let mut faults = Vec::new();
    let report = match (&outcome.report, &case.expect.error) {
        (Err(error), Some(expected)) if error.contains(expected) => return faults,
        (Err(error), _) => return vec![format!("error: {error}")],
        (Ok(_), Some(expected)) => return vec![format!("no error; expected: {expected}")],
        (Ok(report), None) => report,
    };
    troubles(case, outcome, &mut faults);
    let printed = report["statements"].as_array().expect("a list");
    faults.extend(printed.iter().flat_map(compare::faults));
    let of_budgets = printed.iter().filter(|statement| statement["spec"]["budgetRef"]["kind"] != "PricePlan");
    faults.extend(of_budgets.flat_map(focus::faults));
    statements(case, report, &mut faults);
    for (field, expected) in [("budgets", &case.expect.budgets), ("clusterBudgets", &case.expect.cluster_budgets)] {
        for (name, status) in expected {
            match named(&report[field], name) {
                Some(budget) => differ(&format!("{name} status"), status, &budget["status"], &mut faults),
                None => faults.push(format!("{field} {name} is missing")),
            }
        }
    }
    if let Some(input) = &outcome.input {
        agree(input, report, &mut faults);
    }
    faults
}

fn troubles(case: &Case, outcome: &Outcome, faults: &mut Vec<String>) {
    let expected = &case.expect.troubles;
    for trouble in &outcome.troubles {
        if !expected.iter().any(|expected| trouble.contains(expected)) {
            faults.push(format!("trouble: {trouble}"));
        }
    }
    for expected in expected {
        if !outcome.troubles.iter().any(|trouble| trouble.contains(expected)) {
            faults.push(format!("no trouble: {expected}"));
        }
    }
}

fn statements(case: &Case, report: &Value, faults: &mut Vec<String>) {
    let Some(expected) = &case.expect.statements else { return };
    for statement in report["statements"].as_array().expect("a list") {
        let name = full_name(statement);
        if !expected.contains_key(&name) {
            faults.push(format!(
                "{name} is not expected; it has {} lines",
                statement["spec"]["lines"].as_array().map_or(0, Vec::len)
            ));
        }
    }
    for (name, expected) in expected {
        let Some(statement) = named(&report["statements"], name) else {
            faults.push(format!("{name} is missing"));
            continue;
        };
        let (mut expected, spec) = (expected.clone(), &statement["spec"]);
        let fields = expected.as_object_mut().expect("an object");
        if let Some(exact) = fields.remove("exact") {
            let (exact, total) =
                (compare::number(exact.as_str().expect("a quoted number")), compare::exact_total(spec));
            if exact != total {
                faults.push(format!("{name}: exactly {total}, expected {exact}"));
            }
        }
        if let Some(lines) = fields.remove("lines") {
            lines_differ(name, &lines, &spec["lines"], faults);
        }
        differ(name, &expected, spec, faults);
    }
}

/// Each expected line names the fields that matter; all lines are expected.
fn lines_differ(name: &str, expected: &Value, lines: &Value, faults: &mut Vec<String>) {
    let mut left: Vec<_> = lines.as_array().expect("lines").iter().collect();
    for line in expected.as_array().expect("lines") {
        match left.iter().position(|candidate| contains(candidate, line)) {
            Some(found) => drop(left.remove(found)),
            None => faults.push(format!("{name}: no line {line}")),
        }
    }
    faults.extend(left.iter().map(|line| format!("{name}: not expected: {line}")));
}

/// Whatever `expected` names must be equal; null means absent.
fn differ(about: &str, expected: &Value, actual: &Value, faults: &mut Vec<String>) {
    for (field, value) in expected.as_object().expect("an object") {
        if !contains(&actual[field], value) {
            faults.push(format!("{about}: {field} is {}, expected {value}", actual[field]));
        }
    }
}

fn contains(actual: &Value, expected: &Value) -> bool {
    match (actual, expected) {
        (Value::Object(actual), Value::Object(expected)) => {
            expected.iter().all(|(name, value)| contains(actual.get(name).unwrap_or(&Value::Null), value))
        }
        (Value::Array(actual), Value::Array(expected)) => {
            actual.len() == expected.len()
                && actual.iter().zip(expected).all(|(actual, expected)| contains(actual, expected))
        }
        // Conditions, by their type.
        (Value::Array(actual), Value::Object(expected)) => expected.iter().all(|(kind, expected)| {
            actual.iter().find(|one| one["type"] == kind.as_str()).is_some_and(|one| contains(one, expected))
        }),
        (actual, expected) => actual == expected,
    }
}

fn agree(input: &reference::Input, report: &Value, faults: &mut Vec<String>) {
    let mut differences = compare::differences(&compare::bills(report), &reference::bills(input));
    differences.extend(compare::differing_statuses(report, &reference::statuses(input)));
    faults.extend(differences.into_iter().map(|what| format!("not as the reference: {what}")));
}

fn named<'a>(list: &'a Value, name: &str) -> Option<&'a Value> {
    list.as_array()?.iter().find(|object| full_name(object) == name)
}

fn full_name(object: &Value) -> String {
    let metadata = &object["metadata"];
    let name = metadata["name"].as_str().unwrap_or("");
    metadata["namespace"].as_str().map_or_else(|| name.to_owned(), |namespace| format!("{namespace}/{name}"))
}
