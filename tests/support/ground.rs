//! A namespace of one scenario, and what one does in it with kubectl.
#![allow(dead_code, reason = "each test takes what it needs")]

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use opex_cluster::{Cluster, Output, wait_for, wait_until};

/// How long anything may take that should take a second, on a machine that is busy.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// A namespace of one scenario, removed with it.
pub struct Ground<'a> {
    pub cluster: &'a Cluster,
    pub namespace: &'a str,
}

impl<'a> Ground<'a> {
    /// Makes the namespace and what is in it while the gate is still open.
    pub fn on(cluster: &'a Cluster, namespace: &'a str, manifests: &[String]) -> Self {
        cluster.create_namespace(namespace).unwrap();
        let ground = Self { cluster, namespace };
        for manifest in manifests {
            ground.make(manifest);
        }
        ground
    }

    /// kubectl in the namespace, its arguments split at spaces.
    pub fn kubectl(&self, command: &str) -> Output {
        self.cluster.kubectl(["-n", self.namespace].into_iter().chain(command.split(' ')))
    }

    /// Creates an object that must be admitted.
    pub fn make(&self, manifest: &str) {
        let create = ["-n", self.namespace, "create", "--validate=strict", "-f", "-"];
        self.cluster.kubectl_with_input(create, manifest).expect();
    }

    /// A merge patch that must be admitted.
    pub fn patch(&self, object: &str, patch: &str) {
        self.kubectl(&format!("patch {object} --type=merge -p {patch}")).expect();
    }

    /// Asks for the eviction of a Pod, as a drain does.
    pub fn evict(&self, pod: &str) -> Output {
        let namespace = self.namespace;
        let path = format!("/api/v1/namespaces/{namespace}/pods/{pod}/eviction");
        let eviction = format!(
            r#"{{"apiVersion":"policy/v1","kind":"Eviction","metadata":{{"name":"{pod}","namespace":"{namespace}"}}}}"#
        );
        self.cluster.kubectl_with_input(["create", "--raw", &path, "-f", "-"], &eviction)
    }

    /// Says of a running Pod what a kubelet says, without which the API server takes no resize.
    pub fn runs_in_place(&self, pod: &str) {
        self.settle(&format!("pod/{pod}"), ".status.phase", "Running");
        let running = r#"{"status":{"containerStatuses":[{"name":"c","image":"busybox:1","imageID":"","ready":true,"restartCount":0,"started":true,"state":{"running":{"startedAt":"2026-11-01T00:00:00Z"}},"resources":{"requests":{"cpu":"10m"}}}]}}"#;
        self.kubectl(&format!("patch pod {pod} --subresource=status -p {running}")).expect();
    }

    /// A field of an object, as kubectl's jsonpath gives it.
    pub fn field(&self, object: &str, path: &str) -> String {
        self.kubectl(&format!("get -ojsonpath={{{path}}} {object}")).expect()
    }

    /// The user as which the tests themselves work.
    pub fn user(&self) -> String {
        self.kubectl("auth whoami -ojsonpath={.status.userInfo.username}").expect()
    }

    /// The API server's clock: what it stamps on an object that is not made.
    pub fn now(&self) -> Timestamp {
        let create = "create configmap clock --dry-run=server -ojsonpath={.metadata.creationTimestamp}";
        self.kubectl(create).expect().parse().unwrap()
    }

    /// Waits until the API server's clock shows `time`.
    pub fn wait_until(&self, time: Timestamp) {
        wait_for(&format!("{time}"), Duration::from_mins(10), || self.now() >= time).unwrap();
    }

    /// So much later than the namespace was made, by the API server's clock.
    pub fn later(&self, time: SignedDuration) -> String {
        let made = self.field(&format!("namespace/{}", self.namespace), ".metadata.creationTimestamp");
        (made.parse::<Timestamp>().unwrap() + time).to_string()
    }

    /// Waits until a field has a value.
    pub fn settle(&self, object: &str, path: &str, value: &str) {
        self.settle_within(PATIENCE, object, path, value);
    }

    /// Waits so long until a field has a value; an empty one may be absent.
    pub fn settle_within(&self, patience: Duration, object: &str, path: &str, value: &str) {
        let what = format!("{object} {path} of {} to be {value:?}", self.namespace);
        // kubectl waits by a watch, for anything but nothing and what has an equals sign.
        let wait = format!("wait {object} --for=jsonpath={{{path}}}={value} --timeout={}s", patience.as_secs());
        let get = format!("get {object} -ojsonpath={{{path}}}");
        wait_until(&what, patience, || {
            if value.is_empty() || value.contains('=') {
                let found = self.kubectl(&get).ok()?;
                anyhow::ensure!(found == value, "it is {found:?}");
                return Ok(());
            }
            self.kubectl(&wait).ok().map(drop)
        })
        .unwrap_or_else(|error| panic!("{error:#}\n{}", self.kubectl(&format!("get {object} -oyaml"))));
    }

    /// Waits until kubectl answers with these words, on whichever output.
    pub fn hear(&self, command: &str, words: &str) -> Output {
        wait_until(&format!("{words:?} of {command}"), PATIENCE, || {
            let output = self.kubectl(command);
            let heard = output.stdout.contains(words) || output.stderr.contains(words);
            if heard { Ok(output) } else { Err(anyhow::anyhow!("{output}")) }
        })
        .unwrap_or_else(|error| panic!("{error:#}"))
    }
}

impl Ground<'_> {
    /// What the API server says to a new Deployment that is not made: under a gate, its message.
    pub fn probe(&self) -> String {
        self.kubectl("create deployment probe --image=busybox:1 --dry-run=server").stderr
    }

    /// Waits until the API server goes by a gate whose message contains these words.
    pub fn wait_for_gate(&self, words: &str) {
        wait_for(&format!("a gate that says {words:?}"), PATIENCE, || {
            let said = self.probe();
            said.contains("opex-new-spend") && said.contains(words)
        })
        .unwrap();
    }

    /// Waits until the API server knows of no gate.
    pub fn wait_for_open(&self) {
        wait_for("an open gate", PATIENCE, || !self.probe().contains("opex-new-spend")).unwrap();
    }
}

impl Drop for Ground<'_> {
    fn drop(&mut self) {
        self.cluster.kubectl(["delete", "namespace", self.namespace, "--wait=false"]);
    }
}
