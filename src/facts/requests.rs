//! What a Pod holds of its node: the scheduler's `PodRequests` as Kubernetes 1.37 defines it (COST_MODEL, Effective
//! request; COST_RULES 18, 25, 26).
//!
//! A Pod is seen in three views: what its spec asks for, what the kubelet has put into effect, what the node has
//! allocated. Each is summed to the Pod's level, and the largest of the sums counts, resource by resource: during a
//! resize the node sets aside the larger of both. What cannot be read is left out of a view, and a status that cannot
//! be read falls back to the spec.

use std::collections::BTreeMap;

use super::Amounts;
use super::pod::{Container, ContainerStatus, RestartPolicy, SlimPod};
use super::quantity::Quantity;
use super::resources::{ResourceList, Resources, amounts};

#[derive(Clone, Copy, PartialEq, Eq)]
enum View {
    Spec,
    Actuated,
    Allocated,
}

/// Exact quantities by resource.
#[derive(Default)]
struct Sums<'a>(BTreeMap<&'a str, Quantity>);

/// What one container, or the Pod's own level, requests in one view.
type Requests<'a> = BTreeMap<&'a str, &'a Quantity>;

/// The effective request in ledger units.
pub fn effective(pod: &SlimPod) -> Amounts {
    let views: &[View] = match (status_differs(pod), pod.status.resize_is_infeasible()) {
        (false, _) => &[View::Spec],
        (true, false) => &[View::Spec, View::Actuated, View::Allocated],
        (true, true) => &[View::Actuated, View::Allocated],
    };
    let mut largest = Sums::default();
    for view in views {
        largest.raise(&view.total(pod));
    }
    amounts(largest.0.iter().map(|(resource, quantity)| (*resource, quantity)))
}

/// Whether the status lists anything else than the spec requests. Mostly it does not, and then all views are equal.
fn status_differs(pod: &SlimPod) -> bool {
    let SlimPod { spec, status, .. } = pod;
    let lists =
        [(&spec.containers, &status.container_statuses), (&spec.init_containers, &status.init_container_statuses)];
    let mut containers = lists.into_iter().flat_map(|(containers, statuses)| {
        containers.iter().filter_map(|container| Some((container, status_of(container, statuses)?)))
    });
    !status.resources.requests.is_empty()
        || !status.allocated_resources.is_empty()
        || containers.any(|(container, status)| {
            let requests = &container.resources.requests;
            [&status.resources.requests, &status.allocated_resources]
                .into_iter()
                .flat_map(ResourceList::iter)
                .any(|(resource, listed)| listed.is_some() && listed != requests.get(resource))
        })
}

/// Pod-level requests exist for these alone.
fn has_pod_level(resource: &str) -> bool {
    resource == "cpu" || resource == "memory" || resource.starts_with("hugepages-")
}

/// A spec's requests. A limit counts where there is no request, not where one cannot be read.
fn declared(resources: &Resources) -> Requests<'_> {
    let mut requests: Requests<'_> = resources.limits.iter().filter_map(|(name, limit)| Some((name, limit?))).collect();
    for (name, request) in resources.requests.iter() {
        match request {
            Some(request) => requests.insert(name, request),
            None => requests.remove(name),
        };
    }
    requests
}

// === impl View ===

impl View {
    /// The whole Pod in this view.
    fn total(self, pod: &SlimPod) -> Sums<'_> {
        let mut total = self.containers(pod);
        for (resource, quantity) in self.pod_level(pod) {
            total.0.insert(resource, quantity.clone());
        }
        for (resource, quantity) in pod.spec.overhead.iter() {
            total.add(resource, quantity.unwrap_or(&Quantity::ZERO));
        }
        total
    }

    /// App containers and sidecars together, or an init container with the sidecars declared before it, whichever is
    /// larger.
    fn containers(self, pod: &SlimPod) -> Sums<'_> {
        let mut together = Sums::default();
        for container in &pod.spec.containers {
            let status = status_of(container, &pod.status.container_statuses);
            together.add_all(&self.container(container, status));
        }
        let mut sidecars = Sums::default();
        let mut starting = Sums::default();
        for container in &pod.spec.init_containers {
            let status = status_of(container, &pod.status.init_container_statuses);
            let requests = self.container(container, status);
            if container.restart_policy == RestartPolicy::Always {
                together.add_all(&requests);
                sidecars.add_all(&requests);
            } else {
                let mut with_sidecars = Sums(sidecars.0.clone());
                with_sidecars.add_all(&requests);
                starting.raise(&with_sidecars);
            }
        }
        together.raise(&starting);
        together
    }

    fn container<'a>(self, container: &'a Container, status: Option<&'a ContainerStatus>) -> Requests<'a> {
        let mut requests = declared(&container.resources);
        if let Some(list) = status.and_then(|status| self.list(&status.resources.requests, &status.allocated_resources))
        {
            requests.extend(list.iter().filter_map(|(name, quantity)| Some((name, quantity?))));
        }
        requests
    }

    /// Which list of a status this view reads: its own, or where that is empty the other one.
    fn list<'a>(self, actuated: &'a ResourceList, allocated: &'a ResourceList) -> Option<&'a ResourceList> {
        let (own, other) = match self {
            Self::Spec => return None,
            Self::Actuated => (actuated, allocated),
            Self::Allocated => (allocated, actuated),
        };
        [own, other].into_iter().find(|list| !list.is_empty())
    }

    /// What replaces the containers' sums. A status may also list sums of containers of which the spec says nothing at
    /// the Pod's level; they count, as in the scheduler, where both lists are there.
    fn pod_level(self, pod: &SlimPod) -> Requests<'_> {
        let (actuated, allocated) = (&pod.status.resources.requests, &pod.status.allocated_resources);
        let mut requests = declared(&pod.spec.resources);
        if let Some(list) = self.list(actuated, allocated) {
            let both = !actuated.is_empty() && !allocated.is_empty();
            for (name, quantity) in list.iter() {
                if let Some(quantity) = quantity
                    && (both || requests.contains_key(name))
                {
                    requests.insert(name, quantity);
                }
            }
        }
        requests.retain(|name, _| has_pod_level(name));
        requests
    }
}

fn status_of<'a>(container: &Container, statuses: &'a [ContainerStatus]) -> Option<&'a ContainerStatus> {
    statuses.iter().find(|status| status.name == container.name)
}

// === impl Sums ===

impl<'a> Sums<'a> {
    fn add(&mut self, resource: &'a str, quantity: &Quantity) {
        *self.0.entry(resource).or_default() += quantity;
    }

    fn add_all(&mut self, requests: &Requests<'a>) {
        for (resource, quantity) in requests {
            self.add(resource, quantity);
        }
    }

    /// The larger of both, resource by resource.
    fn raise(&mut self, other: &Self) {
        for (resource, quantity) in &other.0 {
            let mine = self.0.entry(resource).or_default();
            if *mine < *quantity {
                mine.clone_from(quantity);
            }
        }
    }
}

#[cfg(test)]
mod tests;
