//! What a rule is: a stable code, a name, and the words that `carrick explain` and
//! `docs/analyze.md` print.

use carrick_model::diagnostic::{Diagnostic, Severity};
use carrick_model::resource::Meta;

/// A mistake that can be found by looking at the whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rule {
    /// Never given to another rule, also when this one is dropped.
    pub code: &'static str,
    pub severity: Severity,
    /// One line: what is the matter.
    pub title: &'static str,
    /// How it comes about and what it does, with its source. Paragraphs are apart by an empty line.
    pub why: &'static str,
    pub help: &'static str,
}

#[derive(Default)]
pub(super) struct Findings {
    pub found: Vec<Diagnostic>,
}

impl Findings {
    pub(super) fn add(
        &mut self,
        rule: &Rule,
        meta: &Meta,
        field: &str,
        reason: String,
        help: impl Into<String>,
    ) {
        self.found.push(Diagnostic {
            code: rule.code,
            severity: rule.severity,
            location: meta.locate(field),
            resource: Some(meta.resource_name()),
            field: field.to_owned(),
            reason,
            help: help.into(),
        });
    }
}
