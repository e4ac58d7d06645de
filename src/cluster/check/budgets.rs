//! What the conditions of plans and budgets say, gathered.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use serde::Deserialize;

use super::{Doctor, Finding};
use crate::cluster::list::{ListError, Pages};
use crate::engine::machine::deserves_a_look;
use crate::engine::observed::Source;

/// A plan or a budget, as far as it matters here.
#[derive(Debug, Deserialize)]
struct Object {
    metadata: Metadata,
    #[serde(default)]
    status: Status,
}

#[derive(Debug, Deserialize)]
struct Metadata {
    name: String,
    #[serde(default)]
    namespace: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
struct Status {
    #[serde(default)]
    conditions: Vec<Condition>,
}

impl Doctor {
    pub(super) async fn plans(&self) -> Vec<Finding> {
        let about = "plans";
        let plans = match self.all(Source::PricePlans).await {
            Ok(plans) => plans,
            Err(error) => return vec![unread(about, &error)],
        };
        if plans.is_empty() {
            let found = "there is no PricePlan: nothing has a price";
            return vec![Finding::fault(about, found, "apply one; examples/priceplan.yaml shows how")];
        }
        summed(about, "PricePlan", &plans)
    }

    pub(super) async fn budgets(&self) -> Vec<Finding> {
        let about = "budgets";
        let mut findings = Vec::new();
        for (source, kind) in [(Source::Budgets, "Budget"), (Source::ClusterBudgets, "ClusterBudget")] {
            match self.all(source).await {
                Ok(budgets) => findings.extend(summed(about, kind, &budgets)),
                Err(error) => findings.push(unread(about, &error)),
            }
        }
        findings
    }

    async fn all(&self, source: Source) -> Result<Vec<Object>, ListError> {
        let mut pages = Pages::of(self.client.clone(), source, None, None);
        let mut all = Vec::new();
        while let Some(page) = pages.next().await? {
            all.extend(page.iter().filter_map(|object| serde_json::from_str::<Object>(object.get()).ok()));
        }
        Ok(all)
    }
}

fn unread(about: &'static str, error: &ListError) -> Finding {
    match error {
        ListError::Forbidden { error, .. } | ListError::Request { error, .. } => Finding::unseen(about, "list", error),
        error => {
            Finding::fault(about, error.to_string(), "see whether the API server answers: kubectl get --raw /readyz")
        }
    }
}

/// What is wrong with each; one line for all that are well.
fn summed(about: &'static str, kind: &'static str, objects: &[Object]) -> Vec<Finding> {
    let faults: Vec<_> = objects.iter().map(|object| faults(about, kind, object)).collect();
    let well = faults.iter().filter(|faults| faults.is_empty()).count();
    let mut findings: Vec<_> = faults.into_iter().flatten().collect();
    if well > 0 {
        findings.insert(0, Finding::ok(about, format!("{well} of {} {kind}s are as they should be", objects.len())));
    }
    findings
}

fn faults(about: &'static str, kind: &str, object: &Object) -> Vec<Finding> {
    let Metadata { name, namespace } = &object.metadata;
    let of = namespace.as_ref().map(|namespace| format!(" -n {namespace}")).unwrap_or_default();
    let who =
        namespace.as_ref().map_or_else(|| format!("{kind} {name}"), |namespace| format!("{kind} {namespace}/{name}"));
    let look = format!("kubectl describe {} {name}{of}", kind.to_lowercase());
    let of_type = |kind: &str| object.status.conditions.iter().find(|condition| condition.type_ == kind);
    let Some(ready) = of_type("Ready") else {
        return vec![Finding::warning(about, format!("{who}: the operator has not looked at it yet"), look)];
    };
    let said = |condition: &Condition| format!("{who}: {}: {}", condition.reason, condition.message);
    let mut findings = Vec::new();
    if ready.status != "True" {
        findings.push(Finding::fault(about, said(ready), look.clone()));
    } else if deserves_a_look(&ready.reason) {
        findings.push(Finding::warning(about, said(ready), look.clone()));
    }
    // A gate that was never to close there is somebody's choice.
    if let Some(enforced) = of_type("Enforced").filter(|c| c.status == "False") {
        let chosen = enforced.reason == "NamespaceExempt";
        let finding = if chosen { Finding::warning } else { Finding::fault };
        findings.push(finding(about, said(enforced), look.clone()));
    }
    if let Some(fresh) = of_type("DataFresh").filter(|condition| condition.status != "True") {
        findings.push(Finding::warning(about, said(fresh), look));
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::super::State;
    use super::*;

    fn object(conditions: &[(&str, &str, &str)]) -> Object {
        let one = |(kind, status, reason): &(&str, &str, &str)| {
            format!(
                r#"{{"type": "{kind}", "status": "{status}", "reason": "{reason}", "message": "why", "lastTransitionTime": "2026-11-26T00:00:00Z"}}"#
            )
        };
        let conditions: Vec<_> = conditions.iter().map(one).collect();
        let text = format!(
            r#"{{"metadata": {{"name": "team", "namespace": "a"}}, "status": {{"conditions": [{}]}}}}"#,
            conditions.join(", ")
        );
        serde_json::from_str(&text).unwrap()
    }

    #[test]
    fn each_condition_that_is_not_as_it_should_be_is_a_finding() {
        let cases: [(&[_], &[State]); 7] = [
            (&[], &[State::Warning]),
            (
                &[("Ready", "True", "Priced"), ("Enforced", "True", "NotRequired"), ("DataFresh", "True", "Heard")],
                &[State::Ok],
            ),
            (&[("Ready", "True", "Unpriced")], &[State::Warning]),
            (&[("Ready", "False", "PlanNotFound")], &[State::Fault]),
            (&[("Ready", "True", "Priced"), ("Enforced", "False", "PolicyMissing")], &[State::Fault]),
            (&[("Ready", "True", "Priced"), ("Enforced", "False", "NamespaceExempt")], &[State::Warning]),
            (
                &[("Ready", "False", "CurrencyMismatch"), ("DataFresh", "False", "MetricsUnavailable")],
                &[State::Fault, State::Warning],
            ),
        ];
        for (conditions, expected) in cases {
            let found = summed("budgets", "Budget", &[object(conditions)]);
            assert_eq!(found.iter().map(|finding| finding.state).collect::<Vec<_>>(), expected, "{conditions:?}");
            assert!(found.iter().all(|finding| (finding.state == State::Ok) == finding.remedy.is_none()), "{found:?}");
        }
    }
}
