//! What all documents have in common: a version and a kind.

use serde::{Deserialize, Serialize};

/// The version of all shapes. Fields may be added within a version; a reader skips those that it
/// does not know. A field that goes or changes its meaning makes a new version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum ApiVersion {
    #[default]
    #[serde(rename = "carrick.dev/v1alpha1")]
    V1Alpha1,
}

/// Which document it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum Kind {
    FleetStatus,
    Trace,
    Analysis,
    DemoReport,
    RootCaRecord,
}

/// A document on standard output.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Document<T> {
    #[serde(rename = "apiVersion")]
    pub api_version: ApiVersion,
    pub kind: Kind,
    #[serde(flatten)]
    pub content: T,
}

impl<T> Document<T> {
    pub fn new(kind: Kind, content: T) -> Self {
        Self { api_version: ApiVersion::default(), kind, content }
    }
}
