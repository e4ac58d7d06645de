//! What a workload makes of its template: Pods, and the claims that come with them. Everything is as the API server
//! writes it, in JSON.

use jiff::Timestamp;
use serde_json::{Value, json};

/// What of a template decides what its Pods cost: two that agree in this cost the same.
pub fn bill(template: &Value) -> Value {
    let spec = &template["spec"];
    let containers = |list: &Value| -> Vec<Value> {
        let one = |container: &Value| json!([container["name"], container["resources"], container["restartPolicy"]]);
        list.as_array().into_iter().flatten().map(one).collect()
    };
    json!([
        template["metadata"]["labels"],
        containers(&spec["containers"]),
        containers(&spec["initContainers"]),
        spec["resources"],
        spec["overhead"],
        spec["nodeSelector"],
        spec["affinity"],
        spec["tolerations"],
        ephemeral(spec).collect::<Vec<_>>(),
    ])
}

/// A Pod that runs from `now` on; without a node it is priced as on one without labels.
pub fn pod(name: &str, owner: &Value, labels: &Value, spec: &Value, node: Option<&str>, now: Timestamp) -> Value {
    let mut spec = spec.clone();
    // What is on no node costs nothing; this one is to cost.
    spec["nodeName"] = json!(node.unwrap_or("unknown"));
    json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": name,
            "namespace": owner["metadata"]["namespace"],
            "creationTimestamp": now,
            "labels": labels,
            "ownerReferences": [{
                "apiVersion": owner["apiVersion"],
                "kind": owner["kind"],
                "name": owner["metadata"]["name"],
                "uid": owner["metadata"]["uid"].as_str().unwrap_or("imagined"),
                "controller": true,
            }],
        },
        "spec": spec,
        "status": running(now),
    })
}

/// A Pod that was scheduled at `now`.
pub fn running(now: Timestamp) -> Value {
    json!({
        "phase": "Running",
        "conditions": [{"type": "PodScheduled", "status": "True", "lastTransitionTime": now}],
    })
}

/// A claim that is bound from `now` on.
pub fn claim(name: &str, namespace: &Value, labels: &Value, spec: &Value, class: &str, now: Timestamp) -> Value {
    let mut spec = spec.clone();
    if spec["storageClassName"].is_null() {
        spec["storageClassName"] = json!(class);
    }
    json!({
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": name, "namespace": namespace, "creationTimestamp": now, "labels": labels},
        "spec": spec,
        "status": {"phase": "Bound"},
    })
}

/// The volumes of a Pod's spec that bring a claim of their own: name, and what the claim is to be.
pub fn ephemeral(spec: &Value) -> impl Iterator<Item = (&str, &Value)> {
    let volumes = spec["volumes"].as_array().into_iter().flatten();
    volumes.filter_map(|volume| {
        let template = volume.pointer("/ephemeral/volumeClaimTemplate")?;
        Some((volume["name"].as_str()?, template))
    })
}

/// A copy with a creation time, for what the API server would make now.
pub fn made(object: &Value, now: Timestamp) -> Value {
    let mut object = object.clone();
    object["metadata"]["creationTimestamp"] = json!(now);
    object
}

/// The same of another Pod, which begins to use it at `now`.
pub fn renamed(sample: &Value, pod: &str, now: Timestamp) -> Value {
    let mut sample = sample.clone();
    sample["timestamp"] = json!(now);
    sample["metadata"] = json!({"namespace": sample["metadata"]["namespace"], "name": pod});
    sample
}

/// A copy that says nothing of when it was written: it is edited now, and no version of a plan that was written down is
/// this one.
pub fn edited(object: &Value) -> Value {
    let mut object = object.clone();
    for (part, field) in [("metadata", "managedFields"), ("status", "versions")] {
        object.get_mut(part).and_then(Value::as_object_mut).into_iter().for_each(|part| {
            part.remove(field);
        });
    }
    object
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_edit_is_made_now() {
        let plan = json!({"metadata": {"name": "p", "managedFields": []}, "status": {"versions": [], "usedBy": 1}});
        assert_eq!(edited(&plan), json!({"metadata": {"name": "p"}, "status": {"usedBy": 1}}));
        assert_eq!(edited(&json!({"metadata": {}})), json!({"metadata": {}}));
    }

    #[test]
    fn an_image_costs_nothing_and_a_request_does() {
        let template = |image: &str, cpu: &str| json!({"spec": {"containers": [{"name": "c", "image": image, "resources": {"requests": {"cpu": cpu}}}]}});
        assert_eq!(bill(&template("a:1", "1")), bill(&template("a:2", "1")));
        assert_ne!(bill(&template("a:1", "1")), bill(&template("a:1", "2")));
    }
}
