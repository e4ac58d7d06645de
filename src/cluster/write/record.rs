//! What workloads were before they were scaled down: a ConfigMap of the operator's namespace for each namespace.

use std::collections::BTreeMap;

use http::Method;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{WriteError, Writer, to_json};
use crate::cluster::request::{get, send};
use crate::engine::scale_down::Record;
use crate::facts::nullable;

/// On a record: the namespace that it is of.
const NAMESPACE_LABEL: &str = "opex.dev/scaled-down";

const FIELD_MANAGER: &str = "opex-operator-scale";

/// A record as it stands.
#[derive(Debug, Default)]
pub(super) struct Recorded {
    pub record: Record,
    /// Its resourceVersion; none where there is none.
    version: Option<String>,
}

#[derive(Deserialize)]
struct ConfigMap {
    metadata: Meta,
    #[serde(default, deserialize_with = "nullable::or_default")]
    data: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Meta {
    resource_version: String,
}

impl Writer {
    pub(super) async fn recorded(&self, namespace: &str) -> Result<Recorded, WriteError> {
        let uri = format!("{}/{}", self.records(), name(namespace));
        match self.request::<ConfigMap>(get(&uri)).await {
            Ok(ConfigMap { metadata, data }) => {
                Ok(Recorded { record: Record::read(data), version: Some(metadata.resource_version) })
            }
            Err(error) if error.code() == Some(404) => Ok(Recorded::default()),
            Err(error) => Err(error.of_scale_down()),
        }
    }

    /// Writes a record in the place of the one that was read; an empty one is removed.
    pub(super) async fn put_down(
        &self,
        namespace: &str,
        recorded: &mut Recorded,
        record: &Record,
    ) -> Result<(), WriteError> {
        if recorded.record == *record {
            return Ok(());
        }
        let (all, name) = (self.records(), name(namespace));
        let version = match (&recorded.version, record.is_empty()) {
            (None, true) => None,
            (None, false) => {
                let uri = format!("{all}?fieldManager={FIELD_MANAGER}");
                self.create(uri, &config_map(namespace, record, None)).await.map_err(WriteError::of_scale_down)?
            }
            (Some(version), false) => {
                let uri = format!("{all}/{name}?fieldManager={FIELD_MANAGER}");
                let body = to_json(&config_map(namespace, record, Some(version)));
                self.send(Method::PUT, uri, "application/json", body).await.map_err(WriteError::of_scale_down)?
            }
            (Some(version), true) => {
                let only = json!({"preconditions": {"resourceVersion": version}});
                let request = send(Method::DELETE, &format!("{all}/{name}"), "application/json", to_json(&only));
                self.request::<Value>(request).await.map_err(WriteError::of_scale_down)?;
                None
            }
        };
        *recorded = Recorded { record: record.clone(), version };
        Ok(())
    }

    /// The path of ConfigMaps of the operator's namespace.
    fn records(&self) -> String {
        format!("/api/v1/namespaces/{}/configmaps", self.namespace)
    }
}

/// A namespace's name is a label, so that this is a name.
fn name(namespace: &str) -> String {
    format!("opex-scaled-down.{namespace}")
}

fn config_map(namespace: &str, record: &Record, version: Option<&str>) -> Value {
    let labels = json!({NAMESPACE_LABEL: namespace, "app.kubernetes.io/managed-by": "opex-operator"});
    let mut object = json!({
        "apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {"name": name(namespace), "labels": labels},
        "data": record.data(),
    });
    if let Some(version) = version {
        object["metadata"]["resourceVersion"] = version.into();
    }
    object
}
