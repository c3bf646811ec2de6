//! Host names and wildcards as Istio compares them. Knows nothing of who declared them.

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

/// Why a text can be no host name, or `None` if it can. DNS-1123 labels, 253 characters in all (Istio
/// `validation.ValidateFQDN`); `allow_wildcard` admits `*` and a leading `*.`.
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
