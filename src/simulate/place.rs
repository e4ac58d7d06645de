//! On which node an imagined Pod is put. Nobody knows where the scheduler would: the node decides the price alone, so one
//! is taken that has the price to expect, and the report says which.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Deserialize;
use serde_json::Value;

use crate::engine::selector::Selector;
use crate::facts::{Labels, Name};

/// What is read of a Node.
#[derive(Clone, Debug)]
pub struct Node {
    pub name: String,
    pub labels: Labels,
    taints: Vec<Taint>,
}

/// The node classes of a plan, in order: the first that matches prices a node.
#[derive(Clone, Debug, Default)]
pub struct Classes(pub Vec<Selector>);

/// A node for a Pod, and why it.
#[derive(Clone, Debug, PartialEq)]
pub struct Place {
    pub node: Option<String>,
    pub why: String,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct Taint {
    key: String,
    value: String,
    effect: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Toleration {
    key: String,
    operator: String,
    value: String,
    effect: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Term {
    match_expressions: Vec<Expression>,
    match_fields: Vec<Expression>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Expression {
    key: String,
    operator: String,
    values: Vec<String>,
}

// === impl Node ===

impl Node {
    pub fn read(node: &Value) -> Self {
        let labels = node["metadata"]["labels"].as_object().into_iter().flatten();
        let labels = labels.map(|(key, value)| (Name::from(key.as_str()), Name::from(value.as_str().unwrap_or(""))));
        Self {
            name: node["metadata"]["name"].as_str().unwrap_or_default().to_owned(),
            labels: Arc::new(labels.collect()),
            taints: list(&node["spec"]["taints"]),
        }
    }

    /// Whether a Pod may run here: its nodeSelector, the affinity that it requires, the taints that it tolerates.
    pub fn takes(&self, spec: &Value) -> bool {
        self.is_tolerated(&list(&spec["tolerations"])) && self.is_selected(spec)
    }

    /// Whether a DaemonSet has a Pod here: it tolerates what befalls a node as well.
    pub fn takes_daemon(&self, spec: &Value) -> bool {
        let of_daemons = |key: &str| Toleration { key: format!("node.kubernetes.io/{key}"), ..Toleration::exists() };
        let mut tolerations: Vec<Toleration> = list(&spec["tolerations"]);
        let troubles =
            ["not-ready", "unreachable", "disk-pressure", "memory-pressure", "pid-pressure", "unschedulable"];
        tolerations.extend(troubles.map(of_daemons));
        if spec["hostNetwork"] == true {
            tolerations.push(of_daemons("network-unavailable"));
        }
        self.is_tolerated(&tolerations) && self.is_selected(spec)
    }

    fn is_tolerated(&self, tolerations: &[Toleration]) -> bool {
        let keeps_off = |taint: &&Taint| matches!(taint.effect.as_str(), "NoSchedule" | "NoExecute");
        self.taints.iter().filter(keeps_off).all(|taint| tolerations.iter().any(|one| one.tolerates(taint)))
    }

    fn is_selected(&self, spec: &Value) -> bool {
        let mut wanted = spec["nodeSelector"].as_object().into_iter().flatten();
        let has = |(key, value): (&String, &Value)| self.labels.get(key).map(AsRef::as_ref) == value.as_str();
        let required = "/affinity/nodeAffinity/requiredDuringSchedulingIgnoredDuringExecution/nodeSelectorTerms";
        let terms: Option<Vec<Term>> = spec.pointer(required).map(list);
        wanted.all(has) && terms.is_none_or(|terms| terms.iter().any(|term| term.matches(self)))
    }
}

fn list<T: for<'de> Deserialize<'de>>(value: &Value) -> Vec<T> {
    Vec::deserialize(value).unwrap_or_default()
}

// === impl Toleration ===

impl Toleration {
    fn exists() -> Self {
        Self { operator: "Exists".to_owned(), ..Self::default() }
    }

    fn tolerates(&self, taint: &Taint) -> bool {
        let effect = self.effect.is_empty() || self.effect == taint.effect;
        let key = self.key == taint.key || self.key.is_empty() && self.operator == "Exists";
        effect && key && (self.operator == "Exists" || self.value == taint.value)
    }
}

// === impl Term ===

impl Term {
    /// One that asks for nothing picks nothing.
    fn matches(&self, node: &Node) -> bool {
        let label = |e: &Expression| e.matches(node.labels.get(&e.key).map(AsRef::as_ref));
        let field = |e: &Expression| e.key == "metadata.name" && e.matches(Some(&node.name));
        let asks = !self.match_expressions.is_empty() || !self.match_fields.is_empty();
        asks && self.match_expressions.iter().all(label) && self.match_fields.iter().all(field)
    }
}

// === impl Expression ===

impl Expression {
    fn matches(&self, value: Option<&str>) -> bool {
        let listed = || value.is_some_and(|value| self.values.iter().any(|one| one == value));
        let number = |text: &str| text.parse::<i64>().ok();
        let bound = self.values.first().and_then(|bound| number(bound));
        let compared = |is: fn(&i64, &i64) -> bool| {
            value.and_then(number).zip(bound).is_some_and(|(value, bound)| is(&value, &bound))
        };
        match self.operator.as_str() {
            "In" => listed(),
            "NotIn" => !listed(),
            "Exists" => value.is_some(),
            "DoesNotExist" => value.is_none(),
            "Gt" => compared(i64::gt),
            "Lt" => compared(i64::lt),
            _ => false,
        }
    }
}

// === impl Place ===

impl Place {
    /// Where the workload's newest Pod runs, if it still may; else on a node that takes it and is priced as most that do.
    pub fn of(spec: &Value, newest: Option<&Value>, nodes: &[Node], plans: &[Classes]) -> Self {
        let beside = newest.and_then(|pod| pod["spec"]["nodeName"].as_str());
        // The newest may have tolerated what others do not: it runs there, which is enough.
        if let Some(node) = beside.filter(|name| nodes.iter().all(|node| node.name != **name || node.is_selected(spec)))
        {
            return Self { node: Some(node.to_owned()), why: format!("on {node}, where the newest runs") };
        }
        let mut classes: BTreeMap<Vec<Option<usize>>, Vec<&Node>> = BTreeMap::new();
        for node in nodes.iter().filter(|node| node.takes(spec)) {
            let class = plans.iter().map(|plan| plan.0.iter().position(|selector| selector.matches(&node.labels)));
            classes.entry(class.collect()).or_default().push(node);
        }
        let most = classes.into_values().max_by_key(Vec::len);
        match most.and_then(|nodes| nodes.into_iter().min_by(|a, b| a.name.cmp(&b.name))) {
            Some(Node { name, .. }) => {
                Self { node: Some(name.clone()), why: format!("as on {name}, which takes it, and is priced as most") }
            }
            None => Self { node: None, why: "by base prices: no node is known that takes it".to_owned() },
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn node(name: &str, labels: &Value, taints: &Value) -> Node {
        Node::read(&json!({"metadata": {"name": name, "labels": labels}, "spec": {"taints": taints}}))
    }

    fn spot() -> Value {
        json!({"pool": "spot", "cores": "8"})
    }

    #[test]
    fn a_node_takes_what_it_may() {
        let affinity = |expressions: Value| {
            json!({"affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {
                "nodeSelectorTerms": [{"matchExpressions": expressions}]}}}})
        };
        let tainted = node("b", &spot(), &json!([{"key": "gpu", "value": "yes", "effect": "NoSchedule"}]));
        let cordoned = json!([{"key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule"}]);
        let (plain, cordoned) = (node("a", &spot(), &json!(null)), node("c", &spot(), &cordoned));
        for (spec, node, takes, daemon) in [
            (json!({}), &plain, true, true),
            (json!({"nodeSelector": {"pool": "spot"}}), &plain, true, true),
            (json!({"nodeSelector": {"pool": "large"}}), &plain, false, false),
            (affinity(json!([{"key": "pool", "operator": "NotIn", "values": ["spot"]}])), &plain, false, false),
            (affinity(json!([{"key": "cores", "operator": "Gt", "values": ["4"]}])), &plain, true, true),
            (affinity(json!([])), &plain, false, false),
            (json!({}), &tainted, false, false),
            (json!({"tolerations": [{"operator": "Exists"}]}), &tainted, true, true),
            (json!({"tolerations": [{"key": "gpu", "value": "yes", "effect": "NoSchedule"}]}), &tainted, true, true),
            (json!({"tolerations": [{"key": "gpu", "value": "no"}]}), &tainted, false, false),
            (json!({}), &cordoned, false, true),
        ] {
            assert_eq!((node.takes(&spec), node.takes_daemon(&spec)), (takes, daemon), "{spec} on {}", node.name);
        }
    }

    #[test]
    fn a_pod_is_put_where_its_price_is_to_be_expected() {
        let nodes =
            [node("a", &json!({}), &json!(null)), node("b", &spot(), &json!(null)), node("c", &spot(), &json!(null))];
        let selector = serde_json::from_value(json!({"matchLabels": {"pool": "spot"}})).unwrap();
        let plans = [Classes(vec![Selector::compile(&selector).unwrap()])];
        let newest = json!({"spec": {"nodeName": "a"}});
        let place = |spec: &Value, newest: Option<&Value>, nodes: &[Node]| Place::of(spec, newest, nodes, &plans).node;
        assert_eq!(place(&json!({}), Some(&newest), &nodes).as_deref(), Some("a"));
        assert_eq!(place(&json!({"nodeSelector": {"pool": "spot"}}), Some(&newest), &nodes).as_deref(), Some("b"));
        assert_eq!(place(&json!({}), None, &nodes).as_deref(), Some("b"), "two of three are spot");
        assert_eq!(place(&json!({}), Some(&newest), &[]).as_deref(), Some("a"), "nodes cannot be seen");
        assert_eq!(place(&json!({}), None, &[]), None);
    }
}
