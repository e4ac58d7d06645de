//! What a replay prints: every Statement of every period touched, and every budget's status, as of its end.

use std::collections::HashSet;

use serde::Serialize;

use crate::api::{
    BUDGET_KIND_LABEL, BUDGET_LABEL, Budget, CLUSTER_BUDGET_LABEL, ClusterBudget, ClusterBudgetSpec,
    ClusterBudgetStatus, Statement,
};
use crate::engine::machine::{Machine, ShownStatement, Trouble, deserves_a_look};
use crate::facts::Seconds;

/// Most troubles that are told.
const TOLD: usize = 1000;

/// The result of a replay.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    pub statements: Vec<Statement>,
    pub budgets: Vec<Budget>,
    pub cluster_budgets: Vec<ClusterBudget>,
    /// What was wrong and did not stop the rest.
    #[serde(skip)]
    pub troubles: Troubles,
    /// What is doubtful about plans.
    #[serde(skip)]
    doubts: Vec<String>,
}

/// What was wrong, each once; of very many the first, and how many more.
#[derive(Clone, Debug, Default)]
pub struct Troubles {
    pub told: Vec<Trouble>,
    pub untold: u64,
    known: HashSet<Trouble>,
}

// === impl Report ===

impl Report {
    /// What keeps figures from being whole: a budget whose plan is missing, what has no price.
    pub fn notes(&self) -> impl Iterator<Item = String> + '_ {
        let own = self.budgets.iter().map(|budget| (budget.metadata.clone(), "Budget", budget.status.as_ref()));
        let wide = self.cluster_budgets.iter();
        let wide =
            wide.map(|budget| (budget.metadata.clone(), "ClusterBudget", budget.status.as_ref().map(|of| &of.budget)));
        let none = self.statements.is_empty() && self.budgets.is_empty() && self.cluster_budgets.is_empty();
        let none = none.then(|| "there is no Budget, and so no Statement: give one with -f".to_owned());
        let incomplete = own.chain(wide).filter_map(|(metadata, kind, status)| {
            let ready = status?.conditions.iter().find(|condition| condition.type_ == "Ready")?;
            let place = metadata.namespace.map(|namespace| format!("{namespace}/")).unwrap_or_default();
            let name = metadata.name.unwrap_or_default();
            let whole = ready.status == "True" && !deserves_a_look(&ready.reason);
            (!whole).then(|| format!("{kind} {place}{name}: {}: {}", ready.reason, ready.message))
        });
        none.into_iter().chain(self.doubts.iter().cloned()).chain(incomplete)
    }

    pub fn of(machine: &Machine, at: Seconds, troubles: Troubles) -> Self {
        let shown = machine.shown(at);
        let (mut budgets, mut cluster_budgets) = (Vec::new(), Vec::new());
        for figures in shown.budgets {
            let status = (*figures.status).clone();
            if let Some(namespace) = &figures.key.namespace {
                let mut budget = Budget::new(&figures.key.name, (*figures.spec).clone());
                budget.metadata.namespace = Some(namespace.to_string());
                let parent = (CLUSTER_BUDGET_LABEL.to_owned(), figures.key.name.to_string());
                budget.metadata.labels = figures.is_child.then(|| [parent].into());
                budget.status = Some(status);
                budgets.push(budget);
            } else {
                let spec = ClusterBudgetSpec {
                    budget: (*figures.spec).clone(),
                    namespace_selector: figures.namespace_selector,
                    mode: figures.mode,
                    include_idle: figures.include_idle,
                };
                let mut budget = ClusterBudget::new(&figures.key.name, spec);
                budget.status = Some(ClusterBudgetStatus { namespaces: figures.namespaces, budget: status });
                cluster_budgets.push(budget);
            }
        }
        let statements = machine.statements(at).into_iter().map(statement).collect();
        let doubts = machine.doubtful(at).map(|(plan, doubts)| format!("PricePlan {plan}: {}", doubts.join("; ")));
        Self { statements, budgets, cluster_budgets, troubles, doubts: doubts.collect() }
    }
}

// === impl Troubles ===

impl Troubles {
    pub fn note(&mut self, troubles: Vec<Trouble>) {
        for trouble in troubles {
            if self.known.contains(&trouble) {
                continue;
            }
            if self.told.len() < TOLD {
                self.known.insert(trouble.clone());
                self.told.push(trouble);
            } else {
                self.untold += 1;
            }
        }
    }
}

/// A Statement as it stands in the API server.
pub fn statement(shown: ShownStatement) -> Statement {
    let mut statement = Statement::new(&shown.name, shown.spec);
    statement.metadata.namespace = Some(shown.namespace.to_string());
    statement.metadata.labels = Some(
        [
            (BUDGET_LABEL.to_owned(), shown.budget.name.to_string()),
            (BUDGET_KIND_LABEL.to_owned(), shown.budget.kind().to_owned()),
        ]
        .into(),
    );
    statement
}
