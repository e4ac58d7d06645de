//! What `kubectl get` prints of each kind. Amounts are strings, so that they are printed as they stand; so is every date
//! that may lie ahead, because a `date` column prints the age of what is past, and `<invalid>` for the future.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceColumnDefinition, CustomResourceDefinition,
};

/// One column; a wide one is printed with `-o wide` only.
pub(super) struct Column {
    name: &'static str,
    type_: &'static str,
    path: &'static str,
    description: &'static str,
    wide: bool,
}

const READY: &str = r#".status.conditions[?(@.type=="Ready")].status"#;
const ACTIVE: &str = r#".status.conditions[?(@.type=="Active")].status"#;

pub(super) fn budget() -> Vec<Column> {
    vec![
        text("Spent", ".status.spent", "What was spent in this period"),
        text("Limit", ".status.limit", "What may be spent in this period"),
        text("Currency", ".status.currency", "The currency of the amounts"),
        number("Used%", ".status.usedPercent", "What was spent, in percent of the limit"),
        text("Forecast", ".status.forecast.amount", "What the whole period will cost if what runs now runs on"),
        text("Gate", ".status.gate", "What this budget asks admission to do"),
        text("Resets", ".status.period.resets", "The day on which the next period begins"),
        age(),
        text("Fixed", ".status.fixed", "Of spent, what no scaling can recover").wide(),
        text("Remaining", ".status.remaining", "Limit less spent; negative when over").wide(),
        text("Since", ".status.meteredSince", "Nothing before this instant is counted").wide(),
        text("Prices", ".status.prices", "Set, Estimate, or Incomplete where something has no price").wide(),
        text("Plan", ".spec.pricePlan", "The PricePlan").wide(),
        date("Updated", ".status.updated", "How old these figures are").wide(),
        text("Ready", READY, "Whether the budget can be computed").wide(),
    ]
}

pub(super) fn price_plan() -> Vec<Column> {
    vec![
        text("Currency", ".spec.currency", "The currency of the prices"),
        Column { type_: "boolean", ..text("Estimate", ".spec.estimate", "Whether these are list prices, not yours") },
        number("Used-By", ".status.usedBy", "How many Budgets and ClusterBudgets use it"),
        text("Ready", READY, "Whether it can be used"),
        age(),
    ]
}

pub(super) fn budget_override() -> Vec<Column> {
    vec![
        text("Budget", ".spec.budgetRef.name", "The Budget or ClusterBudget"),
        text("Extra", ".spec.extraAmount", "What is added to the limit; empty where the gate is open"),
        text("Until", ".spec.until", "When it ends"),
        text("Granted-By", ".spec.grantedBy", "Who granted it"),
        text("Active", ACTIVE, "Whether it has effect now"),
        age(),
        text("Reason", ".spec.reason", "Why it was granted").wide(),
    ]
}

pub(super) fn statement() -> Vec<Column> {
    vec![
        text("Budget", ".spec.budgetRef.name", "The Budget or ClusterBudget"),
        text("Period", ".spec.period.label", "The period's label"),
        text("Total", ".spec.total", "The sum of all lines"),
        text("Currency", ".spec.currency", "The currency of the total"),
        text("Phase", ".spec.phase", "Open or Closed"),
        date("Updated", ".spec.watermark", "How long ago the instant is up to which everything is counted"),
    ]
}

/// The definition, printing these columns.
pub(super) fn set(mut crd: CustomResourceDefinition, columns: &[Column]) -> CustomResourceDefinition {
    for version in &mut crd.spec.versions {
        version.additional_printer_columns = Some(columns.iter().map(Column::definition).collect());
    }
    crd
}

// === impl Column ===

fn text(name: &'static str, path: &'static str, description: &'static str) -> Column {
    Column { name, type_: "string", path, description, wide: false }
}

fn number(name: &'static str, path: &'static str, description: &'static str) -> Column {
    Column { type_: "integer", ..text(name, path, description) }
}

fn date(name: &'static str, path: &'static str, description: &'static str) -> Column {
    Column { type_: "date", ..text(name, path, description) }
}

fn age() -> Column {
    date("Age", ".metadata.creationTimestamp", "How long ago it was created")
}

impl Column {
    fn wide(self) -> Self {
        Self { wide: true, ..self }
    }

    fn definition(&self) -> CustomResourceColumnDefinition {
        CustomResourceColumnDefinition {
            name: self.name.to_owned(),
            type_: self.type_.to_owned(),
            json_path: self.path.to_owned(),
            description: Some(self.description.to_owned()),
            priority: self.wide.then_some(1),
            format: None,
        }
    }
}
