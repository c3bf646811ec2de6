//! Findings in the operator's configuration.

use serde::{Deserialize, Serialize};

/// What is wrong, where, why, and what helps.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Finding {
    /// A stable code such as `CRK402`; `carrick explain` tells more.
    pub code: String,
    pub severity: Severity,
    pub location: Location,
    /// The resource, as far as it could be read.
    pub resource: Option<ResourceName>,
    /// The field path as in `spec.http[0].route[1].destination.subset`; empty for a whole document.
    pub field: String,
    /// Why it is wrong.
    pub reason: String,
    /// What to do; empty when the reason says it all.
    pub help: String,
}

/// What a finding means for the resource that it is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The resource is not applied, or what it asks for can never work.
    Error,
    /// The resource is applied, and probably does not do what its author wanted.
    Warning,
}

/// A place in the operator's files.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Location {
    /// Relative to the federation's folder.
    pub file: String,
    /// The first is 1.
    pub line: u32,
    /// Counted in characters; the first is 1.
    pub column: u32,
}

/// Names one resource of the operator's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ResourceName {
    pub kind: String,
    /// Empty for cluster-scoped kinds.
    pub namespace: String,
    pub name: String,
}

impl Finding {
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }
}
