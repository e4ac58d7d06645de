//! BudgetOverrides made by a person, and what the operator says of them.

use std::time::Duration;

use k8s_openapi::api::authentication::v1::SelfSubjectReview;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, ObjectMeta};
use kube::api::PostParams;
use kube::{Api, Client, Error};
use tokio::time::{Instant, sleep};

use super::connect::said;
use crate::api::{Budget, BudgetKind, BudgetOverride, BudgetOverrideSpec, BudgetRef, ClusterBudget};

/// How often it is looked whether the operator has answered.
const EVERY: Duration = Duration::from_millis(250);

/// Those of one namespace.
pub struct Overrides {
    client: Client,
    namespace: String,
    api: Api<BudgetOverride>,
}

#[derive(Debug, thiserror::Error)]
pub enum OverrideError {
    #[error("there is no Budget {name:?} in namespace {namespace}: kubectl get budgets -A lists them")]
    NoBudget { name: String, namespace: String },
    #[error("there is no ClusterBudget {name:?}: kubectl get clusterbudgets lists them")]
    NoClusterBudget { name: String },
    #[error("the API server does not say who you are")]
    Nobody,
    /// In the API server's words: its error says the same again, and more than anyone reads.
    #[error("{0}")]
    Refused(String),
}

// === impl OverrideError ===

impl From<Error> for OverrideError {
    fn from(error: Error) -> Self {
        Self::Refused(said(&error))
    }
}

// === impl Overrides ===

impl Overrides {
    pub fn of(client: Client, namespace: &str) -> Self {
        let api = Api::namespaced(client.clone(), namespace);
        Self { client, namespace: namespace.to_owned(), api }
    }

    /// Whether there is what is to be overridden: an override of what there is not would be accepted and do nothing.
    pub async fn find(&self, budget: &BudgetRef) -> Result<(), OverrideError> {
        let (client, name) = (self.client.clone(), budget.name.clone());
        let found = match budget.kind {
            BudgetKind::Budget => {
                Api::<Budget>::namespaced(client, &self.namespace).get_metadata(&name).await.map(drop)
            }
            BudgetKind::ClusterBudget => Api::<ClusterBudget>::all(client).get_metadata(&name).await.map(drop),
        };
        match found {
            Err(Error::Api(status)) if status.code == 404 => Err(match budget.kind {
                BudgetKind::Budget => OverrideError::NoBudget { name, namespace: self.namespace.clone() },
                BudgetKind::ClusterBudget => OverrideError::NoClusterBudget { name },
            }),
            // Whoever may override need not be allowed to look.
            Err(Error::Api(status)) if status.code == 403 => Ok(()),
            found => Ok(found?),
        }
    }

    /// The user that the API server takes us for.
    pub async fn who_am_i(&self) -> Result<String, OverrideError> {
        let review = Api::<SelfSubjectReview>::all(self.client.clone());
        let review = review.create(&PostParams::default(), &SelfSubjectReview::default()).await?;
        review.status.and_then(|status| status.user_info?.username).ok_or(OverrideError::Nobody)
    }

    /// Makes one; returns its name, which begins with the budget's.
    pub async fn create(&self, spec: BudgetOverrideSpec) -> Result<String, OverrideError> {
        let generate_name = Some(format!("{}-", spec.budget_ref.name));
        let metadata = ObjectMeta { generate_name, ..ObjectMeta::default() };
        let made = self.api.create(&PostParams::default(), &BudgetOverride { metadata, spec, status: None }).await?;
        Ok(made.metadata.name.unwrap_or_default())
    }

    /// The condition Active, once the operator has set it; none if it has not within `patience`.
    pub async fn answered(&self, name: &str, patience: Duration) -> Result<Option<Condition>, OverrideError> {
        let begun = Instant::now();
        while begun.elapsed() < patience {
            let conditions = self.api.get(name).await?.status.unwrap_or_default().conditions;
            let active = conditions.into_iter().find(|condition| condition.type_ == "Active");
            if active.is_some() {
                return Ok(active);
            }
            sleep(EVERY).await;
        }
        Ok(None)
    }
}
