//! What the API server refuses, and with which words. The rules are those of the definitions in `crds/`, alone: no
//! policy and no operator runs here.

#[path = "admission/cases.rs"]
mod cases;
#[path = "admission/edits.rs"]
mod edits;
#[path = "admission/limits.rs"]
mod limits;
#[path = "admission/plans.rs"]
mod plans;

use std::fs;

use cases::{ACCEPTED, Case, Edit, REFUSED};
use edits::EDITS;
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use opex_cluster::{Cluster, Options};
use serde_json::{Value, json};

const NAMESPACE: &str = "opex-admission";
const CRDS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/crds");
const EXAMPLES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/examples");

#[tokio::test]
async fn the_api_server_checks_manifests() {
    let cluster = Cluster::start(&Options::new("admission")).unwrap();
    cluster.kubectl(["apply", "--server-side", "-f", CRDS]).expect();
    cluster.kubectl(["wait", "--for=condition=Established", "-f", CRDS]).expect();
    cluster.create_namespace(NAMESPACE).unwrap();
    let server = Server::of(&cluster).await;

    let mut faults = Vec::new();
    for case in ACCEPTED.iter().chain(limits::ACCEPTED) {
        let answer = server.create(case, true).await;
        faults.extend(answer.err().map(|said| format!("{} {} was refused: {said}", case.kind, case.spec)));
    }
    for case in REFUSED.iter().chain(plans::REFUSED).chain(limits::REFUSED) {
        faults.extend(refused(&server, case).await);
    }
    for edit in EDITS {
        faults.extend(edited(&server, edit).await);
    }
    cluster.kubectl(["delete", "namespace", NAMESPACE, "--wait=false"]).expect();
    assert!(faults.is_empty(), "{}", faults.join("\n\n"));

    no_field_of_an_example_is_dropped(&cluster);
}

/// The API server, asked as kubectl asks it: with strict validation.
struct Server(Client);

impl Server {
    async fn of(cluster: &Cluster) -> Self {
        let kubeconfig = Kubeconfig::read_from(cluster.kubeconfig()).unwrap();
        let config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await.unwrap();
        Self(Client::try_from(config).unwrap())
    }

    async fn create(&self, case: &Case, dry_run: bool) -> Result<Value, String> {
        let dry_run = if dry_run { "&dryRun=All" } else { "" };
        let path = format!("{}?fieldValidation=Strict{dry_run}", path_of(case.kind));
        self.send("POST", path, &object(case)).await
    }

    async fn send(&self, method: &str, path: String, body: &Value) -> Result<Value, String> {
        let request = http::Request::builder().method(method).uri(path);
        let request = request.header("Content-Type", "application/json").body(serde_json::to_vec(body).unwrap());
        self.0.request(request.unwrap()).await.map_err(|error| error.to_string())
    }
}

fn path_of(kind: &str) -> String {
    let plural = format!("{}s", kind.to_lowercase());
    let namespace = match kind {
        "PricePlan" | "ClusterBudget" => String::new(),
        _ => format!("/namespaces/{NAMESPACE}"),
    };
    format!("/apis/billing.opex.dev/v1alpha1{namespace}/{plural}")
}

fn object(case: &Case) -> Value {
    let spec: Value = serde_saphyr::from_str(case.spec).unwrap();
    json!({"apiVersion": "billing.opex.dev/v1alpha1", "kind": case.kind, "metadata": {"name": case.name}, "spec": spec})
}

async fn refused(server: &Server, case: &Case) -> Option<String> {
    match server.create(case, true).await {
        Ok(_) => Some(format!("{} {} was accepted", case.kind, case.spec)),
        Err(said) if said.contains(case.says) => None,
        Err(said) => Some(format!("{} {} was refused without {:?}: {said}", case.kind, case.spec, case.says)),
    }
}

async fn edited(server: &Server, edit: &Edit) -> Option<String> {
    let Edit { kind, name, before, after, says } = *edit;
    let created = server.create(&Case { kind, name, spec: before, says: "" }, false).await.unwrap();
    let mut changed = object(&Case { kind, name, spec: after, says: "" });
    changed["metadata"] = created["metadata"].clone();
    let path = format!("{}/{name}", path_of(kind));
    let answer = server.send("PUT", path.clone(), &changed).await;
    server.send("DELETE", path, &json!({})).await.unwrap();
    match (&answer, says) {
        (Ok(_), None) => None,
        (Err(said), Some(says)) if said.contains(says) => None,
        _ => Some(format!("{kind} {before} to {after}: wanted {says:?}, got {answer:?}")),
    }
}

fn no_field_of_an_example_is_dropped(cluster: &Cluster) {
    let apply = ["apply", "--server-side", "--validate=strict", "-o", "json", "-f", EXAMPLES];
    let stored = cluster.kubectl(apply).json().unwrap();
    let stored = stored["items"].as_array().unwrap();
    let files = fs::read_dir(EXAMPLES).unwrap().map(|entry| entry.unwrap().path());
    let texts = files.map(|path| fs::read_to_string(path).unwrap());
    let written: Vec<Value> = texts.flat_map(|text| serde_saphyr::from_multiple::<Value>(&text).unwrap()).collect();
    assert_eq!(stored.len(), written.len());
    for manifest in &written {
        assert!(stored.iter().any(|object| holds(object, manifest)), "a field was dropped of {manifest:#}");
    }
    cluster.kubectl(["delete", "--wait=false", "-f", EXAMPLES]).expect();
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
