//! Nodes, Namespaces, claims and Services: what prices depend on, and what is billed beside Pods.

use serde::Deserialize;
use serde::de::IgnoredAny;

use super::metadata::Metadata;
use super::resources::{ResourceList, Resources};
use super::time::Time;
use super::{ClaimFact, Kind, Name, NamespaceFact, NodeFact, ObjectFact, ServiceFact, nullable};

/// A Node as it is read from the API server or from a trace.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
#[allow(missing_docs)]
pub struct SlimNode {
    #[serde(deserialize_with = "nullable::or_default")]
    pub metadata: Metadata,
    #[serde(deserialize_with = "nullable::or_default")]
    pub status: NodeStatus,
}

/// What is read of a Node's `status`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
#[allow(missing_docs)]
pub struct NodeStatus {
    pub capacity: ResourceList,
}

/// A Namespace, likewise.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
#[allow(missing_docs)]
pub struct SlimNamespace {
    #[serde(deserialize_with = "nullable::or_default")]
    pub metadata: Metadata,
}

/// A PersistentVolumeClaim, likewise.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
#[allow(missing_docs)]
pub struct SlimClaim {
    #[serde(deserialize_with = "nullable::or_default")]
    pub metadata: Metadata,
    #[serde(deserialize_with = "nullable::or_default")]
    pub spec: ClaimSpec,
    #[serde(deserialize_with = "nullable::or_default")]
    pub status: ClaimStatus,
}

/// What is read of a claim's `spec`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[allow(missing_docs)]
pub struct ClaimSpec {
    pub storage_class_name: Option<String>,
    #[serde(deserialize_with = "nullable::or_default")]
    pub resources: Resources,
}

/// What is read of a claim's `status`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
#[allow(missing_docs)]
pub struct ClaimStatus {
    #[serde(deserialize_with = "nullable::or_default")]
    pub phase: String,
}

/// A Service, likewise.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
#[allow(missing_docs)]
pub struct SlimService {
    #[serde(deserialize_with = "nullable::or_default")]
    pub metadata: Metadata,
    #[serde(deserialize_with = "nullable::or_default")]
    pub spec: ServiceSpec,
}

/// What is read of a Service's `spec`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
#[allow(missing_docs)]
pub struct ServiceSpec {
    #[serde(rename = "type", deserialize_with = "nullable::or_default")]
    pub kind: String,
}

/// An object of any kind, likewise.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
#[allow(missing_docs)]
pub struct SlimObject {
    #[serde(deserialize_with = "nullable::or_default")]
    pub metadata: Metadata,
    pub spec: AnySpec,
}

/// What is read of the `spec` of a kind that is not ours: replicas, where that is what it has.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
#[allow(missing_docs)]
pub enum AnySpec {
    Scalable { replicas: i64 },
    Other(IgnoredAny),
}

impl Default for AnySpec {
    fn default() -> Self {
        Self::Other(IgnoredAny)
    }
}

impl ObjectFact {
    /// What one version of an object of this kind says.
    pub fn project(kind: Kind, object: &SlimObject) -> Self {
        let metadata = &object.metadata;
        let created = metadata.created();
        let mut problems = Vec::new();
        metadata.check(created, &mut problems);
        let namespace = Some(metadata.namespace()).filter(|namespace| !namespace.is_empty());
        Self { kind, namespace, name: metadata.name(), labels: metadata.labels.clone(), created, problems }
    }

    /// The namespace that it is billed to (COST_RULES 42): its own, or the one that its labels name; nobody's is
    /// empty.
    pub fn billed_to(&self) -> Name {
        let labels = ["crossplane.io/claim-namespace", "opex.dev/namespace"];
        let named = || labels.iter().find_map(|label| self.labels.get(label)).cloned();
        self.namespace.clone().or_else(named).unwrap_or_default()
    }
}

impl NodeFact {
    /// What one version of a Node says.
    pub fn project(node: &SlimNode) -> Self {
        let SlimNode { metadata, status } = node;
        let created = metadata.created();
        let mut problems = Vec::new();
        metadata.check(created, &mut problems);
        status.capacity.check(&mut problems, || "status.capacity".into());
        let capacity = status.capacity.amounts();
        Self { name: metadata.name(), labels: metadata.labels.clone(), capacity, created, problems }
    }
}

impl NamespaceFact {
    /// What one version of a Namespace says.
    pub fn project(namespace: &SlimNamespace) -> Self {
        let metadata = &namespace.metadata;
        let annotation = |key| metadata.annotations.get(key).map(|text: &super::Name| text.to_string());
        Self {
            name: metadata.name(),
            labels: metadata.labels.clone(),
            created: metadata.created(),
            gate_message: annotation("opex.dev/gate-message"),
            ceilings: annotation("opex.dev/ceilings"),
            scaled_down: annotation("opex.dev/scaled-down"),
            deleting: metadata.deleting_at != Time::Absent,
        }
    }
}

impl ClaimFact {
    /// What one version of a claim says (COST_RULES 14).
    pub fn project(claim: &SlimClaim) -> Self {
        let SlimClaim { metadata, spec, status } = claim;
        let created = metadata.created();
        let mut problems = Vec::new();
        metadata.check(created, &mut problems);
        let requests = &spec.resources.requests;
        requests.check(&mut problems, || "spec.resources.requests".into());
        Self {
            namespace: metadata.namespace(),
            name: metadata.name(),
            labels: metadata.labels.clone(),
            class: spec.storage_class_name.as_deref().unwrap_or_default().into(),
            created,
            bound: status.phase == "Bound",
            lost: status.phase == "Lost",
            bytes: requests.get("storage").map_or(0, |size| size.round_up(1)),
            problems,
        }
    }
}

impl ServiceFact {
    /// What one version of a Service says (COST_RULES 15).
    pub fn project(service: &SlimService) -> Self {
        let SlimService { metadata, spec } = service;
        Self {
            namespace: metadata.namespace(),
            name: metadata.name(),
            labels: metadata.labels.clone(),
            created: metadata.created(),
            load_balancer: spec.kind == "LoadBalancer",
        }
    }
}

#[cfg(test)]
mod tests;
