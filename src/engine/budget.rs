//! What a Budget's manifest means: its limit, periods, terms and thresholds, ready to compute with.

use std::sync::Arc;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;

use super::limit::{Limit, LimitError};
use super::meter::{Scope, Terms};
use super::money::{ParsePriceError, Price};
use super::period::{PeriodError, Schedule};
use super::selector::{Selector, SelectorError};
use crate::api::{self, Measure, ScaleCeiling, Threshold};
use crate::facts::Name;

/// Who a budget is. A ClusterBudget has no namespace.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct BudgetKey {
    pub namespace: Option<Name>,
    pub name: Name,
    /// Of what is no budget but the usage under a plan: which one (COST_RULES 20).
    pub usage: Option<u32>,
}

/// One version of a budget's spec.
#[derive(Clone, Debug, PartialEq)]
pub struct Budget {
    pub limit: Option<Limit>,
    pub contact: Option<String>,
    pub schedule: Schedule,
    pub terms: Terms,
    pub thresholds: Vec<Threshold>,
    pub ceiling: ScaleCeiling,
    /// How far it scales down, should it be asked to.
    pub scale_down: api::ScaleDown,
    /// What the spend brings about, such as order, and the query that counts it.
    pub value: Option<(Name, Name)>,
}

/// What a ClusterBudget wants in each of its namespaces: a Budget that says this.
#[derive(Clone, Debug, PartialEq)]
pub struct Children {
    pub selector: Selector,
    pub spec: Arc<api::BudgetSpec>,
}

/// Why a manifest cannot be computed with. The API server refuses most of it; replay reads files.
#[derive(Debug, thiserror::Error)]
pub enum BudgetError {
    #[error(transparent)]
    Limit(#[from] LimitError),
    #[error("spec.period: {0}")]
    Period(#[source] PeriodError),
    #[error("spec.thresholds[].above: {0}")]
    Above(#[source] ParsePriceError),
    #[error("spec.podSelector: {0}")]
    PodSelector(#[source] SelectorError),
    #[error("spec.namespaceSelector: {0}")]
    NamespaceSelector(#[source] SelectorError),
}

// === impl BudgetKey ===

impl BudgetKey {
    pub fn of(namespace: Option<Name>, name: Name) -> Self {
        Self { namespace, name, usage: None }
    }

    pub fn kind(&self) -> &'static str {
        match (&self.namespace, self.usage) {
            (_, Some(_)) => "PricePlan",
            (Some(_), None) => "Budget",
            (None, None) => "ClusterBudget",
        }
    }
}

// === impl Budget ===

impl Budget {
    pub fn of_namespace(namespace: &Name, spec: &api::BudgetSpec) -> Result<Self, BudgetError> {
        Self::compile(Scope::Namespace(namespace.clone()), false, spec)
    }

    pub fn of_cluster(spec: &api::ClusterBudgetSpec) -> Result<Self, BudgetError> {
        let selector = compile(spec.namespace_selector.as_ref()).map_err(BudgetError::NamespaceSelector)?;
        Self::compile(Scope::Namespaces(selector.unwrap_or_default()), spec.include_idle, &spec.budget)
    }

    /// Either one pot, or what is wanted in each namespace.
    pub fn of_mode(spec: &api::ClusterBudgetSpec) -> Result<(Option<Self>, Option<Children>), BudgetError> {
        let pot = Self::of_cluster(spec)?;
        if spec.mode == api::Mode::Shared {
            return Ok((Some(pot), None));
        }
        let Scope::Namespaces(selector) = pot.terms.scope else { unreachable!("a ClusterBudget's") };
        Ok((None, Some(Children { selector, spec: Arc::new(spec.budget.clone()) })))
    }

    fn compile(scope: Scope, idle: bool, spec: &api::BudgetSpec) -> Result<Self, BudgetError> {
        for above in spec.thresholds.iter().filter_map(|threshold| threshold.above.as_ref()) {
            Price::parse(above.as_str()).map_err(BudgetError::Above)?;
        }
        let schedule = Schedule::try_from(&spec.period).map_err(BudgetError::Period)?;
        Ok(Self {
            limit: Limit::compile(spec, &schedule)?,
            contact: spec.contact.clone(),
            schedule,
            terms: Terms {
                scope,
                pods: compile(spec.pod_selector.as_ref()).map_err(BudgetError::PodSelector)?,
                charges: spec.pod_selector.is_none(),
                basis: spec.basis,
                idle: idle && spec.pod_selector.is_none(),
                plan: spec.price_plan.as_str().into(),
            },
            thresholds: spec.thresholds.clone(),
            ceiling: spec.scale_ceiling,
            scale_down: spec.scale_down.clone().unwrap_or_default(),
            value: spec.value.as_ref().map(|value| (value.unit.as_str().into(), value.query.as_str().into())),
        })
    }

    /// Whether any threshold looks at this measure.
    pub fn looks_at(&self, measure: Measure) -> bool {
        self.thresholds.iter().any(|t| t.of == measure)
    }
}

fn compile(selector: Option<&LabelSelector>) -> Result<Option<Selector>, SelectorError> {
    selector.map(Selector::compile).transpose()
}
