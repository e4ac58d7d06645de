//! Golden traces: each file under `golden/` is a trace, what it is priced by, and what `replay` must print for it.
//! Each names the rule of the cost model that it holds the engine to, and is held to the reference as well.
//! `GOLDEN=NAME cargo test --test golden -- --nocapture` runs the cases whose path contains NAME and prints their reports.

#[path = "golden/case.rs"]
mod case;
#[path = "golden/check.rs"]
mod check;
#[path = "golden/focus.rs"]
mod focus;
#[path = "reference/reference.rs"]
mod reference;
#[path = "golden/shorthand.rs"]
mod shorthand;
#[path = "golden/worst.rs"]
mod worst;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use case::Case;
use serde_json::json;

#[test]
fn every_case_comes_out_as_written() {
    let only = std::env::var("GOLDEN").ok();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let mut paths = Vec::new();
    files(&root, &mut paths);
    paths.sort();
    paths.retain(|path| only.as_ref().is_none_or(|only| path.to_string_lossy().contains(only)));
    let mut failed = Vec::new();
    for path in &paths {
        let name = path.strip_prefix(&root).expect("below the root").display().to_string();
        let case = Case::read(path);
        let outcome = case.run(&name);
        if only.is_some() {
            println!("{name}: {}", outcome.shown());
        }
        let faults = check::faults(&case, &outcome);
        if !faults.is_empty() {
            failed.push(format!("{name} ({}) {}\n  {}", case.rule, case.says, faults.join("\n  ")));
        }
    }
    assert!(only.is_some() || paths.len() > 50, "only {} cases were found", paths.len());
    assert!(failed.is_empty(), "{} of {} cases failed:\n\n{}\n", failed.len(), paths.len(), failed.join("\n\n"));
}

/// Each vector of the cost model and each of its finer rules.
#[test]
fn every_rule_and_vector_has_a_case() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let mut paths = Vec::new();
    files(&root, &mut paths);
    let rules: Vec<_> = paths.iter().map(|path| Case::read(path).rule).collect();
    let named = |kind: &str| -> BTreeSet<u8> {
        let numbers =
            rules.iter().filter_map(|rule| rule.split_once(kind)).flat_map(|(_, numbers)| numbers.split([',', ';']));
        numbers.filter_map(|number| number.trim().parse().ok()).collect()
    };
    let missing = |kind, most| (1..=most).filter(|n| !named(kind).contains(n)).collect::<Vec<u8>>();
    assert_eq!((missing("COST_RULES ", 46), missing("COST_MODEL vector ", 24)), (vec![], vec![]));
}

/// An open Statement names the largest workloads and merges the others, and nothing is lost.
#[test]
fn an_open_statement_has_at_most_150_lines() {
    let pods: Vec<_> = (1..=400)
        .map(|i| json!({"at": "2025-03-01T00:00:00Z", "added": {"pod": format!("a/p{i}"), "requests": {"cpu": i}}}))
        .collect();
    let case = json!({
        "rule": "API Statement", "says": "400 workloads", "from": "2025-03-01T00:00:00Z", "to": "2025-03-01T01:00:00Z",
        "given": [{"plan": "default", "pricesPerHour": {"cpu": 1}}, {"budget": "a/a"}], "trace": pods,
        "expect": {"statements": {"a/a-2025-03": {"exact": "80200"}}},
    });
    let case: Case = serde_json::from_value(case).expect("a case");
    let outcome = case.run("many-workloads");
    assert_eq!(check::faults(&case, &outcome), Vec::<String>::new());
    let report = outcome.report.expect("a report");
    let lines = report["statements"][0]["spec"]["lines"].as_array().expect("lines").clone();
    assert!(lines.len() <= 150, "{} lines", lines.len());
    let named = |name: &str| lines.iter().any(|line| line["workload"] == name);
    assert!(named("other") && named("Pod/p400") && !named("Pod/p1"));
}

fn files(directory: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(directory).expect("a directory") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            files(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "yaml") {
            found.push(path);
        }
    }
}
