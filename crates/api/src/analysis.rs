//! `carrick analyze --format json`.

use serde::{Deserialize, Serialize};

use crate::finding::Finding;

/// What is wrong with a federation's folder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Analysis {
    /// As a reader goes through the files.
    pub findings: Vec<Finding>,
    /// How many of them are errors.
    pub errors: usize,
    /// How many of them are warnings.
    pub warnings: usize,
}
