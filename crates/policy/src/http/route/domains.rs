//! From the authority of a request to a virtual host, with Envoy's precedence of domains.
//!
//! Exact names, then `*suffix` (longest first), then `prefix*` (longest first), then `*` (Envoy
//! docs, VirtualHost.domains).

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::collections::HashMap;

use carrick_xds::FieldError;

/// Domains of all virtual hosts of one table; values are indices of virtual hosts.
#[derive(Debug, Default)]
pub(super) struct Domains {
    exact: HashMap<String, usize>,
    /// By length of the fixed part, so that the longest is tried first.
    suffixes: BTreeMap<usize, HashMap<String, usize>>,
    prefixes: BTreeMap<usize, HashMap<String, usize>>,
    any: Option<usize>,
    ignore_port: bool,
}

impl Domains {
    pub(super) fn new(ignore_port: bool) -> Self {
        Self { ignore_port, ..Self::default() }
    }

    /// A domain may belong to one virtual host only.
    pub(super) fn add(&mut self, domain: &str, index: usize) -> Result<(), FieldError> {
        let domain = domain.to_ascii_lowercase();
        let taken = if domain == "*" {
            self.any.replace(index)
        } else if let Some(suffix) = domain.strip_prefix('*') {
            self.suffixes.entry(suffix.len()).or_default().insert(suffix.to_owned(), index)
        } else if let Some(prefix) = domain.strip_suffix('*') {
            self.prefixes.entry(prefix.len()).or_default().insert(prefix.to_owned(), index)
        } else if domain.is_empty() {
            return Err(FieldError::new("", "must not be empty"));
        } else {
            self.exact.insert(domain.clone(), index)
        };
        match taken {
            None => Ok(()),
            Some(_) => {
                Err(FieldError::new("", format!("domain {domain} is already that of another virtual host")))
            }
        }
    }

    pub(super) fn find(&self, authority: &str) -> Option<usize> {
        if self.exact.is_empty() && self.suffixes.is_empty() && self.prefixes.is_empty() {
            return self.any;
        }
        let host = if self.ignore_port { without_port(authority) } else { authority };
        let host: Cow<'_, str> = match host.bytes().any(|byte| byte.is_ascii_uppercase()) {
            true => host.to_ascii_lowercase().into(),
            false => host.into(),
        };
        if let Some(index) = self.exact.get(host.as_ref()) {
            return Some(*index);
        }
        // The wildcard stands for at least one character.
        let shorter = ..host.len();
        let suffix = |(length, names): (&usize, &HashMap<String, usize>)| {
            names.get(host.get(host.len() - length..)?).copied()
        };
        let prefix =
            |(length, names): (&usize, &HashMap<String, usize>)| names.get(host.get(..*length)?).copied();
        let found = self.suffixes.range(shorter).rev().find_map(suffix);
        found.or_else(|| self.prefixes.range(shorter).rev().find_map(prefix)).or(self.any)
    }
}

/// The authority without a trailing `:port`; a bare IPv6 address in brackets has none.
pub fn without_port(authority: &str) -> &str {
    match authority.rsplit_once(':') {
        Some((host, port)) if !host.is_empty() && port.bytes().all(|b| b.is_ascii_digit()) => {
            if host.contains(':') && !host.ends_with(']') { authority } else { host }
        }
        _ => authority,
    }
}
