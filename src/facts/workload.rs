//! Workloads: the way from a Pod to the controller at the top, and how many replicas a workload asks for.

use serde::Deserialize;

use super::metadata::Metadata;
use super::objects::{AnySpec, SlimObject};
use super::{Kind, Name, OwnerFact, OwnerRef, PodFact, ScaleFact, nullable};

/// A Job as it is read from the API server or from a trace.
#[derive(Clone, Debug, Default, Deserialize)]
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
pub trait Scalable {
    /// Its plural name, and its API group.
    const RESOURCE: (&'static str, &'static str);

    fn metadata(&self) -> &Metadata;
    /// `spec.replicas`, which the API server sets to 1 where it is left out.
    fn replicas(&self) -> i64;
    /// Whether a controller owner decides how many replicas there are, so that no gate asks.
    const EXEMPT_WHEN_OWNED: bool;
}

macro_rules! scalable {
    ($slim:ident, $kind:literal, $resource:expr, exempt_when_owned: $exempt:literal) => {
        #[doc = concat!("A ", $kind, " as it is read from the API server or from a trace.")]
        #[derive(Clone, Debug, Default, Deserialize)]
        #[serde(default)]
        #[allow(missing_docs)]
        pub struct $slim {
            #[serde(deserialize_with = "nullable::or_default")]
            pub metadata: Metadata,
            #[serde(deserialize_with = "nullable::or_default")]
            pub spec: ScaleSpec,
        }

        impl Scalable for $slim {
            const RESOURCE: (&'static str, &'static str) = $resource;
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

scalable!(SlimDeployment, "Deployment", ("deployments", "apps"), exempt_when_owned: false);
scalable!(SlimStatefulSet, "StatefulSet", ("statefulsets", "apps"), exempt_when_owned: false);
scalable!(SlimReplicaSet, "ReplicaSet", ("replicasets", "apps"), exempt_when_owned: true);
scalable!(SlimReplicationController, "ReplicationController", ("replicationcontrollers", ""), exempt_when_owned: true);

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
        let (plural, group) = K::RESOURCE;
        let target = Self::target(plural, group, &metadata.name());
        Some(Self { namespace: metadata.namespace(), target, replicas: object.replicas() })
    }

    /// The same of an object of a kind that a plan names: nothing where it has no number of replicas.
    pub fn of_object(kind: Kind, object: &SlimObject) -> Option<Self> {
        let AnySpec::Scalable { replicas } = object.spec else { return None };
        let metadata = &object.metadata;
        let target = Self::target(&kind.plural(), kind.parts().0, &metadata.name());
        metadata.namespace.clone().map(|namespace| Self { namespace, target, replicas })
    }

    /// `deployments.apps/web`; `replicationcontrollers/web` in the core group.
    pub fn target(plural: &str, group: &str, name: &str) -> Name {
        let dot = if group.is_empty() { "" } else { "." };
        format!("{plural}{dot}{group}/{name}").into()
    }
}

#[cfg(test)]
mod tests;
