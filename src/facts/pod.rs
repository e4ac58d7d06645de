//! A Pod, slim: from when to when it is billed, on which node, for what.
//!
//! The end of a Pod needs its history (COST_RULES 5–7: the first terminal version, the node's removal, the DELETED
//! event), which the engine keeps; here is what one version says.

use serde::Deserialize;

use super::metadata::Metadata;
use super::resources::{InEffect, ResourceList, Resources};
use super::time::Time;
use super::{Name, PodFact, Problem, Seconds, nullable, requests};

/// A Pod as it is read from the API server or from a trace.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
#[allow(missing_docs)]
pub struct SlimPod {
    #[serde(deserialize_with = "nullable::or_default")]
    pub metadata: Metadata,
    #[serde(deserialize_with = "nullable::or_default")]
    pub spec: PodSpec,
    #[serde(deserialize_with = "nullable::or_default")]
    pub status: PodStatus,
}

/// What is read of `spec`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[allow(missing_docs)]
pub struct PodSpec {
    pub node_name: Option<Name>,
    #[serde(deserialize_with = "nullable::list")]
    pub containers: Vec<Container>,
    #[serde(deserialize_with = "nullable::list")]
    pub init_containers: Vec<Container>,
    pub overhead: ResourceList,
    /// Pod-level resources.
    #[serde(deserialize_with = "nullable::or_default")]
    pub resources: Resources,
}

/// A container of either list.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[allow(missing_docs)]
pub struct Container {
    #[serde(deserialize_with = "nullable::or_default")]
    pub name: String,
    #[serde(deserialize_with = "nullable::or_default")]
    pub resources: Resources,
    #[serde(deserialize_with = "nullable::or_default")]
    pub restart_policy: RestartPolicy,
}

/// `Always` makes an init container a sidecar.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[allow(missing_docs)]
pub enum RestartPolicy {
    Always,
    #[default]
    #[serde(other)]
    Other,
}

/// What is read of `status`. Its `resources` and `allocatedResources` are newer than k8s-openapi's Pod.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[allow(missing_docs)]
pub struct PodStatus {
    #[serde(deserialize_with = "nullable::or_default")]
    pub phase: Phase,
    pub start_time: Time,
    #[serde(deserialize_with = "nullable::list")]
    pub conditions: Vec<Condition>,
    #[serde(deserialize_with = "nullable::list")]
    pub container_statuses: Vec<ContainerStatus>,
    #[serde(deserialize_with = "nullable::list")]
    pub init_container_statuses: Vec<ContainerStatus>,
    #[serde(deserialize_with = "nullable::list")]
    pub ephemeral_container_statuses: Vec<ContainerStatus>,
    #[serde(deserialize_with = "nullable::or_default")]
    pub resources: InEffect,
    pub allocated_resources: ResourceList,
}

/// The phases that tell something: those in which no container runs again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[allow(missing_docs)]
pub enum Phase {
    Succeeded,
    Failed,
    #[default]
    #[serde(other)]
    Other,
}

/// A condition of a Pod.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[allow(missing_docs)]
pub struct Condition {
    #[serde(rename = "type", deserialize_with = "nullable::or_default")]
    pub kind: ConditionKind,
    #[serde(deserialize_with = "nullable::or_default")]
    pub status: ConditionStatus,
    #[serde(deserialize_with = "nullable::or_default")]
    pub reason: Reason,
    pub last_transition_time: Time,
}

/// The conditions that tell something.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[allow(missing_docs)]
pub enum ConditionKind {
    PodScheduled,
    PodResizePending,
    #[default]
    #[serde(other)]
    Other,
}

/// False and Unknown tell the same.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[allow(missing_docs)]
pub enum ConditionStatus {
    True,
    #[default]
    #[serde(other)]
    Other,
}

/// The reasons that tell something.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[allow(missing_docs)]
pub enum Reason {
    Infeasible,
    #[default]
    #[serde(other)]
    Other,
}

/// How a container is.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[allow(missing_docs)]
pub struct ContainerStatus {
    #[serde(deserialize_with = "nullable::or_default")]
    pub name: String,
    #[serde(deserialize_with = "nullable::or_default")]
    pub resources: InEffect,
    pub allocated_resources: ResourceList,
    #[serde(deserialize_with = "nullable::or_default")]
    state: ContainerState,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct ContainerState {
    #[serde(deserialize_with = "nullable::or_default")]
    terminated: Terminated,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Terminated {
    finished_at: Time,
}

// === impl PodFact ===

impl PodFact {
    /// What one version of a Pod says. What cannot be read is among the problems, and the rest counts.
    pub fn project(pod: &SlimPod) -> Self {
        let SlimPod { metadata, spec, status } = pod;
        let start = pod.start();
        let terminal = status.is_terminal();
        Self {
            namespace: metadata.namespace(),
            name: metadata.name(),
            labels: metadata.labels.clone(),
            owner: metadata.controller(),
            node: spec.node_name.clone().filter(|name| !name.is_empty()),
            start,
            finished: status.finished().filter(|_| terminal),
            terminal,
            deadline: metadata.deadline(),
            status_written: metadata.managed_fields.status_written(),
            requests: requests::effective(pod),
            problems: pod.problems(start),
        }
    }
}

// === impl SlimPod ===

impl SlimPod {
    /// COST_RULES 6.
    fn start(&self) -> Seconds {
        let scheduled = self
            .status
            .condition(ConditionKind::PodScheduled)
            .and_then(|condition| condition.last_transition_time.seconds());
        scheduled.or_else(|| self.status.start_time.seconds()).unwrap_or_else(|| self.metadata.created())
    }

    fn problems(&self, start: Seconds) -> Vec<Problem> {
        let SlimPod { metadata, spec, status } = self;
        let mut problems = Vec::new();
        metadata.check(start, &mut problems);
        for (list, containers) in [("containers", &spec.containers), ("initContainers", &spec.init_containers)] {
            for (index, container) in containers.iter().enumerate() {
                container.resources.check(&mut problems, || format!("spec.{list}[{index}].resources"));
            }
        }
        spec.overhead.check(&mut problems, || "spec.overhead".into());
        spec.resources.check(&mut problems, || "spec.resources".into());
        status.check(&mut problems);
        problems
    }
}

// === impl PodStatus ===

impl PodStatus {
    /// The first condition of this type that is True.
    pub fn condition(&self, kind: ConditionKind) -> Option<&Condition> {
        self.conditions.iter().find(|condition| condition.kind == kind && condition.status == ConditionStatus::True)
    }

    /// Whether the kubelet refused for good the resize that the spec asks for.
    pub fn resize_is_infeasible(&self) -> bool {
        self.conditions.iter().any(|condition| {
            condition.kind == ConditionKind::PodResizePending
                && condition.status == ConditionStatus::True
                && condition.reason == Reason::Infeasible
        })
    }

    fn is_terminal(&self) -> bool {
        self.phase != Phase::Other
    }

    /// Newest end of a container; `lastState` is about a run before this one.
    fn finished(&self) -> Option<Seconds> {
        let lists = self.container_lists().into_iter().flat_map(|(_, list)| list);
        lists.filter_map(|container| container.state.terminated.finished_at.seconds()).max()
    }

    fn container_lists(&self) -> [(&'static str, &[ContainerStatus]); 3] {
        [
            ("containerStatuses", &self.container_statuses),
            ("initContainerStatuses", &self.init_container_statuses),
            ("ephemeralContainerStatuses", &self.ephemeral_container_statuses),
        ]
    }

    fn check(&self, problems: &mut Vec<Problem>) {
        self.start_time.check(problems, || "status.startTime".into());
        for (index, condition) in self.conditions.iter().enumerate() {
            if condition.kind == ConditionKind::PodScheduled {
                condition
                    .last_transition_time
                    .check(problems, || format!("status.conditions[{index}].lastTransitionTime"));
            }
        }
        for (list, containers) in self.container_lists() {
            for (index, container) in containers.iter().enumerate() {
                let path = |field: &str| format!("status.{list}[{index}].{field}");
                container.resources.requests.check(problems, || path("resources.requests"));
                container.allocated_resources.check(problems, || path("allocatedResources"));
                container.state.terminated.finished_at.check(problems, || path("state.terminated.finishedAt"));
            }
        }
        self.resources.requests.check(problems, || "status.resources.requests".into());
        self.allocated_resources.check(problems, || "status.allocatedResources".into());
    }
}

#[cfg(test)]
mod any_json;
#[cfg(test)]
mod tests;
