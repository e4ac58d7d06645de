//! A ValidatingAdmissionPolicyBinding: whether it still does what the chart had it do.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use serde::Deserialize;

use super::metadata::Metadata;

/// What the chart's bindings select Namespaces by.
const SELECTED_BY: [&str; 2] = ["opex.dev/gate", "kubernetes.io/metadata.name"];

#[derive(Debug, Deserialize)]
pub struct SlimBinding {
    #[serde(default)]
    pub metadata: Metadata,
    #[serde(default)]
    pub spec: BindingSpec,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct BindingSpec {
    policy_name: String,
    validation_actions: Vec<String>,
    match_resources: MatchResources,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct MatchResources {
    namespace_selector: LabelSelector,
    object_selector: LabelSelector,
    resource_rules: Vec<serde::de::IgnoredAny>,
    exclude_resource_rules: Vec<serde::de::IgnoredAny>,
}

// === impl SlimBinding ===

impl SlimBinding {
    /// Whether it takes this action on all that the policy finds; of an action named in small letters as well.
    pub fn enforces(&self, policy: &str, action: &str) -> bool {
        let spec = &self.spec;
        let takes = spec.validation_actions.iter().any(|taken| taken.eq_ignore_ascii_case(action));
        spec.policy_name == policy && takes && !spec.match_resources.is_narrowed()
    }
}

// === impl MatchResources ===

impl MatchResources {
    /// Whether somebody left out what the chart selects.
    fn is_narrowed(&self) -> bool {
        let expressions = self.namespace_selector.match_expressions.iter().flatten();
        let mut others = expressions.filter(|expression| !SELECTED_BY.contains(&expression.key.as_str()));
        let labels = self.namespace_selector.match_labels.as_ref().is_some_and(|labels| !labels.is_empty());
        labels
            || others.next().is_some()
            || self.object_selector != LabelSelector::default()
            || !self.resource_rules.is_empty()
            || !self.exclude_resource_rules.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn what_the_chart_has_it_do_is_told_from_less() {
        let by_gate = json!({"matchExpressions": [{"key": "opex.dev/gate", "operator": "In", "values": ["block"]},
            {"key": "kubernetes.io/metadata.name", "operator": "NotIn", "values": ["kube-system"]}]});
        let enforces = |actions: Value, matched: Value| {
            let spec = json!({"policyName": "p", "validationActions": actions, "matchResources": matched});
            let binding: SlimBinding =
                serde_json::from_value(json!({"metadata": {"name": "b"}, "spec": spec})).unwrap();
            binding.enforces("p", "deny")
        };
        let as_it_is = json!({"namespaceSelector": by_gate, "objectSelector": {}, "matchPolicy": "Equivalent"});
        assert!(enforces(json!(["Deny"]), as_it_is.clone()));
        assert!(!enforces(json!(["Audit"]), as_it_is));
        for narrowed in [
            json!({"namespaceSelector": {"matchLabels": {"a": "b"}}}),
            json!({"namespaceSelector": {"matchExpressions": [{"key": "a", "operator": "Exists"}]}}),
            json!({"namespaceSelector": by_gate, "objectSelector": {"matchLabels": {"a": "b"}}}),
            json!({"namespaceSelector": by_gate, "excludeResourceRules": [{"resources": ["deployments"]}]}),
        ] {
            assert!(!enforces(json!(["Deny"]), narrowed.clone()), "{narrowed}");
        }
    }
}
