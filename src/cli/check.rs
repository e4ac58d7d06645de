//! `kubectl opex check`: what of an installation is not as it has to be, and what to do about it.

use std::io::{self, Write, stdout};

use clap::Args;

use crate::clock::Clock;
use crate::cluster::check::{Doctor, Finding, State};
use crate::cluster::connect::connect;
use crate::config::NAMESPACE;

/// Looks at the installation, the operator, its policies and rights, the clock, plans and budgets, and says of each
/// fault what to do. Fails if there is a fault.
#[derive(Args, Debug)]
pub struct CheckArgs {
    /// The operator's namespace.
    #[arg(short, long, value_name = "NAME", default_value = NAMESPACE)]
    namespace: String,
    /// The operator's service account.
    #[arg(long, value_name = "NAME", default_value = "opex-operator")]
    service_account: String,
    /// The context of the kubeconfig to use.
    #[arg(long, value_name = "NAME")]
    context: Option<String>,
}

// === impl CheckArgs ===

impl CheckArgs {
    pub fn run(self) -> anyhow::Result<()> {
        let findings = super::block_on(async {
            let clock = Clock::default();
            let client = connect(self.context, &clock).await?;
            anyhow::Ok(Doctor::new(client, clock, &self.namespace, &self.service_account).examine().await)
        })?;
        print(&mut stdout().lock(), &findings)?;
        let of = |state| findings.iter().filter(|finding| finding.state == state).count();
        let (faults, warnings) = (of(State::Fault), of(State::Warning));
        anyhow::ensure!(faults == 0, "{faults} faults, {warnings} warnings");
        Ok(())
    }
}

/// A line for each finding, and one below it for what to do.
fn print(out: &mut impl Write, findings: &[Finding]) -> io::Result<()> {
    for Finding { state, about, found, remedy } in findings {
        let state = match state {
            State::Ok => "ok",
            State::Unknown => "?",
            State::Warning => "warning",
            State::Fault => "FAULT",
        };
        writeln!(out, "{state:<8} {about:<13} {found}")?;
        if let Some(remedy) = remedy {
            writeln!(out, "{:22} → {remedy}", "")?;
        }
    }
    Ok(())
}
