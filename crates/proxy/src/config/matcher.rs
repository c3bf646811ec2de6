//! Matchers of strings, as TLS names use them.

use carrick_xds::FieldError;
use carrick_xds::pb::envoy::r#type::matcher::v3::StringMatcher as StringMatcherPb;
use carrick_xds::pb::envoy::r#type::matcher::v3::string_matcher::MatchPattern;
use regex::{Regex, RegexBuilder};

/// The largest compiled regular expression, in bytes: a configuration cannot use up memory with one.
const REGEX_LIMIT: usize = 1 << 20;

/// Matches whole strings.
#[derive(Debug, Clone)]
pub struct StringMatcher {
    pattern: Pattern,
    ignore_case: bool,
}

#[derive(Debug, Clone)]
enum Pattern {
    Exact(String),
    Prefix(String),
    Suffix(String),
    Contains(String),
    Regex(Regex),
}

impl StringMatcher {
    pub(crate) fn from_proto(pb: &StringMatcherPb) -> Result<Self, FieldError> {
        let folded = |s: &String| if pb.ignore_case { s.to_ascii_lowercase() } else { s.clone() };
        let pattern = match pb.match_pattern.as_ref() {
            Some(MatchPattern::Exact(s)) => Pattern::Exact(folded(s)),
            Some(MatchPattern::Prefix(s)) => Pattern::Prefix(folded(s)),
            Some(MatchPattern::Suffix(s)) => Pattern::Suffix(folded(s)),
            Some(MatchPattern::Contains(s)) => Pattern::Contains(folded(s)),
            Some(MatchPattern::SafeRegex(regex)) => Pattern::Regex(full_match(&regex.regex)?),
            Some(MatchPattern::Custom(_)) => return Err(FieldError::new("custom", "is not implemented")),
            None => return Err(FieldError::new("", "a pattern is required")),
        };
        Ok(Self { pattern, ignore_case: pb.ignore_case })
    }

    /// The string that this matcher stands for, if it matches one string only and to the letter.
    pub fn exact(&self) -> Option<&str> {
        match &self.pattern {
            Pattern::Exact(exact) => Some(exact),
            _ => None,
        }
    }

    pub fn matches(&self, value: &str) -> bool {
        // Envoy lets ignore_case have no effect on regular expressions.
        if let Pattern::Regex(regex) = &self.pattern {
            return regex.is_match(value);
        }
        if self.ignore_case {
            return self.matches_folded(&value.to_ascii_lowercase());
        }
        self.matches_folded(value)
    }

    fn matches_folded(&self, value: &str) -> bool {
        match &self.pattern {
            Pattern::Exact(s) => value == s,
            Pattern::Prefix(s) => value.starts_with(s),
            Pattern::Suffix(s) => value.ends_with(s),
            Pattern::Contains(s) => value.contains(s),
            Pattern::Regex(regex) => regex.is_match(value),
        }
    }
}

/// Envoy's regular expressions match the whole string.
fn full_match(regex: &str) -> Result<Regex, FieldError> {
    RegexBuilder::new(&format!("^(?:{regex})$"))
        .size_limit(REGEX_LIMIT)
        .build()
        .map_err(|error| FieldError::new("safe_regex.regex", error.to_string()))
}
