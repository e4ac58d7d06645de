//! Kinds that plans name: which they are, and how the API server spells them.

use std::collections::{BTreeSet, HashMap};

use kube::Client;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use tokio::sync::watch;
use tokio::time::timeout;

use super::connect::REQUEST;
use super::follow::News;
use super::request::get;
use super::watch::WatchError;
use crate::engine::machine::Fact;
use crate::facts::{Kind, ObjectId};
use crate::observe::resource::{Resource, path_of};

/// Keeps what plans name, by what is reported of them.
#[derive(Debug)]
pub struct Billed {
    plans: HashMap<ObjectId, BTreeSet<Kind>>,
    kinds: watch::Sender<BTreeSet<Kind>>,
}

/// What an API server says of a group.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Group {
    preferred_version: GroupVersion,
    versions: Vec<GroupVersion>,
}

#[derive(Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct GroupVersion {
    group_version: String,
}

/// What it serves of one version.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Served {
    resources: Vec<ServedResource>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct ServedResource {
    name: String,
    kind: String,
    verbs: Vec<String>,
}

// === impl Billed ===

impl Billed {
    pub fn new() -> (Self, watch::Receiver<BTreeSet<Kind>>) {
        let (kinds, named) = watch::channel(BTreeSet::new());
        (Self { plans: HashMap::new(), kinds }, named)
    }

    /// Follows what happened to plans.
    pub fn note(&mut self, news: &News) {
        match news {
            News::Applied(observed) if let Fact::PricePlan(plan) = &observed.fact => {
                let objects = plan.spec.objects.iter().filter(|entry| !entry.is_billed_already());
                let kinds = objects.filter_map(|entry| Kind::of(&entry.group, &entry.kind)).collect();
                self.plans.insert(observed.id, kinds);
            }
            News::Deleted { observed, .. } if matches!(observed.fact, Fact::PricePlan(_)) => {
                self.plans.remove(&observed.id);
            }
            _ => return,
        }
        let named: BTreeSet<_> = self.plans.values().flatten().copied().collect();
        self.kinds.send_if_modified(|kinds| {
            let changed = *kinds != named;
            *kinds = named;
            changed
        });
    }
}

/// The resource of a kind and its path, as this API server has them: by the version that it prefers, or another.
pub(super) async fn discover(client: &Client, kind: Kind) -> Result<(Resource, String), WatchError> {
    let (group, named) = kind.parts();
    let versions = if group.is_empty() {
        vec![GroupVersion { group_version: "v1".to_owned() }]
    } else {
        let Group { preferred_version, versions } = ask(client, &format!("/apis/{group}")).await?;
        let others = versions.into_iter().filter(|version| *version != preferred_version).collect::<Vec<_>>();
        std::iter::once(preferred_version).chain(others).collect()
    };
    for GroupVersion { group_version } in versions {
        let root = if group.is_empty() { "api" } else { "apis" };
        let Served { resources } = ask(client, &format!("/{root}/{group_version}")).await?;
        let watched = |one: &&ServedResource| {
            let can = |verb: &str| one.verbs.iter().any(|known| known == verb);
            one.kind == named && !one.name.contains('/') && can("list") && can("watch")
        };
        if let Some(found) = resources.iter().find(watched) {
            let path = path_of(&group_version, &found.name);
            return Ok((Resource { api_version: group_version.into(), kind: named, least_spec: "{}" }, path));
        }
    }
    Err(WatchError::NoSuchKind)
}

async fn ask<T: DeserializeOwned>(client: &Client, path: &str) -> Result<T, WatchError> {
    let answer = timeout(REQUEST, client.request(get(path))).await;
    answer.map_err(|_| WatchError::NoAnswer(REQUEST))?.map_err(WatchError::Request)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::observed::Source;
    use crate::observe::Observed;

    fn plan(name: &str, objects: &str) -> Observed {
        let plan = format!(
            r#"{{"metadata":{{"name":"{name}","uid":"{name}"}},"spec":{{"currency":"EUR","objects":[{objects}]}}}}"#
        );
        Observed::read(Source::PricePlans, &plan).unwrap()
    }

    #[test]
    fn kinds_are_named_while_a_plan_names_them() {
        let entry =
            |group: &str, kind: &str| format!(r#"{{"name":"x","group":"{group}","kind":"{kind}","pricePerHour":1}}"#);
        let (instance, bucket) = (entry("rds.example.com", "Instance"), entry("rds.example.com", "Bucket"));
        let (mut billed, named) = Billed::new();
        let shown = |named: &watch::Receiver<BTreeSet<Kind>>| -> Vec<_> {
            named.borrow().iter().map(|kind| kind.name()).collect()
        };
        billed.note(&News::Applied(plan("a", &instance)));
        billed.note(&News::Applied(plan("b", &format!("{instance},{bucket},{}", entry("", "Pod")))));
        assert_eq!(shown(&named), ["Bucket.rds.example.com", "Instance.rds.example.com"]);
        billed.note(&News::Deleted { observed: plan("b", ""), last_seen: None });
        assert_eq!(shown(&named), ["Instance.rds.example.com"]);
        billed.note(&News::Applied(plan("a", "")));
        assert!(shown(&named).is_empty());
    }
}
