//! What this machine lacks, found by trying: a probe process makes a small sandbox with a wire and
//! a rule in it. Settings are read only to explain a refusal, never to predict one.

mod help;
pub(crate) mod probe;

use std::process::Stdio;

use serde::{Deserialize, Serialize};

use crate::subcommand::Subcommand;

/// Something that the machine lacks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Missing {
    /// What is needed, for instance "user namespaces for ordinary users".
    pub what: String,
    /// What was tried, and the kernel's answer.
    pub why: String,
    /// What to do about it.
    pub help: String,
}

/// An attempt of the probe. Each needs the ones before it, down to `Mounts`; the last two are
/// independent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Attempt {
    Start,
    UserNamespace,
    OtherNamespaces,
    Proc,
    Mounts,
    Links,
    Rules,
}

/// What the probe writes for each attempt that failed, one line of JSON each.
#[derive(Debug, Serialize, Deserialize)]
struct Failure {
    attempt: Attempt,
    error: String,
}

/// Tries all that this crate needs of the machine; an empty answer means that it will work. Takes
/// some milliseconds and leaves nothing behind. The binary must call [`crate::entry::run`] first in
/// its `main`.
pub fn check_machine() -> Vec<Missing> {
    let output = Subcommand::Probe.command().stdin(Stdio::null()).stderr(Stdio::piped()).output();
    let (failures, stderr, success) = match output {
        Ok(output) => {
            let text = String::from_utf8_lossy(&output.stdout).into_owned();
            let failures: Vec<Failure> =
                text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
            (failures, String::from_utf8_lossy(&output.stderr).trim().to_owned(), output.status.success())
        }
        Err(error) => (Vec::new(), error.to_string(), false),
    };
    if failures.is_empty() && !success {
        return vec![help::explain(Attempt::Start, stderr)];
    }
    failures.into_iter().map(|failure| help::explain(failure.attempt, failure.error)).collect()
}

#[cfg(test)]
mod tests;
