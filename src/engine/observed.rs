//! Up to which version of each resource something has seen the cluster.
//!
//! Resource versions of one resource are ordered integers, so "had it seen this?" is a comparison. A Statement
//! carries its cut in `spec.observed`; whoever takes over knows from it what is metered already and what is news.

use std::collections::BTreeMap;
use std::fmt;

use litemap::LiteMap;

use crate::facts::Kind;

/// Where facts come from, in the order of the letters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Source {
    Bindings,
    BudgetOverrides,
    Budgets,
    ClusterBudgets,
    Claims,
    Deployments,
    Jobs,
    /// What Prometheus counted. It is asked and not watched: a version is the last second of a window.
    Meters,
    Namespaces,
    Nodes,
    /// Samples of what Pods use. They are asked for now and then, and their version is the second of the asking.
    PodMetrics,
    Pods,
    Policies,
    PricePlans,
    ReplicaSets,
    ReplicationControllers,
    ResourceClaims,
    Services,
    StatefulSets,
    Statements,
    /// Of a kind that a plan names: watched while one does.
    Objects(Kind),
}

/// A version of an object: the resource and its resourceVersion.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tag {
    pub source: Source,
    pub version: u64,
}

/// The newest resourceVersion seen of each resource.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cut(LiteMap<Source, u64>);

// === impl Source ===

impl Source {
    /// Those that are always watched.
    pub const ALL: [Self; 18] = [
        Self::Bindings,
        Self::BudgetOverrides,
        Self::Budgets,
        Self::ClusterBudgets,
        Self::Claims,
        Self::Deployments,
        Self::Jobs,
        Self::Namespaces,
        Self::Nodes,
        Self::Pods,
        Self::Policies,
        Self::PricePlans,
        Self::ReplicaSets,
        Self::ReplicationControllers,
        Self::ResourceClaims,
        Self::Services,
        Self::StatefulSets,
        Self::Statements,
    ];

    /// The resource's plural name, as in URLs and in `spec.observed`; of what a plan names, its kind.
    pub fn resource(self) -> &'static str {
        match self {
            Self::Bindings => "validatingadmissionpolicybindings",
            Self::BudgetOverrides => "budgetoverrides",
            Self::Budgets => "budgets",
            Self::ClusterBudgets => "clusterbudgets",
            Self::Claims => "persistentvolumeclaims",
            Self::Deployments => "deployments",
            Self::Jobs => "jobs",
            Self::Meters => "meters",
            Self::Namespaces => "namespaces",
            Self::Nodes => "nodes",
            Self::PodMetrics => "podmetrics",
            Self::Pods => "pods",
            Self::Policies => "validatingadmissionpolicies",
            Self::PricePlans => "priceplans",
            Self::ReplicaSets => "replicasets",
            Self::ReplicationControllers => "replicationcontrollers",
            Self::ResourceClaims => "resourceclaims",
            Self::Services => "services",
            Self::StatefulSets => "statefulsets",
            Self::Statements => "statements",
            Self::Objects(kind) => kind.name(),
        }
    }

    /// The source that is called so. Kinds begin with a capital letter.
    pub fn of_resource(resource: &str) -> Option<Self> {
        if resource.starts_with(|first: char| first.is_ascii_uppercase()) {
            return Kind::named(resource).map(Self::Objects);
        }
        Self::ALL.into_iter().chain([Self::Meters, Self::PodMetrics]).find(|s| s.resource() == resource)
    }

    /// Whether its versions are resourceVersions, which a watch hands out.
    pub fn is_watched(self) -> bool {
        !matches!(self, Self::Meters | Self::PodMetrics)
    }

    /// Whether some API servers do not have it, or need not let the operator see it: nothing waits for it then.
    pub fn is_optional(self) -> bool {
        matches!(self, Self::ResourceClaims | Self::Objects(_))
    }

    /// Whether its objects are items: what comes and goes unseen is missing from what is metered.
    pub fn holds_items(self) -> bool {
        matches!(self, Self::Claims | Self::Objects(_) | Self::Pods | Self::ResourceClaims | Self::Services)
    }

    /// Whether its versions change what is metered, and so belong into a Statement's cut.
    pub fn is_metered(self) -> bool {
        matches!(
            self,
            Self::Budgets
                | Self::ClusterBudgets
                | Self::Claims
                | Self::Meters
                | Self::Namespaces
                | Self::Nodes
                | Self::Objects(_)
                | Self::PodMetrics
                | Self::Pods
                | Self::PricePlans
                | Self::ResourceClaims
                | Self::Services
        )
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.resource())
    }
}

// === impl Tag ===

impl Tag {
    /// A version that every cut has seen.
    pub const KNOWN: Self = Self { source: Source::Pods, version: 0 };
}

// === impl Cut ===

impl Cut {
    pub fn covers(&self, tag: Tag) -> bool {
        tag.version == 0 || self.0.get(&tag.source).is_some_and(|seen| tag.version <= *seen)
    }

    pub fn see(&mut self, tag: Tag) {
        let seen = self.0.entry(tag.source).or_default();
        *seen = tag.version.max(*seen);
    }

    /// Of its source nothing newer was seen.
    pub fn go_back(&mut self, tag: Tag) {
        self.0.entry(tag.source).and_modify(|seen| *seen = tag.version.min(*seen));
    }

    /// Of what is watched and metered, the versions of `other` that are newer. Prometheus can be asked again.
    pub fn behind<'a>(&'a self, other: &'a Self) -> impl Iterator<Item = Tag> + 'a {
        let watched = |tag: &Tag| tag.source.is_metered() && tag.source != Source::Meters;
        other.tags().filter(move |tag| watched(tag) && !self.covers(*tag))
    }

    /// Every version, one for each resource.
    pub fn tags(&self) -> impl Iterator<Item = Tag> + '_ {
        self.0.iter().map(|(source, version)| Tag { source: *source, version: *version })
    }

    pub fn forget(&mut self, source: Source) {
        self.0.remove(&source);
    }

    pub fn get(&self, source: Source) -> Option<u64> {
        self.0.get(&source).copied()
    }

    /// As `spec.observed` has it.
    pub fn to_observed(&self) -> BTreeMap<String, String> {
        self.0
            .iter()
            .filter(|(source, version)| source.is_metered() && **version > 0)
            .map(|(source, version)| (source.resource().to_owned(), version.to_string()))
            .collect()
    }

    /// From `spec.observed`; what is unknown or no number is left out: it counts as unseen.
    pub fn from_observed(observed: &BTreeMap<String, String>) -> Self {
        let known = |(k, v): (&String, &String)| Some((Source::of_resource(k)?, v.parse().ok()?));
        Self(observed.iter().filter_map(known).collect())
    }
}
