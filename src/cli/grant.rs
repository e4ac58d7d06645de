//! `kubectl opex override`: opens a gate for a while, or raises a limit for a while, on the record.

use std::str::FromStr;
use std::time::Duration;

use clap::Args;
use jiff::{SignedDuration, Span, SpanRelativeTo};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use crate::api::{Amount, BudgetKind, BudgetOverrideSpec, BudgetRef};
use crate::clock::Clock;
use crate::cluster::connect::connect;
use crate::cluster::overrides::Overrides;
use crate::config::NAMESPACE;

/// For how long the operator is given to say what came of it.
const PATIENCE: Duration = Duration::from_secs(10);

/// An override lasts no longer (the API server refuses it).
const LONGEST: SignedDuration = SignedDuration::from_hours(7 * 24);

/// Creates a BudgetOverride: opens the gate of a budget for a while, or with --extra-amount raises its limit, on the
/// record, in your name.
#[derive(Args, Debug)]
pub struct OverrideArgs {
    /// The Budget, or clusterbudget/NAME.
    #[arg(value_name = "BUDGET")]
    budget: Subject,
    /// For how long from now, such as 30m, 4h or 2d; 7 days at most.
    #[arg(long = "for", value_name = "DURATION", value_parser = duration)]
    length: SignedDuration,
    /// Why, for whoever reads the record later.
    #[arg(long, value_name = "TEXT")]
    reason: String,
    /// What is added to the limit, in its currency; without it the gate is open.
    #[arg(long, value_name = "AMOUNT")]
    extra_amount: Option<Amount>,
    /// The namespace of the Budget, by default that of the context; of a ClusterBudget that of the operator, by default
    /// opex-system.
    #[arg(short, long, value_name = "NAME")]
    namespace: Option<String>,
    /// The context of the kubeconfig to use.
    #[arg(long, value_name = "NAME")]
    context: Option<String>,
}

/// What is overridden.
#[derive(Clone, Debug, PartialEq)]
struct Subject(BudgetRef);

#[derive(Debug, thiserror::Error)]
#[error("name a Budget (team-a), or a ClusterBudget (clusterbudget/payments)")]
struct ParseSubjectError;

// === impl OverrideArgs ===

impl OverrideArgs {
    pub fn run(self) -> anyhow::Result<()> {
        super::block_on(self.grant())
    }

    async fn grant(self) -> anyhow::Result<()> {
        let clock = Clock::default();
        let client = connect(self.context, &clock).await?;
        let Subject(budget_ref) = self.budget;
        let namespace = self.namespace.unwrap_or_else(|| match budget_ref.kind {
            BudgetKind::Budget => client.default_namespace().to_owned(),
            BudgetKind::ClusterBudget => NAMESPACE.to_owned(),
        });
        let overrides = Overrides::of(client, &namespace);
        overrides.find(&budget_ref).await?;
        let granted_by = overrides.who_am_i().await?;
        let until = Time(clock.now().round(jiff::Unit::Second)? + self.length);
        let (reason, extra_amount) = (self.reason, self.extra_amount);
        let name =
            overrides.create(BudgetOverrideSpec { budget_ref, until: until.clone(), extra_amount, reason, granted_by });
        let name = name.await?;
        println!("budgetoverride.billing.opex.dev/{name} created in {namespace}, until {}", until.0);
        let Some(active) = overrides.answered(&name, PATIENCE).await? else {
            eprintln!("Note: the operator has not answered yet: kubectl get budgetoverride {name} -n {namespace}");
            return Ok(());
        };
        anyhow::ensure!(active.status == "True", "it has no effect: {}: {}", active.reason, active.message);
        println!("{}: {}", active.reason, active.message);
        Ok(())
    }
}

// === impl Subject ===

impl FromStr for Subject {
    type Err = ParseSubjectError;

    fn from_str(text: &str) -> Result<Self, ParseSubjectError> {
        let (kind, name) = text.split_once('/').unwrap_or(("budget", text));
        let kind = match kind.to_lowercase().as_str() {
            "budget" | "budgets" | "bgt" => BudgetKind::Budget,
            "clusterbudget" | "clusterbudgets" | "cbgt" => BudgetKind::ClusterBudget,
            _ => return Err(ParseSubjectError),
        };
        if name.is_empty() || name.contains('/') {
            return Err(ParseSubjectError);
        }
        Ok(Self(BudgetRef { kind, name: name.to_owned() }))
    }
}

/// `30m`, `4h`, `2d`, `1d12h`: a day is 24 hours.
fn duration(text: &str) -> Result<SignedDuration, String> {
    let wrong = || "write a time such as 30m, 4h or 2d".to_owned();
    let span: Span = text.parse().map_err(|_| wrong())?;
    let length = span.to_duration(SpanRelativeTo::days_are_24_hours()).map_err(|_| wrong())?;
    if length <= SignedDuration::ZERO {
        return Err(wrong());
    }
    if length > LONGEST {
        return Err("an override lasts 7 days at most: raise the limit instead".to_owned());
    }
    Ok(length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_is_read_as_people_write_it() {
        for (text, seconds) in [("30m", 1800), ("4h", 14_400), ("2d", 172_800), ("1d12h", 129_600), ("168h", 604_800)] {
            assert_eq!(duration(text), Ok(SignedDuration::from_secs(seconds)), "{text}");
        }
        for text in ["", "4", "four hours", "-4h", "0s", "169h", "8d", "1mo", "1y"] {
            assert!(duration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn what_is_overridden_is_named_as_kubectl_names_it() {
        let subject = |kind, name: &str| Subject(BudgetRef { kind, name: name.to_owned() });
        for (text, expected) in [
            ("team-a", subject(BudgetKind::Budget, "team-a")),
            ("bgt/team-a", subject(BudgetKind::Budget, "team-a")),
            ("clusterbudget/pot", subject(BudgetKind::ClusterBudget, "pot")),
            ("CBGT/pot", subject(BudgetKind::ClusterBudget, "pot")),
        ] {
            assert_eq!(text.parse::<Subject>().ok(), Some(expected), "{text}");
        }
        for text in ["", "/", "bgt/", "bgt/a/b", "pod/x", "a/b"] {
            assert!(text.parse::<Subject>().is_err(), "{text}");
        }
    }
}
