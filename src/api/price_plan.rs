//! PricePlan: what things cost.

use std::collections::BTreeMap;

use iso_currency::Currency;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, LabelSelector, Time};
use kube::{CustomResource, KubeSchema};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use super::amount::Amount;
use super::exchange::ExchangeRate;
use super::meter::Meter;
use super::quantity::Quantity;
use super::recurring::RecurringCharge;
use super::schema;
use super::sharing::Sharing;
use super::statement::Category;

/// What things cost. An edit takes effect at the instant at which the API server accepted it, and forward only: what
/// was used before keeps its price. What has no price here is shown as unpriced; it is never free.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, CustomResource, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = (
    "!has(self.tiers) || !has(self.pricesPerHour) || self.tiers.all(resource, !(resource in self.pricesPerHour))",
    "a resource is priced once: leave it in pricesPerHour or in tiers",
))]
#[x_kube(validation = (
    "!has(self.exchangeRates) || self.exchangeRates.all(one, one.currency != self.currency)",
    "exchangeRates are of other currencies: one unit of the plan's own is always 1, so remove that rate",
))]
#[kube(
    group = "billing.opex.dev",
    version = "v1alpha1",
    kind = "PricePlan",
    status = "PricePlanStatus",
    derive = "PartialEq",
    category = "opex",
    doc = "A PricePlan says what things cost: a core-hour, a GiB-hour, a volume, a load balancer. Budgets use the plan named default unless they name another."
)]
pub struct PricePlanSpec {
    /// The ISO 4217 code of the currency of all prices here, such as EUR. It never changes.
    #[schemars(schema_with = "schema::currency")]
    #[x_kube(validation = (
        "self == oldSelf",
        "a plan's currency never changes, because its Statements are in it: make another PricePlan and name it in the budgets' pricePlan",
    ))]
    pub currency: Currency,
    /// These are list prices, not yours: budgets show PRICES Estimate until this is removed.
    #[serde(default)]
    pub estimate: bool,
    /// The IANA time zone of the dates here, such as Europe/Paris; UTC without one. That of the Budgets does well.
    #[serde(default = "utc", skip_serializing_if = "is_utc")]
    #[schemars(length(min = 1, max = 64), regex(pattern = r"^[A-Za-z][A-Za-z0-9_+/-]*$"))]
    #[x_kube(validation = (
        "self != 'Local' && timestamp('2000-01-01T00:00:00Z').getFullYear(self) > 0",
        "timeZone must be an IANA time zone such as Europe/Paris, America/New_York or UTC",
    ))]
    pub time_zone: String,
    /// Which namespaces' Budgets may use this plan; without it, all may. Elsewhere everything stays unpriced, and the
    /// Budget's condition Ready says PlanNotAllowed. ClusterBudgets may use every plan.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub allowed_namespaces: Option<AllowedNamespaces>,
    /// The price per hour of one unit of each resource: of a core (cpu), of a GiB (memory, ephemeral-storage,
    /// hugepages-*), of one piece (every other resource, such as nvidia.com/gpu). A whole number, or a decimal number
    /// in quotes.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 64))]
    pub prices_per_hour: BTreeMap<String, Amount>,
    /// Graduated prices of resources, instead of one in pricesPerHour: the first so many core-hours, GiB-hours or
    /// device-hours that a budget uses in a period cost one price, what it uses beyond another. Every tier but the last
    /// says up to where it reaches, counted from 0.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "schema::tiers")]
    pub tiers: BTreeMap<String, Vec<Tier>>,
    /// What a Pod is billed at least, such as 10m of cpu and 32Mi of memory: a Pod that requests less, or nothing,
    /// still occupies that much. Without it a Pod is billed what it requests.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 64))]
    pub minimum_per_pod: BTreeMap<String, Quantity>,
    /// Other prices for some of the nodes, by their labels; the first class that matches a node counts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"]))]
    pub node_classes: Vec<NodeClass>,
    /// Prices of devices that ResourceClaims hold (Dynamic Resource Allocation), by their DeviceClass. A claim costs
    /// while devices are allocated to it, whether a Pod uses it or not.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(
        length(max = 64),
        extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["deviceClass"])
    )]
    pub devices: Vec<DevicePrice>,
    /// Prices of persistent volume claims by their StorageClass; the first entry that matches a claim counts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64), extend("x-kubernetes-list-type" = "atomic"))]
    #[x_kube(validation = (
        "self.all(a, has(a.className) ? self.filter(b, has(b.className) && b.className == a.className).size() == 1 : self.filter(b, !has(b.className)).size() == 1 && !has(self[self.size() - 1].className))",
        "each className has one entry, and the one without, which matches every claim, is the last: the first that matches counts",
    ))]
    pub storage: Vec<StoragePrice>,
    /// Prices of anything else that exists as a Kubernetes object: databases, Crossplane's resources, virtual machines.
    /// An object costs from its creation until it is gone; the first entry that matches it counts. The operator watches
    /// their kinds if it is granted that (chart value rbac.objects).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"]))]
    pub objects: Vec<ObjectPrice>,
    /// The price per hour of a Service of type LoadBalancer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub price_per_load_balancer_hour: Option<Amount>,
    /// Charges that come by the calendar and not by use: servers, licences, subscriptions, support.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"]))]
    pub recurring: Vec<RecurringCharge>,
    /// What Prometheus counts, by namespace: traffic, requests, whatever has a price and a counter. The operator must be
    /// told where Prometheus is (the chart's prometheus.url).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"]))]
    pub meters: Vec<Meter>,
    /// Which category Pods and persistent volume claims count in, by their labels; the first entry that matches
    /// counts. Otherwise Pods count as Compute, claims as Storage.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64), extend("x-kubernetes-list-type" = "atomic"))]
    pub categories: Vec<CategoryRule>,
    /// What is taken off these prices, in percent. Several that apply to one price compound: 30 and 10 leave 63
    /// percent of it. The unit prices on Statements are net.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"]))]
    pub discounts: Vec<Discount>,
    /// Who bears what is nobody's own: idle capacity, and namespaces that serve others. It counts for the whole period
    /// in which it stands when a Statement is read or closed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sharing: Option<Sharing>,
    /// What other currencies are worth in this plan's, so that budgets may have their limits in those: by date, the
    /// newest one that has begun counts. Prices and Statements stay in the plan's currency.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 256), extend(
        "x-kubernetes-list-type" = "map",
        "x-kubernetes-list-map-keys" = ["currency", "asOf"],
    ))]
    pub exchange_rates: Vec<ExchangeRate>,
}

/// One of graduated prices.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Tier {
    /// Up to how many unit-hours of a budget and period it reaches; the last tier has no end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub up_to: Option<Amount>,
    /// The price per hour of one unit within it.
    pub price: Amount,
}

/// Namespaces by their labels.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(inline)]
pub struct AllowedNamespaces {
    /// Which namespaces, by their labels at each instant. An empty selector picks all.
    #[schemars(schema_with = "schema::selector")]
    pub selector: LabelSelector,
}

/// Prices for the nodes that a selector picks: by the unit of each resource, or for a whole node.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = (
    "has(self.pricesPerHour) != has(self.pricePerNodeHour)",
    "set exactly one of pricesPerHour and pricePerNodeHour",
))]
pub struct NodeClass {
    /// The class's name; it is part of its rates, such as spot/cpu.
    #[schemars(length(min = 1, max = 63), regex(pattern = r"^[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$"))]
    #[x_kube(validation = (
        "!(self in ['storage', 'recurring', 'meter', 'object', 'device', 'shared', 'idle'])",
        "storage, recurring, meter, object, device, shared and idle begin the names of other rates: choose another name",
    ))]
    pub name: String,
    /// Which nodes belong to the class, by their labels.
    #[schemars(schema_with = "schema::selector")]
    #[x_kube(validation = (
        "(has(self.matchLabels) && size(self.matchLabels) > 0) || (has(self.matchExpressions) && size(self.matchExpressions) > 0)",
        "an empty selector would match every node: name at least one label, and write prices for all nodes into spec.pricesPerHour",
    ))]
    pub selector: LabelSelector,
    /// The price per hour of one unit of each resource on these nodes. What is left out here costs what the plan's own
    /// pricesPerHour say.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("minProperties" = 1, "maxProperties" = 64))]
    pub prices_per_hour: BTreeMap<String, Amount>,
    /// The price per hour of one such node. It is split over the node's capacity of cpu, memory and extended resources
    /// in the ratio of the plan's own pricesPerHour, so that a full node costs its price.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub price_per_node_hour: Option<Amount>,
}

/// The price of devices of one DeviceClass.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(inline)]
pub struct DevicePrice {
    /// The DeviceClass that a ResourceClaim's request names, such as gpu.nvidia.com.
    #[schemars(
        length(min = 1, max = 253),
        regex(pattern = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$")
    )]
    pub device_class: String,
    /// The price of one device for an hour.
    pub price_per_hour: Amount,
}

/// The price of persistent volume claims of one StorageClass.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = (
    "has(self.pricePerGiBHour) != has(self.pricePerGiBMonth)",
    "set exactly one of pricePerGiBHour and pricePerGiBMonth",
))]
pub struct StoragePrice {
    /// The claims' StorageClass. Without it the entry matches every claim.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    pub class_name: Option<String>,
    /// The price of one GiB for an hour.
    #[serde(default, rename = "pricePerGiBHour", skip_serializing_if = "Option::is_none")]
    pub price_per_gib_hour: Option<Amount>,
    /// The price of one GiB for a month of 730 hours.
    #[serde(default, rename = "pricePerGiBMonth", skip_serializing_if = "Option::is_none")]
    pub price_per_gib_month: Option<Amount>,
}

/// The price of objects of one kind. What is in no namespace is billed to the one that its label
/// crossplane.io/claim-namespace or opex.dev/namespace names, else to none.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = (
    "!((has(self.group) && self.group != '' ? self.group + '/' : '') + self.kind in ['Pod', 'Node', 'Namespace', 'PersistentVolumeClaim', 'Service', 'ReplicationController', 'apps/Deployment', 'apps/ReplicaSet', 'apps/StatefulSet', 'apps/DaemonSet', 'batch/Job', 'batch/CronJob', 'resource.k8s.io/ResourceClaim'])",
    "what is billed already, or makes Pods, is no object: price Pods in pricesPerHour, claims in storage, Services in pricePerLoadBalancerHour, ResourceClaims in devices",
))]
#[x_kube(validation = (
    "!has(self.group) || !(self.group in ['billing.opex.dev', 'metrics.k8s.io'])",
    "what this operator keeps books in, or measures by, is no object: name another group",
))]
pub struct ObjectPrice {
    /// The entry's name; its rate is object/NAME.
    #[schemars(length(min = 1, max = 63), regex(pattern = r"^[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$"))]
    pub name: String,
    /// The API group, such as rds.aws.upbound.io; the core group without it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schemars(
        length(max = 253),
        regex(pattern = r"^([a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*)?$")
    )]
    pub group: String,
    /// The kind, such as Instance.
    #[schemars(length(min = 1, max = 63), regex(pattern = r"^[A-Z][A-Za-z0-9]*$"))]
    pub kind: String,
    /// Which objects, by their labels at each instant; without it, all of the kind.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::selector")]
    pub selector: Option<LabelSelector>,
    /// The price of one for an hour.
    pub price_per_hour: Amount,
    /// What kind of cost it is.
    #[serde(default)]
    pub category: Category,
}

/// What is billed already, or makes Pods, which are.
const BILLED: &[(&str, &[&str])] = &[
    ("", &["Pod", "Node", "Namespace", "PersistentVolumeClaim", "Service", "ReplicationController"]),
    ("apps", &["Deployment", "ReplicaSet", "StatefulSet", "DaemonSet"]),
    ("batch", &["Job", "CronJob"]),
    ("resource.k8s.io", &["ResourceClaim"]),
];

// === impl ObjectPrice ===

impl ObjectPrice {
    /// Whether the kind can be no object of a plan, as its rules say.
    pub fn is_billed_already(&self) -> bool {
        let same = |(group, kinds): &(&str, &[&str])| *group == self.group && kinds.contains(&&*self.kind);
        BILLED.iter().any(same) || matches!(&*self.group, "billing.opex.dev" | "metrics.k8s.io")
    }
}

/// The category of what a selector picks.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(inline)]
pub struct CategoryRule {
    /// Which Pods and claims, by their labels. An empty selector picks all.
    #[schemars(schema_with = "schema::selector")]
    pub selector: LabelSelector,
    /// What their cost counts as in breakdowns and on Statements.
    pub category: Category,
}

/// A percentage off the price of what is used.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct Discount {
    /// The discount's name, for people.
    #[schemars(length(min = 1, max = 63), regex(pattern = r"^[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$"))]
    pub name: String,
    /// How much is taken off: 0 to 100, with at most four decimals, such as "30" or "12.5".
    #[schemars(schema_with = "schema::percent")]
    pub percent: Amount,
    /// What it is taken off: resources by their names (cpu, memory, nvidia.com/gpu), storage, load-balancer, devices as
    /// device/CLASS, objects as object/NAME, meters as meter/NAME. Without it the discount applies to everything that is
    /// used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::discounted")]
    #[x_kube(validation = (
        "self.all(name, (name.contains('/') || name in ['cpu', 'memory', 'ephemeral-storage', 'storage', 'load-balancer'] || name.startsWith('hugepages-')) && !name.startsWith('storage/') && !name.startsWith('recurring/') && !name.startsWith('shared/') && !name.startsWith('idle/'))",
        "a discount names a resource such as cpu, or storage for claims of all classes, or load-balancer, or device/CLASS, object/NAME or meter/NAME; recurring and shared costs are not discounted, and idle follows its resource",
    ))]
    pub resources: Option<Vec<String>>,
}

/// What the operator knows of a PricePlan.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(inline)]
pub struct PricePlanStatus {
    /// The generation of the spec that was last seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// Ready: the plan can be used.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "schema::conditions")]
    pub conditions: Vec<Condition>,
    /// How many Budgets and ClusterBudgets use the plan.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub used_by: Option<i64>,
    /// The versions that open Statements need, newest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 20), extend(
        "x-kubernetes-list-type" = "map",
        "x-kubernetes-list-map-keys" = ["generation"],
    ))]
    pub versions: Vec<PlanVersion>,
}

/// A plan as it stood from an instant on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(inline)]
pub struct PlanVersion {
    /// The instant from which these prices count.
    pub from: Time,
    /// The plan's generation.
    pub generation: i64,
    /// The plan's spec as it was then.
    #[schemars(schema_with = "any_object")]
    pub spec: PricePlanSpec,
}

fn utc() -> String {
    "UTC".to_owned()
}

fn is_utc(zone: &str) -> bool {
    zone == "UTC"
}

/// A spec that was once admitted is not validated again: later rules must not make it unwritable.
fn any_object(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "object", "x-kubernetes-preserve-unknown-fields": true})
}
