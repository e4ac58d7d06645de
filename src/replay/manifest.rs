//! Manifests given with `-f`: JSON or YAML, several documents, lists. They exist from `--from` on.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::observe::{Observed, TypeMeta};

/// One object of a manifest file.
#[derive(Debug)]
pub struct Manifest {
    pub kind: TypeMeta,
    pub observed: Observed,
}

/// A manifest that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ManifestError {
    #[error("read {}", path.display())]
    ReadFile { path: PathBuf, source: std::io::Error },
    #[error("{}: document {document}: {what}", path.display())]
    ReadDocument { path: PathBuf, document: usize, what: String },
}

/// Every object of a file that replay knows what to do with.
pub fn read(path: &Path) -> Result<Vec<Manifest>, ManifestError> {
    let text = std::fs::read_to_string(path).map_err(|source| ManifestError::ReadFile { path: path.into(), source })?;
    let wrong = |document, what: String| ManifestError::ReadDocument { path: path.into(), document, what };
    let mut manifests = Vec::new();
    for (i, document) in documents(&text).into_iter().enumerate() {
        let value = document.map_err(|what| wrong(i + 1, what))?;
        for object in items(value) {
            manifests.extend(manifest(&object).map_err(|what| wrong(i + 1, what))?);
        }
    }
    Ok(manifests)
}

fn documents(text: &str) -> Vec<Result<Value, String>> {
    if text.trim_start().starts_with('{') {
        let values = serde_json::Deserializer::from_str(text).into_iter::<Value>();
        return values.map(|value| value.map_err(|error| error.to_string())).collect();
    }
    let values = serde_saphyr::from_multiple::<Value>(text);
    match values {
        Ok(values) => values.into_iter().filter(|value| !value.is_null()).map(Ok).collect(),
        Err(error) => vec![Err(error.to_string())],
    }
}

/// The objects of a `kind: List`, or the object itself.
fn items(value: Value) -> Vec<Value> {
    let is_list = value["kind"].as_str().is_some_and(|kind| kind.ends_with("List"));
    match value {
        Value::Object(mut object) if is_list => match object.remove("items") {
            Some(Value::Array(items)) => items,
            _ => Vec::new(),
        },
        value => vec![value],
    }
}

fn manifest(object: &Value) -> Result<Option<Manifest>, String> {
    let kind = TypeMeta {
        api_version: object["apiVersion"].as_str().ok_or("apiVersion is missing")?.to_owned(),
        kind: object["kind"].as_str().ok_or("kind is missing")?.to_owned(),
    };
    let Some(source) = kind.source() else { return Ok(None) };
    let name = object["metadata"]["name"].as_str().ok_or("metadata.name is missing")?;
    let observed =
        Observed::read(source, &object.to_string()).map_err(|error| format!("{} {name}: {error}", kind.kind))?;
    Ok(Some(Manifest { kind, observed }))
}
