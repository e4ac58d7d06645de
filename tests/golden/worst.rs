//! The worst inputs of each meter: what is wrong is named, in a trouble, a condition or an unpriced line, and nothing
//! else is stopped by it. Each file under `tests/worst/` is the table of one meter.
//!
//! Every row is priced by a plan at 1 an hour for a core, over one hour in which a good Pod of one core runs as well:
//! that is billed in every row but those whose plan cannot be used at all.

use std::collections::BTreeSet;
use std::path::Path;

use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::case::Case;
use crate::check;

/// Of one meter: what it lets pass and what it names.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    /// What is wrong.
    given: String,
    /// What the plan says beside its base prices.
    #[serde(default)]
    plan: Map<String, Value>,
    /// The budget, beside its name.
    #[serde(default)]
    budget: Map<String, Value>,
    /// Objects in shorthand that are there at the beginning.
    #[serde(default)]
    objects: Vec<Value>,
    /// What follows, as in golden traces.
    #[serde(default)]
    then: Vec<Value>,
    /// Why nothing is read at all: a part of it.
    error: Option<String>,
    /// Of each trouble a part.
    #[serde(default)]
    troubles: Vec<String>,
    /// Rates that are billed beside the good Pod's, with their exact cost; null: unpriced.
    #[serde(default)]
    lines: Map<String, Value>,
    /// Reason of the condition Ready, and a part of its message.
    #[serde(default)]
    ready: Option<(String, String)>,
    /// The plan cannot be used, so that nothing has a price.
    #[serde(default)]
    unpriced: bool,
    /// The budget cannot be used, so that another one bills the good Pod.
    #[serde(default)]
    unusable: bool,
    /// What the budget's limit, gate or what else of its status is.
    #[serde(default)]
    status: Map<String, Value>,
    /// Reasons of the Statement's gaps, parts of them.
    #[serde(default)]
    gaps: Vec<String>,
}

#[test]
fn the_worst_inputs_are_named_and_stop_nothing() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/worst");
    let mut paths: Vec<_> = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let mut failed = Vec::new();
    for path in &paths {
        let meter = path.file_stem().unwrap().to_string_lossy().into_owned();
        let text = std::fs::read_to_string(path).unwrap();
        let rows: Vec<Row> =
            serde_saphyr::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        assert!(rows.len() >= 10, "{meter} has {} rows", rows.len());
        for (i, row) in rows.iter().enumerate() {
            let faults = row.faults(&format!("worst-{meter}-{i}"));
            if !faults.is_empty() {
                failed.push(format!("{meter}: {}\n  {}", row.given, faults.join("\n  ")));
            }
        }
    }
    assert!(paths.len() >= 13, "only {} meters", paths.len());
    assert!(failed.is_empty(), "{} failed:\n\n{}\n", failed.len(), failed.join("\n\n"));
}

// === impl Row ===

impl Row {
    fn faults(&self, name: &str) -> Vec<String> {
        assert!(
            self.error.is_some()
                || self.unpriced
                || !self.status.is_empty()
                || !self.gaps.is_empty()
                || !self.lines.is_empty()
                || !self.troubles.is_empty()
                || self.ready.is_some(),
            "{}: nothing is expected",
            self.given
        );
        let case = self.case();
        let outcome = case.run(name);
        let mut faults = check::faults(&case, &outcome);
        if let Ok(report) = &outcome.report {
            faults.extend(self.billed(report));
            faults.extend(self.said(report));
        }
        faults
    }

    fn case(&self) -> Case {
        let start = "2025-03-01T00:00:00Z";
        let mut plan = json!({"plan": "default", "pricesPerHour": {"cpu": 1}});
        let mut budget = json!({"budget": "a/team"});
        for (object, fields) in [(&mut plan, &self.plan), (&mut budget, &self.budget)] {
            fields.iter().for_each(|(field, value)| object[field] = value.clone());
        }
        let good = json!({"pod": "a/good", "requests": {"cpu": 1}});
        let other = json!({"budget": "a/other"});
        let there = [json!({"namespace": "a"}), json!({"node": "n1"}), good];
        let added = there.iter().chain(&self.objects).map(|object| json!({"at": start, "added": object}));
        let trace: Vec<_> = added.chain(self.then.iter().cloned()).collect();
        let case = json!({
            "rule": "issue 4, section 6.5", "says": self.given, "from": start, "to": "2025-03-01T01:00:00Z",
            "given": [plan, budget, other], "trace": trace, "no_reference": "it knows good input only",
            "expect": {"troubles": self.troubles, "error": self.error},
        });
        serde_json::from_value(case).expect("a case")
    }

    /// The rates that are billed, beside the good Pod's core-hour.
    fn billed(&self, report: &Value) -> Vec<String> {
        let billing = if self.unusable { "other" } else { "team" };
        let statement = report["statements"]
            .as_array()
            .into_iter()
            .flatten()
            .find(|one| one["metadata"]["namespace"] == "a" && one["spec"]["budgetRef"]["name"] == billing);
        let Some(statement) = statement else { return vec!["there is no Statement".to_owned()] };
        let gaps: Vec<_> = statement["spec"]["gaps"].as_array().into_iter().flatten().collect();
        let lines: Vec<_> = statement["spec"]["lines"].as_array().into_iter().flatten().collect();
        let good = lines.iter().find(|line| line["workload"] == "Pod/good" && line["quantity"] == "3600000");
        let mut faults = Vec::new();
        let told = |part: &&String| gaps.iter().any(|gap| gap["reason"].as_str().is_some_and(|r| r.contains(*part)));
        if self.gaps.len() != gaps.len() || !self.gaps.iter().all(|part| told(&part)) {
            faults.push(format!("the gaps are {gaps:?}"));
        }
        match good {
            None => faults.push(format!("the good Pod is not billed: {lines:?}")),
            Some(line) if line["cost"].is_null() != self.unpriced => faults.push(format!("the good Pod: {line}")),
            Some(_) => {}
        }
        let others: Vec<_> = lines.iter().filter(|line| line["workload"] != "Pod/good").collect();
        let rates: BTreeSet<_> = others.iter().filter_map(|line| line["rate"].as_str()).collect();
        let expected: BTreeSet<_> = self.lines.keys().map(String::as_str).collect();
        if rates != expected {
            faults.push(format!("billed are {rates:?}, expected {expected:?}"));
        }
        for (rate, cost) in &self.lines {
            let of_rate = others.iter().filter(|line| line["rate"] == rate.as_str());
            let costs: Vec<_> = of_rate.map(|line| line["cost"].clone()).collect();
            if !costs.contains(cost) {
                faults.push(format!("{rate} costs {costs:?}, expected {cost}"));
            }
        }
        faults
    }

    fn said(&self, report: &Value) -> Vec<String> {
        let budgets = report["budgets"].as_array().into_iter().flatten();
        let budget = budgets.into_iter().find(|one| one["metadata"]["name"] == "team").cloned().unwrap_or_default();
        let status = &budget["status"];
        let differs = |(field, value): &(&String, &Value)| status[field.as_str()] != **value;
        let fields = self.status.iter().filter(differs);
        let mut faults: Vec<_> = fields.map(|(field, _)| format!("{field} is {}", status[field.as_str()])).collect();
        let unusable = self.unpriced.then(|| ("PlanNotFound".to_owned(), "cannot be used: spec.".to_owned()));
        if let Some((reason, message)) = self.ready.as_ref().or(unusable.as_ref()) {
            let conditions = status["conditions"].as_array().cloned().unwrap_or_default();
            let ready = conditions.into_iter().find(|condition| condition["type"] == "Ready").unwrap_or_default();
            let says = ready["message"].as_str().is_some_and(|says| says.contains(message));
            if ready["reason"] != reason.as_str() || !says {
                faults.push(format!("Ready is {ready}"));
            }
        }
        faults
    }
}
