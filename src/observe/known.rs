//! What is kept of an object to tell of its end when only its absence tells it.

use jiff::Timestamp;

use super::Observed;
use super::resource::Resource;
use crate::engine::machine::Fact;
use crate::engine::observed::Source;
use crate::facts::{Name, ObjectId, Seconds};

/// Who an object is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known {
    pub version: u64,
    /// Empty for what has none.
    namespace: Name,
    /// Its name, behind `Kind/` perhaps.
    name: Name,
    /// When a Pod's grace period is over.
    deadline: Option<Seconds>,
}

// === impl Known ===

impl Known {
    pub fn of(observed: &Observed) -> Self {
        let (namespace, name) = names(&observed.fact);
        let deadline = if let Fact::Pod(pod) = &observed.fact { pod.deadline } else { None };
        Self { version: observed.tag.version, namespace, name, deadline }
    }

    /// What is left of it, as if read from the API server at `version`.
    pub fn observed(&self, source: Source, id: ObjectId, version: u64) -> Option<Observed> {
        Observed::read(source, &self.object(&Resource::of(source), id, version)).ok()
    }

    /// Its end as a trace has it, but for its `at`.
    pub fn missed(&self, resource: &Resource, id: ObjectId, version: u64, last_seen: Seconds) -> String {
        let last_seen = text(last_seen);
        let object = self.object(resource, id, version);
        format!(r#""type":"DELETED","lastSeen":"{last_seen}","object":{object}}}"#)
    }

    fn object(&self, resource: &Resource, id: ObjectId, version: u64) -> String {
        let Resource { api_version, kind, least_spec } = resource;
        let mut metadata = serde_json::json!({
            "name": self.name.rsplit('/').next(),
            "uid": uuid(id.number()),
            "resourceVersion": version.to_string(),
        });
        if !self.namespace.is_empty() {
            metadata["namespace"] = self.namespace.to_string().into();
        }
        if let Some(deadline) = self.deadline {
            metadata["deletionTimestamp"] = text(deadline).into();
            metadata["deletionGracePeriodSeconds"] = 0.into();
        }
        format!(r#"{{"kind":"{kind}","apiVersion":"{api_version}","metadata":{metadata},"spec":{least_spec}}}"#)
    }
}

/// Namespace and name of an object.
fn names(fact: &Fact) -> (Name, Name) {
    let named = |meta: &kube::api::ObjectMeta| {
        let (namespace, name) = (meta.namespace.as_deref(), meta.name.as_deref());
        (namespace.unwrap_or_default().into(), name.unwrap_or_default().into())
    };
    match fact {
        Fact::Pod(pod) => (pod.namespace.clone(), pod.name.clone()),
        Fact::Usage(usage) => (usage.namespace.clone(), usage.pod.clone()),
        Fact::Node(node) => ("".into(), node.name.clone()),
        Fact::Namespace(namespace) => ("".into(), namespace.name.clone()),
        Fact::Claim(claim) => (claim.namespace.clone(), claim.name.clone()),
        Fact::DeviceClaim(claim) => (claim.namespace.clone(), claim.name.clone()),
        Fact::Object(object) => (object.namespace.clone().unwrap_or_default(), object.name.clone()),
        Fact::Service(service) => (service.namespace.clone(), service.name.clone()),
        Fact::Owner(owner) => (owner.namespace.clone(), owner.workload.clone()),
        Fact::Scale(scale) => (scale.namespace.clone(), scale.target.clone()),
        Fact::Policy { name, .. } => ("".into(), name.clone()),
        Fact::Budget(budget) => named(&budget.metadata),
        Fact::ClusterBudget(budget) => named(&budget.metadata),
        Fact::BudgetOverride(grant) => named(&grant.metadata),
        Fact::PricePlan(plan) => named(&plan.metadata),
        Fact::Statement(statement) => named(&statement.metadata),
    }
}

fn uuid(id: u128) -> String {
    let hex = format!("{id:032x}");
    format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}

fn text(t: Seconds) -> String {
    Timestamp::from_second(t).unwrap_or_default().to_string()
}
