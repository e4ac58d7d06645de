//! One attempt at the API server, and what must come of it.
#![allow(dead_code, reason = "each test takes what it needs")]

use std::iter;

use opex_cluster::Output;

use crate::ground::Ground;
use Want::{Allowed, Denied, Refused, Warned};

/// What must come of an attempt.
#[derive(Clone, Copy, Debug)]
pub enum Want {
    /// Done, without a warning.
    Allowed,
    /// Done, with a warning of a policy that contains this.
    Warned(&'static str),
    /// Refused by a policy, in words that contain this.
    Denied(&'static str),
    /// Refused, by whomever, in words that contain this.
    Refused(&'static str),
}

/// A kubectl command, split at spaces, in the scenario's namespace.
#[derive(Clone, Debug)]
pub struct Case {
    command: String,
    input: String,
    want: Want,
}

/// A command without input.
pub fn case(command: impl Into<String>, want: Want) -> Case {
    with(command, String::new(), want)
}

/// A command that reads a manifest.
pub fn with(command: impl Into<String>, input: String, want: Want) -> Case {
    Case { command: command.into(), input, want }
}

impl Case {
    fn fault(&self, ground: &Ground<'_>) -> Option<String> {
        let attempt = || {
            let args = ["-n", ground.namespace].into_iter().chain(self.command.split(' '));
            ground.cluster.kubectl_with_input(args, &self.input)
        };
        // A controller may write between kubectl's reading and its writing.
        let is_settled = |output: &Output| !output.stderr.contains("Error from server (Conflict)");
        let mut attempts = iter::repeat_with(attempt).take(5);
        let output = attempts.find(is_settled).unwrap_or_else(attempt);
        let done = output.status.success();
        let warned = is_warning(&output);
        let right = match self.want {
            Allowed => done && !warned,
            Warned(words) => done && warned && output.stderr.contains(words),
            Denied(words) => !done && is_denial(&output) && output.stderr.contains(words),
            Refused(words) => !done && output.stderr.contains(words),
        };
        (!right).then(|| format!("wanted {:?}: {output}", self.want))
    }
}

/// Whether a policy of ours warned.
pub fn is_warning(output: &Output) -> bool {
    output.stderr.contains("Validation failed for ValidatingAdmissionPolicy 'opex-")
}

/// Whether a policy of ours refused, and as a refusal and nothing else.
pub fn is_denial(output: &Output) -> bool {
    let said = |words| output.stderr.contains(words);
    said("Error from server (Forbidden)") && said("ValidatingAdmissionPolicy 'opex-")
}

/// Makes the attempts one after the other, and panics with all that went another way.
#[track_caller]
pub fn check(ground: &Ground<'_>, cases: &[Case]) {
    let faults: Vec<String> = cases.iter().filter_map(|case| case.fault(ground)).collect();
    assert!(faults.is_empty(), "{}", faults.join("\n\n"));
}
