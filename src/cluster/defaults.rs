//! Objects of the configuration that the leader creates where they are absent, and never touches again.

use http::Method;
use kube::Client;
use serde_json::Value;
use tokio::sync::watch;
use tokio::time::timeout;

use super::backoff::Backoff;
use super::connect::{REQUEST, said};
use super::request::send;
use crate::engine::observed::Source;
use crate::observe::TypeMeta;
use crate::observe::resource::collection_path;

/// One such object.
#[derive(Clone, Debug, PartialEq)]
pub struct DefaultObject {
    source: Source,
    /// `PricePlan default`.
    about: String,
    object: Value,
}

/// An entry that cannot be created.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("defaults[{0}]: must be a PricePlan or ClusterBudget of billing.opex.dev/v1alpha1 with a metadata.name")]
pub struct DefaultError(usize);

// === impl DefaultObject ===

impl DefaultObject {
    /// Reads the entries of a configuration.
    pub fn read(entries: &[Value]) -> Result<Vec<Self>, DefaultError> {
        let read = |(i, object): (usize, &Value)| Self::one(object).ok_or(DefaultError(i));
        entries.iter().enumerate().map(read).collect()
    }

    fn one(object: &Value) -> Option<Self> {
        let source = serde_json::from_value::<TypeMeta>(object.clone()).ok()?.source()?;
        let name = object["metadata"]["name"].as_str()?;
        let about = format!("{} {name}", object["kind"].as_str()?);
        let allowed = matches!(source, Source::PricePlans | Source::ClusterBudgets);
        allowed.then(|| Self { source, about, object: object.clone() })
    }

    async fn create(&self, client: &Client) -> Result<(), String> {
        let uri = format!("{}?fieldManager=opex-operator-defaults", collection_path(self.source, None));
        let request = send(Method::POST, &uri, "application/json", self.object.to_string().into_bytes());
        match timeout(REQUEST, client.request::<Value>(request)).await {
            Err(_) => Err("no answer".to_owned()),
            Ok(Ok(_)) => {
                tracing::info!(about = self.about, "default created");
                Ok(())
            }
            Ok(Err(kube::Error::Api(status))) if status.code == 409 => Ok(()),
            Ok(Err(error)) => Err(said(&error)),
        }
    }
}

/// Creates them once this replica leads, trying until each is there.
pub async fn create(client: Client, objects: Vec<DefaultObject>, mut leading: watch::Receiver<bool>) {
    for object in objects {
        let mut backoff = Backoff::default();
        loop {
            if leading.wait_for(|leading| *leading).await.is_err() {
                return;
            }
            let Err(error) = object.create(&client).await else { break };
            let wait = backoff.failed();
            tracing::warn!(about = object.about, error, "default cannot be created yet");
            tokio::time::sleep(wait).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_plans_and_cluster_budgets_are_defaults() {
        let object = |kind: &str, name: Value| json!({"apiVersion": "billing.opex.dev/v1alpha1", "kind": kind, "metadata": {"name": name}});
        let plan = object("PricePlan", json!("default"));
        let read = DefaultObject::read(&[plan.clone(), object("ClusterBudget", json!("cluster"))]).unwrap();
        assert_eq!(
            read.iter().map(|object| object.about.as_str()).collect::<Vec<_>>(),
            ["PricePlan default", "ClusterBudget cluster"]
        );
        for wrong in [object("Statement", json!("x")), object("PricePlan", Value::Null), json!("PricePlan")] {
            assert_eq!(DefaultObject::read(&[plan.clone(), wrong]), Err(DefaultError(1)));
        }
    }
}
