//! Values of rules as Envoy's matchers: exact, `prefix*`, `*suffix`, `*` (`authz/matcher`).
//! Expressions here match whole values.

use super::clause::Unsayable;
use crate::envoy::matcher::{RegexMatcher, StringMatcher, string_matcher::MatchPattern};
use crate::envoy::route::HeaderMatcher;
use crate::envoy::route::header_matcher::HeaderMatchSpecifier;

const SPIFFE: &str = "spiffe://";

/// Any text; `*` is any but none.
pub(super) fn text(value: &str) -> Result<StringMatcher, Unsayable> {
    Ok(match star(value)? {
        Star::Anything => regex(".+".into()),
        Star::Suffix(suffix) => pattern(MatchPattern::Suffix(suffix.into())),
        Star::Prefix(prefix) => pattern(MatchPattern::Prefix(prefix.into())),
        Star::Exact(exact) => pattern(MatchPattern::Exact(exact.into())),
    })
}

/// An identity without its `spiffe://`. `*` is anybody who showed a certificate.
pub(super) fn principal(value: &str) -> Result<StringMatcher, Unsayable> {
    Ok(match star(value)? {
        Star::Anything => regex(".+".into()),
        Star::Suffix(suffix) => regex(format!("{SPIFFE}.*{}", quoted(suffix))),
        Star::Prefix(prefix) => pattern(MatchPattern::Prefix(format!("{SPIFFE}{prefix}"))),
        Star::Exact(exact) => pattern(MatchPattern::Exact(format!("{SPIFFE}{exact}"))),
    })
}

/// Any identity of a namespace, whatever its trust domain; `*` stands for any characters.
pub(super) fn namespace(value: &str) -> Result<StringMatcher, Unsayable> {
    star(value)?;
    let name: Vec<String> = value.split('*').map(quoted).collect();
    Ok(regex(format!(".*/ns/{}/.*", name.join(".*"))))
}

/// `account` of the policy's own namespace, or `namespace/account`, in any trust domain.
pub(super) fn service_account(value: &str, own_namespace: &str) -> Result<StringMatcher, Unsayable> {
    star(value)?;
    let (namespace, account) = value.split_once('/').unwrap_or((own_namespace, value));
    Ok(regex(format!("{SPIFFE}.+/ns/{}/sa/{}", quoted(namespace), quoted(account))))
}

/// A path, or a template: `{*}` is one segment, `{**}` any number of characters
/// (`operation.paths`).
pub(super) fn path(value: &str) -> Result<StringMatcher, Unsayable> {
    if !value.contains("{*}") && !value.contains("{**}") {
        return text(value);
    }
    let many = value.split("{**}").map(|part| {
        let single: Vec<String> = part.split("{*}").map(quoted).collect();
        single.join("[^/]+")
    });
    Ok(regex(many.collect::<Vec<_>>().join(".*")))
}

/// A header's value; `*` asks whether it is there.
pub(super) fn header(name: &str, value: &str) -> Result<HeaderMatcher, Unsayable> {
    let specifier = match star(value)? {
        Star::Anything => HeaderMatchSpecifier::PresentMatch(true),
        _ => HeaderMatchSpecifier::StringMatch(text(value)?),
    };
    Ok(HeaderMatcher { name: name.into(), header_match_specifier: Some(specifier), ..Default::default() })
}

/// The authority, in any case (RFC 9110, 4.2.3).
pub(super) fn host(value: &str) -> Result<HeaderMatcher, Unsayable> {
    let mut matcher = header(":authority", value)?;
    if let Some(HeaderMatchSpecifier::StringMatch(text)) = &mut matcher.header_match_specifier {
        text.ignore_case = true;
    }
    Ok(matcher)
}

enum Star<'a> {
    Anything,
    Suffix(&'a str),
    Prefix(&'a str),
    Exact(&'a str),
}

/// Nothing is no value: Envoy takes no empty patterns.
fn star(value: &str) -> Result<Star<'_>, Unsayable> {
    Ok(match (value.strip_prefix('*'), value.strip_suffix('*')) {
        _ if value.is_empty() => return Err(Unsayable),
        _ if value == "*" => Star::Anything,
        (Some(suffix), _) => Star::Suffix(suffix),
        (None, Some(prefix)) => Star::Prefix(prefix),
        (None, None) => Star::Exact(value),
    })
}

fn pattern(pattern: MatchPattern) -> StringMatcher {
    StringMatcher { match_pattern: Some(pattern), ..Default::default() }
}

fn regex(regex: String) -> StringMatcher {
    pattern(MatchPattern::SafeRegex(RegexMatcher { regex, ..Default::default() }))
}

/// The text with everything escaped that RE2 would read as syntax.
fn quoted(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len());
    for character in text.chars() {
        if r"\.+*?()|[]{}^$".contains(character) {
            quoted.push('\\');
        }
        quoted.push(character);
    }
    quoted
}
