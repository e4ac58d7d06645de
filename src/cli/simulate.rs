//! `kubectl opex simulate`: what a change would cost or save until the period ends, and what the gate would say of it.

mod print;
mod resolve;

use std::collections::BTreeSet;
use std::io::stdout;
use std::path::PathBuf;
use std::process::ExitCode;
use std::str::FromStr;

use clap::{ArgGroup, Args, ValueEnum};
use jiff::Timestamp;
use serde::Serialize;

use crate::clock::Clock;
use crate::cluster::connect::connect;
use crate::cluster::discovery::Discovery;
use crate::cluster::dry_run::Answer;
use crate::cluster::snapshot::{Look, Snapshot};
use crate::config::NAMESPACE;
use crate::simulate::Row;
use crate::simulate::change::Imagined;
use resolve::{Resolved, Resolver, excuse};

/// Shows what changes would cost or save until the period ends, whether they fit the budgets, and what the API server
/// would answer. Nothing is changed.
///
/// Exit status: 0, everything fits and is admitted; 1, something does not fit or is refused; 2, it cannot be told.
#[derive(Args, Debug)]
#[command(group(ArgGroup::new("change").args(["files", "scale", "delete"]).required(true).multiple(true)))]
pub struct SimulateArgs {
    /// A manifest as it would be applied, in YAML or JSON, several documents too; - is standard input. May be given
    /// several times, like --scale and --delete, and beside them.
    #[arg(short, long = "filename", value_name = "FILE")]
    files: Vec<PathBuf>,
    /// A workload with another number of replicas, such as deploy/web=10.
    #[arg(long, value_name = "KIND/NAME=REPLICAS")]
    scale: Vec<Scale>,
    /// An object that would be deleted, such as deploy/web.
    #[arg(long, value_name = "KIND/NAME")]
    delete: Vec<Target>,
    /// The namespace of what does not name its own, by default that of the context.
    #[arg(short, long, value_name = "NAME")]
    namespace: Option<String>,
    /// The operator's namespace.
    #[arg(long, value_name = "NAME", default_value = NAMESPACE)]
    operator_namespace: String,
    #[arg(short, long, default_value = "table", value_enum)]
    output: Output,
    /// The context of the kubeconfig to use.
    #[arg(long, value_name = "NAME")]
    context: Option<String>,
}

/// How the result is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Output {
    /// A line for each budget, and what the API server answers.
    Table,
    /// The same as one object.
    Json,
}

/// An object, as kubectl names it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Target {
    resource: String,
    name: String,
}

/// A workload, and how many replicas it is to have.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Scale {
    target: Target,
    replicas: i32,
}

#[derive(Debug, PartialEq, Eq, thiserror::Error)]
enum ParseTargetError {
    #[error("write KIND/NAME, such as deploy/web")]
    Target,
    #[error("write KIND/NAME=REPLICAS, such as deploy/web=10")]
    Scale,
    #[error("{0:?} is no number of replicas: write 0 or a whole number above it")]
    Replicas(String),
}

/// All that is said.
#[derive(Debug, Serialize)]
struct Report {
    at: Timestamp,
    budgets: Vec<Row>,
    requests: Vec<Request>,
    notes: Vec<String>,
}

/// What would be asked of the API server, and its answer.
#[derive(Debug, Serialize)]
struct Request {
    #[serde(rename = "request")]
    what: String,
    #[serde(flatten)]
    answer: Answer,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    warnings: Vec<String>,
}

// === impl SimulateArgs ===

impl SimulateArgs {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let output = self.output;
        let report = super::block_on(self.simulate())?;
        match output {
            Output::Table => print::table(&report, &mut stdout().lock())?,
            Output::Json => print::json(&report, &mut stdout().lock())?,
        }
        Ok(if report.is_well() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }

    async fn simulate(self) -> anyhow::Result<Report> {
        let clock = Clock::default();
        let client = connect(self.context, &clock).await?;
        let discovery = Discovery::read(&client).await?;
        let namespace = self.namespace.unwrap_or_else(|| client.default_namespace().to_owned());
        let look_up = Resolver { client: client.clone(), discovery: &discovery, namespace };
        let mut resolved = Vec::new();
        for file in &self.files {
            resolved.extend(look_up.apply(file).await?);
        }
        for Scale { target, replicas } in &self.scale {
            resolved.push(look_up.scale(target, *replicas).await?);
        }
        for target in &self.delete {
            resolved.push(look_up.delete(target).await?);
        }
        excuse(&mut resolved);
        let look = Look {
            client,
            clock,
            discovery: &discovery,
            operator: self.operator_namespace,
            namespaces: all(&resolved),
        };
        let Snapshot { mut twins, mut around, concerned, mut notes } = look.take().await?;
        around.default_class = look_up.default_class().await;
        let (changes, requests): (Vec<_>, Vec<_>) =
            resolved.into_iter().map(|Resolved { change, request, .. }| (change, request)).unzip();
        let imagined = Imagined::of(&changes, &around);
        twins.start(&imagined, around.now.as_second())?;
        let comparison = twins.compare(&concerned);
        if let Some(namespaces) = concerned.namespaces.filter(|_| comparison.rows.is_empty()) {
            anyhow::bail!(untold(namespaces, &notes, &comparison.notes));
        }
        notes.extend(imagined.notes);
        notes.extend(comparison.notes);
        Ok(Report { at: around.now, budgets: comparison.rows, requests, notes })
    }
}

/// Why no figure can be told.
fn untold(namespaces: BTreeSet<String>, unseen: &[String], unknown: &[String]) -> String {
    if !unknown.is_empty() {
        return unknown.join("; ");
    }
    let namespaces: Vec<_> = namespaces.into_iter().collect();
    let mut untold = format!("no budget counts what is in {}", namespaces.join(", "));
    if !unseen.is_empty() {
        untold = format!("{untold}, as far as you may see ({})", unseen.join("; "));
    }
    format!("{untold}: make one; one without a limit shows what it costs (examples/budget-showback.yaml)")
}

/// The namespaces in which something changes; none, where something is in no namespace.
fn all(resolved: &[Resolved]) -> Option<BTreeSet<String>> {
    resolved.iter().map(|resolved| resolved.namespace.clone()).collect()
}

// === impl Report ===

impl Report {
    fn is_well(&self) -> bool {
        let refused = self.requests.iter().any(|request| matches!(request.answer, Answer::Refused(_)));
        !refused && !self.budgets.iter().any(Row::breaks)
    }
}

// === impl Target ===

impl FromStr for Target {
    type Err = ParseTargetError;

    fn from_str(text: &str) -> Result<Self, ParseTargetError> {
        let (resource, name) = text.split_once('/').ok_or(ParseTargetError::Target)?;
        let is_name =
            |name: &str| !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || "-.:".contains(c));
        if !is_name(resource) || !is_name(name) {
            return Err(ParseTargetError::Target);
        }
        Ok(Self { resource: resource.to_owned(), name: name.to_owned() })
    }
}

// === impl Scale ===

impl FromStr for Scale {
    type Err = ParseTargetError;

    fn from_str(text: &str) -> Result<Self, ParseTargetError> {
        let (target, replicas) = text.split_once('=').ok_or(ParseTargetError::Scale)?;
        let target = target.parse().map_err(|_| ParseTargetError::Scale)?;
        let number = replicas.parse().ok().filter(|number| *number >= 0);
        Ok(Self { target, replicas: number.ok_or_else(|| ParseTargetError::Replicas(replicas.to_owned()))? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_changes_is_named_as_kubectl_names_it() {
        let target = |resource: &str, name: &str| Target { resource: resource.to_owned(), name: name.to_owned() };
        assert_eq!("deploy/web".parse(), Ok(target("deploy", "web")));
        assert_eq!("deployments.apps/web.v2".parse(), Ok(target("deployments.apps", "web.v2")));
        for text in ["", "web", "deploy/", "/web", "deploy/web/x", "deploy/web=2"] {
            assert_eq!(text.parse::<Target>(), Err(ParseTargetError::Target), "{text}");
        }
        assert_eq!("deploy/web=0".parse(), Ok(Scale { target: target("deploy", "web"), replicas: 0 }));
        for text in ["deploy/web", "web=3", "=3"] {
            assert_eq!(text.parse::<Scale>(), Err(ParseTargetError::Scale), "{text}");
        }
        for replicas in ["", "-1", "1.5", "many", "3000000000"] {
            let wrong = Err(ParseTargetError::Replicas(replicas.to_owned()));
            assert_eq!(format!("deploy/web={replicas}").parse::<Scale>(), wrong);
        }
    }
}
