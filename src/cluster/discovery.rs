//! Which resource people mean, by whatever kubectl takes for it: `deploy`, `deployments.apps`, a kind and its version.

use http::{Request, header};
use kube::{Client, Error};
use serde::Deserialize;

/// What the API server serves in one answer since 1.30.
const AGGREGATED: &str = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";

/// Every resource that an API server serves, in its order of preference.
#[derive(Debug)]
pub struct Discovery(Vec<Served>);

/// One resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Served {
    /// Empty: the core group.
    pub group: String,
    pub version: String,
    pub kind: String,
    pub plural: String,
    pub namespaced: bool,
    /// Whether it has a scale subresource.
    pub scales: bool,
    /// Its other names.
    names: Vec<String>,
}

#[derive(Deserialize)]
struct Groups {
    items: Vec<Group>,
}

#[derive(Deserialize)]
struct Group {
    #[serde(default)]
    metadata: Metadata,
    #[serde(default)]
    versions: Vec<Version>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Metadata {
    name: String,
}

#[derive(Deserialize)]
struct Version {
    version: String,
    #[serde(default)]
    resources: Vec<Resource>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Resource {
    #[serde(rename = "resource")]
    plural: String,
    #[serde(default)]
    response_kind: Kind,
    #[serde(default)]
    scope: String,
    #[serde(rename = "singularResource", default)]
    singular: String,
    #[serde(default)]
    short_names: Vec<String>,
    #[serde(default)]
    subresources: Vec<Subresource>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Kind {
    kind: String,
}

#[derive(Deserialize)]
struct Subresource {
    subresource: String,
}

// === impl Discovery ===

impl Discovery {
    pub async fn read(client: &Client) -> Result<Self, Error> {
        let mut all = Vec::new();
        for path in ["/api", "/apis"] {
            let request = Request::get(path).header(header::ACCEPT, AGGREGATED).body(Vec::new());
            let groups: Groups = client.request(request.expect("a path of ours")).await?;
            all.extend(groups.items.into_iter().flat_map(Group::served));
        }
        Ok(Self(all))
    }

    /// By a name as kubectl takes it, perhaps with a group, or a version and a group: `deploy`, `deployments.apps`,
    /// `deployments.v1.apps`.
    pub fn named(&self, name: &str) -> Option<&Served> {
        let name = name.to_lowercase();
        let (resource, rest) = name.split_once('.').unwrap_or((&name, ""));
        self.0.iter().find(|served| served.is_called(resource) && served.is_of(rest))
    }

    /// By the kind and version that a manifest bears.
    pub fn of(&self, api_version: &str, kind: &str) -> Option<&Served> {
        self.0.iter().find(|served| served.kind == kind && served.api_version() == api_version)
    }

    /// By its kind, in the version that the API server prefers.
    pub fn of_kind(&self, group: &str, kind: &str) -> Option<&Served> {
        self.0.iter().find(|served| served.kind == kind && served.group == group)
    }
}

// === impl Group ===

impl Group {
    fn served(self) -> impl Iterator<Item = Served> {
        let group = self.metadata.name;
        self.versions.into_iter().flat_map(move |Version { version, resources }| {
            let group = group.clone();
            resources.into_iter().map(move |resource| resource.served(group.clone(), version.clone()))
        })
    }
}

// === impl Resource ===

impl Resource {
    fn served(self, group: String, version: String) -> Served {
        let names = self.short_names.into_iter().chain([self.singular]);
        Served {
            group,
            version,
            names: names.chain([self.response_kind.kind.to_lowercase()]).collect(),
            kind: self.response_kind.kind,
            plural: self.plural,
            namespaced: self.scope == "Namespaced",
            scales: self.subresources.iter().any(|sub| sub.subresource == "scale"),
        }
    }
}

// === impl Served ===

impl Served {
    pub fn api_version(&self) -> String {
        if self.group.is_empty() { self.version.clone() } else { format!("{}/{}", self.group, self.version) }
    }

    /// `deployments.apps`; of the core group without a dot.
    pub fn resource(&self) -> String {
        let dot = if self.group.is_empty() { "" } else { "." };
        format!("{}{dot}{}", self.plural, self.group)
    }

    /// The URL path under which its objects are made.
    pub fn collection(&self, namespace: Option<&str>) -> String {
        let root = if self.group.is_empty() { "api" } else { "apis" };
        let within = namespace.filter(|_| self.namespaced).map(|name| format!("namespaces/{name}/"));
        format!("/{root}/{}/{}{}", self.api_version(), within.unwrap_or_default(), self.plural)
    }

    /// The URL path of one of them.
    pub fn path(&self, namespace: Option<&str>, name: &str) -> String {
        format!("{}/{name}", self.collection(namespace))
    }

    fn is_called(&self, name: &str) -> bool {
        self.plural == name || self.names.iter().any(|known| known == name)
    }

    fn is_of(&self, rest: &str) -> bool {
        rest.is_empty() || rest == self.group || rest == format!("{}.{}", self.version, self.group)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn discovery() -> Discovery {
        let groups = r#"{"items": [
            {"metadata": {"name": ""}, "versions": [{"version": "v1", "resources": [
                {"resource": "pods", "responseKind": {"group": "", "version": "v1", "kind": "Pod"}, "scope": "Namespaced",
                 "singularResource": "pod", "shortNames": ["po"]},
                {"resource": "nodes", "responseKind": {"kind": "Node"}, "scope": "Cluster", "singularResource": "node"}]}]},
            {"metadata": {"name": "apps"}, "versions": [{"version": "v1", "resources": [
                {"resource": "deployments", "responseKind": {"kind": "Deployment"}, "scope": "Namespaced",
                 "singularResource": "deployment", "shortNames": ["deploy"],
                 "subresources": [{"subresource": "scale"}, {"subresource": "status"}]}]}]},
            {"metadata": {"name": "old.example.com"}, "versions": [{"version": "v1", "resources": [
                {"resource": "deployments", "responseKind": {"kind": "Deployment"}, "scope": "Namespaced"}]}]}
        ]}"#;
        let groups: Groups = serde_json::from_str(groups).unwrap();
        Discovery(groups.items.into_iter().flat_map(Group::served).collect())
    }

    #[test]
    fn a_resource_is_found_by_what_kubectl_takes_for_it() {
        let discovery = discovery();
        for name in ["deploy", "Deployment", "deployments", "deployments.apps", "deploy.v1.apps"] {
            let found = discovery.named(name).unwrap_or_else(|| panic!("{name}"));
            assert_eq!((found.resource().as_str(), found.scales), ("deployments.apps", true), "{name}");
        }
        assert_eq!(discovery.named("deploy.old.example.com"), None, "it has no such short name");
        assert_eq!(discovery.named("deployment.old.example.com").unwrap().group, "old.example.com");
        assert_eq!(discovery.named("deploymentz"), None);
        assert_eq!(discovery.of("apps/v1", "Deployment"), discovery.named("deploy"));
        assert_eq!(discovery.of("apps/v2", "Deployment"), None);
    }

    #[test]
    fn paths() {
        let discovery = discovery();
        for (name, path) in [
            ("po", "/api/v1/namespaces/team/pods/x"),
            ("nodes", "/api/v1/nodes/x"),
            ("deploy", "/apis/apps/v1/namespaces/team/deployments/x"),
        ] {
            assert_eq!(discovery.named(name).unwrap().path(Some("team"), "x"), path);
        }
    }
}
