//! The values: each with its comment, each known to the schema, and what some of them make.

use std::collections::BTreeSet;
use std::fs;

use serde_json::{Value, json};

use crate::CHART;
use crate::render::{render, strings};

const DEPLOYMENT: &str = "templates/deployment.yaml";

/// What Kubernetes and our own kinds define: no comment is needed on what is in it.
const DEFINED: [&str; 3] = ["defaultPricePlan.spec.", "showback.spec.", "resources."];

/// The values file names every value once, each below its comment; the schema knows the same ones.
#[test]
fn every_value_has_a_comment_and_a_schema() {
    let text = fs::read_to_string(format!("{CHART}/values.yaml")).unwrap();
    let schema = fs::read_to_string(format!("{CHART}/values.schema.json")).unwrap();
    let schema: Value = serde_json::from_str(&schema).unwrap();
    let (mut path, mut commented): (Vec<&str>, bool) = (Vec::new(), false);
    let mut seen = BTreeSet::new();
    for line in text.lines() {
        let content = line.trim_start();
        let Some((key, _)) = content.split_once(':').filter(|_| !content.starts_with(['#', '-'])) else {
            commented = content.starts_with('#');
            continue;
        };
        path.truncate((line.len() - content.len()) / 2);
        path.push(key);
        let full = path.join(".");
        if !DEFINED.iter().any(|defined| full.starts_with(defined)) {
            assert!(commented, "{full} has no comment above it");
            let known = path.iter().try_fold(&schema, |level, key| level["properties"].get(key));
            assert!(known.is_some(), "{full} is not in the schema");
        }
        seen.insert(full);
        commented = false;
    }
    let values: Value = serde_saphyr::from_str(&text).unwrap();
    for key in values.as_object().unwrap().keys() {
        assert!(seen.contains(key), "{key} was overlooked");
    }
    for key in schema["properties"].as_object().unwrap().keys().filter(|key| *key != "global") {
        assert!(seen.contains(key), "{key} is in the schema alone");
    }
}

/// The root file system is read-only: a trace has a volume of its own, which the operator's user may write to.
#[test]
fn traces_are_written_to_a_volume() {
    let pod = |values: &[&str]| render(DEPLOYMENT, values)[0]["spec"]["template"]["spec"].clone();
    let plain = pod(&[]);
    assert!(strings(&plain["containers"][0]["args"]).all(|arg| arg != "--record"));
    assert_eq!(plain["volumes"].as_array().unwrap().len(), 1);
    assert!(plain["securityContext"]["fsGroup"].is_null());

    let volatile = pod(&["record.enabled=true"]);
    let args: Vec<_> = strings(&volatile["containers"][0]["args"]).collect();
    let record = args.iter().position(|arg| *arg == "--record").unwrap();
    let (directory, file) = args[record + 1].rsplit_once('/').unwrap();
    assert_eq!(file, "$(POD_NAME).jsonl.zst", "replicas that share a claim do not share a file");
    let name = json!({"name": "POD_NAME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}});
    assert!(volatile["containers"][0]["env"].as_array().unwrap().contains(&name));
    assert_eq!(volatile["containers"][0]["volumeMounts"][1], json!({"name": "traces", "mountPath": directory}));
    assert_eq!(volatile["volumes"][1], json!({"name": "traces", "emptyDir": {"sizeLimit": "10Gi"}}));
    assert_eq!(volatile["securityContext"]["fsGroup"], volatile["securityContext"]["runAsGroup"]);

    let kept = pod(&["record.enabled=true", "record.existingClaim=traces-of-opex"]);
    let claim = json!({"name": "traces", "persistentVolumeClaim": {"claimName": "traces-of-opex"}});
    assert_eq!(kept["volumes"][1], claim);
}

/// The hook works as the operator, is bounded in time, and is found by nothing that looks for replicas.
#[test]
fn uninstalling_runs_a_job_first() {
    const HOOK: &str = "templates/uninstall.yaml";
    let job = &render(HOOK, &["uninstall.timeoutSeconds=45", "image.repository=r", "image.tag=t"])[0];
    assert_eq!(job["metadata"]["annotations"]["helm.sh/hook"], "pre-delete");
    assert_eq!(job["spec"]["activeDeadlineSeconds"], 45);
    let (pod, replica) = (&job["spec"]["template"], &render(DEPLOYMENT, &[])[0]["spec"]);
    let (hook, operator) = (&pod["spec"], &replica["template"]["spec"]);
    assert_eq!(hook["containers"][0]["args"], json!(["uninstall", "--namespace", "opex-system"]));
    assert_eq!(hook["containers"][0]["image"], "r:t");
    assert_eq!(hook["serviceAccountName"], operator["serviceAccountName"]);
    assert_eq!(hook["securityContext"], operator["securityContext"]);
    assert_eq!(hook["containers"][0]["securityContext"], operator["containers"][0]["securityContext"]);
    let selected = replica["selector"]["matchLabels"].as_object().unwrap();
    assert!(selected.iter().any(|(key, value)| pod["metadata"]["labels"][key] != *value));
}
