//! `x-forwarded-client-cert`: who the client proved to be, for the hops behind. Nobody but this
//! proxy may write it, unless the configuration says that the client is itself such a proxy (Envoy
//! docs, "x-forwarded-client-cert").
//!
//! It must not know how identities are verified: that was done in the handshake.

use std::borrow::Cow;
use std::fmt::Write;

use http::{HeaderMap, HeaderName, HeaderValue};

use crate::connection::TlsFacts;

const XFCC: HeaderName = HeaderName::from_static("x-forwarded-client-cert");

/// Envoy's `forward_client_cert_details`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ForwardClientCert {
    #[default]
    Sanitize,
    ForwardOnly,
    AppendForward,
    SanitizeSet,
    AlwaysForwardOnly,
}

/// Envoy's `set_current_client_cert_details`: what to say beyond `By` and `Hash`.
#[derive(Debug, Clone, Copy, Default)]
pub struct CertDetails {
    pub subject: bool,
    pub cert: bool,
    pub dns: bool,
    pub uri: bool,
}

#[derive(Debug, Clone, Copy, Default)]
pub struct XfccPolicy {
    pub forward: ForwardClientCert,
    pub details: CertDetails,
}

impl XfccPolicy {
    /// `tls` is that of the downstream connection, if this proxy terminated it.
    ///
    /// What a peer of another trust domain says of third parties ends here, even where it is to be
    /// forwarded: nobody here vouches for who they are.
    pub fn apply(&self, headers: &mut HeaderMap, tls: Option<&TlsFacts>) {
        let peer = tls.filter(|tls| tls.peer_certificate_sha256.is_some());
        let forward = match (self.forward, peer.is_some_and(is_from_elsewhere)) {
            (ForwardClientCert::AppendForward, true) => ForwardClientCert::SanitizeSet,
            (ForwardClientCert::ForwardOnly, true) => ForwardClientCert::Sanitize,
            (forward, _) => forward,
        };
        match (forward, peer) {
            (ForwardClientCert::AlwaysForwardOnly, _) | (ForwardClientCert::ForwardOnly, Some(_)) => {}
            (ForwardClientCert::Sanitize, _) | (_, None) => {
                headers.remove(&XFCC);
            }
            (ForwardClientCert::AppendForward, Some(tls)) => {
                let mut value = Vec::new();
                for line in headers.get_all(&XFCC) {
                    value.extend_from_slice(line.as_bytes());
                    value.push(b',');
                }
                value.extend_from_slice(self.details.element(tls).as_bytes());
                set(headers, &value);
            }
            (ForwardClientCert::SanitizeSet, Some(tls)) => set(headers, self.details.element(tls).as_bytes()),
        }
    }
}

/// Whether the peer's SPIFFE ID is of another trust domain than ours.
fn is_from_elsewhere(tls: &TlsFacts) -> bool {
    let mut ours = tls.local_uri_sans.iter().filter_map(|uri| trust_domain(uri)).peekable();
    let theirs = tls.peer_uri_sans.iter().find_map(|uri| trust_domain(uri));
    ours.peek().is_some() && theirs.is_some_and(|theirs| ours.all(|own| own != theirs))
}

fn trust_domain(uri: &str) -> Option<&str> {
    uri.strip_prefix("spiffe://")?.split('/').next()
}

/// What a certificate says may not fit in a header; then nothing is claimed at all.
fn set(headers: &mut HeaderMap, value: &[u8]) {
    match HeaderValue::from_bytes(value) {
        Ok(value) => headers.insert(XFCC, value),
        Err(_) => headers.remove(&XFCC),
    };
}

impl CertDetails {
    /// One element: `By=…;Hash=…;Subject="…";URI=…`, in Envoy's order.
    fn element(&self, tls: &TlsFacts) -> String {
        let mut out = String::with_capacity(256);
        let mut pair = |key: &str, value: &str| {
            let separator = if out.is_empty() { "" } else { ";" };
            // Writing to a String cannot fail.
            let _ = write!(out, "{separator}{key}={value}");
        };
        for uri in &tls.local_uri_sans {
            pair("By", &quoted(uri));
        }
        if let Some(hash) = &tls.peer_certificate_sha256 {
            pair("Hash", hash);
        }
        if self.cert
            && let Some(pem) = &tls.peer_certificate_pem
        {
            pair("Cert", &format!("\"{}\"", url_encoded(pem)));
        }
        if self.subject {
            pair("Subject", &format!("\"{}\"", tls.peer_subject));
        }
        if self.uri {
            if tls.peer_uri_sans.is_empty() {
                pair("URI", "");
            }
            tls.peer_uri_sans.iter().for_each(|uri| pair("URI", &quoted(uri)));
        }
        if self.dns {
            tls.peer_dns_sans.iter().for_each(|dns| pair("DNS", &quoted(dns)));
        }
        out
    }
}

/// A name that could end its own pair stands in quotes (Envoy docs, "x-forwarded-client-cert").
/// Envoy itself leaves names as they are, so that a certificate can claim more than one.
fn quoted(name: &str) -> Cow<'_, str> {
    if !name.contains([',', ';', '"']) {
        return name.into();
    }
    format!("\"{}\"", name.replace('\\', "\\\\").replace('"', "\\\"")).into()
}

/// The characters of PEM that Envoy escapes: line ends, spaces, and `+/=`.
fn url_encoded(pem: &str) -> String {
    let mut out = String::with_capacity(pem.len() * 5 / 4);
    for c in pem.chars() {
        match c {
            '\n' => out.push_str("%0A"),
            ' ' => out.push_str("%20"),
            '+' => out.push_str("%2B"),
            '/' => out.push_str("%2F"),
            '=' => out.push_str("%3D"),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests;
