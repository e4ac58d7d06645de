//! Scenarios 11 and 17: what GitOps does in a gated Namespace, by the requests that Argo CD and Flux make of it:
//! server-side apply under their own field managers, forced.

use serde_json::Value;

use crate::case::Want::{Allowed, Denied, Refused, Warned};
use crate::case::{Case, check, with};
use crate::ground::Ground;
use crate::installed::OPERATOR;
use crate::manifests::deployment;

/// The field managers of Argo CD and of Flux.
const MANAGERS: [&str; 2] = ["argocd-controller", "kustomize-controller"];

/// A server-side apply as they make it.
fn applied(manager: &str, manifest: String, want: crate::case::Want) -> Case {
    with(format!("apply --server-side --force-conflicts --field-manager={manager} -f -"), manifest, want)
}

/// The manifest as it is where the number of replicas is left to the cluster.
fn without_replicas(name: &str) -> String {
    deployment(name, 0).replace("replicas: 0, ", "")
}

impl Ground<'_> {
    fn uid(&self, object: &str) -> String {
        self.field(object, ".metadata.uid")
    }

    /// Which manager owns a field of an object; none or several where it is so.
    fn owners(&self, object: &str, path: &[&str]) -> Vec<String> {
        let found = self.kubectl(&format!("get {object} --show-managed-fields -ojson")).expect();
        let found: Value = serde_json::from_str(&found).unwrap();
        let entries = found["metadata"]["managedFields"].as_array().unwrap();
        let owns = |entry: &&Value| {
            let parts = path.iter().map(|part| format!("f:{part}"));
            !parts.fold(&entry["fieldsV1"], |fields, part| &fields[part.as_str()]).is_null()
        };
        let mut owners: Vec<_> =
            entries.iter().filter(owns).map(|entry| entry["manager"].as_str().unwrap().to_owned()).collect();
        owners.sort();
        owners
    }
}

#[test]
fn s11_a_denied_change_leaves_the_object_as_it_was() {
    let ground = Ground::new("opex-s11", &[deployment("web", 2)]);
    ground.gate("block", None);
    let uid = ground.uid("deploy/web");
    let denied = Denied("scale-up of deployments/web to 5 denied");
    let larger = || deployment("web", 5);
    check(
        &ground,
        &[
            applied("argocd-controller", larger(), denied),
            applied("kustomize-controller", larger(), denied),
            // Both --force and Flux's `force: true` delete and create what is refused as invalid, and this is not.
            with("apply --force -f -", larger(), denied),
            with("replace -f -", larger(), denied),
        ],
    );
    assert_eq!((ground.uid("deploy/web"), ground.field("deploy/web", ".spec.replicas")), (uid, "2".to_owned()));
}

/// It deletes, and then creates: each is a request of its own, and deleting is never denied.
#[test]
fn s11_a_forced_replacement_under_block_has_deleted_already() {
    let ground = Ground::new("opex-s11-force", &[deployment("web", 2), deployment("kept", 2)]);
    ground.gate("block", None);
    let replace = "replace --force --grace-period=0 -f -";
    check(&ground, &[with(replace, deployment("web", 2), Denied("creation of deployments/web denied"))]);
    let gone = ground.kubectl("get deploy web").expect_refused();
    assert!(gone.contains("NotFound"), "{gone}");

    // A change of an immutable field is invalid, and what is forced deletes what is invalid.
    let moved = deployment("kept", 2).replace("matchLabels: {app: kept}", "matchLabels: {app: other}");
    let moved = moved.replace("labels: {app: kept}", "labels: {app: other}");
    check(&ground, &[with("apply --force -f -", moved, Refused("creation of deployments/kept denied"))]);
    assert!(ground.kubectl("get deploy kept").expect_refused().contains("NotFound"));

    ground.open();
    ground.make(&deployment("kept", 2));
    ground.gate("block-scale-up", None);
    check(&ground, &[with(replace, deployment("kept", 2), Warned("creation of deployments/kept allowed"))]);
    assert_eq!(ground.field("deploy/kept", ".spec.replicas"), "2");
}

#[test]
fn s17_gitops_and_the_operator_own_different_fields_of_a_namespace() {
    for manager in MANAGERS {
        let name = format!("opex-gitops-{}", manager.split('-').next().unwrap());
        let ground = Ground::new(name.leak(), &[]);
        let namespace = format!("namespace/{}", ground.namespace);
        let manifest = format!(
            "{{apiVersion: v1, kind: Namespace, metadata: {{name: {}, labels: {{team: a}}, annotations: {{owner: a}}}}}}",
            ground.namespace
        );
        let sync = || check(&ground, &[applied(manager, manifest.clone(), Allowed)]);
        sync();
        // As the operator does, in its name.
        let patch = r#"{"metadata":{"labels":{"opex.dev/gate":"block"},"annotations":{"opex.dev/gate-message":"x"}}}"#;
        let write = |patch: &str| {
            let command = format!(
                "--as={OPERATOR} --as-group=opex-test-readers patch {namespace} --field-manager=opex-operator-gate --type=merge -p {patch}"
            );
            ground.kubectl(&command).expect();
        };
        write(patch);
        let version = ground.field(&namespace, ".metadata.resourceVersion");
        sync();
        assert_eq!(ground.field(&namespace, ".metadata.resourceVersion"), version, "there is nothing to change");
        let owners = |field: &str, key: &str| ground.owners(&namespace, &["metadata", field, key]);
        assert_eq!(owners("labels", "opex.dev/gate"), ["opex-operator-gate"]);
        assert_eq!(owners("annotations", "opex.dev/gate-message"), ["opex-operator-gate"]);
        assert_eq!(owners("labels", "team"), [manager]);

        write(r#"{"metadata":{"labels":{"opex.dev/gate":null},"annotations":{"opex.dev/gate-message":null}}}"#);
        sync();
        assert_eq!(owners("labels", "opex.dev/gate"), [""; 0]);
        assert_eq!(ground.field(&namespace, ".metadata.labels.team"), "a");
    }
}

/// Recipe of docs/enforcement.md: a manifest that leaves `spec.replicas` out, or a tool that ignores it, does not undo what
/// else scaled the workload.
#[test]
fn s17_what_ignores_replicas_leaves_them_as_they_are() {
    for manager in MANAGERS {
        let name = format!("opex-replicas-{}", manager.split('-').next().unwrap());
        let ground = Ground::new(name.leak(), &[]);
        check(&ground, &[applied(manager, deployment("web", 3), Allowed)]);
        assert_eq!(ground.owners("deploy/web", &["spec", "replicas"]), [manager]);
        ground.kubectl("scale deploy/web --replicas=1").expect();
        check(&ground, &[applied(manager, without_replicas("web"), Allowed)]);
        assert_eq!(ground.field("deploy/web", ".spec.replicas"), "1");
        assert_eq!(ground.owners("deploy/web", &["spec", "replicas"]), ["kubectl"]);

        // One that insists is refused while the gate is closed, and tried again by its tool.
        ground.gate("block", None);
        let insists = |want| applied(manager, deployment("web", 3), want);
        check(&ground, &[insists(Denied("scale-up of deployments/web to 3 denied"))]);
        check(&ground, &[applied(manager, without_replicas("web").replace("busybox:1", "busybox:2"), Allowed)]);
        ground.open();
        check(&ground, &[insists(Allowed)]);
        assert_eq!(ground.field("deploy/web", ".spec.replicas"), "3");
    }
}

/// What decides who pays is finance's, in Git as well.
#[test]
fn s17_labels_that_shift_cost_need_the_verb_override() {
    let ground = Ground::new("opex-gitops-shared", &[]);
    let manifest = format!(
        "{{apiVersion: v1, kind: Namespace, metadata: {{name: {}, labels: {{opex.dev/shared: 'true'}}}}}}",
        ground.namespace
    );
    let sync = |who: &str, want| {
        let command =
            format!("--as={who} apply --server-side --force-conflicts --field-manager=kustomize-controller -f -");
        with(command, manifest.clone(), want)
    };
    check(&ground, &[sync("tenant", Denied("needs the verb override")), sync("finance", Allowed)]);
}
