//! What a Pod's effective request is: the scheduler's rule, over three views of each container.

use std::collections::BTreeMap;

use num_bigint::BigInt;
use num_rational::BigRational;
use num_traits::Zero;
use serde_json::Value;

use super::amounts::quantity;

type Amounts = BTreeMap<String, BigRational>;

#[derive(Clone, Copy, PartialEq)]
enum View {
    Spec,
    Actual,
    Allocated,
}

/// In ledger units: millicores, bytes, whole devices; rounded up once.
pub fn effective(pod: &Value) -> BTreeMap<String, BigInt> {
    let mut largest = Amounts::new();
    for view in [View::Spec, View::Actual, View::Allocated] {
        if view == View::Spec && infeasible(pod) {
            continue;
        }
        largest = max(largest, total(pod, view));
    }
    in_units(largest)
}

/// A list of quantities in ledger units.
pub fn listed(list: &Value) -> BTreeMap<String, BigInt> {
    in_units(amounts(list))
}

/// In ledger units, rounded up.
pub fn in_units(amounts: Amounts) -> BTreeMap<String, BigInt> {
    let in_units = |name: &str, amount: BigRational| {
        let scale = if name == "cpu" { 1000 } else { 1 };
        (amount * BigRational::from_integer(scale.into())).ceil().to_integer()
    };
    amounts.into_iter().map(|(name, amount)| (name.clone(), in_units(&name, amount))).collect()
}

fn infeasible(pod: &Value) -> bool {
    pod["status"]["conditions"].as_array().into_iter().flatten().any(|condition| {
        condition["type"] == "PodResizePending" && condition["status"] == "True" && condition["reason"] == "Infeasible"
    })
}

fn total(pod: &Value, view: View) -> Amounts {
    let mut sum = Amounts::new();
    let mut peak = Amounts::new();
    for container in pod["spec"]["initContainers"].as_array().into_iter().flatten() {
        let requests = requests(pod, "initContainerStatuses", container, view);
        if container["restartPolicy"] == "Always" {
            sum = add(sum, requests);
        } else {
            peak = max(peak, add(requests, sum.clone()));
        }
    }
    for container in pod["spec"]["containers"].as_array().into_iter().flatten() {
        sum = add(sum, requests(pod, "containerStatuses", container, view));
    }
    let mut total = max(sum, peak);
    total.extend(pod_level(pod, view));
    add(total, amounts(&pod["spec"]["overhead"]))
}

fn requests(pod: &Value, statuses: &str, container: &Value, view: View) -> Amounts {
    let mut found = amounts(&container["resources"]["limits"]);
    found.extend(amounts(&container["resources"]["requests"]));
    let status = pod["status"][statuses].as_array().into_iter().flatten().find(|one| one["name"] == container["name"]);
    if let Some(status) = status {
        found.extend(reported(&status["resources"], &status["allocatedResources"], view));
    }
    found
}

fn pod_level(pod: &Value, view: View) -> Amounts {
    let resources = &pod["spec"]["resources"];
    let mut found = amounts(&resources["limits"]);
    found.extend(amounts(&resources["requests"]));
    if !resources.is_null() {
        found.extend(reported(&pod["status"]["resources"], &pod["status"]["allocatedResources"], view));
    }
    found.retain(|name, _| name == "cpu" || name == "memory" || name.starts_with("hugepages-"));
    found
}

/// What a status says under a view: each of the two stands in for the other where that is missing.
fn reported(resources: &Value, allocated: &Value, view: View) -> Amounts {
    let (actual, allocated) =
        (resources.is_object().then(|| &resources["requests"]), allocated.is_object().then_some(allocated));
    let chosen = match view {
        View::Spec => None,
        View::Actual => actual.or(allocated),
        View::Allocated => allocated.or(actual),
    };
    chosen.map(amounts).unwrap_or_default()
}

fn amounts(list: &Value) -> Amounts {
    list.as_object().into_iter().flatten().map(|(name, value)| (name.clone(), quantity(value))).collect()
}

fn add(mut left: Amounts, right: Amounts) -> Amounts {
    for (name, amount) in right {
        *left.entry(name).or_insert_with(BigRational::zero) += amount;
    }
    left
}

fn max(mut left: Amounts, right: Amounts) -> Amounts {
    for (name, amount) in right {
        let most = left.entry(name).or_insert_with(BigRational::zero);
        *most = most.clone().max(amount);
    }
    left
}
