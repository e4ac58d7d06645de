//! What the API server refuses, and with which words. The rules are those of the definitions in `crds/`, alone: no
//! policy and no operator runs here.

#[path = "admission/cases.rs"]
mod cases;

use std::fs;
use std::path::{Path, PathBuf};

use cases::{ACCEPTED, Case, EDITS, Edit, REFUSED};
use opex_cluster::{Cluster, Options};
use serde_json::Value;

const NAMESPACE: &str = "opex-admission";

#[test]
fn the_api_server_checks_manifests() {
    let cluster = Cluster::start(Options::new("admission")).unwrap();
    install(&cluster);
    cluster.kubectl(["create", "namespace", NAMESPACE]).expect();

    let faults: Vec<String> = ACCEPTED
        .iter()
        .filter_map(|case| accepted(&cluster, case))
        .chain(REFUSED.iter().filter_map(|case| refused(&cluster, case)))
        .chain(EDITS.iter().filter_map(|edit| edited(&cluster, edit)))
        .chain(examples().iter().filter_map(|path| applied(&cluster, path)))
        .collect();
    cluster.kubectl(["delete", "namespace", NAMESPACE]).expect();
    assert!(faults.is_empty(), "{}", faults.join("\n\n"));
}

fn install(cluster: &Cluster) {
    let crds = Path::new(env!("CARGO_MANIFEST_DIR")).join("crds");
    let crds = crds.to_str().unwrap();
    cluster.kubectl(["apply", "--server-side", "-f", crds]).expect();
    cluster.kubectl(["wait", "--for=condition=Established", "-f", crds]).expect();
}

fn manifest(kind: &str, name: &str, spec: &str) -> String {
    let cluster_wide = ["PricePlan", "ClusterBudget"].contains(&kind);
    let namespace = if cluster_wide { String::new() } else { format!(", namespace: {NAMESPACE}") };
    format!("{{apiVersion: billing.opex.dev/v1alpha1, kind: {kind}, metadata: {{name: {name}{namespace}}}, spec: {spec}}}")
}

fn dry_run(cluster: &Cluster, case: &Case) -> Result<String, String> {
    let args = ["create", "--dry-run=server", "--validate=strict", "-f", "-"];
    let output = cluster.kubectl_with_input(args, &manifest(case.kind, case.name, case.spec));
    if output.status.success() { Ok(output.stdout) } else { Err(output.stderr) }
}

fn accepted(cluster: &Cluster, case: &Case) -> Option<String> {
    dry_run(cluster, case).err().map(|said| format!("{} {} was refused: {said}", case.kind, case.spec))
}

fn refused(cluster: &Cluster, case: &Case) -> Option<String> {
    match dry_run(cluster, case) {
        Ok(_) => Some(format!("{} {} was accepted", case.kind, case.spec)),
        Err(said) if said.contains(case.says) => None,
        Err(said) => Some(format!("{} {} was refused without saying {:?}: {said}", case.kind, case.spec, case.says)),
    }
}

fn edited(cluster: &Cluster, edit: &Edit) -> Option<String> {
    cluster.apply(&manifest(edit.kind, edit.name, edit.before)).expect();
    let output = cluster.apply(&manifest(edit.kind, edit.name, edit.after));
    let verdict = (output.status.success(), edit.says);
    cluster.kubectl(["delete", edit.kind, edit.name, "-n", NAMESPACE]).expect();
    match verdict {
        (true, None) => None,
        (false, Some(says)) if output.stderr.contains(says) => None,
        _ => Some(format!("{} {} to {}: {output}, wanted {:?}", edit.kind, edit.before, edit.after, edit.says)),
    }
}

fn examples() -> Vec<PathBuf> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    let mut paths: Vec<PathBuf> = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
}

/// Applies an example and reads it back: every field that was written is there.
fn applied(cluster: &Cluster, path: &Path) -> Option<String> {
    let path = path.to_str().unwrap();
    let written = cluster.kubectl(["create", "--dry-run=client", "--validate=false", "-o", "json", "-f", path]);
    let written: Vec<Value> =
        serde_json::Deserializer::from_str(&written.expect()).into_iter().map(Result::unwrap).collect();
    cluster.kubectl(["apply", "--server-side", "--validate=strict", "-f", path]).expect();
    let stored = cluster.get(["-f", path]).unwrap();
    let stored = stored["items"].as_array().cloned().unwrap_or_else(|| vec![stored.clone()]);
    let lost = written.iter().zip(&stored).any(|(written, stored)| !holds(&stored["spec"], &written["spec"]));
    lost.then(|| format!("{path} lost a field: {stored:#?}"))
}

/// Whether all of `part` is in `whole`.
fn holds(whole: &Value, part: &Value) -> bool {
    match (whole, part) {
        (Value::Object(whole), Value::Object(part)) => {
            part.iter().all(|(name, value)| whole.get(name).is_some_and(|found| holds(found, value)))
        }
        (Value::Array(whole), Value::Array(part)) => {
            whole.len() == part.len() && whole.iter().zip(part).all(|(whole, part)| holds(whole, part))
        }
        _ => whole == part,
    }
}
