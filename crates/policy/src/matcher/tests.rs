use carrick_xds::json::from_yaml;

use super::*;

fn text(yaml: &str) -> Result<StringMatcher, String> {
    StringMatcher::from_proto(&from_yaml(yaml).unwrap()).map_err(|error| error.to_string())
}

/// `validate.rules` of `envoy/type/matcher/v3/string.proto` and `regex.proto`.
#[test]
fn a_pattern_that_would_match_every_text_is_refused_as_envoy_does() {
    for (yaml, refusal) in [
        ("{prefix: ''}", "prefix: must not be empty"),
        ("{suffix: ''}", "suffix: must not be empty"),
        ("{contains: ''}", "contains: must not be empty"),
        ("{safe_regex: {regex: ''}}", "safe_regex.regex: must not be empty"),
        ("{safe_regex: {}}", "safe_regex.regex: must not be empty"),
        ("{ignore_case: true}", "match_pattern: is required"),
        ("{custom: {name: a}}", "custom: is not supported: a"),
    ] {
        assert_eq!(text(yaml).unwrap_err(), refusal, "{yaml}");
    }
    // An exact match with nothing is one with the empty text only.
    let empty = text("{exact: ''}").unwrap();
    assert!(empty.matches(b"") && !empty.matches(b"a"));
}

#[test]
fn older_forms_of_header_matchers_are_judged_alike() {
    let header = |yaml: &str| HeaderMatcher::from_proto(&from_yaml(yaml).unwrap()).map_err(|e| e.to_string());
    for (yaml, refusal) in [
        ("{name: a, prefix_match: ''}", "prefix_match: must not be empty"),
        ("{name: a, suffix_match: ''}", "suffix_match: must not be empty"),
        ("{name: a, contains_match: ''}", "contains_match: must not be empty"),
        ("{name: a, safe_regex_match: {regex: ''}}", "safe_regex_match.regex: must not be empty"),
        ("{name: a, string_match: {prefix: ''}}", "string_match.prefix: must not be empty"),
    ] {
        assert_eq!(header(yaml).unwrap_err(), refusal, "{yaml}");
    }
    assert!(header("{name: a, exact_match: ''}").is_ok());
}
