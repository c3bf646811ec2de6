//! Trust domains and SPIFFE IDs, parsed strictly, so that two spellings of one identity cannot
//! exist.
//!
//! Source of the rules: SPIFFE-ID.md of the SPIFFE standards, section 2. Must not know about
//! certificates.

#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;
use thiserror::Error;

/// The longest trust domain name, in bytes (SPIFFE-ID section 2.3: 255).
pub const MAX_TRUST_DOMAIN: usize = 255;
/// The longest SPIFFE ID, in bytes, scheme included (SPIFFE-ID section 2.3: 2048).
pub const MAX_SPIFFE_ID: usize = 2048;

const SCHEME: &str = "spiffe://";

/// Why a text is not a trust domain or not a SPIFFE ID. Names the text, the reason and the mend.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{what} \"{text}\" is refused: {reason}")]
pub struct SpiffeError {
    what: &'static str,
    /// The refused text, escaped and cut, fit for a log.
    text: String,
    /// What is wrong with it, and how to write it instead.
    pub reason: SpiffeFault,
}

/// The rules of the SPIFFE ID grammar, one variant for each way to break them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum SpiffeFault {
    #[error("it is empty; write a trust domain such as cluster1.example")]
    Empty,
    #[error("it is {0} bytes long; shorten it to at most {1}")]
    TooLong(usize, usize),
    #[error("it does not begin with spiffe:// in lower case")]
    Scheme,
    #[error(
        "the trust domain holds {0:?}; only a-z, 0-9, '.', '-' and '_' may stand there (no port, no user)"
    )]
    TrustDomainCharacter(char),
    #[error(
        "the path holds {0:?}; only letters, digits, '.', '-', '_' and '/' may stand there (no query, no %)"
    )]
    PathCharacter(char),
    #[error("the path has an empty segment; write single slashes and none at the end")]
    EmptySegment,
    #[error("the path has a segment \".\" or \"..\"; write the path that is meant")]
    DotSegment,
}

/// A text of somebody else made fit for an error message: escaped, and cut to 120 characters.
pub(crate) fn printable(text: &str) -> String {
    let mut out: String = text.chars().take(120).flat_map(char::escape_debug).collect();
    if text.chars().nth(120).is_some() {
        out.push_str("...");
    }
    out
}

fn refuse<T>(what: &'static str, text: &str, reason: SpiffeFault) -> Result<T, SpiffeError> {
    Err(SpiffeError { what, text: printable(text), reason })
}

/// A trust domain: the namespace of identities that one root of authority vouches for, such as
/// `cluster1.example`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TrustDomain(String);

impl TrustDomain {
    /// Parses a bare trust domain name (not a URI): 1 to 255 bytes of `a-z 0-9 . - _`.
    pub fn new(name: impl AsRef<str>) -> Result<Self, SpiffeError> {
        let name = name.as_ref();
        match trust_domain_fault(name) {
            Some(fault) => refuse("trust domain", name, fault),
            None => Ok(Self(name.to_owned())),
        }
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The trust domain's own SPIFFE ID, `spiffe://TD`, which a signing certificate of that domain
    /// carries.
    pub fn id(&self) -> SpiffeId {
        SpiffeId { trust_domain: self.clone(), path: String::new() }
    }
}

fn trust_domain_fault(name: &str) -> Option<SpiffeFault> {
    if name.is_empty() {
        return Some(SpiffeFault::Empty);
    }
    if name.len() > MAX_TRUST_DOMAIN {
        return Some(SpiffeFault::TooLong(name.len(), MAX_TRUST_DOMAIN));
    }
    name.chars()
        .find(|c| !matches!(c, 'a'..='z' | '0'..='9' | '.' | '-' | '_'))
        .map(SpiffeFault::TrustDomainCharacter)
}

/// A SPIFFE ID: a trust domain and a path (empty, or beginning with `/`).
///
/// Equality is equality of bytes; there is exactly one spelling of each identity.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SpiffeId {
    trust_domain: TrustDomain,
    path: String,
}

impl SpiffeId {
    /// Parses `spiffe://TD[/SEGMENT]...`; refuses every other spelling rather than normalising it.
    pub fn parse(uri: &str) -> Result<Self, SpiffeError> {
        const WHAT: &str = "SPIFFE ID";
        if uri.is_empty() {
            return refuse(WHAT, uri, SpiffeFault::Empty);
        }
        if uri.len() > MAX_SPIFFE_ID {
            return refuse(WHAT, uri, SpiffeFault::TooLong(uri.len(), MAX_SPIFFE_ID));
        }
        let Some(rest) = uri.strip_prefix(SCHEME) else {
            return refuse(WHAT, uri, SpiffeFault::Scheme);
        };
        let (name, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        if let Some(fault) = trust_domain_fault(name).or_else(|| path_fault(path)) {
            return refuse(WHAT, uri, fault);
        }
        Ok(Self { trust_domain: TrustDomain(name.to_owned()), path: path.to_owned() })
    }

    /// Istio's identity of a workload: `spiffe://TD/ns/NAMESPACE/sa/SERVICE_ACCOUNT`.
    pub fn workload(
        trust_domain: &TrustDomain,
        namespace: &str,
        service_account: &str,
    ) -> Result<Self, SpiffeError> {
        for (what, name) in [("namespace", namespace), ("service account", service_account)] {
            if let Some(c) = name.chars().find(|c| !segment_character(*c)) {
                return refuse(what, name, SpiffeFault::PathCharacter(c));
            }
        }
        Self::parse(&format!("{SCHEME}{trust_domain}/ns/{namespace}/sa/{service_account}"))
    }

    /// The namespace and the service account, if this is an Istio workload identity.
    pub fn as_workload(&self) -> Option<(&str, &str)> {
        let (namespace, rest) = self.path.strip_prefix("/ns/")?.split_once('/')?;
        let service_account = rest.strip_prefix("sa/")?;
        (!service_account.contains('/')).then_some((namespace, service_account))
    }

    pub fn trust_domain(&self) -> &TrustDomain {
        &self.trust_domain
    }

    /// The path with its leading slash, or the empty string for a trust domain's own ID.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The URI text. The same as `to_string`.
    pub fn uri(&self) -> String {
        self.to_string()
    }
}

fn segment_character(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_')
}

fn path_fault(path: &str) -> Option<SpiffeFault> {
    let segments = path.strip_prefix('/')?;
    if let Some(c) = segments.chars().find(|c| *c != '/' && !segment_character(*c)) {
        return Some(SpiffeFault::PathCharacter(c));
    }
    segments.split('/').find_map(|segment| match segment {
        "" => Some(SpiffeFault::EmptySegment),
        "." | ".." => Some(SpiffeFault::DotSegment),
        _ => None,
    })
}

impl fmt::Display for TrustDomain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for TrustDomain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TrustDomain({})", self.0)
    }
}

impl fmt::Display for SpiffeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{SCHEME}{}{}", self.trust_domain, self.path)
    }
}

impl fmt::Debug for SpiffeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SpiffeId({self})")
    }
}

impl FromStr for TrustDomain {
    type Err = SpiffeError;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::new(text)
    }
}

impl FromStr for SpiffeId {
    type Err = SpiffeError;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

impl TryFrom<String> for TrustDomain {
    type Error = SpiffeError;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::new(text)
    }
}

impl TryFrom<String> for SpiffeId {
    type Error = SpiffeError;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text)
    }
}

impl From<TrustDomain> for String {
    fn from(trust_domain: TrustDomain) -> Self {
        trust_domain.0
    }
}

impl From<SpiffeId> for String {
    fn from(id: SpiffeId) -> Self {
        id.to_string()
    }
}
