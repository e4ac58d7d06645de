//! An object's metadata, slim: a whole `ObjectMeta` costs more time and memory than the facts of its object.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer};

use super::identity::qualified;
use super::nullable::Reading;
use super::time::Time;
use super::{Labels, Name, ObjectId, OwnerRef, Problem, Seconds, UNDATED, no_labels, nullable};

/// What is read of an object's metadata.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs)]
pub struct Metadata {
    pub namespace: Option<Name>,
    pub name: Option<Name>,
    pub uid: Option<String>,
    /// As a number: 0 where it bears none.
    #[serde(rename = "resourceVersion", deserialize_with = "number", default)]
    pub version: u64,
    #[serde(deserialize_with = "nullable::labels", default = "no_labels")]
    pub labels: Labels,
    /// Those of the operator (`opex.dev/…`).
    #[serde(deserialize_with = "nullable::own_annotations", default)]
    pub annotations: BTreeMap<Name, Name>,
    #[serde(rename = "creationTimestamp", default)]
    pub created: Time,
    #[serde(rename = "deletionTimestamp", default)]
    pub deleting_at: Time,
    #[serde(rename = "deletionGracePeriodSeconds")]
    pub grace_seconds: Option<i64>,
    #[serde(rename = "ownerReferences", deserialize_with = "nullable::list", default)]
    pub owners: Vec<Owner>,
    #[serde(default)]
    pub managed_fields: ManagedFields,
}

/// An entry of `ownerReferences`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[allow(missing_docs)]
pub struct Owner {
    #[serde(deserialize_with = "nullable::or_default")]
    pub api_version: String,
    #[serde(deserialize_with = "nullable::or_default")]
    pub kind: Name,
    #[serde(deserialize_with = "nullable::or_default")]
    pub name: Name,
    pub uid: Option<String>,
    #[serde(deserialize_with = "nullable::or_default")]
    pub controller: bool,
}

/// When whom wrote what, reduced to when: the one record of an edit's time that the API server keeps.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(transparent)]
pub struct ManagedFields(#[serde(deserialize_with = "nullable::list")] Vec<ManagedFieldsEntry>);

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct ManagedFieldsEntry {
    #[serde(deserialize_with = "nullable::or_default")]
    subresource: Subresource,
    time: Time,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Subresource {
    #[default]
    #[serde(rename = "")]
    None,
    Status,
    #[serde(other)]
    Other,
}

/// What is no number is none, and older than anything.
fn number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    let read = Reading(|text: &str| text.parse().unwrap_or_default()).deserialize(deserializer)?;
    Ok(read.unwrap_or_default())
}

// === impl Metadata ===

impl Metadata {
    /// The object's name, empty where it bears none.
    pub fn name(&self) -> Name {
        self.name.clone().unwrap_or_default()
    }

    /// The object's namespace, empty where it bears none.
    pub fn namespace(&self) -> Name {
        self.namespace.clone().unwrap_or_default()
    }

    /// Who the object is; `kind` with its group (`ReplicaSet.apps`).
    pub fn id(&self, kind: &str) -> ObjectId {
        let name = self.name.as_deref().unwrap_or_default();
        ObjectId::of(self.uid.as_deref(), kind, self.namespace.as_deref(), name)
    }

    /// The one owner that is a controller.
    pub fn controller(&self) -> Option<OwnerRef> {
        let owner = self.owners.iter().find(|owner| owner.controller)?;
        let kind = qualified(&owner.api_version, &owner.kind);
        Some(OwnerRef {
            kind: owner.kind.clone(),
            name: owner.name.clone(),
            id: ObjectId::of(owner.uid.as_deref(), &kind, self.namespace.as_deref(), &owner.name),
        })
    }

    /// `creationTimestamp`, or [`UNDATED`].
    pub fn created(&self) -> Seconds {
        self.created.seconds().unwrap_or(UNDATED)
    }

    /// When the grace period of a deletion is over, if the object is being deleted.
    pub fn deadline(&self) -> Option<Seconds> {
        Some(self.deleting_at.seconds()?.saturating_add(self.grace_seconds.unwrap_or(0)))
    }

    /// Reports times that cannot be read, and that there is none for the object to start at.
    pub fn check(&self, start: Seconds, problems: &mut Vec<Problem>) {
        self.created.check(problems, || "metadata.creationTimestamp".into());
        self.deleting_at.check(problems, || "metadata.deletionTimestamp".into());
        if start == UNDATED && self.created == Time::Absent {
            let message = "is missing; the object counts from when it was first observed".into();
            problems.push(Problem { field: "metadata.creationTimestamp".into(), message });
        }
    }
}

impl Default for Metadata {
    fn default() -> Self {
        Self {
            namespace: None,
            name: None,
            uid: None,
            version: 0,
            labels: no_labels(),
            annotations: BTreeMap::new(),
            created: Time::Absent,
            deleting_at: Time::Absent,
            grace_seconds: None,
            owners: Vec::new(),
            managed_fields: ManagedFields::default(),
        }
    }
}

// === impl ManagedFields ===

impl ManagedFields {
    /// Newest time at which the status was written.
    pub fn status_written(&self) -> Option<Seconds> {
        self.newest(Subresource::Status)
    }

    /// Newest time at which the object itself was written, through no subresource.
    pub fn object_written(&self) -> Option<Seconds> {
        self.newest(Subresource::None)
    }

    fn newest(&self, subresource: Subresource) -> Option<Seconds> {
        self.0.iter().filter(|entry| entry.subresource == subresource).filter_map(|entry| entry.time.seconds()).max()
    }
}
