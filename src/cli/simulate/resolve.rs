//! What is asked for, looked up: the object as it is and as it would be, its Pods, and the API server's answer.

use std::path::Path;

use anyhow::{Context, anyhow, bail, ensure};
use kube::{Client, Error};
use serde_json::{Value, json};

use super::{Request, Target};
use crate::cluster::connect::said;
use crate::cluster::discovery::{Discovery, Served};
use crate::cluster::dry_run::{Answer, Asked, Question};
use crate::replay::manifest;
use crate::simulate::change::Change;

/// Looks it up.
pub(super) struct Resolver<'a> {
    pub client: Client,
    pub discovery: &'a Discovery,
    /// Of what does not name its own.
    pub namespace: String,
}

/// A change, and what the API server says of it.
pub(super) struct Resolved {
    pub change: Change,
    pub request: Request,
    /// Where it is; none where it is in no namespace.
    pub namespace: Option<String>,
}

// === impl Resolver ===

impl Resolver<'_> {
    pub async fn scale(&self, target: &Target, replicas: i32) -> anyhow::Result<Resolved> {
        let served = self.served(target)?;
        let name = format!("{}/{}", served.resource(), target.name);
        ensure!(served.scales, "{} have no replicas to scale", served.resource());
        let path = served.path(Some(&self.namespace), &target.name);
        let before = self.found(served, &path, &target.name).await?;
        let pods = self.pods(&before, &path).await?;
        let asked = self.ask(&Question::Scale(replicas.into()), &path).await?;
        let request = asked.request(format!("{name} --replicas={replicas}"));
        let (replicas, after) = (Some(replicas.into()), Some(before.clone()));
        let mut change = Change { name, before: Some(before), after, replicas, pods, probe: None };
        change.ensure_countable()?;
        self.probe(&mut change).await;
        Ok(self.resolved(served, change, request))
    }

    pub async fn delete(&self, target: &Target) -> anyhow::Result<Resolved> {
        let served = self.served(target)?;
        ensure!(served.kind != "Namespace", "a Namespace's Budgets go with it: name what is in it instead");
        ensure!(served.kind != "Node", "the Pods of a Node come back on others: name what makes them instead");
        let name = format!("{}/{}", served.resource(), target.name);
        let path = served.path(Some(&self.namespace), &target.name);
        let before = self.found(served, &path, &target.name).await?;
        if let Some(owner) = controller(&before) {
            bail!("{name} comes back, {owner} makes another: name what is to go for good instead");
        }
        let pods = self.pods(&before, &path).await?;
        let asked = self.ask(&Question::Delete, &path).await?;
        let request = asked.request(format!("delete {name}"));
        let change = Change { name, before: Some(before), pods, ..Change::default() };
        Ok(self.resolved(served, change, request))
    }

    /// Every object of a file.
    pub async fn apply(&self, file: &Path) -> anyhow::Result<Vec<Resolved>> {
        let objects = manifest::objects(file)?;
        ensure!(!objects.is_empty(), "{}: there is no object in it", file.display());
        let mut resolved = Vec::new();
        for object in objects {
            let found = self.apply_one(object).await;
            resolved.push(found.with_context(|| file.display().to_string())?);
        }
        Ok(resolved)
    }

    async fn apply_one(&self, mut object: Value) -> anyhow::Result<Resolved> {
        let text = |field: &str| object[field].as_str().ok_or_else(|| anyhow!("{field} is missing"));
        let (api_version, kind) = (text("apiVersion")?.to_owned(), text("kind")?.to_owned());
        let served = self.discovery.of(&api_version, &kind);
        let served = served.ok_or_else(|| anyhow!("the API server knows no {kind} of {api_version}"))?;
        let metadata = &object["metadata"];
        let name = metadata["name"].as_str().map(str::to_owned);
        let generated = metadata["generateName"].as_str().map(str::to_owned);
        let shown = name.clone().or(generated).ok_or_else(|| anyhow!("{kind}: metadata.name is missing"))?;
        let namespace = metadata["namespace"].as_str().unwrap_or(&self.namespace).to_owned();
        if served.namespaced {
            object["metadata"]["namespace"] = json!(namespace);
        }
        for of_the_server in ["managedFields", "resourceVersion", "uid", "creationTimestamp", "generation"] {
            object["metadata"].as_object_mut().into_iter().for_each(|metadata| {
                metadata.remove(of_the_server);
            });
        }
        object.as_object_mut().into_iter().for_each(|object| {
            object.remove("status");
        });
        let path = name.as_ref().map(|name| served.path(Some(&namespace), name));
        let before = match &path {
            Some(path) => self.look(path).await?,
            None => None,
        };
        let pods = match (&before, &path) {
            (Some(before), Some(path)) => self.pods(before, path).await?,
            _ => Vec::new(),
        };
        let asked = match &path {
            Some(path) => self.ask(&Question::Apply(&object), path).await?,
            None => self.ask(&Question::Create(&object), &served.collection(Some(&namespace))).await?,
        };
        let name = format!("{}/{shown}", served.resource());
        // What is refused is compared all the same: as it is written.
        let written = || merged(before.as_ref(), &object);
        let after = Some(asked.object.clone().unwrap_or_else(written));
        let request = asked.request(format!("apply {name}"));
        let scaled = after.as_ref().filter(|after| served.scales && is_custom(after));
        let replicas = scaled.and_then(|after| after["spec"]["replicas"].as_i64());
        let mut change = Change { name, before, after, replicas, pods, probe: None };
        change.ensure_countable()?;
        self.probe(&mut change).await;
        Ok(self.resolved(served, change, request))
    }

    /// The StorageClass of claims that name none.
    pub async fn default_class(&self) -> String {
        let classes = self.get("/apis/storage.k8s.io/v1/storageclasses").await.unwrap_or_default();
        let classes = classes["items"].as_array().into_iter().flatten();
        let is_default =
            |class: &&Value| class["metadata"]["annotations"]["storageclass.kubernetes.io/is-default-class"] == "true";
        let newest = classes.filter(is_default).max_by_key(|class| class["metadata"]["creationTimestamp"].to_string());
        newest.and_then(|class| class["metadata"]["name"].as_str()).unwrap_or_default().to_owned()
    }

    fn served(&self, target: &Target) -> anyhow::Result<&Served> {
        let unknown =
            || anyhow!("the API server knows no {}: kubectl api-resources lists what there is", target.resource);
        self.discovery.named(&target.resource).ok_or_else(unknown)
    }

    fn resolved(&self, served: &Served, change: Change, request: Request) -> Resolved {
        let object = change.after.as_ref().or(change.before.as_ref());
        let own = object.and_then(|object| object["metadata"]["namespace"].as_str()).map(str::to_owned);
        let namespace = served.namespaced.then(|| own.unwrap_or_else(|| self.namespace.clone()));
        Resolved { change, request, namespace }
    }

    async fn found(&self, served: &Served, path: &str, name: &str) -> anyhow::Result<Value> {
        let Some(object) = self.look(path).await? else {
            let resource = served.resource();
            if served.namespaced {
                bail!("there is no {resource} {name:?} in namespace {}", self.namespace);
            }
            bail!("there is no {resource} {name:?}");
        };
        Ok(object)
    }

    async fn look(&self, path: &str) -> anyhow::Result<Option<Value>> {
        match self.get(path).await {
            Ok(object) => Ok(Some(object)),
            Err(Error::Api(status)) if status.code == 404 => Ok(None),
            Err(error) => Err(anyhow!("{}", said(&error))),
        }
    }

    async fn get(&self, path: &str) -> Result<Value, Error> {
        let request = http::Request::get(path).body(Vec::new()).expect("names need no escaping");
        self.client.request(request).await
    }

    async fn ask(&self, question: &Question<'_>, path: &str) -> anyhow::Result<Asked> {
        question.ask(&self.client, path).await.with_context(|| format!("ask the API server about {path}"))
    }

    /// The Pods of a workload that have not ended.
    async fn pods(&self, workload: &Value, path: &str) -> anyhow::Result<Vec<Value>> {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        if workload["kind"] == "CronJob" {
            return self.pods_of_jobs(workload).await;
        }
        if workload["kind"] == "Pod" {
            return Ok(Vec::new());
        }
        let own = selector(&workload["spec"]["selector"]).filter(|_| selects_its_pods(workload));
        let selector = match own {
            Some(selector) => selector,
            None => match self.look(&format!("{path}/scale")).await {
                Ok(Some(scale)) => text(&scale["status"]["selector"]),
                _ => return Ok(Vec::new()),
            },
        };
        if selector.is_empty() {
            return Ok(Vec::new());
        }
        let query: String = url_encoded(&selector);
        let namespace = text(&workload["metadata"]["namespace"]);
        self.running(&format!("/api/v1/namespaces/{namespace}/pods?labelSelector={query}")).await
    }

    async fn pods_of_jobs(&self, cron_job: &Value) -> anyhow::Result<Vec<Value>> {
        let namespace = cron_job["metadata"]["namespace"].as_str().unwrap_or_default();
        let jobs = self.get(&format!("/apis/batch/v1/namespaces/{namespace}/jobs")).await;
        let jobs = jobs.map_err(|error| anyhow!("{}", said(&error)))?;
        let jobs: Vec<_> = items(&jobs).filter(|job| is_owned_by(job, cron_job)).collect();
        let pods = self.running(&format!("/api/v1/namespaces/{namespace}/pods")).await?;
        Ok(pods.into_iter().filter(|pod| jobs.iter().any(|job| is_owned_by(pod, job))).collect())
    }

    async fn running(&self, path: &str) -> anyhow::Result<Vec<Value>> {
        let pods = self.get(path).await.map_err(|error| anyhow!("{}", said(&error)))?;
        let has_ended = |pod: &Value| matches!(pod["status"]["phase"].as_str(), Some("Succeeded" | "Failed"));
        let whole = |pod: &Value| {
            let mut pod = pod.clone();
            (pod["apiVersion"], pod["kind"]) = (json!("v1"), json!("Pod"));
            pod
        };
        Ok(items(&pods).filter(|pod| !has_ended(pod)).map(whole).collect())
    }

    /// A Pod of the template as it would be admitted, where no Pod shows it and whoever asks may make one.
    async fn probe(&self, change: &mut Change) {
        let Some((after, template)) = change.needs_probe() else { return };
        let namespace = after["metadata"]["namespace"].as_str().unwrap_or_default();
        let pod = json!({
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {
                "generateName": "simulated-",
                "labels": template["metadata"]["labels"],
                "annotations": template["metadata"]["annotations"],
                "ownerReferences": [{
                    "apiVersion": after["apiVersion"], "kind": after["kind"], "controller": true,
                    "name": after["metadata"]["name"], "uid": after["metadata"]["uid"],
                }],
            },
            "spec": template["spec"],
        });
        let asked = Question::Create(&pod).ask(&self.client, &format!("/api/v1/namespaces/{namespace}/pods")).await;
        change.probe = asked.ok().and_then(|asked| asked.object);
    }
}

/// What is to be in a Namespace that is to be made as well is refused only because that is not there yet.
pub(super) fn excuse(resolved: &mut [Resolved]) {
    let is_new = |one: &&Resolved| one.change.before.is_none() && one.change.name.starts_with("namespaces/");
    let new = resolved.iter().filter(is_new).filter_map(|one| one.change.name.strip_prefix("namespaces/"));
    let new: Vec<_> = new.map(str::to_owned).collect();
    for one in resolved.iter_mut().filter(|one| one.namespace.as_ref().is_some_and(|own| new.contains(own))) {
        if matches!(one.request.answer, Answer::Refused(_)) {
            one.request.answer = Answer::NotAsked("its Namespace is not there yet".to_owned());
        }
    }
}

/// What belongs to no group of Kubernetes itself: its `spec.selector` may mean anything.
fn is_custom(workload: &Value) -> bool {
    let group = workload["apiVersion"].as_str().and_then(|version| version.split_once('/')).map(|(group, _)| group);
    !matches!(group, None | Some("apps" | "batch"))
}

fn items(list: &Value) -> impl Iterator<Item = &Value> {
    list["items"].as_array().into_iter().flatten()
}

fn is_owned_by(object: &Value, owner: &Value) -> bool {
    let owners = object["metadata"]["ownerReferences"].as_array().into_iter().flatten();
    owners.into_iter().any(|reference| reference["uid"] == owner["metadata"]["uid"])
}

/// A Service, say, selects Pods of others.
fn selects_its_pods(workload: &Value) -> bool {
    let kind = workload["kind"].as_str().unwrap_or_default();
    !is_custom(workload) && !matches!(kind, "Service" | "PersistentVolumeClaim")
}

/// The kind and name of what made an object and makes it again.
fn controller(object: &Value) -> Option<String> {
    let mut owners = object["metadata"]["ownerReferences"].as_array().into_iter().flatten();
    let owner = owners.find(|owner| owner["controller"] == true)?;
    Some(format!("{} {}", owner["kind"].as_str()?, owner["name"].as_str()?))
}

/// A label selector as a query has it: `a=b,c in (d,e)`; that of a ReplicationController is a map.
fn selector(selector: &Value) -> Option<String> {
    let object = selector.as_object().filter(|object| !object.is_empty())?;
    let equal = |(key, value): (&String, &Value)| Some(format!("{key}={}", value.as_str()?));
    let is_structured = object.contains_key("matchLabels") || object.contains_key("matchExpressions");
    if !is_structured {
        return object.iter().map(equal).collect::<Option<Vec<_>>>().map(|parts| parts.join(","));
    }
    let labels = selector["matchLabels"].as_object().into_iter().flatten().map(equal);
    let expressions = selector["matchExpressions"].as_array().into_iter().flatten().map(|expression| {
        let key = expression["key"].as_str()?;
        let values: Vec<_> = expression["values"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        Some(match expression["operator"].as_str()? {
            "In" => format!("{key} in ({})", values.join(",")),
            "NotIn" => format!("{key} notin ({})", values.join(",")),
            "Exists" => key.to_owned(),
            "DoesNotExist" => format!("!{key}"),
            _ => return None,
        })
    });
    labels.chain(expressions).collect::<Option<Vec<_>>>().map(|parts| parts.join(","))
}

fn url_encoded(text: &str) -> String {
    let encode = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' => char::from(byte).to_string(),
        byte => format!("%{byte:02X}"),
    };
    text.bytes().map(encode).collect()
}

/// A manifest laid over what is there, as far as that can be told without the API server.
fn merged(before: Option<&Value>, manifest: &Value) -> Value {
    let Some(before) = before else { return manifest.clone() };
    let (Some(old), Some(new)) = (before.as_object(), manifest.as_object()) else { return manifest.clone() };
    let mut merged = old.clone();
    for (key, value) in new {
        let value = self::merged(old.get(key), value);
        merged.insert(key.clone(), value);
    }
    Value::Object(merged)
}

// === impl Asked ===

impl Asked {
    fn request(self, what: String) -> Request {
        Request { what, answer: self.answer, warnings: self.warnings }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn selectors_are_written_as_queries() {
        for (structured, query) in [
            (json!({"app": "web"}), Some("app=web")),
            (json!({"matchLabels": {"a": "b", "c": "d"}}), Some("a=b,c=d")),
            (
                json!({"matchExpressions": [{"key": "a", "operator": "In", "values": ["b", "c"]},
                    {"key": "d", "operator": "DoesNotExist"}]}),
                Some("a in (b,c),!d"),
            ),
            (json!({"matchExpressions": [{"key": "a", "operator": "Near"}]}), None),
            (json!({}), None),
            (json!(null), None),
        ] {
            assert_eq!(selector(&structured).as_deref(), query, "{structured}");
        }
        assert_eq!(url_encoded("a in (b,c)"), "a%20in%20%28b%2Cc%29");
    }

    #[test]
    fn what_a_new_namespace_will_hold_is_not_refused() {
        let one = |name: &str, namespace: Option<&str>| Resolved {
            change: Change { name: name.to_owned(), ..Change::default() },
            request: Request { what: String::new(), answer: Answer::Refused("no".to_owned()), warnings: Vec::new() },
            namespace: namespace.map(str::to_owned),
        };
        let mut all = [one("namespaces/new", None), one("pods/a", Some("new")), one("pods/b", Some("old"))];
        excuse(&mut all);
        let refused = all.map(|one| matches!(one.request.answer, Answer::Refused(_)));
        assert_eq!(refused, [true, false, true]);
    }

    #[test]
    fn a_manifest_that_is_refused_is_laid_over_what_is_there() {
        let before = json!({"spec": {"replicas": 2, "template": {"a": [1], "b": 2}}, "status": {}});
        let manifest = json!({"spec": {"template": {"a": [3]}}});
        let after = json!({"spec": {"replicas": 2, "template": {"a": [3], "b": 2}}, "status": {}});
        assert_eq!(merged(Some(&before), &manifest), after);
        assert_eq!(merged(None, &manifest), manifest);
    }
}
