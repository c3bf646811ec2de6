//! The demo's report, as text and as data.

use std::fmt::Write as _;

use serde::Serialize;

use super::attacks::Check;
use crate::style::Style;
use crate::trace::measure::Measured;
use crate::trace::render;

#[derive(Debug, Serialize)]
pub struct Report {
    pub request: Measured,
    pub checks: Vec<Check>,
    /// Milliseconds from the start of the program to the first answer.
    pub first_answer_millis: u64,
    pub held: bool,
}

impl Report {
    pub fn new(request: Measured, mut checks: Vec<Check>, first_answer_millis: u64) -> Self {
        checks.insert(0, path_check(&request));
        let held = checks.iter().all(|check| check.held);
        Self { request, checks, first_answer_millis, held }
    }
}

/// The request was answered, and by way of four proxies that saw one and the same TLS connection.
fn path_check(request: &Measured) -> Check {
    let roles: Vec<&str> = request.path.hops.iter().map(|hop| hop.role.as_str()).collect();
    let expected = ["sidecar", "egress gateway", "ingress gateway", "sidecar"];
    Check {
        name: "the request is answered through four proxies",
        attempt: request.url.clone(),
        held: request.status == Some(0) && roles == expected,
        outcome: roles.join(", "),
        refused_by: None,
        why: None,
    }
}

pub fn render(report: &Report, style: Style) -> String {
    let mut text = format!("{}\n\n", report.request.answer.trim_end());
    text.push_str(&style.bold("The way it took, as each proxy recorded it"));
    text.push('\n');
    text.push_str(&render::render(&report.request.path, style));
    text.push('\n');
    text.push_str(&style.bold("What must hold"));
    text.push('\n');
    for check in &report.checks {
        let mark = if check.held { style.good("held  ") } else { style.bad("FAILED") };
        // Writing to a String cannot fail.
        let _ = writeln!(text, "  {mark} {}", check.name);
        let _ = writeln!(text, "         {}", style.dim(&check.attempt));
        match &check.refused_by {
            Some(by) => {
                let why = check.why.as_deref().unwrap_or(&check.outcome);
                let _ = writeln!(text, "         refused by {by}: {why}");
            }
            None => {
                let _ = writeln!(text, "         {}", check.outcome);
            }
        }
    }
    let seconds = report.first_answer_millis;
    let _ = writeln!(text, "\nFirst answer after {}.{:02} s.", seconds / 1000, seconds % 1000 / 10);
    text
}
