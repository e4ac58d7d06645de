//! Scenario 5: a real HorizontalPodAutoscaler under a gate.

use std::time::{Duration, Instant};

use opex_cluster::needs_simulated_nodes;

use crate::budgets::{BLOCK_SCALE_UP, budget, shared};
use crate::ground::Ground;

/// Metrics are scraped every 10 s, and an autoscaler looks every 5 s.
const SCRAPED: Duration = Duration::from_secs(150);

#[test]
fn s05_an_autoscaler_stays_below_the_ceiling() {
    if needs_simulated_nodes() {
        return;
    }
    shared().cluster.enable_metrics().unwrap();
    let ground = Ground::new("opex-hpa", &[BUSY.to_owned()]);
    ground.runs("busy", 2);
    ground.close(&budget("team", 2, BLOCK_SCALE_UP), "block-scale-up");
    assert_eq!(ground.annotation("ceilings"), "deployments.apps/busy=2");

    // Each of its Pods uses all that it requests, twice the target: 2 replicas ask for 4.
    ground.make(AUTOSCALER);
    is_refused(&ground);

    use_cpu(&ground, "1m");
    ground.settle_within(SCRAPED, "deploy/busy", ".spec.replicas", "1");

    // One busy Pod asks for 2, which is the ceiling; 2 busy Pods ask for 4 again.
    use_cpu(&ground, "10m");
    ground.settle_within(SCRAPED, "deploy/busy", ".spec.replicas", "2");
    is_refused(&ground);

    ground.patch("bgt/team", r#"{"spec":{"limit":{"amount":1000000}}}"#);
    ground.opened();
    let unblocked = Instant::now();
    ground.settle_within(Duration::from_secs(30), "deploy/busy", ".spec.replicas", "4");
    println!("the autoscaler scaled {:.1} s after the gate opened", unblocked.elapsed().as_secs_f64());
    ground.settle("hpa/busy", r#".status.conditions[?(@.type=="AbleToScale")].status"#, "True");
}

/// The autoscaler says why it cannot scale, in its condition and in an event.
fn is_refused(ground: &Ground<'_>) {
    let able = |field| format!(r#".status.conditions[?(@.type=="AbleToScale")].{field}"#);
    ground.settle_within(SCRAPED, "hpa/busy", &able("reason"), "FailedUpdateScale");
    assert_eq!(ground.field("hpa/busy", &able("status")), "False");
    let message = ground.field("hpa/busy", &able("message"));
    assert!(
        message.contains("scale-up of deployments/busy to 4 denied: Budget \"team\" is used up (2.00 EUR"),
        "{message}"
    );
    assert!(message.contains("Up to 2 replicas are allowed."), "{message}");
    ground.event("hpa/busy", "FailedRescale", "New size: 4");
    assert_eq!(ground.field("deploy/busy", ".spec.replicas"), "2");
}

/// What each Pod that runs now uses.
fn use_cpu(ground: &Ground<'_>, cpu: &str) {
    ground.kubectl(&format!("annotate pods -l app=busy --overwrite kwok.x-k8s.io/usage-cpu={cpu}")).expect();
}

const BUSY: &str = "
apiVersion: apps/v1
kind: Deployment
metadata: {name: busy}
spec:
  replicas: 2
  selector: {matchLabels: {app: busy}}
  template:
    metadata: {labels: {app: busy}, annotations: {kwok.x-k8s.io/usage-cpu: 10m}}
    spec:
      terminationGracePeriodSeconds: 0
      containers:
      - {name: c, image: 'busybox:1', resources: {requests: {cpu: 10m}}}
";

const AUTOSCALER: &str = "
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: busy}
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: busy}
  minReplicas: 1
  maxReplicas: 4
  behavior: {scaleDown: {stabilizationWindowSeconds: 0}}
  metrics:
  - type: Resource
    resource: {name: cpu, target: {type: Utilization, averageUtilization: 50}}
";
