//! The demo's report, as text and as data.

use std::fmt::Write as _;

use carrick_api::demo::{Check, DemoReport};
use carrick_api::fleet::Role;
use carrick_api::trace::Trace;

use crate::style::Style;
use crate::trace::render;

/// What the demo did; the request's own check comes first.
pub fn report(request: Trace, mut checks: Vec<Check>, first_answer_millis: u64) -> DemoReport {
    checks.insert(0, path_check(&request));
    let held = checks.iter().all(|check| check.held);
    DemoReport { request, checks, first_answer_millis, held }
}

/// The request was answered, and by way of four proxies that saw one and the same TLS connection.
fn path_check(request: &Trace) -> Check {
    let roles: Vec<Role> = request.path.hops.iter().map(|hop| hop.role).collect();
    let expected = [Role::Sidecar, Role::EgressGateway, Role::IngressGateway, Role::Sidecar];
    Check {
        name: "the request is answered through four proxies".into(),
        attempt: request.url.clone(),
        held: request.status == Some(0) && roles == expected,
        outcome: roles.iter().map(Role::to_string).collect::<Vec<_>>().join(", "),
        refused_by: None,
        why: None,
    }
}

pub fn render(report: &DemoReport, style: Style) -> String {
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
