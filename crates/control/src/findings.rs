//! Findings as operators' tools read them.
//!
//! It must not know what was found, nor who reads.

use carrick_api::finding::{Finding, Location, ResourceName, Severity};
use carrick_model::Diagnostic;

/// The findings, in the same order.
pub fn findings<'a>(diagnostics: impl IntoIterator<Item = &'a Diagnostic>) -> Vec<Finding> {
    diagnostics.into_iter().map(finding).collect()
}

fn finding(diagnostic: &Diagnostic) -> Finding {
    Finding {
        code: diagnostic.code.to_owned(),
        severity: match diagnostic.severity {
            carrick_model::Severity::Error => Severity::Error,
            carrick_model::Severity::Warning => Severity::Warning,
        },
        location: Location {
            file: diagnostic.location.file.to_string(),
            line: diagnostic.location.line,
            column: diagnostic.location.column,
        },
        resource: diagnostic.resource.as_ref().map(|name| ResourceName {
            kind: name.kind.to_string(),
            namespace: name.namespace.clone(),
            name: name.name.clone(),
        }),
        field: diagnostic.field.clone(),
        reason: diagnostic.reason.clone(),
        help: diagnostic.help.clone(),
    }
}
