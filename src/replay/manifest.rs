//! Manifests given with `-f`: JSON or YAML, several documents, lists. They exist from `--from` on.

use std::fs;
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
    read_each(path, manifest).map(|manifests| manifests.into_iter().flatten().collect())
}

/// Every object of a file, as it is written there; `-` is standard input.
pub fn objects(path: &Path) -> Result<Vec<Value>, ManifestError> {
    read_each(path, |object| if object.is_object() { Ok(object.clone()) } else { Err("it is no object".to_owned()) })
}

fn read_each<T>(path: &Path, read: impl Fn(&Value) -> Result<T, String>) -> Result<Vec<T>, ManifestError> {
    let text =
        if path.as_os_str() == "-" { std::io::read_to_string(std::io::stdin()) } else { fs::read_to_string(path) };
    let text = text.map_err(|source| ManifestError::ReadFile { path: path.into(), source })?;
    let wrong = |document, what: String| ManifestError::ReadDocument { path: path.into(), document, what };
    let mut objects = Vec::new();
    for (i, document) in documents(&text).into_iter().enumerate() {
        let value = document.map_err(|what| wrong(i + 1, what))?;
        for object in items(value) {
            objects.push(read(&object).map_err(|what| wrong(i + 1, what))?);
        }
    }
    Ok(objects)
}

fn documents(text: &str) -> Vec<Result<Value, String>> {
    let json: Vec<_> = serde_json::Deserializer::from_str(text).into_iter::<Value>().collect();
    let is_json = text.trim_start().starts_with('{');
    if is_json && json.iter().all(Result::is_ok) {
        return json.into_iter().map(|value| value.map_err(|error| error.to_string())).collect();
    }
    match serde_saphyr::from_multiple::<Value>(text) {
        Ok(values) => values.into_iter().filter(|value| !value.is_null()).map(Ok).collect(),
        // What begins like JSON and is no YAML either was meant as JSON.
        Err(_) if is_json => json.into_iter().map(|value| value.map_err(|error| error.to_string())).collect(),
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
