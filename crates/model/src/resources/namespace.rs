//! Kubernetes `Namespace`: only its labels matter (`istio-injection: enabled`).

use serde::Deserialize;

#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default)]
pub struct Namespace {}
