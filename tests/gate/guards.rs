//! Scenarios 13, 14 and 17: who may open a gate, write the ledger, and delete a definition.

use jiff::SignedDuration;

use crate::case::Want::{Allowed, Denied, Refused};
use crate::case::{case, check, with};
use crate::ground::Ground;
use crate::installed::OPERATOR;
use crate::manifests::{budget, budget_override, statement};

#[test]
fn s13_an_override_is_its_makers_own() {
    let ground = Ground::new("opex-s13", &[]);
    let hours = |hours| ground.later(SignedDuration::from_hours(hours));
    let (over, soon, week, longer) = (&hours(-1), &hours(4), &hours(7 * 24), &hours(7 * 24 + 1));
    check(
        &ground,
        &[
            with("--as=tenant create -f -", budget_override("own", "tenant", soon), Allowed),
            with(
                "--as=tenant create -f -",
                budget_override("forged", "alice", soon),
                Denied("spec.grantedBy must be your own user name, \"tenant\""),
            ),
            with("--as=finance create -f -", budget_override("for-alice", "alice", soon), Allowed),
            with("--as=tenant create -f -", budget_override("week", "tenant", week), Allowed),
            with(
                "--as=tenant create -f -",
                budget_override("longer", "tenant", longer),
                Denied("spec.until must be at most 7 days ahead"),
            ),
            with(
                "--as=finance create -f -",
                budget_override("longer", "finance", longer),
                Denied("spec.until must be at most 7 days ahead"),
            ),
            with(
                "--as=tenant create -f -",
                budget_override("over", "tenant", over),
                Denied("spec.until is over already"),
            ),
            with("--as=finance create -f -", budget_override("over", "alice", over), Allowed),
            with(
                "--as=tenant apply --server-side -f -",
                budget_override("applied", "alice", soon),
                Denied("must be your own user name"),
            ),
            case(
                r#"--as=tenant patch bgto own --type=merge -p {"spec":{"extraAmount":5}}"#,
                Refused("an override cannot be edited; delete it and create another"),
            ),
            case(
                r#"--as=finance patch bgto own --type=merge -p {"spec":{"reason":"other"}}"#,
                Refused("an override cannot be edited; delete it and create another"),
            ),
            case("--as=tenant label bgto own ticket=4711", Allowed),
            case("--as=tenant delete bgto own --cascade=foreground --timeout=30s", Allowed),
            with(
                "--as=admin-of-all-namespaces create -f -",
                budget_override("other", "admin-of-all-namespaces", soon),
                Refused("cannot create resource \"budgetoverrides\""),
            ),
        ],
    );
}

#[test]
fn s14_the_gate_is_the_operators() {
    let ground = Ground::new("opex-s14", &[]);
    ground.gate("block", None);
    let operator = |args: &str, want| case(format!("--as={OPERATOR} --as-group=opex-test-readers {args}"), want);
    check(&ground, &[
        operator("label namespace opex-s14 --overwrite opex.dev/gate=warn", Allowed),
        operator("label namespace opex-s14 opex.dev/gate-", Allowed),
        operator("label namespace opex-s14 opex.dev/gate=block", Allowed),
        operator("annotate namespace opex-s14 --overwrite opex.dev/ceilings=deployments.apps/web=2", Allowed),
        operator("label namespace opex-s14 pod-security.kubernetes.io/enforce=privileged", Denied("may change nothing of a Namespace but its opex.dev/ labels")),
        operator("label namespace opex-s14 --overwrite opex.dev/gate=warn team=x", Denied("may change nothing of a Namespace")),
        operator("annotate namespace opex-s14 team=x", Denied("may change nothing of a Namespace")),
        operator(r#"patch namespace opex-s14 --type=merge -p {"metadata":{"finalizers":["a.b/c"]}}"#, Denied("may change nothing of a Namespace")),
        operator("delete namespace opex-s14", Refused("cannot delete resource \"namespaces\"")),
        operator("get secrets", Refused("cannot list resource \"secrets\"")),
        operator("run x --image=busybox:1", Refused("cannot create resource \"pods\"")),
        case("--as=tenant label namespace opex-s14 opex.dev/gate-", Denied("opex.dev/gate of namespace opex-s14 is set by the operator")),
        case("--as=tenant label namespace opex-s14 --overwrite opex.dev/gate=warn", Denied("is set by the operator")),
        case("--as=tenant annotate namespace opex-s14 --overwrite opex.dev/ceilings=deployments.apps/web=99", Denied("opex.dev/ceilings of namespace")),
        case("--as=tenant label namespace opex-s14 opex.dev/shared=true", Denied("opex.dev/shared of namespace")),
        case(r#"--as=tenant patch namespace opex-s14 --subresource=status --type=merge -p {"metadata":{"labels":{"opex.dev/gate":null}}}"#, Denied("opex.dev/gate of namespace")),
        case("--as=tenant label namespace opex-s14 team=a opex.dev.example.com/x=y", Allowed),
        case("--as=tenant create namespace opex-s14-plain", Allowed),
        case("--as=tenant delete namespace opex-s14-plain --timeout=60s", Allowed),
        with("--as=tenant create -f -", "{apiVersion: v1, kind: Namespace, metadata: {name: opex-s14-shared, labels: {opex.dev/shared: 'true'}}}".to_owned(), Denied("opex.dev/shared of namespace")),
        case("--as=finance label namespace opex-s14 --overwrite opex.dev/gate=warn", Allowed),
        case("--as=finance label namespace opex-s14 opex.dev/gate-", Allowed),
        case("--as=admin-of-all-namespaces label namespace opex-s14 a=b", Refused("cannot patch resource \"namespaces\"")),
        case("--as=admin-of-all-namespaces get budgets", Allowed),
        with(
            "--as=admin-of-all-namespaces create -f -",
            budget("team"),
            Refused("cannot create resource \"budgets\""),
        ),
    ]);
}

#[test]
fn s14_finalize_is_no_way_round() {
    let ground = Ground::new("opex-s14-finalize", &[]);
    ground.gate("block", None);
    let mut namespace = ground.cluster.get(["namespace", ground.namespace]).unwrap();
    namespace["metadata"]["labels"].as_object_mut().unwrap().remove("opex.dev/gate");
    let namespace = namespace.to_string();
    for path in ["finalize", "status"] {
        let path = format!("--as=tenant replace --raw /api/v1/namespaces/opex-s14-finalize/{path} -f -");
        check(&ground, &[with(path, namespace.clone(), Denied("opex.dev/gate of namespace"))]);
    }
}

#[test]
fn s14_the_ledger_is_the_operators() {
    let ground = Ground::new("opex-s14-ledger", &[]);
    let alone = "Statements are written and removed by the operator alone";
    let operator = |args: &str| format!("--as={OPERATOR} {args}");
    let later = r#"patch stmt s --type=merge -p {"spec":{"total":"2.0000000000"}}"#;
    let as_tenant = format!("--as=tenant {later}");
    let as_finance = format!("--as=finance {later}");
    check(
        &ground,
        &[
            with(operator("create -f -"), statement("s"), Allowed),
            with("--as=tenant create -f -", statement("t"), Denied(alone)),
            case(as_tenant, Denied(alone)),
            case("--as=tenant delete stmt s", Denied(alone)),
            case(
                "--as=tenant delete --raw /apis/billing.opex.dev/v1alpha1/namespaces/opex-s14-ledger/statements",
                Denied(alone),
            ),
            case(as_finance, Allowed),
            case("--as=finance delete stmt s", Allowed),
            with(operator("create -f -"), statement("s"), Allowed),
            case(operator("delete stmt s"), Allowed),
        ],
    );
}

#[test]
fn s17_a_definition_is_not_deleted_by_accident() {
    let ground = Ground::new("opex-s17", &[]);
    check(
        &ground,
        &[
            case(
                "delete crd statements.billing.opex.dev --dry-run=server",
                Denied(
                    "deleting CRD statements.billing.opex.dev erases every Statement in the cluster, invoices included. Export them first, then: kubectl annotate crd statements.billing.opex.dev opex.dev/allow-delete=true",
                ),
            ),
            case(
                "delete crd budgets.billing.opex.dev --dry-run=server",
                Denied("erases every Budget in the cluster. Export them first"),
            ),
            case("delete crd databases.example.com --dry-run=server", Allowed),
        ],
    );
}
