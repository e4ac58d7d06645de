//! Whether the policies that enforce a gate, and those that guard the ledger, are there and in force.

use std::collections::BTreeSet;

use serde::Deserialize;
use serde_json::Value;

use super::{Doctor, Finding};
use crate::engine::observed::Source;
use crate::facts::binding::SlimBinding;
use crate::observe::resource::path;

/// A policy, and each binding of it: its name, what it has to do, and what is not enforced without it.
type Policy = (&'static str, &'static [(&'static str, &'static str, &'static str)]);

const POLICIES: &[Policy] = &[
    (
        "opex-scale-gate",
        &[
            ("opex-scale-gate-deny", "Deny", "no gate stops a scale-up"),
            ("opex-scale-gate-warn", "Warn", "nobody is warned of a scale-up"),
        ],
    ),
    (
        "opex-new-spend",
        &[
            ("opex-new-spend-deny", "Deny", "no gate stops new workloads"),
            ("opex-new-spend-warn", "Warn", "nobody is warned of new workloads"),
        ],
    ),
    ("opex-growth-hint", &[("opex-growth-hint", "Warn", "nobody is warned of larger templates")]),
    ("opex-gate-guard", &[("opex-gate-guard", "Deny", "whoever may edit a Namespace may open its gate")]),
    ("opex-ledger-guard", &[("opex-ledger-guard", "Deny", "whoever may edit Statements may change an invoice")]),
    ("opex-override-guard", &[("opex-override-guard", "Deny", "an override may be made in another's name")]),
    ("opex-crd-guard", &[("opex-crd-guard", "Deny", "deleting a CRD erases every Statement without a question")]),
];

/// The same, where the operator may scale down.
const SCALE_GUARD: Policy =
    ("opex-scale-guard", &[("opex-scale-guard", "Deny", "the operator may change what a CronJob runs, anywhere")]);

/// What the value `gate.enabled` stands for.
const GATE: [&str; 3] = ["opex-scale-gate", "opex-new-spend", "opex-growth-hint"];

const REMEDY: &str = "install the chart's policies again: helm upgrade opex-operator charts/opex-operator -n opex-system, with --force-conflicts where somebody changed one";

impl Doctor {
    pub(super) async fn policies(&self) -> Vec<Finding> {
        let about = "policies";
        let lists = [self.read::<Value>(&path(Source::Policies)).await, self.read(&path(Source::Bindings)).await];
        let [policies, bindings] = match lists {
            [Ok(policies), Ok(bindings)] => [policies, bindings],
            [Err(error), _] | [_, Err(error)] => {
                return vec![Finding::unseen(about, "policies and their bindings", &error)];
            }
        };
        let scales = match self.may("patch", "batch", "cronjobs", false).await {
            Ok(scales) => scales,
            Err(error) => return vec![Finding::unseen(about, "whether the operator may scale down", &error)],
        };
        let findings = verdict(&policies, &bindings, scales);
        if findings.is_empty() { vec![Finding::ok(about, "all policies are there and bound")] } else { findings }
    }
}

/// What of the lists is missing or out of force, for an operator that may scale down or may not.
fn verdict(policies: &Value, bindings: &Value, scales: bool) -> Vec<Finding> {
    let about = "policies";
    let mut findings = Vec::new();
    let is_off = GATE.iter().all(|policy| named(policies, policy).is_none());
    if is_off {
        let found = "there is no gate: budgets show and tell, and nothing is denied";
        findings.push(Finding::warning(about, found, "if that is not meant: helm upgrade with gate.enabled=true"));
    }
    let own = POLICIES.iter().filter(|(policy, _)| !is_off || !GATE.contains(policy));
    for (policy, bound) in own.chain(Some(&SCALE_GUARD).filter(|_| scales)) {
        let Some(defined) = named(policies, policy) else {
            let without: Vec<_> = bound.iter().map(|(_, _, without)| *without).collect();
            let found = format!("policy {policy} is missing: {}", without.join(", and "));
            findings.push(Finding::fault(about, found, REMEDY));
            continue;
        };
        let warnings = defined["status"]["typeChecking"]["expressionWarnings"].as_array();
        if let Some(warning) = warnings.and_then(|warnings| warnings.first()) {
            let found =
                format!("policy {policy} may not work here: {}", warning["warning"].as_str().unwrap_or_default());
            findings.push(Finding::warning(about, found, "use the chart of the operator's own version"));
        }
        findings.extend(of_several_hands(&format!("policy {policy}"), defined));
        for (binding, action, without) in *bound {
            let found = match named(bindings, binding) {
                None => format!("binding {binding} is missing: {without}"),
                Some(bound) if !binds(bound, policy, action) => format!("binding {binding} was changed: {without}"),
                Some(bound) => {
                    findings.extend(of_several_hands(&format!("binding {binding}"), bound));
                    continue;
                }
            };
            findings.push(Finding::fault(about, found, REMEDY));
        }
    }
    findings
}

/// Who installs the chart writes all of a spec: where somebody else wrote some of it, it may do less.
fn of_several_hands(what: &str, object: &Value) -> Option<Finding> {
    let entries = object["metadata"]["managedFields"].as_array()?;
    let writes = entries.iter().filter(|entry| entry["fieldsV1"]["f:spec"].is_object());
    let hands: BTreeSet<_> = writes.filter_map(|entry| entry["manager"].as_str()).collect();
    let found = || {
        let hands = hands.iter().copied().collect::<Vec<_>>().join(" and ");
        format!("{what} was written by {hands}: it may enforce less than the chart has it do")
    };
    let remedy =
        "delete it, and install the chart again: helm upgrade opex-operator charts/opex-operator -n opex-system";
    (hands.len() > 1).then(|| Finding::warning("policies", found(), remedy))
}

fn named<'a>(list: &'a Value, name: &str) -> Option<&'a Value> {
    list["items"].as_array()?.iter().find(|item| item["metadata"]["name"] == name)
}

fn binds(binding: &Value, policy: &str, action: &str) -> bool {
    SlimBinding::deserialize(binding).is_ok_and(|binding| binding.enforces(policy, action))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn lists() -> [Value; 2] {
        let policies: Vec<_> = POLICIES.iter().map(|(policy, _)| json!({"metadata": {"name": policy}})).collect();
        let bound = POLICIES.iter().flat_map(|(policy, bound)| {
            bound.iter().map(move |(name, action, _)| {
            json!({"metadata": {"name": name}, "spec": {"policyName": policy, "validationActions": [action]}})
        })
        });
        let bindings: Vec<_> = bound.collect();
        [json!({"items": policies}), json!({"items": bindings})]
    }

    #[test]
    fn what_is_missing_or_changed_is_named() {
        let [policies, bindings] = lists();
        assert_eq!(verdict(&policies, &bindings, false), []);
        assert_eq!(
            verdict(&policies, &bindings, true)[0].found,
            "policy opex-scale-guard is missing: the operator may change what a CronJob runs, anywhere"
        );
        let found = |policies: &Value, bindings: &Value| {
            verdict(policies, bindings, false).into_iter().map(|finding| finding.found).collect::<Vec<_>>()
        };
        let mut fewer = policies.clone();
        fewer["items"].as_array_mut().unwrap().pop();
        assert_eq!(
            found(&fewer, &bindings),
            ["policy opex-crd-guard is missing: deleting a CRD erases every Statement without a question"]
        );
        fewer["items"].as_array_mut().unwrap().remove(0);
        assert_eq!(
            found(&fewer, &bindings)[0],
            "policy opex-scale-gate is missing: no gate stops a scale-up, and nobody is warned of a scale-up"
        );
        let mut off = policies.clone();
        off["items"]
            .as_array_mut()
            .unwrap()
            .retain(|policy| !GATE.iter().any(|name| policy["metadata"]["name"] == *name));
        assert_eq!(found(&off, &bindings), ["there is no gate: budgets show and tell, and nothing is denied"]);
        let mut unbound = bindings.clone();
        unbound["items"].as_array_mut().unwrap().remove(2);
        assert_eq!(found(&policies, &unbound), ["binding opex-new-spend-deny is missing: no gate stops new workloads"]);
        let mut changed = bindings.clone();
        changed["items"][0]["spec"]["validationActions"] = json!(["Audit"]);
        assert_eq!(found(&policies, &changed), ["binding opex-scale-gate-deny was changed: no gate stops a scale-up"]);
        let hand = |manager: &str| json!({"manager": manager, "fieldsV1": {"f:spec": {}}});
        let status = json!({"manager": "kube-controller-manager", "fieldsV1": {"f:status": {}}});
        let mut edited = policies.clone();
        edited["items"][0]["metadata"]["managedFields"] = json!([hand("helm"), status]);
        assert_eq!(verdict(&edited, &bindings, false), []);
        edited["items"][0]["metadata"]["managedFields"] = json!([hand("helm"), hand("kubectl-edit"), status]);
        assert_eq!(
            found(&edited, &bindings),
            [
                "policy opex-scale-gate was written by helm and kubectl-edit: it may enforce less than the chart has it do"
            ]
        );
        let mut warned = policies.clone();
        warned["items"][6]["status"] =
            json!({"typeChecking": {"expressionWarnings": [{"warning": "undefined field"}]}});
        assert_eq!(found(&warned, &bindings), ["policy opex-crd-guard may not work here: undefined field"]);
    }
}
