//! What metrics.k8s.io says that a Pod uses.

use num_traits::ToPrimitive;
use serde::Deserialize;

use super::metadata::Metadata;
use super::quantity::Quantity;
use super::resources::ResourceList;
use super::time::Time;
use super::{Problem, Sample, UsageFact, nullable};

/// A PodMetrics as it is read from the API server or from a trace.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
#[allow(missing_docs)]
pub struct SlimPodMetrics {
    #[serde(deserialize_with = "nullable::or_default")]
    pub metadata: Metadata,
    pub timestamp: Time,
    #[serde(deserialize_with = "nullable::list")]
    pub containers: Vec<ContainerMetrics>,
}

/// What one container uses.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
#[allow(missing_docs)]
pub struct ContainerMetrics {
    pub usage: ResourceList,
}

// === impl UsageFact ===

impl UsageFact {
    /// What one PodMetrics says (COST_RULES 24). One that cannot be read as a whole is no sample.
    pub fn project(metrics: &SlimPodMetrics) -> Self {
        let SlimPodMetrics { metadata, timestamp, containers } = metrics;
        let mut problems = Vec::new();
        timestamp.check(&mut problems, || "timestamp".into());
        if *timestamp == Time::Absent {
            problems.push(Problem { field: "timestamp".into(), message: "it is missing".into() });
        }
        for (i, container) in containers.iter().enumerate() {
            container.usage.check(&mut problems, || format!("containers[{i}].usage"));
        }
        let (cpu, memory) = (sum(containers, "cpu", 1000), sum(containers, "memory", 1));
        let sample = timestamp.seconds().zip(cpu).zip(memory);
        let sample = sample.map(|((taken, cpu), memory)| Sample { taken, cpu, memory });
        if sample.is_none() && problems.is_empty() {
            let message = "their sum is more than can be metered".into();
            problems.push(Problem { field: "containers[].usage".into(), message });
        }
        Self { namespace: metadata.namespace(), pod: metadata.name(), sample, problems }
    }
}

/// All containers together, rounded up once; none where one of them cannot be read.
fn sum(containers: &[ContainerMetrics], resource: &str, per_one: u32) -> Option<u64> {
    let mut sum = Quantity::ZERO;
    for container in containers {
        if let Some((_, quantity)) = container.usage.iter().find(|(listed, _)| *listed == resource) {
            sum += quantity?;
        }
    }
    sum.round_up(per_one).to_u64()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> UsageFact {
        UsageFact::project(&serde_json::from_str(json).unwrap())
    }

    #[test]
    fn containers_are_summed_and_rounded_up_once() {
        let sampled = |containers: &str| {
            let usage = read(&format!(
                r#"{{"metadata": {{"namespace": "a", "name": "p"}}, "timestamp": "1970-01-01T00:01:00.9Z", "window": "15s", "containers": {containers}}}"#
            ));
            assert_eq!((&*usage.namespace, &*usage.pod, usage.problems.len()), ("a", "p", 0));
            usage.sample.map(|Sample { taken, cpu, memory }| (taken, cpu, memory))
        };
        for (containers, expected) in [
            (r#"[{"usage": {"cpu": "1234567n", "memory": "1Ki"}}, {"usage": {"cpu": "765432n"}}]"#, (60, 2, 1024)),
            (r#"[{"usage": {"cpu": "0.5", "memory": "1.5", "other": "3"}}, {"name": "b"}]"#, (60, 500, 2)),
            (r#"[{"usage": null}]"#, (60, 0, 0)),
            ("[]", (60, 0, 0)),
            ("null", (60, 0, 0)),
        ] {
            assert_eq!(sampled(containers), Some(expected), "{containers}");
        }
    }

    #[test]
    fn what_cannot_be_read_is_no_sample() {
        for (json, field) in [
            (r#"{"containers": []}"#, "timestamp"),
            (r#"{"timestamp": "noon", "containers": []}"#, "timestamp"),
            (
                r#"{"timestamp": "1970-01-01T00:01:00Z", "containers": [{"usage": {"cpu": "-1m"}}]}"#,
                "containers[0].usage.cpu",
            ),
            (
                r#"{"timestamp": "1970-01-01T00:01:00Z", "containers": [{}, {"usage": {"memory": {}}}]}"#,
                "containers[1].usage.memory",
            ),
            (
                r#"{"timestamp": "1970-01-01T00:01:00Z", "containers": [{"usage": {"memory": "1e23"}}]}"#,
                "containers[].usage",
            ),
        ] {
            let usage = read(json);
            let fields: Vec<_> = usage.problems.iter().map(|problem| problem.field.as_str()).collect();
            assert_eq!((usage.sample, fields), (None, vec![field]), "{json}");
        }
        let odd =
            read(r#"{"timestamp": "1970-01-01T00:01:00Z", "containers": [{"usage": {"cpu": "1", "gpu": "many"}}]}"#);
        assert_eq!((odd.sample.map(|sample| sample.cpu), odd.problems.len()), (Some(1000), 1));
    }
}
