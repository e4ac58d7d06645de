//! Who may do what, by trying it: each role of the chart and the operator's own account, one request after the other.
//! What was answered is the table in docs/operations.md (`GATE_TABLE=overwrite` accepts a new one).

use std::fmt::Write as _;

use http::{Method, Request};
use jiff::{SignedDuration, Timestamp};
use kube::Client;
use kube::config::{Config, KubeConfigOptions, Kubeconfig};
use serde_json::{Value, json};

use crate::documented::is_documented;
use crate::ground::Ground;
use crate::installed::OPERATOR;
use crate::manifests::{budget, deployment, pod, statement};

const NAMESPACE: &str = "opex-rights";

/// How they are called, and their user.
const PEOPLE: [(&str, &str); 5] = [
    ("viewer", "opex-rights-viewer"),
    ("tenant", "opex-rights-tenant"),
    ("team lead", "opex-rights-lead"),
    ("finance", "opex-rights-finance"),
    ("operator", OPERATOR),
];

/// Who has which ClusterRole of the cluster or of the chart, in the namespace or everywhere.
const BINDINGS: [(&str, &str, &str); 6] = [
    ("RoleBinding", "view", "opex-rights-viewer"),
    ("RoleBinding", "admin", "opex-rights-tenant"),
    ("RoleBinding", "admin", "opex-rights-lead"),
    ("RoleBinding", "opex-editor", "opex-rights-lead"),
    ("RoleBinding", "opex-override", "opex-rights-lead"),
    ("ClusterRoleBinding", "opex-finance", "opex-rights-finance"),
];

/// What is tried: in words, the method, the path, and the body for the user who tries it.
struct Attempt(&'static str, Method, &'static str, fn(&str) -> Value);

#[tokio::test]
async fn rights_are_documented() {
    opex_operator::cli::install_crypto();
    let ground = Ground::new(NAMESPACE, &[deployment("web", 1), pod("p"), budget("team"), statement("s")]);
    let bindings = BINDINGS.map(|(kind, role, user)| binding(kind, role, user));
    ground.cluster.kubectl_with_input(["apply", "-f", "-"], &bindings.join("\n---\n")).expect();
    ground.make(&grant("once", &ground.user()).to_string());
    let kubeconfig = Kubeconfig::read_from(ground.cluster.kubeconfig()).unwrap();
    let config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await.unwrap();
    let client = Client::try_from(config).unwrap();

    let names = PEOPLE.map(|(name, _)| name);
    let mut table = format!("| | {} |\n|---|{}\n", names.join(" | "), "---|".repeat(names.len()));
    for attempt in attempts() {
        let mut row = format!("| {} |", attempt.0);
        for (_, user) in PEOPLE {
            write!(row, " {} |", answer(&client, &attempt, user).await).unwrap();
        }
        writeln!(table, "{row}").unwrap();
    }
    for (kind, role, user) in BINDINGS.iter().filter(|(kind, ..)| *kind == "ClusterRoleBinding") {
        ground.kubectl(&format!("delete {kind} {}", named(role, user))).expect();
    }
    is_documented("docs/operations.md", "rights", &table);
}

/// `yes`, `no` by RBAC, or by which policy.
async fn answer(client: &Client, Attempt(what, method, path, body): &Attempt, user: &str) -> String {
    let kind = if *method == Method::PATCH { "application/merge-patch+json" } else { "application/json" };
    let request = Request::builder()
        .method(method)
        .uri(format!("{}?dryRun=All", path.replace("{ns}", NAMESPACE)))
        .header("Content-Type", kind)
        .header("Impersonate-User", user);
    let body = if *method == Method::GET { Vec::new() } else { body(user).to_string().into_bytes() };
    match client.request::<Value>(request.body(body).unwrap()).await {
        Ok(_) => "yes".to_owned(),
        Err(kube::Error::Api(status)) if status.code == 403 => {
            let policy =
                status.message.split_once("ValidatingAdmissionPolicy '").and_then(|(_, rest)| rest.split('\'').next());
            policy.map_or_else(|| "no".to_owned(), |policy| format!("no: `{policy}`"))
        }
        Err(error) => panic!("{what} as {user}: {error}"),
    }
}

fn attempts() -> Vec<Attempt> {
    const OWN: &str = "/apis/billing.opex.dev/v1alpha1/namespaces/{ns}/budgets";
    const TEAM: &str = "/apis/billing.opex.dev/v1alpha1/namespaces/{ns}/budgets/team";
    const STATUS: &str = "/apis/billing.opex.dev/v1alpha1/namespaces/{ns}/budgets/team/status";
    const GRANTS: &str = "/apis/billing.opex.dev/v1alpha1/namespaces/{ns}/budgetoverrides";
    const GRANT: &str = "/apis/billing.opex.dev/v1alpha1/namespaces/{ns}/budgetoverrides/once";
    const STATEMENTS: &str = "/apis/billing.opex.dev/v1alpha1/namespaces/{ns}/statements";
    const STATEMENT: &str = "/apis/billing.opex.dev/v1alpha1/namespaces/{ns}/statements/s";
    const PLANS: &str = "/apis/billing.opex.dev/v1alpha1/priceplans";
    const WIDE: &str = "/apis/billing.opex.dev/v1alpha1/clusterbudgets";
    const SPACE: &str = "/api/v1/namespaces/{ns}";
    const PODS: &str = "/api/v1/namespaces/{ns}/pods";
    const SCALE: &str = "/apis/apps/v1/namespaces/{ns}/deployments/web/scale";
    let nothing = |_: &str| json!({});
    // Options in the body stand for those of the query.
    let dry_run = |_: &str| json!({"apiVersion": "v1", "kind": "DeleteOptions", "dryRun": ["All"]});
    vec![
        Attempt("read the Budgets of the namespace", Method::GET, OWN, nothing),
        Attempt("read its Statements", Method::GET, STATEMENTS, nothing),
        Attempt("read PricePlans", Method::GET, PLANS, nothing),
        Attempt("make a Budget", Method::POST, OWN, |_| read(&budget("new"))),
        Attempt("change a Budget's limit", Method::PATCH, TEAM, |_| json!({"spec": {"limit": {"amount": 10}}})),
        Attempt("delete a Budget", Method::DELETE, TEAM, dry_run),
        Attempt("write a Budget's status", Method::PATCH, STATUS, |_| json!({"status": {"spent": "0.00"}})),
        Attempt("open a gate, in one's own name", Method::POST, GRANTS, |user| grant("new", user)),
        Attempt("open a gate, in another's", Method::POST, GRANTS, |_| grant("new", "somebody-else")),
        Attempt("delete a BudgetOverride", Method::DELETE, GRANT, dry_run),
        Attempt("make a PricePlan", Method::POST, PLANS, |_| {
            json!({"apiVersion": "billing.opex.dev/v1alpha1", "kind": "PricePlan", "metadata": {"name": "opex-rights"},
                   "spec": {"currency": "EUR"}})
        }),
        Attempt("make a ClusterBudget", Method::POST, WIDE, |_| {
            json!({"apiVersion": "billing.opex.dev/v1alpha1", "kind": "ClusterBudget", "metadata": {"name": "opex-rights"},
                   "spec": {"mode": "Shared", "period": {"every": "Month"}}})
        }),
        Attempt("make a Statement", Method::POST, STATEMENTS, |_| read(&statement("new"))),
        Attempt("change a Statement", Method::PATCH, STATEMENT, |_| json!({"spec": {"total": "2.0000000000"}})),
        Attempt("delete a Statement", Method::DELETE, STATEMENT, dry_run),
        Attempt("set the label `opex.dev/gate`", Method::PATCH, SPACE, |_| label("opex.dev/gate", "warn")),
        Attempt("mark a namespace as shared", Method::PATCH, SPACE, |_| label("opex.dev/shared", "true")),
        Attempt("set another label of a Namespace", Method::PATCH, SPACE, |_| label("team", "x")),
        Attempt("loosen its Pod Security", Method::PATCH, SPACE, |_| {
            label("pod-security.kubernetes.io/enforce", "privileged")
        }),
        Attempt("delete the Namespace", Method::DELETE, SPACE, dry_run),
        Attempt("read Secrets", Method::GET, "/api/v1/namespaces/{ns}/secrets", nothing),
        Attempt("make a Pod", Method::POST, PODS, |_| read(&pod("new"))),
        Attempt("delete a Pod", Method::DELETE, "/api/v1/namespaces/{ns}/pods/p", dry_run),
        Attempt("scale a Deployment", Method::PATCH, SCALE, |_| json!({"spec": {"replicas": 2}})),
    ]
}

fn read(manifest: &str) -> Value {
    serde_saphyr::from_str(manifest).unwrap()
}

fn label(key: &str, value: &str) -> Value {
    json!({"metadata": {"labels": {key: value}}})
}

#[expect(clippy::disallowed_methods, reason = "the API server runs on this machine")]
fn grant(name: &str, by: &str) -> Value {
    let until = (Timestamp::now() + SignedDuration::from_hours(1)).to_string();
    json!({"apiVersion": "billing.opex.dev/v1alpha1", "kind": "BudgetOverride", "metadata": {"name": name},
           "spec": {"budgetRef": {"kind": "Budget", "name": "team"}, "until": until, "reason": "test", "grantedBy": by}})
}

fn named(role: &str, user: &str) -> String {
    format!("{user}-{role}")
}

fn binding(kind: &str, role: &str, user: &str) -> String {
    let namespace = if kind == "RoleBinding" { format!(", namespace: {NAMESPACE}") } else { String::new() };
    format!(
        "{{apiVersion: rbac.authorization.k8s.io/v1, kind: {kind}, metadata: {{name: {}{namespace}}}, \
         roleRef: {{apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: {role}}}, \
         subjects: [{{kind: User, name: {user}}}]}}",
        named(role, user)
    )
}
