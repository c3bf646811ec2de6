//! `docs/analyze.md` says what `carrick explain` says: its list of rules is written from the same
//! texts.

use std::fmt::Write as _;
use std::fs;

use carrick_analyze::{RULES, Rule};
use carrick_model::diagnostic::explanations;

const BEGIN: &str = "<!-- The rest is written from the program's own texts: UPDATE_GOLDEN=1 cargo test -p carrick --test docs -->\n";

fn section(rule: &Rule) -> String {
    let severity = format!("{:?}", rule.severity).to_lowercase();
    format!(
        "\n### {} ({severity})\n\n{}.\n\n{}\n\n**Help.** {}\n",
        rule.code,
        capital(rule.title),
        rule.why,
        rule.help
    )
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters
        .next()
        .map(|first| first.to_uppercase().collect::<String>() + letters.as_str())
        .unwrap_or_default()
}

fn generated() -> String {
    let mut text = format!("{BEGIN}\n## Rules for the whole\n");
    text.extend(RULES.iter().map(|rule| section(rule)));
    text.push_str("\n## Codes for single resources\n\n| code | meaning |\n| --- | --- |\n");
    for one in explanations() {
        writeln!(text, "| {} | {} |", one.code, one.text.replace('|', "\\|")).unwrap();
    }
    text
}

#[test]
fn the_document_lists_the_rules_in_the_program_s_own_words() {
    let path = crate::repository().join("docs/analyze.md");
    let document = fs::read_to_string(&path).unwrap();
    let (introduction, listed) =
        document.split_once(BEGIN).expect("docs/analyze.md has lost its marker line");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(&path, format!("{introduction}{}", generated())).unwrap();
        return;
    }
    assert_eq!(format!("{BEGIN}{listed}"), generated());
}
