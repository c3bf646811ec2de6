//! Collects the findings of one resource, and holds the checks that several kinds share.

use std::collections::BTreeSet;

use crate::cidr::Cidr;
use crate::diagnostic::{Diagnostic, Severity, codes};
use crate::host;
use crate::mesh::MeshSettings;
use crate::resource::Meta;

/// For each item whether one before it is equal.
pub(super) fn repeated<T: Ord>(items: impl IntoIterator<Item = T>) -> Vec<bool> {
    let mut seen = BTreeSet::new();
    items.into_iter().map(|item| !seen.insert(item)).collect()
}

pub(super) struct Checker<'a> {
    meta: &'a Meta,
    settings: &'a MeshSettings,
    found: &'a mut Vec<Diagnostic>,
}

impl<'a> Checker<'a> {
    pub(super) fn new(
        meta: &'a Meta,
        settings: &'a MeshSettings,
        found: &'a mut Vec<Diagnostic>,
    ) -> Checker<'a> {
        Checker { meta, settings, found }
    }

    /// The metadata of the resource that is checked.
    pub(super) fn meta(&self) -> &'a Meta {
        self.meta
    }

    pub(super) fn settings(&self) -> &'a MeshSettings {
        self.settings
    }

    pub(super) fn error(&mut self, code: &'static str, field: &str, reason: impl Into<String>, help: &str) {
        self.add(Severity::Error, code, field, reason.into(), help);
    }

    pub(super) fn warning(&mut self, code: &'static str, field: &str, reason: impl Into<String>, help: &str) {
        self.add(Severity::Warning, code, field, reason.into(), help);
    }

    fn add(&mut self, severity: Severity, code: &'static str, field: &str, reason: String, help: &str) {
        self.found.push(Diagnostic {
            code,
            severity,
            location: self.meta.locate(field),
            resource: Some(self.meta.resource_name()),
            field: field.to_owned(),
            reason,
            help: help.to_owned(),
        });
    }

    pub(super) fn missing(&mut self, field: &str, what: &str) {
        let name = field.rsplit('.').next().unwrap_or(field);
        self.error(codes::MISSING_FIELD, field, format!("{what} is missing"), &format!("add `{name}`"));
    }

    /// A host name; `*` and `*.example.com` where wildcards are allowed.
    pub(super) fn host(&mut self, field: &str, name: &str, allow_wildcard: bool) {
        if let Some(fault) = host::fault(name, allow_wildcard) {
            let help = if name.is_empty() { "write a host name" } else { "correct the host name" };
            self.error(codes::BAD_HOST, field, fault, help);
        }
    }

    pub(super) fn cidrs(&mut self, field: &str, texts: &[String]) {
        for (number, text) in texts.iter().enumerate() {
            self.cidr(&format!("{field}[{number}]"), text);
        }
    }

    pub(super) fn cidr(&mut self, field: &str, text: &str) -> Option<Cidr> {
        match text.parse() {
            Ok(cidr) => Some(cidr),
            Err(fault) => {
                let fault: crate::cidr::NotACidr = fault;
                self.error(codes::BAD_ADDRESS, field, fault.to_string(), "correct the address");
                None
            }
        }
    }

    /// A port that must be there and not zero.
    pub(super) fn port(&mut self, field: &str, number: u16) {
        if number == 0 {
            self.error(codes::OUT_OF_RANGE, field, "port 0 cannot be used", "write a port from 1 to 65535");
        }
    }

    /// A part of a name that ends up in host names, cluster names and SNIs.
    pub(super) fn label(&mut self, field: &str, name: &str) {
        if let Some(fault) = host::label_fault(name) {
            self.error(
                codes::BAD_FORM,
                field,
                format!("not a DNS label: {fault}"),
                "use letters, digits and `-`",
            );
        }
    }

    /// `exportTo`: namespaces, `.`, `*`, `~`; neither `*` nor `~` beside anything else.
    pub(super) fn export_to(&mut self, values: &[String]) {
        for (number, value) in values.iter().enumerate() {
            let field = format!("spec.exportTo[{number}]");
            match value.as_str() {
                "." => {}
                "*" | "~" if values.len() > 1 => {
                    let reason = format!("`{value}` cannot stand beside other values");
                    self.error(codes::CONTRADICTION, &field, reason, "keep it alone, or remove it");
                }
                "*" | "~" => {}
                namespace => self.label(&field, namespace),
            }
        }
    }

    /// A regular expression as Envoy takes it (RE2), within bounds.
    pub(super) fn regex(&mut self, field: &str, pattern: &str) {
        const MAX_LENGTH: usize = 1024;
        const MAX_COMPILED: usize = 1 << 20;
        if pattern.len() > MAX_LENGTH {
            let reason = format!("the expression has {} bytes; {MAX_LENGTH} are allowed", pattern.len());
            self.error(codes::BAD_FORM, field, reason, "shorten it");
        } else if let Err(error) = regex::RegexBuilder::new(pattern).size_limit(MAX_COMPILED).build() {
            let fault = error.to_string();
            let last =
                fault.lines().last().unwrap_or_default().trim().trim_start_matches("error: ").to_owned();
            self.error(
                codes::BAD_FORM,
                field,
                format!("not a regular expression: {last}"),
                "correct the expression",
            );
        }
    }

    pub(super) fn percent(&mut self, field: &str, value: f64) {
        if !(0.0..=100.0).contains(&value) {
            self.error(
                codes::OUT_OF_RANGE,
                field,
                format!("{value} is no percentage"),
                "write a number from 0 to 100",
            );
        }
    }
}
