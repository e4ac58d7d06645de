//! A Kubernetes object as text, to what the engine takes in: the one way in, for watches and for traces.

use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::api;
use crate::engine::machine::Fact;
use crate::engine::observed::{Source, Tag};
use crate::facts::metadata::Metadata;
use crate::facts::objects::{SlimClaim, SlimNamespace, SlimNode, SlimService};
use crate::facts::pod::SlimPod;
use crate::facts::workload::{
    Scalable, SlimDeployment, SlimJob, SlimReplicaSet, SlimReplicationController, SlimStatefulSet,
};
use crate::facts::{ClaimFact, NamespaceFact, NodeFact, ObjectId, OwnerFact, PodFact, ScaleFact, ServiceFact};

/// One version of an object.
#[derive(Clone, Debug)]
pub struct Observed {
    pub id: ObjectId,
    pub tag: Tag,
    pub fact: Fact,
    /// A ReplicaSet is both an owner and a workload that scales.
    pub also: Option<Fact>,
}

/// Which kind an object is of.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct TypeMeta {
    pub api_version: String,
    pub kind: String,
}

/// What a watch needs of any object, to know it by.
#[derive(Debug, Deserialize)]
struct Named {
    #[serde(default)]
    metadata: Metadata,
}

// === impl TypeMeta ===

impl TypeMeta {
    /// The resource that is watched for this kind; none where it is of no interest.
    pub fn source(&self) -> Option<Source> {
        let group = self.api_version.split_once('/').map_or("", |(group, _)| group);
        Some(match (group, self.kind.as_str()) {
            ("", "Pod") => Source::Pods,
            ("", "Node") => Source::Nodes,
            ("", "Namespace") => Source::Namespaces,
            ("", "PersistentVolumeClaim") => Source::Claims,
            ("", "Service") => Source::Services,
            ("", "ReplicationController") => Source::ReplicationControllers,
            ("apps", "Deployment") => Source::Deployments,
            ("apps", "ReplicaSet") => Source::ReplicaSets,
            ("apps", "StatefulSet") => Source::StatefulSets,
            ("batch", "Job") => Source::Jobs,
            ("admissionregistration.k8s.io", "ValidatingAdmissionPolicy") => Source::Policies,
            ("admissionregistration.k8s.io", "ValidatingAdmissionPolicyBinding") => Source::Bindings,
            (api::GROUP, "Budget") => Source::Budgets,
            (api::GROUP, "ClusterBudget") => Source::ClusterBudgets,
            (api::GROUP, "BudgetOverride") => Source::BudgetOverrides,
            (api::GROUP, "PricePlan") => Source::PricePlans,
            (api::GROUP, "Statement") => Source::Statements,
            _ => return None,
        })
    }
}

// === impl Observed ===

impl Observed {
    /// Reads one version of an object of `source` from JSON.
    pub fn read(source: Source, json: &str) -> serde_json::Result<Self> {
        match source {
            Source::Pods => {
                slim(source, "Pod", json, |pod: &SlimPod| (&pod.metadata, Fact::Pod(PodFact::project(pod))))
            }
            Source::Nodes => {
                slim(source, "Node", json, |node: &SlimNode| (&node.metadata, Fact::Node(NodeFact::project(node))))
            }
            Source::Namespaces => slim(source, "Namespace", json, |namespace: &SlimNamespace| {
                (&namespace.metadata, Fact::Namespace(NamespaceFact::project(namespace)))
            }),
            Source::Claims => slim(source, "PersistentVolumeClaim", json, |claim: &SlimClaim| {
                (&claim.metadata, Fact::Claim(ClaimFact::project(claim)))
            }),
            Source::Services => slim(source, "Service", json, |service: &SlimService| {
                (&service.metadata, Fact::Service(ServiceFact::project(service)))
            }),
            Source::Jobs => slim(source, "Job.batch", json, |job: &SlimJob| {
                (&job.metadata, Fact::Owner(OwnerFact::project("Job", &job.metadata)))
            }),
            Source::ReplicaSets => {
                let set: SlimReplicaSet = serde_json::from_str(json)?;
                let owner = Fact::Owner(OwnerFact::project("ReplicaSet", &set.metadata));
                let mut observed = Self::new(source, "ReplicaSet.apps", &set.metadata, owner);
                observed.also = ScaleFact::project(&set).map(Fact::Scale);
                Ok(observed)
            }
            Source::Deployments => scale::<SlimDeployment>(source, "Deployment.apps", json),
            Source::StatefulSets => scale::<SlimStatefulSet>(source, "StatefulSet.apps", json),
            Source::ReplicationControllers => scale::<SlimReplicationController>(source, "ReplicationController", json),
            Source::Policies => policy(source, "policy", json),
            Source::Bindings => policy(source, "binding", json),
            Source::Budgets => own(source, "Budget", json, |budget| Fact::Budget(Box::new(budget))),
            Source::ClusterBudgets => {
                own(source, "ClusterBudget", json, |budget| Fact::ClusterBudget(Box::new(budget)))
            }
            Source::BudgetOverrides => {
                own(source, "BudgetOverride", json, |grant| Fact::BudgetOverride(Box::new(grant)))
            }
            Source::PricePlans => own(source, "PricePlan", json, |plan| Fact::PricePlan(Box::new(plan))),
            Source::Statements => own(source, "Statement", json, |statement| Fact::Statement(Box::new(statement))),
        }
    }

    fn new(source: Source, kind: &str, metadata: &Metadata, fact: Fact) -> Self {
        Self { id: metadata.id(kind), tag: tag(source, metadata), fact, also: None }
    }
}

fn slim<T: DeserializeOwned>(
    source: Source,
    kind: &str,
    json: &str,
    project: impl Fn(&T) -> (&Metadata, Fact),
) -> serde_json::Result<Observed> {
    let object: T = serde_json::from_str(json)?;
    let (metadata, fact) = project(&object);
    Ok(Observed::new(source, kind, metadata, fact))
}

fn scale<T: DeserializeOwned + Scalable>(source: Source, kind: &str, json: &str) -> serde_json::Result<Observed> {
    let object: T = serde_json::from_str(json)?;
    let metadata = object.metadata();
    // What a controller owns is not asked for by the gate, and remembered under no name.
    let none = || Fact::Owner(OwnerFact::project("", metadata));
    Ok(Observed::new(source, kind, metadata, ScaleFact::project(&object).map_or_else(none, Fact::Scale)))
}

fn policy(source: Source, what: &str, json: &str) -> serde_json::Result<Observed> {
    let named: Named = serde_json::from_str(json)?;
    let name = format!("{what}/{}", named.metadata.name()).into();
    Ok(Observed::new(source, what, &named.metadata, Fact::Policy(name)))
}

/// Our own kinds are read whole; who they are is read as of any object.
fn own<T: DeserializeOwned>(
    source: Source,
    kind: &str,
    json: &str,
    fact: impl Fn(T) -> Fact,
) -> serde_json::Result<Observed> {
    let named: Named = serde_json::from_str(json)?;
    Ok(Observed::new(source, &format!("{kind}.{}", api::GROUP), &named.metadata, fact(serde_json::from_str(json)?)))
}

/// What carries no resourceVersion is known to every cut.
fn tag(source: Source, metadata: &Metadata) -> Tag {
    let version = metadata.resource_version.as_deref().and_then(|v| v.parse().ok());
    Tag { source, version: version.unwrap_or_default() }
}
