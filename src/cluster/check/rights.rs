//! Whether the operator may do what it does.

use serde_json::{Value, json};

use super::{Doctor, Finding};
use crate::cluster::resource::Resource;
use crate::engine::observed::Source;

/// What it does beside watching: verb, group, resource; in its own namespace where that is said.
const DONE: &[(&str, &str, &str, bool)] = &[
    ("list", "metrics.k8s.io", "pods", false),
    ("patch", "", "namespaces", false),
    ("patch", "billing.opex.dev", "budgets/status", false),
    ("patch", "billing.opex.dev", "clusterbudgets/status", false),
    ("patch", "billing.opex.dev", "priceplans/status", false),
    ("patch", "billing.opex.dev", "budgetoverrides/status", false),
    ("create", "billing.opex.dev", "budgets", false),
    ("create", "billing.opex.dev", "statements", false),
    ("patch", "billing.opex.dev", "statements", false),
    ("delete", "billing.opex.dev", "statements", false),
    ("create", "events.k8s.io", "events", false),
    ("create", "coordination.k8s.io", "leases", true),
];

const REVIEWS: &str = "/apis/authorization.k8s.io/v1/subjectaccessreviews";

impl Doctor {
    pub(super) async fn rights(&self) -> Vec<Finding> {
        let about = "rights";
        let user = format!("system:serviceaccount:{}:{}", self.namespace, self.account);
        let watched = Source::ALL.into_iter().filter(|source| source.is_watched()).flat_map(|source| {
            let version = Resource::of(source).api_version;
            let group = version.split_once('/').map_or("", |(group, _)| group).to_owned();
            ["list", "watch"].map(|verb| (verb, group.clone(), source.to_string(), false))
        });
        let done =
            DONE.iter().map(|(verb, group, resource, own)| (*verb, (*group).to_owned(), (*resource).to_owned(), *own));
        let mut missing = Vec::new();
        for (verb, group, resource, own) in watched.chain(done) {
            let (resource, subresource) = resource.split_once('/').unwrap_or((&resource, ""));
            let asked = json!({
                "verb": verb, "group": group, "resource": resource, "subresource": subresource,
                "namespace": if own { self.namespace.as_str() } else { "" },
            });
            let review = json!({"apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview",
                "spec": {"user": user, "resourceAttributes": asked}});
            match self.ask(REVIEWS, &review).await {
                Ok(answer) if answer["status"]["allowed"] == Value::Bool(true) => {}
                Ok(_) => missing.push(format!("{verb} {}", plural(&group, resource, subresource))),
                Err(error) => return vec![Finding::unseen(about, "what the operator may do", &error)],
            }
        }
        if missing.is_empty() {
            return vec![Finding::ok(about, format!("{user} may do what the operator does"))];
        }
        let found = format!("{user} may not: {}", missing.join(", "));
        let remedy = "install the chart's RBAC again (helm upgrade), or name the account with --service-account";
        vec![Finding::fault(about, found, remedy)]
    }
}

fn plural(group: &str, resource: &str, subresource: &str) -> String {
    let name = if group.is_empty() { resource.to_owned() } else { format!("{resource}.{group}") };
    if subresource.is_empty() { name } else { format!("{name}/{subresource}") }
}
