//! Traces in which what is nobody's own is divided.

use serde_json::{Value, json};

use crate::reference::Input;
use crate::traces;

/// The same trace with plans by which idle capacity and a namespace are divided. What everybody uses counts from the
/// period's beginning, in a replay from `--from`: nothing begins before.
pub fn with_sharing(mut input: Input) -> Input {
    let from = traces::text(input.from);
    let begin = |object: &mut Value| {
        let conditions = object["status"]["conditions"].as_array().into_iter().flatten().count();
        let conditions = (0..conditions).map(|i| format!("/status/conditions/{i}/lastTransitionTime"));
        for path in conditions.chain(["/metadata/creationTimestamp".to_owned(), "/status/startTime".to_owned()]) {
            let time = object.pointer_mut(&path).filter(|time| time.as_str() < from.as_str());
            if let Some(time) = time {
                *time = from.clone();
            }
        }
    };
    input.trace.iter_mut().for_each(|event| begin(&mut event.object));
    for event in &mut input.trace {
        let (kind, name) = (event.object["kind"].clone(), event.object["metadata"]["name"].clone());
        let by = |idle: &str, namespaces: &str| {
            let selector = json!({"matchLabels": {"team": "shop"}});
            json!({"idle": {"by": idle}, "namespaces": {"selector": selector, "by": namespaces}})
        };
        if kind == "PricePlan" {
            event.object["spec"]["sharing"] = if name == "default" { by("Usage", "Even") } else { by("Keep", "Usage") };
        }
        if kind == "ClusterBudget" && name == "all" {
            event.object["spec"]["includeIdle"] = json!(true);
        }
    }
    input
}

/// The same trace with a budget that is made within its period.
pub fn with_a_late_budget(mut input: Input) -> Input {
    for event in input.trace.iter_mut().filter(|event| event.object["metadata"]["name"] == "month") {
        event.at = input.from + 700;
        event.object["metadata"]["creationTimestamp"] = traces::text(event.at);
    }
    input.trace.sort_by_key(|event| event.at);
    input
}
