//! The definitions in `crds/` are those of the types, and describe them completely.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use opex_operator::api;
use serde_json::Value;

#[test]
fn files_are_those_of_the_types() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("crds");
    let wanted: BTreeMap<String, String> = api::crds()
        .iter()
        .map(|crd| (format!("{}.yaml", crd.spec.names.plural), serde_saphyr::to_string(crd).unwrap()))
        .collect();
    let found: BTreeMap<String, String> = fs::read_dir(&directory)
        .unwrap()
        .map(|entry| entry.unwrap())
        .map(|entry| (entry.file_name().into_string().unwrap(), fs::read_to_string(entry.path()).unwrap()))
        .collect();
    let names = |files: &BTreeMap<String, String>| files.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&found), names(&wanted), "run: cargo run -- crds --out crds");
    for (name, text) in wanted {
        assert!(found[&name] == text, "crds/{name} is not what the types say; run: cargo run -- crds --out crds");
    }
}

#[test]
fn every_field_is_described_and_bounded() {
    let mut faults = Vec::new();
    for crd in api::crds() {
        let schema = crd.spec.versions[0].schema.as_ref().unwrap().open_api_v3_schema.as_ref().unwrap();
        visit(&crd.spec.names.kind, &serde_json::to_value(schema).unwrap(), &mut faults);
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

fn visit(path: &str, schema: &Value, faults: &mut Vec<String>) {
    let mut fault = |what: &str| faults.push(format!("{path}: {what}"));
    match schema["type"].as_str() {
        Some("array") => {
            if schema["maxItems"].is_null() {
                fault("a list without maxItems makes CEL rules too expensive");
            }
            if schema["x-kubernetes-list-type"].is_null() {
                fault("a list without x-kubernetes-list-type cannot be merged");
            }
            visit(&format!("{path}[]"), &schema["items"], faults);
        }
        Some("object") => {
            let entries = &schema["additionalProperties"];
            if !entries.is_null() {
                if schema["maxProperties"].is_null() {
                    fault("a map without maxProperties makes CEL rules too expensive");
                }
                visit(&format!("{path}{{}}"), entries, faults);
            }
        }
        Some("string") if ["enum", "format", "maxLength"].iter().all(|bound| schema[bound].is_null()) => {
            fault("a string without enum, format or maxLength has no bound");
        }
        Some("number") => fault("a binary fraction is not exact"),
        None if schema["x-kubernetes-int-or-string"].is_null() => fault("a schema without a type"),
        _ => {}
    }
    for rule in schema["x-kubernetes-validations"].as_array().into_iter().flatten() {
        if rule["message"].is_null() {
            faults.push(format!("{path}: a rule without a message"));
        }
    }
    for (name, field) in schema["properties"].as_object().into_iter().flatten() {
        if field["description"].is_null() {
            faults.push(format!("{path}.{name}: not described"));
        }
        visit(&format!("{path}.{name}"), field, faults);
    }
}

#[test]
fn examples_are_read_as_the_types() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    for entry in fs::read_dir(directory).unwrap() {
        let text = fs::read_to_string(entry.unwrap().path()).unwrap();
        for manifest in serde_saphyr::from_multiple::<Value>(&text).unwrap() {
            read(manifest);
        }
    }
}

fn read(manifest: Value) {
    let kind = manifest["kind"].as_str().unwrap().to_owned();
    let result = match kind.as_str() {
        "Namespace" => Ok(()),
        "PricePlan" => serde_json::from_value::<api::PricePlan>(manifest).map(drop),
        "Budget" => serde_json::from_value::<api::Budget>(manifest).map(drop),
        "ClusterBudget" => serde_json::from_value::<api::ClusterBudget>(manifest).map(drop),
        "BudgetOverride" => serde_json::from_value::<api::BudgetOverride>(manifest).map(drop),
        _ => panic!("an example of kind {kind}"),
    };
    assert!(result.is_ok(), "{kind}: {result:?}");
}
