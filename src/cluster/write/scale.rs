//! Workloads of a namespace, scaled down or put back: recorded first, then changed one by one, each bound to the version
//! that was decided on. Whatever ends it half-way, the same once more goes on from there.

use serde_json::json;
use serde_json::value::RawValue;

use super::{Patch, WriteError, Writer};
use crate::cluster::list::Page;
use crate::cluster::request::get;
use crate::engine::scale_down::{Kind, Plan, Step, Workload};
use crate::engine::write::{Scale, Scaled};

/// Workloads of a page.
const PAGE: u32 = 250;

/// How often it is looked again at what somebody else wrote in between.
const ROUNDS: usize = 3;

const FIELD_MANAGER: &str = "opex-operator-scale";

/// Pauses the autoscaling of a ScaledObject at the replicas that its target has.
const PAUSED: &str = "autoscaling.keda.sh/paused";

impl Writer {
    pub(super) async fn scale(&self, namespace: &str, scale: Scale) -> Result<Scaled, WriteError> {
        let floor = match scale {
            Scale::Down { floor } => Some(floor),
            Scale::Back => None,
            Scale::DryRun { floor } => {
                let plan =
                    Plan::of(&self.recorded(namespace).await?.record, &self.workloads(namespace).await?, Some(floor));
                return Ok(Scaled { changed: said(&plan.steps), left: said(&plan.left), failed: Vec::new() });
            }
        };
        let mut changed = Vec::new();
        for round in 1.. {
            let (mut report, again) = self.round(namespace, floor).await?;
            changed.append(&mut report.changed);
            if again.is_empty() || round == ROUNDS {
                report.changed = changed;
                report.failed.extend(again);
                let (changed, left, failed) = (report.changed.len(), report.left.len(), report.failed.len());
                tracing::info!(namespace, ?scale, changed, left, failed, "workloads scaled");
                return Ok(report);
            }
        }
        unreachable!("rounds end")
    }

    /// Once through; what somebody else wrote in between is returned beside what became of the rest.
    async fn round(&self, namespace: &str, floor: Option<i64>) -> Result<(Scaled, Vec<String>), WriteError> {
        let mut recorded = self.recorded(namespace).await?;
        if floor.is_none() && recorded.record.is_empty() {
            return Ok(Default::default());
        }
        let plan = Plan::of(&recorded.record, &self.workloads(namespace).await?, floor);
        if !plan.steps.is_empty() {
            self.put_down(namespace, &mut recorded, &plan.record).await?;
        }
        let (mut record, mut again) = (plan.record, Vec::new());
        let mut report = Scaled { left: said(&plan.left), ..Scaled::default() };
        for step in &plan.steps {
            match self.step(namespace, step).await {
                Ok(()) => {
                    step.settle(&mut record, floor);
                    report.changed.push(step.to_string());
                }
                Err(WriteError::NotLeading) => return Err(WriteError::NotLeading),
                Err(error) if matches!(error.code(), Some(404 | 409)) => again.push(format!("{step}: {error}")),
                Err(error) => report.failed.push(format!("{step}: {error}")),
            }
        }
        self.put_down(namespace, &mut recorded, &record).await?;
        Ok((report, again))
    }

    async fn step(&self, namespace: &str, step: &Step) -> Result<(), WriteError> {
        let path = format!("{}/{}", collection(step.kind, namespace), step.name);
        let (path, mut change) = match step.kind {
            Kind::CronJobs => (path, json!({"spec": {"suspend": step.to == 0}})),
            Kind::ScaledObjects => {
                let paused = if step.to == 0 { Some("true") } else { step.paused.as_deref() };
                (path, json!({"metadata": {"annotations": {PAUSED: paused}}}))
            }
            _ => (format!("{path}/scale"), json!({"spec": {"replicas": step.to}})),
        };
        // What it has become since is another version, and answers 409.
        change["metadata"]["resourceVersion"] = step.version.as_str().into();
        self.patch(format!("{path}?fieldManager={FIELD_MANAGER}"), Patch::Merge, &change).await.map(drop)
    }

    /// All that there is; a kind that the API server does not know has none.
    async fn workloads(&self, namespace: &str) -> Result<Vec<Workload>, WriteError> {
        let mut found = Vec::new();
        for kind in Kind::ALL {
            match self.of_kind(namespace, kind, &mut found).await {
                Err(error) if error.code() == Some(404) => {}
                result => result.map_err(WriteError::of_scale_down)?,
            }
        }
        Ok(found)
    }

    async fn of_kind(&self, namespace: &str, kind: Kind, found: &mut Vec<Workload>) -> Result<(), WriteError> {
        let mut next = String::new();
        loop {
            let uri = format!("{}?limit={PAGE}&continue={next}", collection(kind, namespace));
            let text: Box<RawValue> = self.request(get(&uri)).await?;
            let page: Page<'_> = serde_json::from_str(text.get()).map_err(WriteError::Read)?;
            for item in page.items.into_iter().flatten() {
                found.extend(Workload::read(kind, item.get()).map_err(WriteError::Read)?);
            }
            next = page.metadata.next;
            if next.is_empty() {
                return Ok(());
            }
        }
    }
}

/// The path of a kind's objects in a namespace.
fn collection(kind: Kind, namespace: &str) -> String {
    let (api, plural) = match kind {
        Kind::ScaledObjects => ("apis/keda.sh/v1alpha1", "scaledobjects"),
        Kind::CronJobs => ("apis/batch/v1", "cronjobs"),
        Kind::Deployments => ("apis/apps/v1", "deployments"),
        Kind::StatefulSets => ("apis/apps/v1", "statefulsets"),
        Kind::ReplicaSets => ("apis/apps/v1", "replicasets"),
        Kind::ReplicationControllers => ("api/v1", "replicationcontrollers"),
    };
    format!("/{api}/namespaces/{namespace}/{plural}")
}

fn said(all: &[impl ToString]) -> Vec<String> {
    all.iter().map(ToString::to_string).collect()
}
