//! Objects as the cases write them: `{pod: team-a/web, requests: {cpu: 500m}}` for what Kubernetes spells out.
//! A `modified` or `deleted` object names only what has changed since the version before.

use std::collections::HashMap;

use jiff::Timestamp;
use serde_json::{Map, Value, json};

/// The newest version of each object.
pub struct Objects {
    from: Timestamp,
    newest: HashMap<String, Value>,
}

impl Objects {
    pub fn new(from: Timestamp) -> Self {
        Self { from, newest: HashMap::new() }
    }

    /// An object of a manifest: without what the API server adds.
    pub fn given(&mut self, short: &Value) -> Value {
        let mut object = json!({});
        merge(&mut object, &expand(short, &json!(self.from), true));
        if let Some(metadata) = object["metadata"].as_object_mut().filter(|_| short["kind"].is_null()) {
            metadata.retain(|name, _| name != "uid" && name != "creationTimestamp");
        }
        self.newest.insert(id(&object), object.clone());
        object
    }

    /// One version of an object, as observed.
    pub fn version(&mut self, change: &str, short: &Value, at: &Value) -> Value {
        let patch = expand(short, at, false);
        let before = self.newest.get(&id(&patch)).filter(|_| change != "added");
        let mut object = before.cloned().unwrap_or_default();
        if before.is_none() {
            merge(&mut object, &expand(short, at, true));
        }
        merge(&mut object, &patch);
        self.newest.insert(id(&object), object.clone());
        object
    }
}

fn id(object: &Value) -> String {
    let metadata = &object["metadata"];
    format!("{}/{}/{}", object["kind"], metadata["namespace"], metadata["name"])
}

/// A whole object, or of a shorthand what it says; with `whole` what it leaves out as well.
fn expand(short: &Value, at: &Value, whole: bool) -> Value {
    if short["kind"].is_string() {
        return short.clone();
    }
    let fields = short.as_object().expect("an object");
    let mut fields = fields.clone();
    let kinds = [
        "pod",
        "node",
        "namespace",
        "claim",
        "service",
        "deviceClaim",
        "plan",
        "budget",
        "clusterBudget",
        "override",
        "replicaSet",
        "job",
    ];
    let short_kind = kinds.into_iter().find(|kind| fields.contains_key(*kind));
    let short_kind = short_kind.unwrap_or_else(|| panic!("of no kind: {short}"));
    let name = fields.remove(short_kind).expect("there");
    let mut object = named(short_kind, name.as_str().expect("a name"));
    if whole {
        let uid = format!("{short_kind}-{}", name.as_str().expect("a name"));
        overlay(&mut object, &json!({"metadata": {"uid": uid, "creationTimestamp": at}}));
        overlay(&mut object, &defaults(short_kind, at));
    }
    for (field, to) in [("uid", "uid"), ("created", "creationTimestamp"), ("labels", "labels")] {
        if let Some(value) = fields.remove(field) {
            object["metadata"][to] = value;
        }
    }
    if let Some(owner) = fields.remove("owner") {
        let (kind, name) = owner.as_str().and_then(|owner| owner.split_once('/')).expect("KIND/NAME");
        object["metadata"]["ownerReferences"] = json!([{"kind": kind, "name": name, "controller": true,
            "apiVersion": if kind == "ReplicaSet" || kind == "Deployment" { "apps/v1" } else { "batch/v1" },
            "uid": format!("{}-{}", if kind == "ReplicaSet" { "replicaSet" } else { "job" },
                format!("{}/{name}", object["metadata"]["namespace"].as_str().unwrap_or("")))}]);
    }
    if let Some(seconds) = fields.remove("grace") {
        object["metadata"]["deletionGracePeriodSeconds"] = seconds;
    }
    if let Some(instant) = fields.remove("deleting") {
        object["metadata"]["deletionTimestamp"] = instant;
    }
    let raw: Vec<_> =
        ["metadata", "spec", "status"].into_iter().filter_map(|field| Some((field, fields.remove(field)?))).collect();
    overlay(&mut object, &said(short_kind, fields));
    for (field, value) in raw {
        overlay(&mut object, &json!({field: value}));
    }
    object
}

fn named(short_kind: &str, name: &str) -> Value {
    let (version, kind) = match short_kind {
        "pod" => ("v1", "Pod"),
        "node" => ("v1", "Node"),
        "namespace" => ("v1", "Namespace"),
        "claim" => ("v1", "PersistentVolumeClaim"),
        "service" => ("v1", "Service"),
        "deviceClaim" => ("resource.k8s.io/v1", "ResourceClaim"),
        "replicaSet" => ("apps/v1", "ReplicaSet"),
        "job" => ("batch/v1", "Job"),
        "plan" => ("billing.opex.dev/v1alpha1", "PricePlan"),
        "budget" => ("billing.opex.dev/v1alpha1", "Budget"),
        "override" => ("billing.opex.dev/v1alpha1", "BudgetOverride"),
        _ => ("billing.opex.dev/v1alpha1", "ClusterBudget"),
    };
    let metadata = match name.split_once('/') {
        Some((namespace, name)) => json!({"namespace": namespace, "name": name}),
        None => json!({"name": name}),
    };
    json!({"apiVersion": version, "kind": kind, "metadata": metadata})
}

/// A running Pod on n1, a bound claim, a plan in euros.
fn defaults(short_kind: &str, at: &Value) -> Value {
    match short_kind {
        "pod" => json!({
            "spec": {"nodeName": "n1", "containers": [{"name": "app"}]},
            "status": {"phase": "Running", "conditions": [scheduled(at)]},
        }),
        "claim" => json!({"status": {"phase": "Bound"}}),
        "service" => json!({"spec": {"type": "LoadBalancer"}}),
        "deviceClaim" => json!({"spec": {"devices": {"requests": [
            {"name": "gpu", "exactly": {"deviceClassName": "gpu.nvidia.com"}},
        ]}}}),
        "plan" => json!({"spec": {"currency": "EUR"}}),
        "budget" | "clusterBudget" => json!({"spec": {}}),
        "override" => json!({"spec": {"reason": "CHG-4711", "grantedBy": "alice"}}),
        _ => json!({}),
    }
}

fn scheduled(at: &Value) -> Value {
    json!({"type": "PodScheduled", "status": "True", "lastTransitionTime": at})
}

/// What the fields of a shorthand stand for; those of our kinds are their spec's, and `of: KIND/NAME` a `budgetRef`.
fn said(short_kind: &str, mut fields: Map<String, Value>) -> Value {
    if let Some(of) = fields.remove("of") {
        let (kind, name) = of.as_str().and_then(|of| of.split_once('/')).expect("KIND/NAME");
        fields.insert("budgetRef".to_owned(), json!({"kind": kind, "name": name}));
    }
    if ["plan", "budget", "clusterBudget", "override"].contains(&short_kind) {
        return json!({"spec": fields});
    }
    let mut object = json!({});
    for (field, value) in fields {
        let patch = match (short_kind, field.as_str()) {
            ("pod", "node") => json!({"spec": {"nodeName": value}}),
            ("pod", "requests") => json!({"spec": {"containers": [{"name": "app", "resources": {"requests": value}}]}}),
            ("pod", "containers") => json!({"spec": {"containers": value}}),
            ("pod", "init") => json!({"spec": {"initContainers": value}}),
            ("pod", "scheduled") if value.is_null() => json!({"status": {"conditions": null}}),
            ("pod", "scheduled") => json!({"status": {"conditions": [scheduled(&value)]}}),
            ("pod" | "claim", "phase") => json!({"status": {"phase": value}}),
            ("pod", "finished") => json!({"status": {"phase": "Succeeded", "containerStatuses":
                [{"name": "app", "state": {"terminated": {"exitCode": 0, "finishedAt": value}}}]}}),
            ("node", "capacity") => json!({"status": {"capacity": value}}),
            ("claim", "storage") => json!({"spec": {"resources": {"requests": {"storage": value}}}}),
            ("claim", "class") => json!({"spec": {"storageClassName": value}}),
            ("deviceClaim", "requests") => json!({"spec": {"devices": {"requests": value}}}),
            ("deviceClaim", "allocated") => json!({"status": {"allocation": {"allocationTimestamp": value}}}),
            ("deviceClaim", "holds") => json!({"status": {"allocation": {"devices": {"results": held(&value)}}}}),
            ("service", "type") => json!({"spec": {"type": value}}),
            other => panic!("a shorthand without meaning: {other:?}"),
        };
        overlay(&mut object, &patch);
    }
    object
}

/// The devices of an allocation by the requests that they are for; `!` before one is for administrators.
fn held(requests: &Value) -> Value {
    let device = |request: &Value| {
        let request = request.as_str().expect("a request");
        let (name, free) = request.strip_prefix('!').map_or((request, false), |name| (name, true));
        let mut device = json!({"request": name, "driver": "gpu.example.com", "pool": "n1", "device": "gpu-0"});
        if free {
            device["adminAccess"] = json!(true);
        }
        device
    };
    requests.as_array().expect("requests").iter().map(device).collect()
}

/// Puts a patch on another, so that the two become one.
fn overlay(object: &mut Value, patch: &Value) {
    match patch {
        Value::Object(fields) if object.is_object() => {
            for (name, value) in fields {
                overlay(&mut object[name], value);
            }
        }
        patch => *object = patch.clone(),
    }
}

/// A JSON merge patch: null removes, lists are replaced.
fn merge(object: &mut Value, patch: &Value) {
    let Value::Object(fields) = patch else {
        *object = patch.clone();
        return;
    };
    if !object.is_object() {
        *object = json!({});
    }
    for (name, value) in fields {
        if value.is_null() {
            object.as_object_mut().expect("an object").remove(name);
        } else {
            merge(&mut object[name], value);
        }
    }
}
