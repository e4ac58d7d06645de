//! What the operator observes, read once: as much of it as the budgets of a change need.
//!
//! Statements are read first, so that no list is older than what they have seen. Whoever asks may see less than the
//! operator: what cannot be seen is said, and only what nothing can be computed without is an error.

use std::collections::BTreeSet;

use jiff::Timestamp;
use kube::Client;
use serde_json::Value;
use serde_json::value::RawValue;

use super::discovery::Discovery;
use super::list::{ListError, Pages};
use crate::api::{AllocateBy, Mode, PricePlan};
use crate::clock::Clock;
use crate::engine::machine::{Fact, Settings, Unwatched};
use crate::engine::observed::{Source, Tag};
use crate::engine::selector::Selector;
use crate::facts::Kind;
use crate::observe::Observed;
use crate::observe::resource::{Resource, collection_path};
use crate::simulate::change::Surroundings;
use crate::simulate::place::{Classes, Node};
use crate::simulate::{Concerned, Twins};

/// How far behind now an operator persists, unless it is told otherwise.
const LAG: i64 = 10;

/// Reads it.
pub struct Look<'a> {
    pub client: Client,
    pub clock: Clock,
    pub discovery: &'a Discovery,
    /// The operator's namespace.
    pub operator: String,
    /// Those in which something changes; absent: all.
    pub namespaces: Option<BTreeSet<String>>,
}

/// What was read.
#[derive(Debug)]
pub struct Snapshot {
    pub twins: Twins,
    pub around: Surroundings,
    pub concerned: Concerned,
    pub notes: Vec<String>,
}

/// What nothing can be computed without, and cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    #[error(
        "{0}. The ClusterRole opex-viewer lets you read it: kubectl create clusterrolebinding NAME --clusterrole=opex-viewer --user=YOU"
    )]
    Forbidden(ListError),
    #[error(transparent)]
    List(ListError),
    #[error("read {what}: {error}")]
    Read { what: Source, error: serde_json::Error },
}

/// Where objects are listed.
#[derive(Clone, Copy)]
enum Whole {
    Cluster,
    Namespaces,
}

struct Reader<'a> {
    look: &'a Look<'a>,
    snapshot: Snapshot,
    plans: Vec<PricePlan>,
    /// The namespaces of each ClusterBudget that counts several together.
    pots: Vec<Selector>,
    /// The plans in use, and whether a budget goes by what Pods use.
    used: BTreeSet<String>,
    sampled: bool,
}

// === impl Look ===

impl Look<'_> {
    pub async fn take(&self) -> Result<Snapshot, SnapshotError> {
        let (statements, version) = self.statements().await?;
        let settings = Settings {
            cluster: newest_cluster(&statements),
            namespace: self.operator.as_str().into(),
            lag: LAG,
            from: None,
            replay: false,
            writes_per_second: i64::MAX,
            counting: None,
            retained: usize::MAX,
        };
        let concerned = Concerned { namespaces: self.namespaces.clone(), labels: Vec::new(), whole: true };
        let (twins, around) = (Twins::new(&settings), Surroundings::default());
        let snapshot = Snapshot { twins, around, concerned, notes: Vec::new() };
        let mut reader =
            Reader { look: self, snapshot, plans: Vec::new(), pots: Vec::new(), used: BTreeSet::new(), sampled: false };
        let at = self.clock.second();
        for statement in &statements {
            reader.snapshot.twins.observe(statement, at);
        }
        reader.snapshot.twins.listed(Source::Statements, version, at);
        reader.read().await?;
        Ok(reader.snapshot)
    }

    /// Those of the namespaces, and of ClusterBudgets and what is shared, which are the operator's.
    async fn statements(&self) -> Result<(Vec<Observed>, u64), SnapshotError> {
        let (mut statements, mut newest) = (Vec::new(), 0);
        for path in self.paths(Source::Statements, Whole::Namespaces) {
            newest = newest.max(self.statements_at(path, &mut statements).await?);
        }
        if self.namespaces.as_ref().is_some_and(|named| !named.contains(&self.operator)) {
            let path = collection_path(Source::Statements, Some(&self.operator));
            match self.statements_at(path, &mut statements).await {
                // Whoever may not see them sees no ClusterBudget's figures either.
                Err(SnapshotError::Forbidden(_)) => {}
                read => newest = newest.max(read?),
            }
        }
        Ok((statements, newest))
    }

    async fn statements_at(&self, path: String, into: &mut Vec<Observed>) -> Result<u64, SnapshotError> {
        let mut pages = Pages::at(self.client.clone(), Source::Statements, path, None);
        while let Some(page) = pages.next().await.map_err(SnapshotError::of)? {
            for object in page {
                into.push(observed(Source::Statements, &object)?);
            }
        }
        Ok(pages.version())
    }

    /// Where the objects of a source are listed.
    fn paths(&self, source: Source, whole: Whole) -> Vec<String> {
        let namespaces = self.namespaces.as_ref().filter(|_| matches!(whole, Whole::Namespaces));
        let of = |namespace: Option<&str>| match source {
            Source::Objects(kind) => {
                let (group, kind) = kind.parts();
                let served = self.discovery.of_kind(group, kind)?;
                Some(served.collection(namespace.filter(|_| served.namespaced)))
            }
            source => Some(collection_path(source, namespace)),
        };
        match namespaces {
            None => of(None).into_iter().collect(),
            Some(namespaces) => {
                let paths: BTreeSet<_> = namespaces.iter().filter_map(|namespace| of(Some(namespace))).collect();
                paths.into_iter().collect()
            }
        }
    }
}

/// The cluster that the operator's Statements are of.
fn newest_cluster(statements: &[Observed]) -> String {
    let open = statements.iter().filter_map(|observed| match &observed.fact {
        Fact::Statement(statement) => Some(&statement.spec),
        _ => None,
    });
    open.max_by_key(|spec| spec.watermark.0).map(|spec| spec.cluster.clone()).unwrap_or_default()
}

fn observed(source: Source, object: &RawValue) -> Result<Observed, SnapshotError> {
    Observed::read(source, object.get()).map_err(|error| SnapshotError::Read { what: source, error })
}

// === impl Reader ===

impl Reader<'_> {
    async fn read(&mut self) -> Result<(), SnapshotError> {
        self.list(Source::PricePlans, Whole::Cluster).await?;
        self.list(Source::Budgets, Whole::Namespaces).await?;
        self.namespaces().await?;
        if let Err(error) = self.list(Source::ClusterBudgets, Whole::Cluster).await {
            self.go_on_without(error, "ClusterBudgets are left out")?;
            self.snapshot.concerned.whole = false;
        }
        self.list(Source::BudgetOverrides, Whole::Namespaces).await?;
        if let Err(error) = self.list(Source::Nodes, Whole::Cluster).await {
            self.go_on_without(error, "Pods are priced as on nodes without labels")?;
        }
        let whole = if self.needs_everything() { Whole::Cluster } else { Whole::Namespaces };
        if let Err(error) = self.items(whole).await {
            self.go_on_without(error, "ClusterBudgets, and what is shared with other namespaces, are left out")?;
            self.snapshot.concerned.whole = false;
            self.items(Whole::Namespaces).await?;
        }
        if self.sampled {
            self.samples(if self.snapshot.concerned.whole { whole } else { Whole::Namespaces }).await?;
        }
        for plan in self.plans.iter().filter(|plan| !plan.spec.meters.is_empty()) {
            let name = plan.metadata.name.as_deref().unwrap_or_default();
            if self.used.contains(name) {
                self.snapshot.notes.push(format!("PricePlan {name}: what its meters will count is not foreseen"));
            }
        }
        self.snapshot.around.now = Timestamp::from_second(self.look.clock.second()).unwrap_or_default();
        Ok(())
    }

    /// All that is billed and no node.
    async fn items(&mut self, whole: Whole) -> Result<(), SnapshotError> {
        for source in [Source::Pods, Source::Claims, Source::Services] {
            self.list(source, whole).await?;
        }
        let named = self.plans.iter().flat_map(|plan| &plan.spec.objects);
        let kinds: BTreeSet<_> = named.filter_map(|entry| Kind::of(&entry.group, &entry.kind)).collect();
        for source in std::iter::once(Source::ResourceClaims).chain(kinds.into_iter().map(Source::Objects)) {
            let why = match self.list(source, whole).await {
                Ok(true) => continue,
                Ok(false) | Err(SnapshotError::List(ListError::Unknown { .. })) => Unwatched::NotServed,
                Err(SnapshotError::Forbidden(_)) => Unwatched::Forbidden,
                Err(error) => return Err(error),
            };
            self.snapshot.twins.unwatched(source, why, self.look.clock.second());
        }
        Ok(())
    }

    /// What Pods use, where a budget goes by that.
    async fn samples(&mut self, whole: Whole) -> Result<(), SnapshotError> {
        let source = Source::PodMetrics;
        let namespaces = self.look.namespaces.as_ref().filter(|_| matches!(whole, Whole::Namespaces));
        let within = namespaces.map_or_else(
            || vec![String::new()],
            |names| names.iter().map(|name| format!("namespaces/{name}/")).collect(),
        );
        let at = self.look.clock.second();
        let tag = Tag { source, version: u64::try_from(at).unwrap_or_default() };
        for within in within {
            let path = format!("/apis/metrics.k8s.io/v1beta1/{within}pods");
            let mut pages = Pages::at(self.look.client.clone(), source, path, None);
            loop {
                let page = match pages.next().await {
                    Ok(Some(page)) => page,
                    Ok(None) => break,
                    Err(error) => {
                        self.snapshot.notes.push(format!("what Pods use is not known: {error}"));
                        return Ok(());
                    }
                };
                for object in page {
                    self.snapshot.twins.observe(&Observed { tag, ..observed(source, &object)? }, at);
                    self.snapshot.around.samples.push(whole_object(source, &object)?);
                }
            }
        }
        self.snapshot.twins.heard(tag, at);
        Ok(())
    }

    /// Whether budgets over the namespaces depend on what is in others.
    fn needs_everything(&self) -> bool {
        let shares = |plan: &PricePlan| {
            let by_usage = plan.spec.recurring.iter().any(|charge| charge.allocate.by == AllocateBy::Usage);
            plan.spec.sharing.is_some() || by_usage
        };
        let over = |pot: &Selector| self.snapshot.concerned.labels.iter().any(|labels| pot.matches(labels));
        self.look.namespaces.is_none() || self.pots.iter().any(over) || self.plans.iter().any(shares)
    }

    async fn namespaces(&mut self) -> Result<(), SnapshotError> {
        let Err(error) = self.list(Source::Namespaces, Whole::Cluster).await else { return Ok(()) };
        self.go_on_without(error, "charges that fall to all namespaces evenly are not known")?;
        let at = self.look.clock.second();
        for name in self.look.namespaces.iter().flatten() {
            let path = crate::observe::resource::object_path(Source::Namespaces, None, name);
            let bare = || serde_json::json!({"metadata": {"name": name}});
            let found = self.look.client.request::<Value>(super::request::get(&path)).await.unwrap_or_else(|_| bare());
            let text = RawValue::from_string(found.to_string()).expect("JSON");
            self.take(Source::Namespaces, &text)?;
        }
        self.snapshot.twins.listed(Source::Namespaces, u64::MAX, at);
        Ok(())
    }

    /// What may not be seen is said, and left out.
    fn go_on_without(&mut self, error: SnapshotError, so: &str) -> Result<(), SnapshotError> {
        let SnapshotError::Forbidden(why) = &error else { return Err(error) };
        self.snapshot.notes.push(format!("{so}: you may not list {}", why.what()));
        Ok(())
    }

    /// Takes every object of a source in; false where the API server does not know it.
    async fn list(&mut self, source: Source, whole: Whole) -> Result<bool, SnapshotError> {
        let paths = self.look.paths(source, whole);
        let mut version = 0;
        for path in &paths {
            let mut pages = Pages::at(self.look.client.clone(), source, path.clone(), None);
            while let Some(page) = pages.next().await.map_err(SnapshotError::of)? {
                for object in page {
                    self.take(source, &object)?;
                }
            }
            version = version.max(pages.version());
        }
        if !paths.is_empty() {
            self.snapshot.twins.listed(source, version, self.look.clock.second());
        }
        Ok(!paths.is_empty())
    }

    fn take(&mut self, source: Source, object: &RawValue) -> Result<(), SnapshotError> {
        let observed = observed(source, object)?;
        self.snapshot.twins.observe(&observed, self.look.clock.second());
        let namespaces = self.look.namespaces.as_ref();
        let is_named = |name: &str| namespaces.is_none_or(|namespaces| namespaces.contains(name));
        let snapshot = &mut self.snapshot;
        match observed.fact {
            Fact::PricePlan(plan) => {
                snapshot.around.plans.push(classes(&plan));
                self.plans.push(*plan);
            }
            Fact::Budget(budget) => {
                self.sampled |= budget.spec.basis.is_sampled();
                self.used.insert(budget.spec.price_plan.clone());
            }
            Fact::ClusterBudget(budget) if budget.spec.mode == Mode::Shared => {
                self.sampled |= budget.spec.budget.basis.is_sampled();
                self.used.insert(budget.spec.budget.price_plan.clone());
                let selector = budget.spec.namespace_selector.as_ref().map(Selector::compile);
                self.pots.push(selector.map(Result::unwrap_or_default).unwrap_or_default());
            }
            Fact::Namespace(namespace) if is_named(&namespace.name) => {
                snapshot.concerned.labels.push(namespace.labels);
            }
            Fact::Node(_) => snapshot.around.nodes.push(Node::read(&whole_object(source, object)?)),
            Fact::Claim(claim) if is_named(&claim.namespace) => {
                snapshot.around.claims.push(whole_object(source, object)?);
            }
            _ => {}
        }
        Ok(())
    }
}

/// Items of a list do not say what they are.
fn whole_object(source: Source, object: &RawValue) -> Result<Value, SnapshotError> {
    let read = serde_json::from_str(object.get()).map_err(|error| SnapshotError::Read { what: source, error });
    let mut object: Value = read?;
    let Resource { api_version, kind, .. } = Resource::of(source);
    object["apiVersion"] = api_version.as_ref().into();
    object["kind"] = kind.into();
    Ok(object)
}

/// Which nodes a plan prices alike.
fn classes(plan: &PricePlan) -> Classes {
    let selectors = plan.spec.node_classes.iter().map(|class| Selector::compile(&class.selector));
    Classes(selectors.map(Result::unwrap_or_default).collect())
}

// === impl SnapshotError ===

impl SnapshotError {
    fn of(error: ListError) -> Self {
        if matches!(error, ListError::Forbidden { .. }) { Self::Forbidden(error) } else { Self::List(error) }
    }
}
