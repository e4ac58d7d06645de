//! A workload that can be scaled down, as the API server lists it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::facts::metadata::Owner;
use crate::facts::nullable;

/// What a team writes on a workload: not below this, or `keep`.
const FLOOR: &str = "opex.dev/floor";

/// What pauses the autoscaling of a ScaledObject at the replicas that its target has; the second at so many, and wins.
const PAUSED: &str = "autoscaling.keda.sh/paused";
const PAUSED_AT: &str = "autoscaling.keda.sh/paused-replicas";

/// Kinds that are scaled down, in the order in which that happens: what would scale up first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Kind {
    #[serde(rename = "ScaledObject")]
    ScaledObjects,
    #[serde(rename = "CronJob")]
    CronJobs,
    #[serde(rename = "Deployment")]
    Deployments,
    #[serde(rename = "StatefulSet")]
    StatefulSets,
    #[serde(rename = "ReplicaSet")]
    ReplicaSets,
    #[serde(rename = "ReplicationController")]
    ReplicationControllers,
}

/// One workload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Workload {
    pub kind: Kind,
    pub name: String,
    pub uid: String,
    /// Its resourceVersion.
    pub version: String,
    /// Replicas. Of a CronJob 0 where it is suspended, of a ScaledObject 0 where it is paused, else 1.
    pub value: i64,
    /// `Database/db`: the controller that it belongs to.
    pub owner: Option<String>,
    /// Its annotations, as they are written.
    pub floor: Option<String>,
    pub paused: Option<String>,
}

/// What a workload says of how far it may be scaled down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Floor {
    AtLeast(i64),
    Keep,
    Unreadable(String),
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Slim {
    metadata: Meta,
    #[serde(deserialize_with = "nullable::or_default")]
    spec: Spec,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Meta {
    name: String,
    uid: String,
    resource_version: String,
    #[serde(deserialize_with = "nullable::or_default")]
    annotations: BTreeMap<String, String>,
    deletion_timestamp: Option<String>,
    #[serde(deserialize_with = "nullable::list")]
    owner_references: Vec<Owner>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Spec {
    replicas: Option<i64>,
    suspend: Option<bool>,
}

// === impl Kind ===

impl Kind {
    pub const ALL: [Self; 6] = [
        Self::ScaledObjects,
        Self::CronJobs,
        Self::Deployments,
        Self::StatefulSets,
        Self::ReplicaSets,
        Self::ReplicationControllers,
    ];

    pub fn singular(self) -> &'static str {
        match self {
            Self::ScaledObjects => "ScaledObject",
            Self::CronJobs => "CronJob",
            Self::Deployments => "Deployment",
            Self::StatefulSets => "StatefulSet",
            Self::ReplicaSets => "ReplicaSet",
            Self::ReplicationControllers => "ReplicationController",
        }
    }

    /// Whether it has replicas, and does not only run or not.
    pub fn has_replicas(self) -> bool {
        !matches!(self, Self::ScaledObjects | Self::CronJobs)
    }
}

// === impl Workload ===

impl Workload {
    /// From JSON; none of what goes, and of what is scaled by its owner.
    pub fn read(kind: Kind, json: &str) -> Result<Option<Self>, serde_json::Error> {
        let Slim { metadata, spec } = serde_json::from_str(json)?;
        let controller = metadata.owner_references.iter().find(|owner| owner.controller);
        let follows = matches!(kind, Kind::ReplicaSets | Kind::ReplicationControllers) && controller.is_some();
        if follows || metadata.deletion_timestamp.is_some() {
            return Ok(None);
        }
        let paused = metadata.annotations.get(PAUSED).cloned();
        let is_paused =
            paused.as_ref().is_some_and(|paused| paused != "false") || metadata.annotations.contains_key(PAUSED_AT);
        let value = match kind {
            Kind::ScaledObjects => i64::from(!is_paused),
            Kind::CronJobs => i64::from(!spec.suspend.unwrap_or_default()),
            _ => spec.replicas.unwrap_or(1),
        };
        Ok(Some(Self {
            kind,
            value,
            owner: controller.map(|owner| format!("{}/{}", owner.kind, owner.name)),
            floor: metadata.annotations.get(FLOOR).cloned(),
            paused: paused.filter(|_| kind == Kind::ScaledObjects),
            name: metadata.name,
            uid: metadata.uid,
            version: metadata.resource_version,
        }))
    }

    /// The lowest value under a budget's floor. What only runs or does not stops, unless it says that it is to run.
    pub(super) fn lowest(&self, budget: i64) -> i64 {
        let budget = if self.kind.has_replicas() { budget } else { 0 };
        match self.own_floor() {
            Floor::AtLeast(own) => budget.max(own),
            Floor::Keep | Floor::Unreadable(_) => i64::MAX,
        }
    }

    pub(super) fn own_floor(&self) -> Floor {
        match self.floor.as_deref().map(str::trim) {
            None => Floor::AtLeast(0),
            Some("keep") => Floor::Keep,
            Some(text) => match text.parse() {
                Ok(floor) if floor >= 0 => Floor::AtLeast(floor),
                _ => Floor::Unreadable(text.to_owned()),
            },
        }
    }
}

impl std::fmt::Display for Workload {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.kind.singular(), self.name)
    }
}
