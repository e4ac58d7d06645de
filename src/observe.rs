//! A Kubernetes object as text, to what the engine takes in: the one way in, for watches and for traces.

pub mod known;
pub mod resource;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Resource;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

use crate::api;
use crate::engine::machine::Fact;
use crate::engine::observed::{Source, Tag};
use crate::facts::binding::SlimBinding;
use crate::facts::devices::SlimDeviceClaim;
use crate::facts::metadata::Metadata;
use crate::facts::objects::{SlimClaim, SlimNamespace, SlimNode, SlimObject, SlimService};
use crate::facts::pod::SlimPod;
use crate::facts::time::Time;
use crate::facts::usage::SlimPodMetrics;
use crate::facts::workload::{
    Scalable, SlimDeployment, SlimJob, SlimReplicaSet, SlimReplicationController, SlimStatefulSet,
};
use crate::facts::{
    ClaimFact, DeviceClaimFact, Kind, Name, NamespaceFact, NodeFact, ObjectFact, ObjectId, OwnerFact, PodFact,
    ScaleFact, Seconds, ServiceFact, UsageFact,
};

/// One version of an object.
#[derive(Clone, Debug)]
pub struct Observed {
    pub id: ObjectId,
    pub tag: Tag,
    pub fact: Fact,
    /// A ReplicaSet is both an owner and a workload that scales; what a plan names may scale as well.
    pub also: Option<Fact>,
    pub names: Names,
    /// Its creationTimestamp.
    pub created: Option<Seconds>,
}

/// Namespace and name of an object.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Deserialize)]
#[serde(default)]
pub struct Names {
    pub namespace: Option<Name>,
    pub name: Name,
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
    /// The resource that is watched for this kind, or would be if a plan named it; none where no plan can.
    pub fn source(&self) -> Option<Source> {
        let group = self.api_version.split_once('/').map_or("", |(group, _)| group);
        Some(match (group, self.kind.as_str()) {
            ("", "Pod") => Source::Pods,
            ("metrics.k8s.io", "PodMetrics") => Source::PodMetrics,
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
            ("resource.k8s.io", "ResourceClaim") => Source::ResourceClaims,
            (api::GROUP, "Budget") => Source::Budgets,
            (api::GROUP, "ClusterBudget") => Source::ClusterBudgets,
            (api::GROUP, "BudgetOverride") => Source::BudgetOverrides,
            (api::GROUP, "PricePlan") => Source::PricePlans,
            (api::GROUP, "Statement") => Source::Statements,
            (_, "") => return None,
            (group, kind) => return Kind::of(group, kind).map(Source::Objects),
        })
    }
}

// === impl Observed ===

impl Observed {
    /// Reads one version of an object of `source` from JSON.
    pub fn read(source: Source, json: &str) -> serde_json::Result<Self> {
        let mut deserializer = serde_json::Deserializer::from_str(json);
        let observed = Self::of(source, &mut deserializer)?;
        deserializer.end()?;
        Ok(observed)
    }

    /// Reads one version of an object of `source`.
    pub fn of<'de, D: Deserializer<'de>>(source: Source, object: D) -> Result<Self, D::Error> {
        match source {
            Source::Pods => {
                slim(source, "Pod", object, |pod: &SlimPod| (&pod.metadata, Fact::Pod(PodFact::project(pod))))
            }
            Source::PodMetrics => slim(source, "PodMetrics.metrics.k8s.io", object, |metrics: &SlimPodMetrics| {
                (&metrics.metadata, Fact::Usage(UsageFact::project(metrics)))
            }),
            Source::Nodes => {
                slim(source, "Node", object, |node: &SlimNode| (&node.metadata, Fact::Node(NodeFact::project(node))))
            }
            Source::Namespaces => slim(source, "Namespace", object, |namespace: &SlimNamespace| {
                (&namespace.metadata, Fact::Namespace(NamespaceFact::project(namespace)))
            }),
            Source::Claims => slim(source, "PersistentVolumeClaim", object, |claim: &SlimClaim| {
                (&claim.metadata, Fact::Claim(ClaimFact::project(claim)))
            }),
            Source::Services => slim(source, "Service", object, |service: &SlimService| {
                (&service.metadata, Fact::Service(ServiceFact::project(service)))
            }),
            Source::ResourceClaims => {
                slim(source, "ResourceClaim.resource.k8s.io", object, |claim: &SlimDeviceClaim| {
                    (&claim.metadata, Fact::DeviceClaim(DeviceClaimFact::project(claim)))
                })
            }
            Source::Jobs => slim(source, "Job.batch", object, |job: &SlimJob| {
                (&job.metadata, Fact::Owner(OwnerFact::project("Job", &job.metadata)))
            }),
            Source::ReplicaSets => {
                let set = SlimReplicaSet::deserialize(object)?;
                let owner = Fact::Owner(OwnerFact::project("ReplicaSet", &set.metadata));
                let mut observed = Self::new(source, "ReplicaSet.apps", &set.metadata, owner);
                observed.also = ScaleFact::project(&set).map(Fact::Scale);
                Ok(observed)
            }
            Source::Deployments => scale::<SlimDeployment, D>(source, "Deployment.apps", object),
            Source::StatefulSets => scale::<SlimStatefulSet, D>(source, "StatefulSet.apps", object),
            Source::ReplicationControllers => {
                scale::<SlimReplicationController, D>(source, "ReplicationController", object)
            }
            Source::Meters => Err(D::Error::custom("what Prometheus counts is no object")),
            Source::Policies => policy(source, object),
            Source::Bindings => binding(source, object),
            Source::Budgets => own(source, "Budget", object, |budget| Fact::Budget(Box::new(budget))),
            Source::ClusterBudgets => {
                own(source, "ClusterBudget", object, |budget| Fact::ClusterBudget(Box::new(budget)))
            }
            Source::BudgetOverrides => {
                own(source, "BudgetOverride", object, |grant| Fact::BudgetOverride(Box::new(grant)))
            }
            Source::PricePlans => own(source, "PricePlan", object, |plan| Fact::PricePlan(Box::new(plan))),
            Source::Statements => own(source, "Statement", object, |statement| Fact::Statement(Box::new(statement))),
            Source::Objects(kind) => {
                let object = SlimObject::deserialize(object)?;
                let fact = Fact::Object(ObjectFact::project(kind, &object));
                let mut observed = Self::new(source, kind.name(), &object.metadata, fact);
                observed.also = ScaleFact::of_object(kind, &object).map(Fact::Scale);
                Ok(observed)
            }
        }
    }

    fn new(source: Source, kind: &str, metadata: &Metadata, fact: Fact) -> Self {
        let names = Names { namespace: metadata.namespace.clone(), name: metadata.name() };
        // What carries no resourceVersion is known to every cut.
        let tag = Tag { source, version: metadata.version };
        Self { id: metadata.id(kind), tag, fact, also: None, names, created: metadata.created.seconds() }
    }
}

fn slim<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
    source: Source,
    kind: &str,
    object: D,
    project: impl Fn(&T) -> (&Metadata, Fact),
) -> Result<Observed, D::Error> {
    let object = T::deserialize(object)?;
    let (metadata, fact) = project(&object);
    Ok(Observed::new(source, kind, metadata, fact))
}

fn scale<'de, T: Deserialize<'de> + Scalable, D: Deserializer<'de>>(
    source: Source,
    kind: &str,
    object: D,
) -> Result<Observed, D::Error> {
    let object = T::deserialize(object)?;
    let metadata = object.metadata();
    // What a controller owns is not asked for by the gate, and remembered under no name.
    let none = || Fact::Owner(OwnerFact::project("", metadata));
    Ok(Observed::new(source, kind, metadata, ScaleFact::project(&object).map_or_else(none, Fact::Scale)))
}

fn policy<'de, D: Deserializer<'de>>(source: Source, object: D) -> Result<Observed, D::Error> {
    let named = Named::deserialize(object)?;
    let name = format!("policy/{}", named.metadata.name()).into();
    Ok(Observed::new(source, "policy", &named.metadata, Fact::Policy { name, acts: true }))
}

/// One of the gate is named after its policy and what it does.
fn binding<'de, D: Deserializer<'de>>(source: Source, object: D) -> Result<Observed, D::Error> {
    let binding = SlimBinding::deserialize(object)?;
    let name = binding.metadata.name();
    let acts = name.rsplit_once('-').is_some_and(|(policy, action)| binding.enforces(policy, action));
    let fact = Fact::Policy { name: format!("binding/{name}").into(), acts };
    Ok(Observed::new(source, "binding", &binding.metadata, fact))
}

/// Our own kinds are read whole.
fn own<'de, T: Deserialize<'de> + Resource, D: Deserializer<'de>>(
    source: Source,
    kind: &str,
    object: D,
    fact: impl Fn(T) -> Fact,
) -> Result<Observed, D::Error> {
    let object = T::deserialize(object)?;
    let ObjectMeta { namespace, name, uid, resource_version, creation_timestamp, .. } = object.meta();
    let metadata = Metadata {
        namespace: namespace.as_deref().map(Name::from),
        name: name.as_deref().map(Name::from),
        uid: uid.clone(),
        version: resource_version.as_deref().and_then(|version| version.parse().ok()).unwrap_or_default(),
        created: creation_timestamp.as_ref().map_or(Time::Absent, |time| Time::At(time.0.as_second())),
        ..Metadata::default()
    };
    Ok(Observed::new(source, &format!("{kind}.{}", api::GROUP), &metadata, fact(object)))
}
