use carrick_model::diagnostic::explanations;

use super::*;

#[test]
fn no_rule_for_the_whole_has_the_code_of_a_single_resource() {
    let rules: BTreeSet<&str> = RULES.iter().map(|rule| rule.code).collect();
    assert_eq!(rules.len(), RULES.len(), "a code is used twice");
    let shared: Vec<&str> = explanations().map(|one| one.code).filter(|code| rules.contains(code)).collect();
    assert_eq!(shared, Vec::<&str>::new());
}
