//! The longer text of a code, for `carrick explain`.

use std::fmt::Write as _;

use carrick_analyze::{RULES, Rule};
use carrick_model::diagnostic::{Explanation, explanations};

/// Columns of a terminal that text is folded to.
const WIDTH: usize = 100;

/// What the code means, or `None` if there is no such code. Case does not matter, and former codes
/// count.
pub fn explain(code: &str) -> Option<String> {
    let renamed =
        |present: String| Some(format!("{} is {present} now.\n\n{}", code.to_uppercase(), text(&present)?));
    text(code).or_else(|| renamed(present_code(code)?))
}

/// The name of today for a code of the time when single resources had a family of codes of their
/// own, `CK` and four digits: the first two became one, above the 1 of rules for the whole.
fn present_code(former: &str) -> Option<String> {
    let digits = former.to_uppercase().strip_prefix("CK").map(str::to_owned)?;
    let (group, number) = digits.split_at_checked(2)?;
    let group = match group {
        "00" => '0',
        "01" => '2',
        "02" => '3',
        "03" => '4',
        "04" => '5',
        "09" => '9',
        _ => return None,
    };
    Some(format!("CRK{group}{number}"))
}

fn text(code: &str) -> Option<String> {
    let of_rule = RULES.iter().find(|rule| rule.code.eq_ignore_ascii_case(code)).map(|rule| of_rule(rule));
    let plain = || explanations().find(|one| one.code.eq_ignore_ascii_case(code)).map(of_code);
    of_rule.or_else(plain)
}

fn of_rule(rule: &Rule) -> String {
    let severity = format!("{:?}", rule.severity).to_lowercase();
    let mut text = format!("{} ({severity}): {}\n", rule.code, rule.title);
    for paragraph in rule.why.split("\n\n") {
        // Writing to a String cannot fail.
        let _ = write!(text, "\n{}", folded(paragraph));
    }
    let _ = write!(text, "\nHelp: {}", folded(rule.help));
    text
}

fn of_code(one: Explanation) -> String {
    format!("{}: {}\n", one.code, folded(one.text).trim_end())
}

/// The text in lines of at most [`WIDTH`] characters, where words allow.
fn folded(text: &str) -> String {
    let mut folded = String::new();
    let mut column = 0;
    for word in text.split_whitespace() {
        let length = word.chars().count();
        if column > 0 && column + 1 + length > WIDTH {
            folded.push('\n');
            column = 0;
        } else if column > 0 {
            folded.push(' ');
            column += 1;
        }
        folded.push_str(word);
        column += length;
    }
    folded + "\n"
}
