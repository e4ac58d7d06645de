//! Budget: a limit for a namespace, or for some of its Pods, and what happens on the way to it.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::amount::Amount;
use super::limit::{Limit, OverrideCaps, Peak, PlannedLimit, Rollover};
use super::meter::Value;
use super::period::PeriodSpec;
use super::schema;
use super::status::BudgetStatus;

/// What may be spent, in which time, and what happens on the way there.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, CustomResource, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[kube(
    group = "billing.opex.dev",
    version = "v1alpha1",
    kind = "Budget",
    namespaced,
    status = "BudgetStatus",
    derive = "PartialEq",
    shortname = "bgt",
    category = "opex",
    doc = "A Budget keeps the running costs of its namespace, or of some of its Pods, inside a limit. It shows what was spent and what will be, tells people in time, and, where asked to, stops growth when the limit is reached; it never stops healing. Without a limit it shows figures only.",
    validation = ("size(self.metadata.name) <= 52", "a budget's name has at most 52 characters, because its Statements are named after it and their period: choose a shorter one")
)]
#[x_kube(validation = Rule::new("!has(self.podSelector) || self.thresholds.all(t, t.action in ['Notify', 'Warn'])")
    .message("with a podSelector a budget may only Notify and Warn, because a gate closes the whole namespace: use Notify or Warn, or remove the podSelector")
    .field_path(".thresholds"))]
#[x_kube(validation = Rule::new("has(self.limit) || self.thresholds.all(t, t.action in ['Notify', 'Warn'])")
    .message("without a limit nothing is ever used up, and no growth is stopped: set limit, or use Notify or Warn")
    .field_path(".thresholds"))]
#[x_kube(validation = Rule::new("has(self.value) || !self.thresholds.exists(t, t.of == 'UnitCost')")
    .message("of: UnitCost needs to know what is counted: set value, or compare Actual or Forecast")
    .field_path(".thresholds"))]
#[x_kube(validation = Rule::new("!has(self.scaleDown) || self.thresholds.exists(t, t.action == 'ScaleDown')")
    .message("scaleDown says how far the action ScaleDown goes: add a threshold with this action, or leave scaleDown out")
    .field_path(".scaleDown"))]
#[x_kube(validation = (
    "has(self.limit) || !(has(self.plannedLimits) || has(self.peaks) || has(self.rollover) || has(self.overrides))",
    "plannedLimits, peaks, rollover and overrides change the limit: set limit as well, or leave them out",
))]
pub struct BudgetSpec {
    /// What may be spent in one period. Without it nothing is limited: the figures are shown, and no threshold is ever
    /// crossed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<Limit>,
    /// Whom to ask for more, such as an e-mail address or a channel. It is part of every refusal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 128), regex(pattern = r"^[^\x00-\x1f\x7f]*$"))]
    pub contact: Option<String>,
    /// The time that the limit is for: one that repeats (every), or one fixed window (start and end). Default: the
    /// calendar month in UTC.
    #[serde(default)]
    pub period: PeriodSpec,
    /// Other amounts for some periods: the first entry that matches a period replaces limit.amount in it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64), extend("x-kubernetes-list-type" = "atomic"))]
    pub planned_limits: Vec<PlannedLimit>,
    /// More for times that are known to be expensive, such as a sale: added to the limit of the period in which each
    /// begins.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64), extend("x-kubernetes-list-type" = "atomic"))]
    pub peaks: Vec<Peak>,
    /// Adds a part of what the period before left over. Without it nothing is carried over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rollover: Option<Rollover>,
    /// How much BudgetOverrides may add. Without it there is no cap.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub overrides: Option<OverrideCaps>,
    /// Counts Pods with these labels only; volumes and load balancers are then left out. Such a budget may Notify and
    /// Warn only, because a gate closes the whole namespace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::selector")]
    pub pod_selector: Option<LabelSelector>,
    /// The PricePlan that says what things cost; absent: the one named default.
    #[serde(default = "default_plan")]
    #[schemars(
        length(min = 1, max = 253),
        regex(pattern = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$")
    )]
    pub price_plan: String,
    /// What of cpu and memory counts: what Pods request (Requests), what they use (Usage), or whichever is more at each
    /// moment (MaxOfRequestsAndUsage). Use is sampled by metrics.k8s.io, which needs metrics-server in the cluster; time
    /// of which there is no sample is marked as estimated in the Statement. Everything else counts as it is requested. An
    /// edit counts forward.
    #[serde(default)]
    pub basis: Basis,
    /// What happens at which percentage of the limit. Default: Notify at 80, Warn at 100. Nothing is ever blocked that
    /// is not asked for here.
    #[serde(default = "default_thresholds")]
    #[schemars(length(max = 32), extend(
        "x-kubernetes-list-type" = "map",
        "x-kubernetes-list-map-keys" = ["percent", "of"],
    ))]
    #[x_kube(validation = (
        "size(self) > 0",
        "an empty list would never tell anyone: leave thresholds out for the default (Notify at 80, Warn at 100), or list at least one",
    ))]
    pub thresholds: Vec<Threshold>,
    /// How far workloads may still grow while scale-ups are blocked: Peak24h is up to the most replicas of the last 24
    /// hours, so that what scales down at night may scale up again in the morning; Current is no more than now. Default:
    /// Peak24h.
    #[serde(default)]
    pub scale_ceiling: ScaleCeiling,
    /// How far a threshold with the action ScaleDown goes. Without it workloads keep one replica.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scale_down: Option<ScaleDown>,
    /// What the spend brings about, such as orders: status.unitCost is then what one of it has cost. The operator must be
    /// told where Prometheus is (the chart's prometheus.url).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<Value>,
}

/// What happens at a percentage of the limit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = (
    "(self.of == 'UnitCost') == has(self.above)",
    "of: UnitCost is compared with above, and nothing else is: write such as {of: UnitCost, above: \"0.05\", action: Notify}",
))]
#[x_kube(validation = (
    "self.of != 'UnitCost' || self.action in ['Notify', 'Warn']",
    "a unit costs more when less is sold as well, so of: UnitCost may only Notify and Warn",
))]
#[x_kube(validation = (
    "self.of != 'Forecast' || self.action != 'ScaleDown'",
    "scaling down lowers the forecast, which would put everything back and begin again: ScaleDown goes with of: Actual",
))]
pub struct Threshold {
    /// Crossed when so much of the limit is reached, or for UnitCost of above: 1 to 10000.
    #[serde(default = "hundred")]
    #[schemars(range(min = 1, max = 10000))]
    pub percent: i32,
    /// What is compared with the limit: Actual is what was spent, Forecast what the whole period will cost if what runs
    /// now runs on. UnitCost is what one unit of value has cost, and is compared with above. Default: Actual.
    #[serde(default)]
    pub of: Measure,
    /// For UnitCost: what one unit may cost, as a whole number or a decimal number in quotes, in the PricePlan's currency.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub above: Option<Amount>,
    /// Notify: an event and a metric. Warn: clients that grow something read a warning. BlockScaleUp: workloads do not
    /// grow above their ceiling (see scaleCeiling); new ones may be made. Block: nothing new and nothing larger.
    /// ScaleDown: like Block, and workloads are scaled down, CronJobs suspended and KEDA ScaledObjects paused, until the
    /// gate opens; see scaleDown. With any other action running Pods run on, and are replaced when they fail.
    pub action: Action,
}

/// What is compared with the limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
#[allow(missing_docs)]
pub enum Measure {
    #[default]
    Actual,
    Forecast,
    UnitCost,
}

/// What a crossed threshold does, in order of strictness.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
#[allow(missing_docs)]
pub enum Action {
    Notify,
    Warn,
    BlockScaleUp,
    Block,
    ScaleDown,
}

/// How far workloads are scaled down. Nothing is ever deleted, and all is put back when the gate opens, but for what
/// someone else changed meanwhile. The chart's value scaleDown.enabled must have given the operator the right to it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(inline)]
pub struct ScaleDown {
    /// So many replicas are left to each Deployment, StatefulSet, and ReplicaSet or ReplicationController without an
    /// owner. A workload may ask for more by its annotation opex.dev/floor, a number or keep. Default: 1, so that what is
    /// called still answers.
    #[serde(default = "one")]
    #[schemars(range(min = 0, max = 100_000))]
    pub floor: i32,
    /// Only tells, by an event, what would be scaled down; new and larger workloads are refused all the same.
    #[serde(default)]
    pub dry_run: bool,
}

/// What of cpu and memory counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
#[allow(missing_docs)]
pub enum Basis {
    #[default]
    Requests,
    Usage,
    MaxOfRequestsAndUsage,
}

/// How far workloads may still grow under a block.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
#[allow(missing_docs)]
pub enum ScaleCeiling {
    #[default]
    Peak24h,
    Current,
}

// === impl BudgetSpec ===

/// What an empty spec means: figures for the calendar month in UTC.
impl Default for BudgetSpec {
    fn default() -> Self {
        Self {
            limit: None,
            contact: None,
            period: PeriodSpec::default(),
            planned_limits: Vec::new(),
            peaks: Vec::new(),
            rollover: None,
            overrides: None,
            pod_selector: None,
            price_plan: default_plan(),
            basis: Basis::default(),
            thresholds: default_thresholds(),
            scale_ceiling: ScaleCeiling::default(),
            scale_down: None,
            value: None,
        }
    }
}

impl Default for ScaleDown {
    fn default() -> Self {
        Self { floor: one(), dry_run: false }
    }
}

fn one() -> i32 {
    1
}

fn default_plan() -> String {
    "default".to_owned()
}

fn hundred() -> i32 {
    100
}

fn default_thresholds() -> Vec<Threshold> {
    let threshold = |percent, action| Threshold { percent, of: Measure::Actual, above: None, action };
    vec![threshold(80, Action::Notify), threshold(100, Action::Warn)]
}
