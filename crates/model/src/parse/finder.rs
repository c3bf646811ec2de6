//! Collects what is found in one document, as diagnostics of its file and resource.

use std::sync::Arc;

use super::mistakes::{Mistake, path_text};
use crate::diagnostic::{Diagnostic, Severity};
use crate::resource::ResourceName;
use crate::source::{Location, Node};

/// Where a document's findings go and which document it is.
pub(super) struct Finder<'a> {
    pub file: &'a Arc<str>,
    /// The resource, as soon as it is known.
    pub resource: Option<ResourceName>,
    pub found: &'a mut Vec<Diagnostic>,
}

impl Finder<'_> {
    pub(super) fn add(
        &mut self,
        code: &'static str,
        at: (u32, u32),
        field: &str,
        reason: String,
        help: String,
    ) {
        self.add_as(Severity::Error, code, at, field, reason, help);
    }

    pub(super) fn add_as(
        &mut self,
        severity: Severity,
        code: &'static str,
        (line, column): (u32, u32),
        field: &str,
        reason: String,
        help: String,
    ) {
        let location = Location { file: self.file.clone(), line, column };
        let resource = self.resource.clone();
        self.found.push(Diagnostic {
            code,
            severity,
            location,
            resource,
            field: field.to_owned(),
            reason,
            help,
        });
    }

    pub(super) fn add_mistake(&mut self, severity: Severity, prefix: &str, root: &Node, mistake: Mistake) {
        let (at, field) = match &mistake.place {
            Some(place) => ((place.line, place.column), path_text(prefix, &place.path)),
            None => ((root.line, root.column), prefix.to_owned()),
        };
        self.add_as(severity, mistake.code, at, &field, mistake.reason, mistake.help);
    }
}
