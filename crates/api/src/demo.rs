//! `carrick demo --json`.

use serde::{Deserialize, Serialize};

use crate::trace::Trace;

/// What the demo did, and whether all went as it must.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct DemoReport {
    /// The request through four proxies.
    pub request: Trace,
    /// What must hold, each tried for real.
    pub checks: Vec<Check>,
    /// Milliseconds from the start of the program to the first answer.
    pub first_answer_millis: u64,
    /// Whether every check went as it must.
    pub held: bool,
}

/// One check of the report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Check {
    pub name: String,
    /// What was done, and from where.
    pub attempt: String,
    /// Whether it went as it must.
    pub held: bool,
    /// What came of it, as the client saw it.
    pub outcome: String,
    /// The proxy (or other part) that recorded the refusal.
    pub refused_by: Option<String>,
    /// Why, in the words of its record.
    pub why: Option<String>,
}
