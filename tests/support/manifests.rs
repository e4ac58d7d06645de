//! The objects of the scenarios, as small as the API server takes them.
#![allow(dead_code, reason = "each test takes what it needs")]

const CONTAINER: &str = "{name: c, image: 'busybox:1', command: [sleep, infinity], resources: {requests: {cpu: 10m}}}";

fn template(name: &str) -> String {
    format!(
        "{{metadata: {{labels: {{app: {name}}}}}, spec: {{terminationGracePeriodSeconds: 0, containers: [{CONTAINER}]}}}}"
    )
}

/// A Deployment, StatefulSet or ReplicaSet.
pub fn workload(kind: &str, name: &str, replicas: u32) -> String {
    format!(
        "{{apiVersion: apps/v1, kind: {kind}, metadata: {{name: {name}}}, spec: {{replicas: {replicas}, selector: {{matchLabels: {{app: {name}}}}}, template: {}}}}}",
        template(name)
    )
}

/// A Deployment.
pub fn deployment(name: &str, replicas: u32) -> String {
    workload("Deployment", name, replicas)
}

/// A DaemonSet that runs on no node.
pub fn daemon_set(name: &str) -> String {
    format!(
        "{{apiVersion: apps/v1, kind: DaemonSet, metadata: {{name: {name}}}, spec: {{selector: {{matchLabels: {{app: {name}}}}}, template: {}}}}}",
        template(name)
    )
}

/// A ReplicationController.
pub fn replication_controller(name: &str, replicas: u32) -> String {
    format!(
        "{{apiVersion: v1, kind: ReplicationController, metadata: {{name: {name}}}, spec: {{replicas: {replicas}, selector: {{app: {name}}}, template: {}}}}}",
        template(name)
    )
}

/// A Pod.
pub fn pod(name: &str) -> String {
    format!("{{apiVersion: v1, kind: Pod, metadata: {{name: {name}}}, spec: {{containers: [{CONTAINER}]}}}}")
}

/// A Job.
pub fn job(name: &str, suspend: bool) -> String {
    format!("{{apiVersion: batch/v1, kind: Job, metadata: {{name: {name}}}, spec: {}}}", job_spec(suspend))
}

/// A CronJob that never runs by itself.
pub fn cron_job(name: &str, suspend: bool) -> String {
    format!(
        "{{apiVersion: batch/v1, kind: CronJob, metadata: {{name: {name}}}, spec: {{schedule: '0 0 31 2 *', suspend: {suspend}, jobTemplate: {{spec: {}}}}}}}",
        job_spec(false)
    )
}

fn job_spec(suspend: bool) -> String {
    format!("{{suspend: {suspend}, template: {{spec: {{restartPolicy: Never, containers: [{CONTAINER}]}}}}}}")
}

/// A claim of one GiB.
pub fn claim(name: &str) -> String {
    format!(
        "{{apiVersion: v1, kind: PersistentVolumeClaim, metadata: {{name: {name}}}, spec: {{accessModes: [ReadWriteOnce], storageClassName: growing, resources: {{requests: {{storage: 1Gi}}}}}}}}"
    )
}

/// A claim of one device.
pub fn resource_claim(name: &str) -> String {
    format!(
        "{{apiVersion: resource.k8s.io/v1, kind: ResourceClaim, metadata: {{name: {name}}}, spec: {{devices: {{requests: [{{name: gpu, exactly: {{deviceClassName: gpu.example.com}}}}]}}}}}}"
    )
}

/// What a claim of the namespace is bound to, of a class that lets it grow.
pub fn growing_volume(class: &str, name: &str, namespace: &str, claim: &str) -> String {
    format!(
        "{{apiVersion: storage.k8s.io/v1, kind: StorageClass, metadata: {{name: {class}}}, provisioner: example.com/none, allowVolumeExpansion: true}}\n---\n\
         {{apiVersion: v1, kind: PersistentVolume, metadata: {{name: {name}}}, spec: {{accessModes: [ReadWriteOnce], storageClassName: {class}, capacity: {{storage: 1Gi}}, hostPath: {{path: /tmp}}, claimRef: {{namespace: {namespace}, name: {claim}}}}}}}"
    )
}

/// A Service of the type.
pub fn service(name: &str, service_type: &str) -> String {
    format!(
        "{{apiVersion: v1, kind: Service, metadata: {{name: {name}}}, spec: {{type: {service_type}, ports: [{{port: 80}}]}}}}"
    )
}

/// An autoscaler of the Deployment `web`.
pub fn autoscaler(name: &str, most: u32) -> String {
    format!(
        "{{apiVersion: autoscaling/v2, kind: HorizontalPodAutoscaler, metadata: {{name: {name}}}, spec: {{maxReplicas: {most}, scaleTargetRef: {{apiVersion: apps/v1, kind: Deployment, name: web}}}}}}"
    )
}

/// The custom resource of `people.yaml`, which has a scale subresource.
pub fn database(name: &str, replicas: u32) -> String {
    format!(
        "{{apiVersion: example.com/v1, kind: Database, metadata: {{name: {name}}}, spec: {{replicas: {replicas}}}}}"
    )
}

/// The Scale of an object.
pub fn scale(name: &str, namespace: &str, replicas: u32) -> String {
    format!(
        r#"{{"apiVersion":"autoscaling/v1","kind":"Scale","metadata":{{"name":"{name}","namespace":"{namespace}"}},"spec":{{"replicas":{replicas}}}}}"#
    )
}

/// The manifest with the Database `db`, known by its UID, as the controller.
pub fn owned(manifest: &str, uid: &str) -> String {
    manifest.replacen(
        "metadata: {",
        &format!("metadata: {{ownerReferences: [{{apiVersion: example.com/v1, kind: Database, name: db, uid: {uid}, controller: true}}], "),
        1,
    )
}

/// An open Statement.
pub fn statement(name: &str) -> String {
    format!(
        "{{apiVersion: billing.opex.dev/v1alpha1, kind: Statement, metadata: {{name: {name}}}, spec: {{cluster: test, budgetRef: {{kind: Budget, name: b}}, currency: EUR, phase: Open, watermark: '2026-11-21T10:03:00Z', total: '1.0000000000', period: {{label: 2026-11, start: '2026-11-01T00:00:00Z', end: '2026-12-01T00:00:00Z'}}}}}}"
    )
}

/// A BudgetOverride.
pub fn budget_override(name: &str, granted_by: &str, until: &str) -> String {
    format!(
        "{{apiVersion: billing.opex.dev/v1alpha1, kind: BudgetOverride, metadata: {{name: {name}}}, spec: {{budgetRef: {{kind: Budget, name: b}}, until: '{until}', reason: test, grantedBy: {granted_by}}}}}"
    )
}

/// A Budget with the least it needs.
pub fn budget(name: &str) -> String {
    format!(
        "{{apiVersion: billing.opex.dev/v1alpha1, kind: Budget, metadata: {{name: {name}}}, spec: {{limit: {{amount: 9, currency: EUR}}, contact: finops@example.com, period: {{every: Month}}}}}}"
    )
}
