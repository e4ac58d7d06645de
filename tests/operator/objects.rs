//! Objects of kinds that a plan names: without the right to see them, without the kind itself, and with both.

use std::time::Duration;

use opex_cluster::wait_for;

use crate::budgets::{WARN, budget, shared};
use crate::ground::{Ground, PATIENCE};
use crate::manifests::database;

/// An object of either kind costs one euro a second. Databases are installed, Machines are not.
const PLAN: &str = "{apiVersion: billing.opex.dev/v1alpha1, kind: PricePlan, metadata: {name: opex-objects}, \
                    spec: {currency: EUR, objects: [\
                    {name: db, group: example.com, kind: Database, pricePerHour: 3600, category: Database}, \
                    {name: vm, group: machines.example.com, kind: Machine, pricePerHour: 3600}]}}";

/// Machines are in no namespace.
const MACHINES: &str = "{apiVersion: apiextensions.k8s.io/v1, kind: CustomResourceDefinition, \
    metadata: {name: machines.machines.example.com, labels: {test.opex.dev/made: 'true'}}, \
    spec: {group: machines.example.com, scope: Cluster, names: {kind: Machine, plural: machines, singular: machine}, \
    versions: [{name: v1alpha2, served: true, storage: true, schema: {openAPIV3Schema: {type: object}}}]}}";

fn machine(name: &str, namespace: &str) -> String {
    format!(
        "{{apiVersion: machines.example.com/v1alpha2, kind: Machine, \
         metadata: {{name: {name}, labels: {{opex.dev/namespace: {namespace}}}}}}}"
    )
}

/// A Statement that grows is written at least every minute.
const CHECKPOINT: Duration = Duration::from_secs(90);

impl Ground<'_> {
    /// What the chart does for an entry of `rbac.objects`.
    fn grant(&self, resource: &str) {
        let role = format!("opex-test-{resource}");
        self.kubectl(&format!("create clusterrole {role} --verb=list,watch --resource={resource}")).expect();
        let account = "--serviceaccount=opex-system:opex-operator";
        self.kubectl(&format!("create clusterrolebinding {role} --clusterrole={role} {account}")).expect();
        for kind in ["clusterrole", "clusterrolebinding"] {
            self.kubectl(&format!("label {kind} {role} test.opex.dev/made=true")).expect();
        }
    }

    fn revoke(&self, resource: &str) {
        self.kubectl(&format!("delete clusterrole,clusterrolebinding opex-test-{resource}")).expect();
    }

    /// Seconds since an object was made.
    fn age(&self, object: &str) -> i64 {
        let made = self.field(object, ".metadata.creationTimestamp").parse::<jiff::Timestamp>().unwrap();
        (self.now() - made).get_seconds()
    }

    fn plan_says(&self, words: &str) {
        let path = r#"-ojsonpath={.status.conditions[?(@.type=="Ready")].message}"#;
        self.hear(&format!("get priceplan/opex-objects {path}"), words);
    }
}

#[test]
fn objects_cost_once_the_operator_may_see_them() {
    let ground = Ground::new("opex-objects", &[PLAN.to_owned(), database("db", 1)]);
    ground.make(&budget("team", 1_000_000, WARN).replace("per-second", "opex-objects"));
    ground.condition("priceplan/opex-objects", "Ready", "False", "NotWatched");
    ground.plan_says("Database.example.com: the operator may not list and watch them");
    ground.plan_says("Machine.machines.example.com: the API server knows no such kind");
    ground.condition("bgt/team", "Ready", "True", "NotWatched");
    ground.settle("bgt/team", ".status.prices", "Incomplete");
    ground.event("bgt/team", "Ready", "NotWatched");
    assert_eq!(ground.field("bgt/team", ".status.spent"), "0.00");
    for operator in &shared().operators {
        let ready = || operator.http("/readyz").is_ok_and(|(status, _)| status == 200);
        let answer = || operator.http("/readyz").map(|(_, body)| body).unwrap_or_default();
        wait_for("an operator to be ready", PATIENCE, ready).unwrap_or_else(|error| panic!("{error}: {}", answer()));
    }

    ground.grant("databases.example.com");
    wait_for("what it has cost since it was made", PATIENCE, || {
        let age = ground.age("database/db");
        age - ground.spent("bgt/team") < 12 && ground.spent("bgt/team") > 0
    })
    .unwrap();
    ground.condition("bgt/team", "Ready", "True", "NotWatched");

    ground.make(MACHINES);
    ground.grant("machines.machines.example.com");
    ground.condition("priceplan/opex-objects", "Ready", "True", "Usable");
    ground.condition("bgt/team", "Ready", "True", "Priced");
    ground.make(&machine("vm", ground.namespace));
    let statement = format!("stmt/{}", ground.field("bgt/team", ".status.statement"));
    ground.kubectl("delete database/db").expect();
    ground.settle_within(CHECKPOINT, &statement, ".spec.lines[1].rate", "object/vm");
    let seen = ground.field(&statement, r".spec.observed.Machine\.machines\.example\.com");
    assert!(seen.parse::<u64>().is_ok_and(|version| version > 0), "{seen:?}");

    // A kind that goes takes its objects with it, and is missed.
    ground.kubectl("delete crd/machines.machines.example.com").expect();
    ground.condition("priceplan/opex-objects", "Ready", "False", "NotWatched");
    ground.kubectl("delete priceplan/opex-objects").expect();
    for resource in ["databases.example.com", "machines.machines.example.com"] {
        ground.revoke(resource);
    }
}
