//! What a change brings and takes away of what is billed: the Pods and claims of a workload, and objects as they are.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::place::{Classes, Node, Place};
use super::template::{self, ephemeral};

/// Most Pods of one workload: each is simulated by itself.
const MOST_PODS: usize = 10_000;

/// A workload of more Pods than can be simulated.
#[derive(Debug, thiserror::Error)]
#[error("{0}: {1} replicas, and no more than {MOST_PODS} can be simulated")]
pub struct TooMany(String, usize);

/// One object, as it is and as it would be.
#[derive(Clone, Debug, Default)]
pub struct Change {
    /// `deployments.apps/web`.
    pub name: String,
    pub before: Option<Value>,
    pub after: Option<Value>,
    /// How many replicas it is scaled to.
    pub replicas: Option<i64>,
    /// Its Pods that have not ended.
    pub pods: Vec<Value>,
    /// A Pod of its template as the API server would admit it, with what LimitRanges and webhooks add.
    pub probe: Option<Value>,
}

/// What a change happens in.
#[derive(Clone, Debug, Default)]
pub struct Surroundings {
    pub nodes: Vec<Node>,
    pub plans: Vec<Classes>,
    /// The claims that exist.
    pub claims: Vec<Value>,
    /// What Pods use, where a budget goes by that.
    pub samples: Vec<Value>,
    /// The StorageClass of claims that name none.
    pub default_class: String,
    pub now: Timestamp,
}

/// What would be there, what would be gone, and what people should know of it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Imagined {
    pub there: Vec<Value>,
    pub gone: Vec<Value>,
    pub notes: Vec<String>,
}

/// Pods that are to be: their names, and on which nodes where that is given.
type Wanted = Vec<(String, Option<String>)>;

// === impl Imagined ===

impl Imagined {
    pub fn of(changes: &[Change], around: &Surroundings) -> Self {
        let mut imagined = Self::default();
        for change in changes {
            change.imagine(around, &mut imagined);
        }
        imagined
    }
}

// === impl Change ===

impl Change {
    fn imagine(&self, around: &Surroundings, into: &mut Imagined) {
        let Some(object) = self.after.as_ref().or(self.before.as_ref()) else { return };
        let api_version = object["apiVersion"].as_str().unwrap_or_default();
        let group = api_version.split_once('/').map_or("", |(group, _)| group);
        match (group, object["kind"].as_str().unwrap_or_default()) {
            ("apps", "StatefulSet") => self.stateful(around, into),
            ("apps", "Deployment" | "ReplicaSet") | ("", "ReplicationController") => self.replicated(around, into),
            ("apps", "DaemonSet") => self.daemons(around, into),
            ("batch", "Job") => self.job(around, into),
            ("batch", "CronJob") => self.cron_job(around, into),
            ("", "Pod") => self.pod(around, into),
            ("", "PersistentVolumeClaim") => self.claim(around, into),
            ("autoscaling", "HorizontalPodAutoscaler") => self.autoscaler(into),
            _ => self.custom(around, into),
        }
    }

    /// Of what no Pod shows: the object, and the template that its Pods will be made of.
    pub fn needs_probe(&self) -> Option<(&Value, &Value)> {
        let after = self.after.as_ref()?;
        let template = Some(&after["spec"]["template"]).filter(|template| template["spec"]["containers"].is_array());
        template.filter(|_| self.pods.is_empty() || self.is_replaced()).map(|template| (after, template))
    }

    /// Any Pod is as good as the other: those that run nowhere go first, then the newest.
    fn replicated(&self, around: &Surroundings, into: &mut Imagined) {
        let wanted = self.after.as_ref().map_or(0, |after| self.replicas(after));
        self.populate(wanted, around, into);
    }

    pub fn ensure_countable(&self) -> Result<(), TooMany> {
        let many = self.after.as_ref().map_or(0, |after| self.replicas(after).max(running(after)));
        if many > MOST_PODS { Err(TooMany(self.name.clone(), many)) } else { Ok(()) }
    }

    /// How many replicas there would be.
    fn replicas(&self, after: &Value) -> usize {
        let replicas = self.replicas.or_else(|| after["spec"]["replicas"].as_i64()).unwrap_or(1);
        usize::try_from(replicas).unwrap_or_default()
    }

    fn populate(&self, wanted: usize, around: &Surroundings, into: &mut Imagined) {
        let is_replaced = self.is_replaced();
        let mut pods: Vec<_> = self.pods.iter().collect();
        pods.sort_by_key(|pod| (node_of(pod).is_none(), created(pod).to_owned(), name_of(pod).to_owned()));
        let kept = if is_replaced { 0 } else { wanted.min(pods.len()) };
        // What is replaced stays where it is.
        let nodes = pods.iter().map(|pod| node_of(pod).map(str::to_owned)).filter(|_| is_replaced);
        let nodes = nodes.chain(std::iter::repeat(None));
        let new = nodes.take(wanted - kept).enumerate();
        let new = new.map(|(i, node)| (format!("{}-imagined-{i}", self.own_name()), node));
        self.bring(new.collect(), around, into);
        take_away(pods.into_iter().skip(kept), around, into);
    }

    /// Each Pod has a name, and claims that stay when it goes, unless the retention policy says otherwise.
    fn stateful(&self, around: &Surroundings, into: &mut Imagined) {
        let (wanted, first) = self.after.as_ref().map_or((0, 0), |after| {
            (self.replicas(after), after.pointer("/spec/ordinals/start").and_then(Value::as_u64).unwrap_or(0))
        });
        let names: Vec<_> = (0..wanted as u64).map(|i| format!("{}-{}", self.own_name(), first + i)).collect();
        let is_kept = |pod: &&Value| !self.is_replaced() && names.iter().any(|name| name == name_of(pod));
        let (kept, gone): (Vec<_>, Vec<_>) = self.pods.iter().partition(is_kept);
        let new = names.iter().filter(|name| !kept.iter().any(|pod| name_of(pod) == name.as_str()));
        let stands = |name: &str| gone.iter().find(|pod| name_of(pod) == name).and_then(|pod| node_of(pod));
        let new = new.map(|name| (name.clone(), stands(name).map(str::to_owned)));
        self.bring(new.collect(), around, into);
        take_away(gone.iter().copied(), around, into);
        let claims = |object: &Value| object["spec"]["volumeClaimTemplates"].as_array().cloned().unwrap_or_default();
        for template in self.after.as_ref().map(claims).unwrap_or_default() {
            let missing = names.iter().map(|pod| format!("{}-{pod}", name_of(&template)));
            for name in missing.filter(|name| around.claim(self.namespace(), name).is_none()) {
                let labels = &template["metadata"]["labels"];
                let class = &around.default_class;
                let namespace = &json!(self.namespace());
                into.there.push(template::claim(&name, namespace, labels, &template["spec"], class, around.now));
            }
        }
        let Some(before) = &self.before else { return };
        let when = if self.after.is_some() { "whenScaled" } else { "whenDeleted" };
        if before["spec"]["persistentVolumeClaimRetentionPolicy"][when] == "Delete" {
            let ended = gone.iter().filter(|pod| !names.iter().any(|name| name == name_of(pod)));
            for (pod, template) in ended.flat_map(|pod| claims(before).into_iter().map(move |template| (pod, template)))
            {
                let name = format!("{}-{}", name_of(&template), name_of(pod));
                into.gone.extend(around.claim(self.namespace(), &name).cloned());
            }
        } else if !claims(before).is_empty() && !gone.is_empty() && !self.is_replaced() {
            into.notes.push(format!("{}: its claims stay, and cost on", self.name));
        }
    }

    /// One on each node that takes it.
    fn daemons(&self, around: &Surroundings, into: &mut Imagined) {
        let spec = self.after.as_ref().map(|after| &after["spec"]["template"]["spec"]);
        let nodes = around.nodes.iter().filter(|node| spec.is_some_and(|spec| node.takes_daemon(spec)));
        let nodes: Vec<_> = nodes.map(|node| node.name.as_str()).collect();
        let is_kept = |pod: &&Value| !self.is_replaced() && node_of(pod).is_some_and(|node| nodes.contains(&node));
        let (kept, gone): (Vec<_>, Vec<_>) = self.pods.iter().partition(is_kept);
        let new = nodes.iter().filter(|node| !kept.iter().any(|pod| node_of(pod) == Some(node)));
        let new = new.map(|node| (format!("{}-on-{node}", self.own_name()), Some((*node).to_owned())));
        self.bring(new.collect(), around, into);
        take_away(gone.into_iter(), around, into);
        if self.after.is_some() && around.nodes.is_empty() {
            into.notes.push(format!("{}: it has a Pod on each node, and nodes cannot be seen: not counted", self.name));
        }
    }

    fn job(&self, around: &Surroundings, into: &mut Imagined) {
        let wanted = self.after.as_ref().map_or(0, running);
        self.populate(wanted, around, into);
        if wanted > self.pods.len() {
            let note = "counted as if it ran to the end of the period; it costs less if it ends before";
            into.notes.push(format!("{}: {note}", self.name));
        }
    }

    fn cron_job(&self, around: &Surroundings, into: &mut Imagined) {
        if self.after.is_none() {
            take_away(self.pods.iter(), around, into);
        }
        into.notes.push(format!("{}: costs when it runs, which is in no forecast", self.name));
    }

    fn pod(&self, around: &Surroundings, into: &mut Imagined) {
        let Some(after) = &self.after else { return take_away(self.before.iter(), around, into) };
        let mut pod = after.clone();
        if self.before.is_none() {
            let place = around.place(&pod["spec"], None);
            pod = template::made(&pod, around.now);
            pod["status"] = template::running(around.now);
            pod["spec"]["nodeName"] = json!(node_of(after).or(place.node.as_deref()).unwrap_or("unknown"));
            into.notes.push(format!("{}: {}", self.name, place.why));
            self.bring_claims(after, name_of(after), around, into);
        }
        into.there.push(pod);
    }

    /// One that is new is taken to be bound at once.
    fn claim(&self, around: &Surroundings, into: &mut Imagined) {
        match &self.after {
            Some(after) if self.before.is_none() => {
                let (metadata, class) = (&after["metadata"], &around.default_class);
                let (name, namespace) = (name_of(after), &metadata["namespace"]);
                let claim = template::claim(name, namespace, &metadata["labels"], &after["spec"], class, around.now);
                into.there.push(claim);
            }
            _ => self.plain(around, into),
        }
    }

    fn autoscaler(&self, into: &mut Imagined) {
        let Some(after) = &self.after else { return };
        let target = &after["spec"]["scaleTargetRef"];
        let (kind, name) = (target["kind"].as_str().unwrap_or("?"), target["name"].as_str().unwrap_or("?"));
        let most = after["spec"]["maxReplicas"].as_u64().unwrap_or_default();
        let target = format!("{}/{name}", kind.to_lowercase());
        into.notes.push(format!(
            "{}: may scale {target} up to {most}, which is not counted; --scale {target}={most} shows the most that it costs",
            self.name
        ));
    }

    /// Billed itself perhaps, and perhaps by its Pods.
    fn custom(&self, around: &Surroundings, into: &mut Imagined) {
        if self.replicas.is_some() || self.after.is_none() {
            self.replicated(around, into);
        }
        self.plain(around, into);
    }

    fn plain(&self, around: &Surroundings, into: &mut Imagined) {
        match (&self.before, &self.after) {
            (_, Some(after)) if self.before.is_none() => into.there.push(template::made(after, around.now)),
            (_, Some(after)) => into.there.push(template::edited(after)),
            (before, None) => into.gone.extend(before.clone()),
        }
    }

    /// Whether its Pods are made anew in a way that changes what they cost.
    fn is_replaced(&self) -> bool {
        let template = |object: &Value| template::bill(&object["spec"]["template"]);
        let templates = self.before.as_ref().map(template).zip(self.after.as_ref().map(template));
        templates.is_some_and(|(before, after)| before != after)
    }

    /// The newest Pod shows best what another one will be, as long as the template stays.
    fn bring(&self, wanted: Wanted, around: &Surroundings, into: &mut Imagined) {
        let Some(after) = self.after.as_ref().filter(|_| !wanted.is_empty()) else { return };
        let newest = self.pods.iter().max_by_key(|pod| (node_of(pod).is_some(), created(pod)));
        let model = newest.filter(|_| !self.is_replaced()).or(self.probe.as_ref());
        let model = model.unwrap_or(&after["spec"]["template"]);
        let spec = &model["spec"];
        if spec["containers"].is_null() {
            let note = "it has no template that is known, and no Pod to go by: not counted";
            into.notes.push(format!("{}: {note}", self.name));
            return;
        }
        let place = around.place(spec, newest);
        if wanted.iter().any(|(_, node)| node.is_none()) {
            let count = wanted.iter().filter(|(_, node)| node.is_none()).count();
            let pods = if count == 1 { "1 Pod" } else { &format!("{count} Pods") };
            into.notes.push(format!("{}: {pods} more, {}", self.name, place.why));
        }
        if spec["resourceClaims"].as_array().is_some_and(|claims| !claims.is_empty()) {
            into.notes.push(format!("{}: the devices that its Pods claim are not counted", self.name));
        }
        let labels = &model["metadata"]["labels"];
        let sample = newest.and_then(|pod| find(&around.samples, self.namespace(), name_of(pod)));
        for (name, node) in wanted {
            let node = node.as_deref().or(place.node.as_deref());
            into.there.push(template::pod(&name, after, labels, spec, node, around.now));
            into.there.extend(sample.map(|sample| template::renamed(sample, &name, around.now)));
            self.bring_claims(model, &name, around, into);
        }
    }

    fn bring_claims(&self, model: &Value, pod: &str, around: &Surroundings, into: &mut Imagined) {
        for (volume, claim) in ephemeral(&model["spec"]) {
            let (name, namespace) = (format!("{pod}-{volume}"), &json!(self.namespace()));
            let (labels, class) = (&claim["metadata"]["labels"], &around.default_class);
            into.there.push(template::claim(&name, namespace, labels, &claim["spec"], class, around.now));
        }
    }

    fn own_name(&self) -> &str {
        self.after.as_ref().or(self.before.as_ref()).map_or("", name_of)
    }

    fn namespace(&self) -> &str {
        let object = self.after.as_ref().or(self.before.as_ref());
        object.and_then(|object| object["metadata"]["namespace"].as_str()).unwrap_or_default()
    }
}

/// Pods go, and what is only theirs.
fn take_away<'a>(pods: impl Iterator<Item = &'a Value>, around: &Surroundings, into: &mut Imagined) {
    for pod in pods {
        let namespace = pod["metadata"]["namespace"].as_str().unwrap_or_default();
        for (volume, _) in ephemeral(&pod["spec"]) {
            into.gone.extend(around.claim(namespace, &format!("{}-{volume}", name_of(pod))).cloned());
        }
        into.gone.push(pod.clone());
    }
}

// === impl Surroundings ===

impl Surroundings {
    fn place(&self, spec: &Value, newest: Option<&Value>) -> Place {
        Place::of(spec, newest, &self.nodes, &self.plans)
    }

    fn claim(&self, namespace: &str, name: &str) -> Option<&Value> {
        find(&self.claims, namespace, name)
    }
}

fn find<'a>(objects: &'a [Value], namespace: &str, name: &str) -> Option<&'a Value> {
    objects.iter().find(|object| object["metadata"]["namespace"] == namespace && name_of(object) == name)
}

fn name_of(object: &Value) -> &str {
    object["metadata"]["name"].as_str().unwrap_or_default()
}

fn created(object: &Value) -> &str {
    object["metadata"]["creationTimestamp"].as_str().unwrap_or_default()
}

/// Where a Pod runs.
fn node_of(pod: &Value) -> Option<&str> {
    pod["spec"]["nodeName"].as_str().filter(|name| !name.is_empty())
}

/// How many Pods of a Job run at a time, until as many have succeeded as it asks for.
fn running(job: &Value) -> usize {
    let over = |condition: &Value| {
        matches!(condition["type"].as_str(), Some("Complete" | "Failed")) && condition["status"] == "True"
    };
    let conditions = job["status"]["conditions"].as_array().into_iter().flatten();
    if job["spec"]["suspend"] == true || conditions.into_iter().any(over) {
        return 0;
    }
    let number = |path: &str| job.pointer(path).and_then(Value::as_u64);
    let parallel = number("/spec/parallelism").unwrap_or(1);
    let done = number("/status/succeeded").unwrap_or(0);
    let left = number("/spec/completions").map_or(parallel, |all| all.saturating_sub(done));
    usize::try_from(parallel.min(left)).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests;
