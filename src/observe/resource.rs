//! How each watched resource is spelled: in URLs, in objects, and in what is left of an object that was missed.

use std::borrow::Cow;

use crate::engine::observed::Source;

/// A watched resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resource {
    pub api_version: Cow<'static, str>,
    pub kind: &'static str,
    /// The least that a spec of this kind holds, as JSON.
    pub least_spec: &'static str,
}

const CORE: &str = "v1";
const APPS: &str = "apps/v1";
const BATCH: &str = "batch/v1";
const METRICS: &str = "metrics.k8s.io/v1beta1";
const RESOURCE: &str = "resource.k8s.io/v1";
const ADMISSION: &str = "admissionregistration.k8s.io/v1";
const OWN: &str = "billing.opex.dev/v1alpha1";
/// No API group of any server.
const NOT_SERVED: &str = "";

// === impl Resource ===

impl Resource {
    pub fn of(source: Source) -> Self {
        let (api_version, kind) = match source {
            Source::Pods => (CORE, "Pod"),
            Source::PodMetrics => (METRICS, "PodMetrics"),
            Source::Nodes => (CORE, "Node"),
            Source::Namespaces => (CORE, "Namespace"),
            Source::Claims => (CORE, "PersistentVolumeClaim"),
            Source::Services => (CORE, "Service"),
            Source::ReplicationControllers => (CORE, "ReplicationController"),
            Source::Deployments => (APPS, "Deployment"),
            Source::ReplicaSets => (APPS, "ReplicaSet"),
            Source::StatefulSets => (APPS, "StatefulSet"),
            Source::Jobs => (BATCH, "Job"),
            Source::Meters => (NOT_SERVED, "Meter"),
            Source::ResourceClaims => (RESOURCE, "ResourceClaim"),
            Source::Policies => (ADMISSION, "ValidatingAdmissionPolicy"),
            Source::Bindings => (ADMISSION, "ValidatingAdmissionPolicyBinding"),
            Source::Budgets => (OWN, "Budget"),
            Source::ClusterBudgets => (OWN, "ClusterBudget"),
            Source::BudgetOverrides => (OWN, "BudgetOverride"),
            Source::PricePlans => (OWN, "PricePlan"),
            Source::Statements => (OWN, "Statement"),
            // Which version is served is found out when it is watched.
            Source::Objects(kind) => return Self::of_object(kind.parts()),
        };
        let least_spec = match source {
            Source::PricePlans => r#"{"currency":"XXX"}"#,
            Source::BudgetOverrides => {
                r#"{"budgetRef":{"kind":"Budget","name":"-"},"until":"1970-01-01T00:00:00Z","reason":"-","grantedBy":"-"}"#
            }
            Source::Statements => {
                r#"{"cluster":"-","budgetRef":{"kind":"Budget","name":"-"},"period":{"label":"-","start":"1970-01-01T00:00:00Z","end":"1970-01-01T00:00:00Z"},"currency":"XXX","phase":"Open","watermark":"1970-01-01T00:00:00Z","total":"0.0000000000"}"#
            }
            _ => "{}",
        };
        Self { api_version: api_version.into(), kind, least_spec }
    }

    fn of_object((group, kind): (&str, &'static str)) -> Self {
        let api_version = if group.is_empty() { CORE.into() } else { format!("{group}/v1").into() };
        Self { api_version, kind, least_spec: "{}" }
    }

    /// The kinds of ours: their absence is waited for.
    pub fn is_own(&self) -> bool {
        self.api_version == OWN
    }
}

/// The URL path of all objects of a resource.
pub fn path(source: Source) -> String {
    path_of(&Resource::of(source).api_version, source.resource())
}

/// The same of a resource by its plural name.
pub fn path_of(api_version: &str, plural: &str) -> String {
    let root = if api_version.contains('/') { "apis" } else { "api" };
    format!("/{root}/{api_version}/{plural}")
}

/// The URL path of one object.
pub fn object_path(source: Source, namespace: Option<&str>, name: &str) -> String {
    format!("{}/{name}", collection_path(source, namespace))
}

/// The URL path under which objects of a namespace are created; without one, those of a cluster-scoped kind.
pub fn collection_path(source: Source, namespace: Option<&str>) -> String {
    let version = Resource::of(source).api_version;
    let root = if version == CORE { "api" } else { "apis" };
    match namespace {
        Some(namespace) => format!("/{root}/{version}/namespaces/{namespace}/{source}"),
        None => path(source),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api;
    use crate::observe::{Observed, TypeMeta};

    #[test]
    fn every_resource_is_spelled_as_its_kind_is_read() {
        for source in Source::ALL {
            let Resource { api_version, kind, .. } = Resource::of(source);
            let named = TypeMeta { api_version: api_version.into_owned(), kind: kind.to_owned() };
            assert_eq!(named.source(), Some(source), "{source}");
        }
        assert_eq!(OWN, format!("{}/{}", api::GROUP, api::VERSION));
    }

    #[test]
    fn the_least_spec_of_every_resource_can_be_read() {
        for source in Source::ALL {
            let Resource { api_version, kind, least_spec } = Resource::of(source);
            let json = format!(
                r#"{{"apiVersion":"{api_version}","kind":"{kind}","metadata":{{"name":"a","namespace":"b"}},"spec":{least_spec}}}"#
            );
            Observed::read(source, &json).unwrap_or_else(|error| panic!("{source}: {error}"));
        }
    }

    #[test]
    fn paths() {
        let cases = [
            (path(Source::Pods), "/api/v1/pods"),
            (path(Source::Budgets), "/apis/billing.opex.dev/v1alpha1/budgets"),
            (object_path(Source::Namespaces, None, "a"), "/api/v1/namespaces/a"),
            (
                object_path(Source::Statements, Some("a"), "x"),
                "/apis/billing.opex.dev/v1alpha1/namespaces/a/statements/x",
            ),
            (collection_path(Source::PricePlans, None), "/apis/billing.opex.dev/v1alpha1/priceplans"),
        ];
        for (path, expected) in cases {
            assert_eq!(path, expected);
        }
    }
}
