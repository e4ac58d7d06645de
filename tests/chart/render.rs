//! What Helm makes of the chart, without a cluster.

use std::process::{Command, Output};

use opex_cluster::{Programs, current_is_wanted};
use serde_json::Value;

use crate::CHART;

/// The objects of a template with these values.
pub fn render(template: &str, values: &[&str]) -> Vec<Value> {
    let output = run(template, values);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    let objects: Vec<Value> = serde_saphyr::from_multiple(&text).unwrap();
    objects.into_iter().filter(|object| !object.is_null()).collect()
}

/// Whether a template makes nothing by default, of which Helm says that there is no such template.
pub fn renders_nothing(template: &str) -> bool {
    let output = run(template, &[]);
    !output.status.success() && String::from_utf8_lossy(&output.stderr).contains("could not find template")
}

fn run(template: &str, values: &[&str]) -> Output {
    let helm = if current_is_wanted().unwrap() { "helm".into() } else { Programs::build().unwrap().path("helm") };
    let mut helm = Command::new(helm);
    helm.args(["template", "opex-operator", CHART, "-n", "opex-system", "--show-only", template]);
    helm.args(values.iter().flat_map(|value| ["--set", value]));
    helm.output().unwrap()
}

/// The strings of a list.
pub fn strings(list: &Value) -> impl Iterator<Item = &str> {
    list.as_array().into_iter().flatten().filter_map(Value::as_str)
}
