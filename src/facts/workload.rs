//! Workloads: the way from a Pod to the controller at the top, and how many replicas a workload asks for.

use k8s_openapi::api::apps::v1::{Deployment, ReplicaSet, StatefulSet};
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::ReplicationController;
use kube::Resource;
use serde::Deserialize;

use super::metadata::Metadata;
use super::{Name, OwnerFact, OwnerRef, PodFact, ScaleFact, nullable};

/// A Job as it is read from the API server or from a trace.
#[derive(Clone, Debug, Default, Deserialize, Resource)]
#[resource(inherit = "Job")]
#[serde(default)]
#[allow(missing_docs)]
pub struct SlimJob {
    #[serde(deserialize_with = "nullable::or_default")]
    pub metadata: Metadata,
}

/// What is read of the `spec` of whatever has replicas.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
#[allow(missing_docs)]
pub struct ScaleSpec {
    pub replicas: Option<i64>,
}

/// A kind with `spec.replicas`.
pub trait Scalable: Resource<DynamicType = ()> {
    /// Its metadata, in which `meta()` knows no owners.
    fn metadata(&self) -> &Metadata;
    /// `spec.replicas`, which the API server sets to 1 where it is left out.
    fn replicas(&self) -> i64;
    /// Whether a controller owner decides how many replicas there are, so that no gate asks.
    const EXEMPT_WHEN_OWNED: bool;
}

macro_rules! scalable {
    ($slim:ident, $kind:literal, exempt_when_owned: $exempt:literal) => {
        #[doc = concat!("A ", $kind, " as it is read from the API server or from a trace.")]
        #[derive(Clone, Debug, Default, Deserialize, Resource)]
        #[resource(inherit = $kind)]
        #[serde(default)]
        #[allow(missing_docs)]
        pub struct $slim {
            #[serde(deserialize_with = "nullable::or_default")]
            pub metadata: Metadata,
            #[serde(deserialize_with = "nullable::or_default")]
            pub spec: ScaleSpec,
        }

        impl Scalable for $slim {
            const EXEMPT_WHEN_OWNED: bool = $exempt;

            fn metadata(&self) -> &Metadata {
                &self.metadata
            }

            fn replicas(&self) -> i64 {
                self.spec.replicas.unwrap_or(1)
            }
        }
    };
}

scalable!(SlimDeployment, "Deployment", exempt_when_owned: false);
scalable!(SlimStatefulSet, "StatefulSet", exempt_when_owned: false);
scalable!(SlimReplicaSet, "ReplicaSet", exempt_when_owned: true);
scalable!(SlimReplicationController, "ReplicationController", exempt_when_owned: true);

/// How a workload is named on a statement: `Deployment/web`.
pub fn workload(kind: &str, name: &str) -> Name {
    format!("{kind}/{name}").into()
}

impl OwnerFact {
    /// What one version of a ReplicaSet, a Job or another controller says.
    pub fn project(kind: &str, metadata: &Metadata) -> Self {
        Self {
            namespace: metadata.namespace(),
            workload: workload(kind, &metadata.name()),
            owner: metadata.controller(),
        }
    }
}

impl OwnerRef {
    /// The workload that the owner is, if no controller stands above it.
    pub fn workload(&self) -> Name {
        workload(&self.kind, &self.name)
    }
}

impl PodFact {
    /// The workload of a Pod that no controller made: itself.
    pub fn own_workload(&self) -> Name {
        workload("Pod", &self.name)
    }
}

impl ScaleFact {
    /// What one version of a scalable object says; nothing for one that the scale gate exempts.
    pub fn project<K: Scalable>(object: &K) -> Option<Self> {
        let metadata = object.metadata();
        if K::EXEMPT_WHEN_OWNED && metadata.controller().is_some() {
            return None;
        }
        let target = Self::target(&K::plural(&()), &K::group(&()), &metadata.name());
        Some(Self { namespace: metadata.namespace(), target, replicas: object.replicas() })
    }

    /// `deployments.apps/web`; `replicationcontrollers/web` in the core group.
    pub fn target(plural: &str, group: &str, name: &str) -> Name {
        let dot = if group.is_empty() { "" } else { "." };
        format!("{plural}{dot}{group}/{name}").into()
    }
}

#[cfg(test)]
mod tests;
