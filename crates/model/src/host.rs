//! Host names and wildcards as Istio compares them. Knows nothing of who declared them.

use std::borrow::Cow;
use std::collections::HashSet;

/// Lower case, without a trailing dot.
pub fn canonical(host: &str) -> String {
    host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase()
}

pub fn is_wildcard(host: &str) -> bool {
    host.starts_with('*')
}

/// Whether every name that `narrow` stands for is one that `wide` stands for.
pub fn is_subset(narrow: &str, wide: &str) -> bool {
    match wide.strip_prefix('*') {
        Some(suffix) => narrow.strip_prefix('*').unwrap_or(narrow).ends_with(suffix),
        None => narrow == wide,
    }
}

/// Whether some name falls under both; either side may be a wildcard.
pub fn overlaps(one: &str, other: &str) -> bool {
    is_subset(one, other) || is_subset(other, one)
}

/// All names and wildcards that stand for `host` and perhaps more: itself, then wildcards, the
/// narrowest first.
pub fn covering(host: &str) -> impl Iterator<Item = Cow<'_, str>> {
    let parents = host.match_indices('.').map(|(dot, _)| &host[dot..]);
    // `*.a` is not covered by itself twice.
    let parents = parents.filter(move |parent| host.strip_prefix('*') != Some(*parent));
    let wildcards = parents.map(|parent| Cow::Owned(format!("*{parent}")));
    std::iter::once(Cow::Borrowed(host)).chain(wildcards).chain((host != "*").then_some(Cow::Borrowed("*")))
}

/// Hosts and wildcards that can be asked about a name without looking at each of them.
#[derive(Debug, Clone, Default)]
pub struct HostSet {
    hosts: HashSet<String>,
    /// Everything that covers one of them.
    covering: HashSet<String>,
}

impl HostSet {
    /// Whether one of them stands for all that `host` stands for.
    pub fn covers(&self, host: &str) -> bool {
        covering(host).any(|wide| self.hosts.contains(wide.as_ref()))
    }

    /// Whether `wide` stands for all that one of them stands for.
    pub fn has_subset(&self, wide: &str) -> bool {
        self.covering.contains(wide)
    }

    /// Whether some name falls under both `host` and one of them.
    pub fn overlaps(&self, host: &str) -> bool {
        self.covers(host) || self.has_subset(host)
    }
}

impl<'a> FromIterator<&'a str> for HostSet {
    /// The hosts must be canonical.
    fn from_iter<I: IntoIterator<Item = &'a str>>(hosts: I) -> HostSet {
        let mut set = HostSet::default();
        for host in hosts {
            for wide in covering(host) {
                if !set.covering.contains(wide.as_ref()) {
                    set.covering.insert(wide.into_owned());
                }
            }
            set.hosts.insert(host.to_owned());
        }
        set
    }
}

/// The narrower of two overlapping hosts.
pub(crate) fn narrower<'a>(one: &'a str, other: &'a str) -> Option<&'a str> {
    if is_subset(one, other) {
        Some(one)
    } else if is_subset(other, one) {
        Some(other)
    } else {
        None
    }
}

/// Why a text can be no host name, or `None` if it can. DNS-1123 labels, 253 characters in all
/// (Istio `validation.ValidateFQDN`); `allow_wildcard` admits `*` and a leading `*.`.
pub fn fault(host: &str, allow_wildcard: bool) -> Option<String> {
    if host.is_empty() {
        return Some("the host name is empty".to_owned());
    }
    if host.len() > 253 {
        return Some(format!("the host name has {} characters; DNS allows 253", host.len()));
    }
    if host == "*" && allow_wildcard {
        return None;
    }
    let name = match host.strip_prefix("*.") {
        Some(rest) if allow_wildcard => rest,
        Some(_) => return Some("a wildcard is not allowed here".to_owned()),
        None => host,
    };
    if name.contains('*') {
        return Some("`*` may only be the whole first label, as in `*.example.com`".to_owned());
    }
    name.strip_suffix('.').unwrap_or(name).split('.').find_map(label_fault)
}

/// Why a text can be no DNS label.
pub(crate) fn label_fault(label: &str) -> Option<String> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || c == '-';
    if label.is_empty() {
        return Some("a part between two dots is empty".to_owned());
    }
    if label.len() > 63 {
        return Some(format!("the part `{label}` has {} characters; DNS allows 63", label.len()));
    }
    if let Some(bad) = label.chars().find(|&c| !allowed(c)) {
        return Some(format!("`{}` may not stand in a host name", bad.escape_default()));
    }
    if label.starts_with('-') || label.ends_with('-') {
        return Some(format!("the part `{label}` begins or ends with `-`"));
    }
    None
}

#[cfg(test)]
mod tests;
