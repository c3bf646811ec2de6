//! Who may see a resource: `exportTo` (Istio `pkg/config/visibility`).

use std::collections::BTreeSet;

/// A resolved `exportTo`, relative to the namespace of its resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ExportTo {
    Everyone,
    Nobody,
    /// `.` and plain namespace names; `.` is kept as written.
    Namespaces(BTreeSet<String>),
}

impl ExportTo {
    pub fn everyone() -> ExportTo {
        ExportTo::Everyone
    }

    /// Reads a resource's list; the default where it is empty. `*` wins over all, then `~` over
    /// namespaces.
    pub fn parse<'a>(values: impl IntoIterator<Item = &'a str>, default: &ExportTo) -> ExportTo {
        let values: BTreeSet<String> = values
            .into_iter()
            .map(|value| value.trim().to_owned())
            .filter(|value| !value.is_empty())
            .collect();
        if values.is_empty() {
            default.clone()
        } else if values.contains("*") {
            ExportTo::Everyone
        } else if values.contains("~") {
            ExportTo::Nobody
        } else {
            ExportTo::Namespaces(values)
        }
    }

    /// Whether a client in namespace `client` sees what a resource in namespace `own` declares.
    pub(crate) fn admits(&self, own: &str, client: &str) -> bool {
        match self {
            ExportTo::Everyone => true,
            ExportTo::Nobody => false,
            ExportTo::Namespaces(names) => names.contains(client) || (own == client && names.contains(".")),
        }
    }

    /// Whether nobody outside the resource's own namespace sees it.
    pub(crate) fn is_private(&self, own: &str) -> bool {
        match self {
            ExportTo::Everyone | ExportTo::Nobody => false,
            ExportTo::Namespaces(names) => names.iter().all(|name| name == "." || name == own),
        }
    }
}
