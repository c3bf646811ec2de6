//! Findings for people, and as data.

use carrick_control::findings::findings;
use carrick_model::{Colour, render_with};

use super::Analysis;

pub fn text(analysis: &Analysis, colour: Colour) -> String {
    render_with(&analysis.findings, &analysis.files, colour)
}

/// One line to end with.
pub fn summary(analysis: &Analysis) -> String {
    let count = |number: usize, what: &str| match number {
        0 => None,
        1 => Some(format!("1 {what}")),
        _ => Some(format!("{number} {what}s")),
    };
    let parts = [count(analysis.errors(), "error"), count(analysis.warnings(), "warning")];
    let said: Vec<String> = parts.into_iter().flatten().collect();
    match said.is_empty() {
        true => "nothing found".to_owned(),
        false => format!("{}; `carrick explain CODE` tells more", said.join(", ")),
    }
}

/// The findings for programs.
pub fn json(analysis: &Analysis) -> carrick_api::analysis::Analysis {
    carrick_api::analysis::Analysis {
        findings: findings(&analysis.findings),
        errors: analysis.errors(),
        warnings: analysis.warnings(),
    }
}
