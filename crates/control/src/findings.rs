//! Findings as lines for a log: place, severity, field, reason, mend.
//!
//! It must not know how findings come about.

use std::fmt::Write as _;

use carrick_model::{Diagnostic, Severity};

/// One paragraph for each finding; empty if there are none.
pub fn as_text(findings: &[Diagnostic]) -> String {
    let mut text = String::new();
    for finding in findings {
        let severity = match finding.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        let subject = finding.resource.as_ref().map_or_else(String::new, |name| format!("{name}: "));
        // Writing to a String cannot fail.
        let _ =
            writeln!(text, "{severity}[{}]: {}: {subject}{}", finding.code, finding.location, finding.reason);
        for (label, value) in [("field", &finding.field), ("mend", &finding.mend)] {
            if !value.is_empty() {
                let _ = writeln!(text, "  {label}: {value}");
            }
        }
    }
    text
}
