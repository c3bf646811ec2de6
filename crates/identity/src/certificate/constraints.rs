//! The nameConstraints extension of a CA's certificate: what those below it may be called (RFC 5280
//! section 4.2.1.10).
//!
//! Read strictly, and judged so that doubt refuses: a name of a constrained kind that cannot be
//! compared is not permitted. Must not know which certificates are below.

#[cfg(test)]
mod tests;

use super::SubjectAltNames;
use std::net::IpAddr;
use x509_parser::asn1_rs::{Any, Class, FromDer};

/// Subtrees of names. A kind of name that `permitted` does not speak of is free, unless `excluded`
/// does.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NameConstraints {
    permitted: Vec<Subtree>,
    excluded: Vec<Subtree>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Subtree {
    Email(String),
    Dns(String),
    /// The host of a URI; with a leading dot, every host below it.
    Uri(String),
    /// An address and a mask, 4 or 16 bytes each.
    Ip(Vec<u8>, Vec<u8>),
    /// A kind of name, by its tag, that is not compared here: every name of the kind is refused.
    Unknown(u8),
}

/// One name of a certificate.
#[derive(Debug, Clone, Copy)]
enum Name<'a> {
    Email(&'a str),
    Dns(&'a str),
    Uri(&'a str),
    Ip(IpAddr),
    Unknown(u8),
}

const DIRECTORY_NAME: u8 = 4;

impl NameConstraints {
    /// Reads the extension's value. `minimum` and `maximum`, which RFC 5280 does not use, are
    /// refused.
    pub(super) fn from_der(der: &[u8]) -> Result<Self, String> {
        read(der).ok_or_else(|| "its nameConstraints cannot be read".to_owned())
    }

    #[cfg(test)]
    pub(crate) fn from_der_for_tests(der: &[u8]) -> Self {
        Self::from_der(der).unwrap()
    }

    /// Whether only certain URIs are permitted.
    pub fn limit_uris(&self) -> bool {
        self.permitted.iter().any(|subtree| matches!(subtree, Subtree::Uri(_)))
    }

    /// Whether a certificate with these names may stand below. `has_subject`: whether its subject
    /// is more than empty.
    pub(crate) fn check(&self, names: &SubjectAltNames, has_subject: bool) -> Result<(), String> {
        let subject = has_subject.then_some(Name::Unknown(DIRECTORY_NAME));
        let all = (names.emails.iter().map(|name| Name::Email(name)))
            .chain(names.dns_names.iter().map(|name| Name::Dns(name)))
            .chain(names.uris.iter().map(|name| Name::Uri(name)))
            .chain(names.ips.iter().map(|ip| Name::Ip(*ip)))
            .chain(names.others.iter().map(|tag| Name::Unknown(*tag)));
        all.chain(subject).try_for_each(|name| self.check_name(name))
    }

    fn check_name(&self, name: Name<'_>) -> Result<(), String> {
        let mut permitted = self.permitted.iter().filter(|subtree| subtree.is_about(name)).peekable();
        if permitted.peek().is_some() && !permitted.any(|subtree| subtree.holds(name) == Some(true)) {
            return Err(format!("{name} is not among the names that it permits"));
        }
        let mut excluded = self.excluded.iter().filter(|subtree| subtree.is_about(name));
        if excluded.any(|subtree| subtree.holds_in_part(name)) {
            return Err(format!("{name} is among the names that it excludes"));
        }
        Ok(())
    }
}

impl Subtree {
    fn is_about(&self, name: Name<'_>) -> bool {
        match (self, name) {
            (Self::Email(_), Name::Email(_))
            | (Self::Dns(_), Name::Dns(_))
            | (Self::Uri(_), Name::Uri(_))
            | (Self::Ip(..), Name::Ip(_)) => true,
            (Self::Unknown(tag), Name::Unknown(of_name)) => *tag == of_name,
            _ => false,
        }
    }

    /// Whether the whole of what the name stands for lies in this subtree; `None` if that cannot be
    /// told.
    fn holds(&self, name: Name<'_>) -> Option<bool> {
        match (self, name) {
            (Self::Uri(base), Name::Uri(uri)) => {
                let host = uri_host(uri)?;
                // Whether nothing means everything is not written anywhere.
                if base.is_empty() { None } else { Some(host_holds(base, host)) }
            }
            (Self::Dns(base), Name::Dns(name)) => {
                Some(dns_holds(base, name.strip_prefix("*.").unwrap_or(name)))
            }
            (Self::Email(base), Name::Email(name)) => {
                let (local, host) = name.split_once('@').filter(|(_, host)| !host.contains('@'))?;
                match base.split_once('@') {
                    Some((mailbox, at)) => Some(mailbox == local && at.eq_ignore_ascii_case(host)),
                    None if base.is_empty() => None,
                    None => Some(host_holds(base, host)),
                }
            }
            (Self::Ip(address, mask), Name::Ip(ip)) => {
                let octets = match ip {
                    IpAddr::V4(ip) => ip.octets().to_vec(),
                    IpAddr::V6(ip) => ip.octets().to_vec(),
                };
                let same = octets.iter().zip(address).zip(mask).all(|((a, b), mask)| a & mask == b & mask);
                Some(octets.len() == address.len() && same)
            }
            _ => None,
        }
    }

    /// Whether anything that the name stands for lies in this subtree, or may.
    fn holds_in_part(&self, name: Name<'_>) -> bool {
        let of_wildcard = match (self, name) {
            // `*.a` stands for `b.a` too, which may be what is excluded.
            (Self::Dns(base), Name::Dns(name)) => name.strip_prefix("*.").is_some_and(|parent| {
                base.trim_start_matches('.')
                    .split_once('.')
                    .is_some_and(|(_, rest)| rest.eq_ignore_ascii_case(parent))
            }),
            _ => false,
        };
        of_wildcard || self.holds(name) != Some(false)
    }
}

/// A host by itself, or with a leading dot all those below it. Case does not matter.
fn host_holds(base: &str, host: &str) -> bool {
    if base.starts_with('.') { ends_with(host, base) } else { host.eq_ignore_ascii_case(base) }
}

/// A DNS name and all below it; the empty one is above all. A leading dot leaves out the name
/// itself.
fn dns_holds(base: &str, name: &str) -> bool {
    let below = |base: &str| ends_with(name, base);
    match base.strip_prefix('.') {
        Some(_) => below(base),
        None => base.is_empty() || name.eq_ignore_ascii_case(base) || below(&format!(".{base}")),
    }
}

/// Longer than the ending, and with it.
fn ends_with(text: &str, ending: &str) -> bool {
    text.len() > ending.len()
        && text.get(text.len() - ending.len()..).is_some_and(|end| end.eq_ignore_ascii_case(ending))
}

/// The host of a URI, if it has one that is a name (RFC 3986 section 3.2). What could be read in
/// two ways (user names, percent signs, brackets, addresses) has none.
fn uri_host(uri: &str) -> Option<&str> {
    let (_, rest) = uri.split_once(':')?;
    let authority = rest.strip_prefix("//")?.split(['/', '?', '#']).next()?;
    let host = match authority.split_once(':') {
        Some((host, port)) if port.bytes().all(|b| b.is_ascii_digit()) => host,
        Some(_) => return None,
        None => authority,
    };
    let is_name = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_');
    (!host.is_empty() && host.bytes().all(is_name) && host.parse::<IpAddr>().is_err()).then_some(host)
}

fn read(der: &[u8]) -> Option<NameConstraints> {
    let mut rest = whole(der, Class::Universal, 16)?;
    let mut constraints = NameConstraints::default();
    for (tag, list) in [(0, &mut constraints.permitted), (1, &mut constraints.excluded)] {
        let Some((after, field)) = next(rest).filter(|(_, field)| is(field, Class::ContextSpecific, tag))
        else {
            continue;
        };
        rest = after;
        let mut subtrees = field.data;
        while !subtrees.is_empty() {
            let (after, subtree) = next(subtrees).filter(|(_, one)| is(one, Class::Universal, 16))?;
            // Only the base: nothing may follow it.
            let (nothing, base) = next(subtree.data)?;
            if !nothing.is_empty() {
                return None;
            }
            list.push(subtree_of(&base)?);
            subtrees = after;
        }
    }
    rest.is_empty().then_some(constraints)
}

fn subtree_of(base: &Any<'_>) -> Option<Subtree> {
    if base.class() != Class::ContextSpecific {
        return None;
    }
    let text = || {
        let text = std::str::from_utf8(base.data).ok()?;
        text.bytes().all(|b| (0x21..0x7f).contains(&b)).then(|| text.to_owned())
    };
    Some(match base.tag().0 {
        1 => Subtree::Email(text()?),
        2 => Subtree::Dns(text()?),
        6 => Subtree::Uri(text()?),
        7 if matches!(base.data.len(), 8 | 32) => {
            let (address, mask) = base.data.split_at(base.data.len() / 2);
            Subtree::Ip(address.to_vec(), mask.to_vec())
        }
        tag @ (0 | 3 | 4 | 5 | 8) => Subtree::Unknown(tag as u8),
        _ => return None,
    })
}

fn next(der: &[u8]) -> Option<(&[u8], Any<'_>)> {
    Any::from_der(der).ok()
}

fn is(any: &Any<'_>, class: Class, tag: u32) -> bool {
    any.class() == class && any.tag().0 == tag
}

/// The content of the one element that the bytes are.
fn whole(der: &[u8], class: Class, tag: u32) -> Option<&[u8]> {
    let (rest, any) = next(der)?;
    (rest.is_empty() && is(&any, class, tag)).then_some(any.data)
}

impl std::fmt::Display for Name<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        use crate::spiffe::printable;
        match self {
            Self::Email(name) => write!(f, "the e-mail name {}", printable(name)),
            Self::Dns(name) => write!(f, "the DNS name {}", printable(name)),
            Self::Uri(name) => write!(f, "the URI {}", printable(name)),
            Self::Ip(ip) => write!(f, "the address {ip}"),
            Self::Unknown(DIRECTORY_NAME) => f.write_str("its subject or directory name"),
            Self::Unknown(tag) => write!(f, "a name of the kind {tag}"),
        }
    }
}
