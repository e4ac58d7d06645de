//! Whether the operator may do what it does.

use kube::Error;
use serde_json::{Value, json};

use super::{Doctor, Finding};
use crate::cluster::lease;
use crate::engine::observed::Source;
use crate::observe::resource::Resource;

/// What it does beside watching: verb, group, resource; in its own namespace where that is said.
const DONE: &[(&str, &str, &str, bool)] = &[
    ("list", "metrics.k8s.io", "pods", false),
    ("patch", "", "namespaces", false),
    ("patch", "billing.opex.dev", "budgets/status", false),
    ("patch", "billing.opex.dev", "clusterbudgets/status", false),
    ("patch", "billing.opex.dev", "priceplans/status", false),
    ("patch", "billing.opex.dev", "budgetoverrides/status", false),
    ("create", "billing.opex.dev", "budgets", false),
    ("patch", "billing.opex.dev", "budgets", false),
    ("delete", "billing.opex.dev", "budgets", false),
    ("create", "billing.opex.dev", "statements", false),
    ("patch", "billing.opex.dev", "statements", false),
    ("delete", "billing.opex.dev", "statements", false),
    ("create", "events.k8s.io", "events", false),
    ("create", "coordination.k8s.io", "leases", true),
    ("get", "coordination.k8s.io", "leases", true),
    ("update", "coordination.k8s.io", "leases", true),
    ("patch", "coordination.k8s.io", "leases", true),
];

const REVIEWS: &str = "/apis/authorization.k8s.io/v1/subjectaccessreviews";

impl Doctor {
    pub(super) async fn rights(&self) -> Vec<Finding> {
        let about = "rights";
        let watched = Source::ALL.into_iter().filter(|source| source.is_watched()).flat_map(|source| {
            let version = Resource::of(source).api_version;
            let group = version.split_once('/').map_or("", |(group, _)| group).to_owned();
            ["list", "watch"].map(|verb| (verb, group.clone(), source.to_string(), false))
        });
        let done =
            DONE.iter().map(|(verb, group, resource, own)| (*verb, (*group).to_owned(), (*resource).to_owned(), *own));
        let mut missing = Vec::new();
        for (verb, group, resource, own) in watched.chain(done) {
            match self.may(verb, &group, &resource, own).await {
                Ok(true) => {}
                Ok(false) => missing.push(format!("{verb} {}", plural(&group, &resource))),
                Err(error) => return vec![Finding::unseen(about, "what the operator may do", &error)],
            }
        }
        let user = self.user();
        if missing.is_empty() {
            return vec![Finding::ok(about, format!("{user} may do what the operator does"))];
        }
        let found = format!("{user} may not: {}", missing.join(", "));
        let remedy = "install the chart's RBAC again (helm upgrade), or name the account with --service-account";
        vec![Finding::fault(about, found, remedy)]
    }

    /// Whether the operator may do that, `own`: with its own object of its own namespace.
    pub(super) async fn may(&self, verb: &str, group: &str, resource: &str, own: bool) -> Result<bool, Error> {
        let (resource, subresource) = resource.split_once('/').unwrap_or((resource, ""));
        let mut asked = json!({"verb": verb, "group": group, "resource": resource, "subresource": subresource});
        if own {
            asked["namespace"] = self.namespace.as_str().into();
            // What is not there yet has no name.
            asked["name"] = if verb == "create" { "" } else { lease::NAME }.into();
        }
        let review = json!({"apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview",
            "spec": {"user": self.user(), "resourceAttributes": asked}});
        let answer = self.ask(REVIEWS, &review).await?;
        Ok(answer["status"]["allowed"] == Value::Bool(true))
    }

    fn user(&self) -> String {
        format!("system:serviceaccount:{}:{}", self.namespace, self.account)
    }
}

/// `budgets.billing.opex.dev/status`
fn plural(group: &str, resource: &str) -> String {
    let (name, subresource) = resource.split_once('/').unwrap_or((resource, ""));
    let dot = if group.is_empty() { "" } else { "." };
    let slash = if subresource.is_empty() { "" } else { "/" };
    format!("{name}{dot}{group}{slash}{subresource}")
}
