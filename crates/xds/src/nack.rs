//! What the text of a NACK says, and how to write one: which resources were refused, and whether
//! the rest was applied.
//!
//! xDS has no field for this; the text that Envoy writes is the only convention there is. It must
//! not know sessions.

use crate::resource::ResourceType;

/// Envoy begins its LDS and CDS refusals with these words (`LdsApiImpl`, `CdsApiImpl`), and only
/// when it has applied every other resource of the response. Any other text means that the response
/// as a whole was dropped.
const PARTIAL: &str = "Error adding/updating ";

/// One resource that a client refuses, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    pub name: String,
    pub reason: String,
}

impl Refusal {
    pub fn new(name: impl Into<String>, reason: impl ToString) -> Self {
        Self { name: name.into(), reason: reason.to_string() }
    }
}

/// Says which resources were refused, in the form that tells the server that all others were
/// applied.
pub(crate) fn compose(kind: ResourceType, refused: &[Refusal]) -> String {
    let lines: Vec<String> =
        refused.iter().map(|refusal| format!("{}: {}", refusal.name, refusal.reason)).collect();
    format!("{PARTIAL}{kind}(s) {}", lines.join("\n"))
}

/// Whether whoever wrote this applied everything that the text does not name.
pub(crate) fn rest_was_applied(message: &str) -> bool {
    message.starts_with(PARTIAL)
}

/// Which of `names` the text speaks of. Names are looked for as whole words, so that `80` is not
/// found in `8080`.
pub(crate) fn named<'a>(message: &str, names: impl Iterator<Item = &'a String>) -> Vec<String> {
    names.filter(|name| mentions(message, name)).cloned().collect()
}

fn mentions(message: &str, name: &str) -> bool {
    let part_of_name = |c: char| c.is_alphanumeric() || "_|-/".contains(c);
    !name.is_empty()
        && message.match_indices(name).any(|(start, found)| {
            let before = message[..start].chars().next_back();
            let after = message[start + found.len()..].chars().next();
            !before.is_some_and(|c| part_of_name(c) || c == '.') && !after.is_some_and(part_of_name)
        })
}

#[cfg(test)]
mod tests;
