//! Kubernetes `ServiceAccount`: its existence matters, not its content.

use serde::Deserialize;

#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default)]
pub struct ServiceAccount {}
