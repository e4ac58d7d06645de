//! An object's metadata, slim: a whole `ObjectMeta` costs more time and memory than the facts of its object.

use std::collections::BTreeMap;
use std::ops::{Deref, DerefMut};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde::Deserialize;

use super::identity::qualified;
use super::time::Time;
use super::{Labels, Name, ObjectId, OwnerRef, Problem, Seconds, UNDATED, no_labels, nullable};

/// What is read of an object's metadata. As an `ObjectMeta`, which kube asks for, it knows name, namespace, UID and
/// resourceVersion only.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(from = "Wire")]
#[allow(missing_docs)]
pub struct Metadata {
    object: ObjectMeta,
    pub labels: Labels,
    /// Those of the operator (`opex.dev/…`).
    pub annotations: BTreeMap<Name, Name>,
    pub created: Time,
    pub deleting_at: Time,
    pub grace_seconds: Option<i64>,
    pub owners: Vec<Owner>,
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
    pub kind: String,
    #[serde(deserialize_with = "nullable::or_default")]
    pub name: String,
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

/// Metadata as the API server sends it.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Wire {
    name: Option<String>,
    namespace: Option<String>,
    uid: Option<String>,
    resource_version: Option<String>,
    #[serde(deserialize_with = "nullable::labels", default = "no_labels")]
    labels: Labels,
    #[serde(deserialize_with = "nullable::own_annotations")]
    annotations: BTreeMap<Name, Name>,
    creation_timestamp: Time,
    deletion_timestamp: Time,
    deletion_grace_period_seconds: Option<i64>,
    #[serde(deserialize_with = "nullable::list")]
    owner_references: Vec<Owner>,
    managed_fields: ManagedFields,
}

// === impl Metadata ===

impl Metadata {
    /// The object's name, empty where it bears none.
    pub fn name(&self) -> Name {
        self.object.name.as_deref().unwrap_or_default().into()
    }

    /// The object's namespace, empty where it bears none.
    pub fn namespace(&self) -> Name {
        self.object.namespace.as_deref().unwrap_or_default().into()
    }

    /// Who the object is; `kind` with its group (`ReplicaSet.apps`).
    pub fn id(&self, kind: &str) -> ObjectId {
        let ObjectMeta { uid, namespace, name, .. } = &self.object;
        ObjectId::of(uid.as_deref(), kind, namespace.as_deref(), name.as_deref().unwrap_or_default())
    }

    /// The one owner that is a controller.
    pub fn controller(&self) -> Option<OwnerRef> {
        let owner = self.owners.iter().find(|owner| owner.controller)?;
        let kind = qualified(&owner.api_version, &owner.kind);
        Some(OwnerRef {
            kind: owner.kind.as_str().into(),
            name: owner.name.as_str().into(),
            id: ObjectId::of(owner.uid.as_deref(), &kind, self.object.namespace.as_deref(), &owner.name),
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

impl From<Wire> for Metadata {
    fn from(wire: Wire) -> Self {
        let Wire { name, namespace, uid, resource_version, labels, annotations, .. } = wire;
        Self {
            object: ObjectMeta { name, namespace, uid, resource_version, ..ObjectMeta::default() },
            labels,
            annotations,
            created: wire.creation_timestamp,
            deleting_at: wire.deletion_timestamp,
            grace_seconds: wire.deletion_grace_period_seconds,
            owners: wire.owner_references,
            managed_fields: wire.managed_fields,
        }
    }
}

impl Deref for Metadata {
    type Target = ObjectMeta;

    fn deref(&self) -> &ObjectMeta {
        &self.object
    }
}

impl DerefMut for Metadata {
    fn deref_mut(&mut self) -> &mut ObjectMeta {
        &mut self.object
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
