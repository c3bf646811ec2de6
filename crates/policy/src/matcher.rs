//! Envoy's matchers of strings, headers and query parameters.
//!
//! They work on bytes, because header values need not be UTF-8. They must not know what a match
//! leads to.

use carrick_xds::FieldError;
use carrick_xds::pb::envoy::config::route::v3 as pb;
use carrick_xds::pb::envoy::config::route::v3::header_matcher::HeaderMatchSpecifier;
use carrick_xds::pb::envoy::config::route::v3::query_parameter_matcher::QueryParameterMatchSpecifier;
use carrick_xds::pb::envoy::r#type::matcher::v3 as pb_matcher;
use carrick_xds::pb::envoy::r#type::matcher::v3::string_matcher::MatchPattern;
use carrick_xds::pb::envoy::r#type::v3::Int64Range;
use http::HeaderName;
use regex::bytes::{Regex, RegexBuilder};

use crate::head::RequestHead;

/// The compiled size of one expression is bounded, so that a configuration cannot exhaust memory.
const REGEX_SIZE_LIMIT: usize = 1 << 20;

/// Envoy's `StringMatcher`.
#[derive(Debug, Clone)]
pub enum StringMatcher {
    Exact(Vec<u8>, Case),
    Prefix(Vec<u8>, Case),
    Suffix(Vec<u8>, Case),
    Contains(Vec<u8>, Case),
    Regex(Regex),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Case {
    Sensitive,
    /// Of ASCII letters only.
    Ignored,
}

impl Case {
    pub fn equal(self, a: &[u8], b: &[u8]) -> bool {
        match self {
            Self::Sensitive => a == b,
            Self::Ignored => a.eq_ignore_ascii_case(b),
        }
    }

    pub fn starts_with(self, text: &[u8], prefix: &[u8]) -> bool {
        text.len() >= prefix.len() && self.equal(&text[..prefix.len()], prefix)
    }

    fn ends_with(self, text: &[u8], suffix: &[u8]) -> bool {
        text.len() >= suffix.len() && self.equal(&text[text.len() - suffix.len()..], suffix)
    }

    fn contains(self, text: &[u8], part: &[u8]) -> bool {
        part.is_empty() || text.windows(part.len()).any(|window| self.equal(window, part))
    }
}

impl StringMatcher {
    /// # Errors
    /// The field of a pattern that Envoy refuses too: a prefix, suffix, part or expression that is
    /// empty would match every text (`validate.rules` of `envoy/type/matcher/v3/string.proto`).
    /// Only an exact match with the empty text has a meaning.
    pub fn from_proto(pb: &pb_matcher::StringMatcher) -> Result<Self, FieldError> {
        let pb_matcher::StringMatcher { ignore_case, match_pattern } = pb;
        let case = if *ignore_case { Case::Ignored } else { Case::Sensitive };
        Ok(match match_pattern {
            Some(MatchPattern::Exact(text)) => Self::Exact(text.clone().into_bytes(), case),
            Some(MatchPattern::Prefix(text)) => Self::Prefix(not_empty(text, "prefix")?, case),
            Some(MatchPattern::Suffix(text)) => Self::Suffix(not_empty(text, "suffix")?, case),
            Some(MatchPattern::Contains(text)) => Self::Contains(not_empty(text, "contains")?, case),
            // Envoy lets ignore_case have no effect on regular expressions.
            Some(MatchPattern::SafeRegex(regex)) => {
                Self::Regex(full_match_regex(regex).map_err(|error| error.within("safe_regex"))?)
            }
            Some(MatchPattern::Custom(custom)) => {
                return Err(FieldError::new("custom", format!("is not supported: {}", custom.name)));
            }
            None => return Err(FieldError::new("match_pattern", "is required")),
        })
    }

    /// The text that this matcher stands for, if it matches one text only and to the letter.
    pub fn exact(&self) -> Option<&[u8]> {
        match self {
            Self::Exact(wanted, _) => Some(wanted),
            _ => None,
        }
    }

    pub fn matches(&self, text: &[u8]) -> bool {
        match self {
            Self::Exact(wanted, case) => case.equal(text, wanted),
            Self::Prefix(wanted, case) => case.starts_with(text, wanted),
            Self::Suffix(wanted, case) => case.ends_with(text, wanted),
            Self::Contains(wanted, case) => case.contains(text, wanted),
            Self::Regex(regex) => regex.is_match(text),
        }
    }
}

fn not_empty(text: &str, field: &str) -> Result<Vec<u8>, FieldError> {
    match text.is_empty() {
        true => Err(FieldError::new(field, "must not be empty")),
        false => Ok(text.as_bytes().to_vec()),
    }
}

/// An expression that must match the whole text, as all of Envoy's `safe_regex` do.
pub fn full_match_regex(pb: &pb_matcher::RegexMatcher) -> Result<Regex, FieldError> {
    regex(&format!("^(?:{})$", pb.regex), pb)
}

/// An expression that may match anywhere, for substitution.
pub fn search_regex(pb: &pb_matcher::RegexMatcher) -> Result<Regex, FieldError> {
    regex(&pb.regex, pb)
}

fn regex(pattern: &str, pb: &pb_matcher::RegexMatcher) -> Result<Regex, FieldError> {
    // There is one engine; RE2's limits are not those of ours.
    let pb_matcher::RegexMatcher { regex, engine_type: _ } = pb;
    if regex.is_empty() {
        return Err(FieldError::new("regex", "must not be empty"));
    }
    let built = RegexBuilder::new(pattern).size_limit(REGEX_SIZE_LIMIT).build();
    built.map_err(|error| FieldError::new("regex", error.to_string().replace('\n', " ")))
}

/// Envoy's `HeaderMatcher`.
#[derive(Debug, Clone)]
pub struct HeaderMatcher {
    subject: Subject,
    test: HeaderTest,
    invert: bool,
    missing_is_empty: bool,
}

/// What is looked at: a header, or what HTTP/2 calls a pseudo-header.
#[derive(Debug, Clone)]
enum Subject {
    Header(HeaderName),
    Method,
    Path,
    Authority,
    Scheme,
}

#[derive(Debug, Clone)]
enum HeaderTest {
    Present(bool),
    Text(StringMatcher),
    /// The value is an integer in start..end.
    Range(std::ops::Range<i64>),
}

impl HeaderMatcher {
    pub fn from_proto(pb: &pb::HeaderMatcher) -> Result<Self, FieldError> {
        let pb::HeaderMatcher { name, invert_match, treat_missing_header_as_empty, header_match_specifier } =
            pb;
        let case = Case::Sensitive;
        let test = match header_match_specifier {
            None => HeaderTest::Present(true),
            Some(HeaderMatchSpecifier::PresentMatch(present)) => HeaderTest::Present(*present),
            Some(HeaderMatchSpecifier::RangeMatch(Int64Range { start, end })) => {
                HeaderTest::Range(*start..*end)
            }
            Some(HeaderMatchSpecifier::StringMatch(matcher)) => HeaderTest::Text(
                StringMatcher::from_proto(matcher).map_err(|error| error.within("string_match"))?,
            ),
            // These four are older forms of string_match.
            Some(HeaderMatchSpecifier::ExactMatch(text)) => {
                HeaderTest::Text(StringMatcher::Exact(text.clone().into_bytes(), case))
            }
            Some(HeaderMatchSpecifier::PrefixMatch(text)) => {
                HeaderTest::Text(StringMatcher::Prefix(not_empty(text, "prefix_match")?, case))
            }
            Some(HeaderMatchSpecifier::SuffixMatch(text)) => {
                HeaderTest::Text(StringMatcher::Suffix(not_empty(text, "suffix_match")?, case))
            }
            Some(HeaderMatchSpecifier::ContainsMatch(text)) => {
                HeaderTest::Text(StringMatcher::Contains(not_empty(text, "contains_match")?, case))
            }
            Some(HeaderMatchSpecifier::SafeRegexMatch(regex)) => HeaderTest::Text(StringMatcher::Regex(
                full_match_regex(regex).map_err(|error| error.within("safe_regex_match"))?,
            )),
        };
        Ok(Self {
            subject: Subject::parse(name)?,
            test,
            invert: *invert_match,
            missing_is_empty: *treat_missing_header_as_empty,
        })
    }

    /// Of several headers of one name it is enough that one matches, as in Envoy since 1.35
    /// (`match_headers_individually`).
    pub fn matches(&self, head: &RequestHead<'_>) -> bool {
        match &self.subject {
            Subject::Method => self.test_values([head.method.as_str().as_bytes()].into_iter()),
            Subject::Path => self.test_values([head.path.as_bytes()].into_iter()),
            Subject::Authority => self.test_values([head.authority.as_bytes()].into_iter()),
            Subject::Scheme => self.test_values([head.scheme.as_bytes()].into_iter()),
            Subject::Header(name) => self.test_values(head.headers.get_all(name).iter().map(AsRef::as_ref)),
        }
    }

    fn test_values<'a>(&self, mut values: impl Iterator<Item = &'a [u8]>) -> bool {
        let first = match (values.next(), self.missing_is_empty) {
            (None, true) => Some(&b""[..]),
            (first, _) => first,
        };
        if let HeaderTest::Present(wanted) = self.test {
            return (first.is_some() == wanted) != self.invert;
        }
        // A missing header never matches, not even an inverted matcher (Envoy docs,
        // HeaderMatcher.invert_match).
        let Some(first) = first else { return false };
        std::iter::once(first).chain(values).any(|value| self.test_value(value)) != self.invert
    }

    fn test_value(&self, value: &[u8]) -> bool {
        match &self.test {
            HeaderTest::Present(_) => true,
            HeaderTest::Text(matcher) => matcher.matches(value),
            HeaderTest::Range(range) => std::str::from_utf8(value)
                .ok()
                .and_then(|text| text.trim_ascii().parse().ok())
                .is_some_and(|n| range.contains(&n)),
        }
    }
}

impl Subject {
    fn parse(name: &str) -> Result<Self, FieldError> {
        Ok(match name.to_ascii_lowercase().as_str() {
            ":method" => Self::Method,
            ":path" => Self::Path,
            ":authority" | "host" => Self::Authority,
            ":scheme" => Self::Scheme,
            name => Self::Header(
                HeaderName::from_bytes(name.as_bytes())
                    .map_err(|_| FieldError::new("name", format!("{name:?} is not a header name")))?,
            ),
        })
    }
}

/// Envoy's `QueryParameterMatcher`.
#[derive(Debug, Clone)]
pub struct QueryMatcher {
    name: String,
    test: Option<StringMatcher>,
    present: bool,
}

impl QueryMatcher {
    pub fn from_proto(pb: &pb::QueryParameterMatcher) -> Result<Self, FieldError> {
        let pb::QueryParameterMatcher { name, query_parameter_match_specifier } = pb;
        if name.is_empty() {
            return Err(FieldError::new("name", "is required"));
        }
        let (test, present) = match query_parameter_match_specifier {
            None => (None, true),
            Some(QueryParameterMatchSpecifier::PresentMatch(present)) => (None, *present),
            Some(QueryParameterMatchSpecifier::StringMatch(matcher)) => {
                let matcher =
                    StringMatcher::from_proto(matcher).map_err(|error| error.within("string_match"))?;
                (Some(matcher), true)
            }
        };
        Ok(Self { name: name.clone(), test, present })
    }

    /// The first parameter of that name decides, as it stands (Envoy decodes nothing here).
    pub fn matches(&self, query: &str) -> bool {
        let found = query.split('&').find_map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (name == self.name).then_some(value)
        });
        match (&self.test, found) {
            (Some(matcher), Some(value)) => matcher.matches(value.as_bytes()),
            (Some(_), None) => false,
            (None, found) => found.is_some() == self.present,
        }
    }
}

#[cfg(test)]
mod tests;
