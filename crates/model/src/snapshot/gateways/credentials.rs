//! The Secrets that a server ends TLS with. A server whose Secrets are not there cannot answer; its
//! neighbours can.

use crate::resources::{Secret, ServerTlsSettings};

/// A Secret that a server names and that is missing, or lacks what the server needs of it.
pub(crate) struct MissingCredential<'a> {
    /// The field of `tls` that names it.
    pub field: &'static str,
    pub name: &'a str,
    /// What it should hold.
    pub what: &'static str,
}

/// What of a server's Secrets is missing; `secret` finds those of the proxy's namespace. Roots may
/// stand beside a certificate, in `NAME-cacert`.
pub(crate) fn missing_credentials<'a, 's>(
    tls: &'a ServerTlsSettings,
    secret: impl Fn(&str) -> Option<&'s Secret>,
) -> Vec<MissingCredential<'a>> {
    let mut missing = Vec::new();
    if let Some((field, name)) = tls.certificate_credential()
        && secret(name).and_then(Secret::certificate).is_none()
    {
        missing.push(MissingCredential {
            field,
            name,
            what: "a certificate and its key (`tls.crt`, `tls.key`)",
        });
    }
    if let Some((field, name)) = tls.roots_credential() {
        let beside = format!("{name}-cacert");
        if [beside.as_str(), name].into_iter().find_map(|name| secret(name)?.roots()).is_none() {
            missing.push(MissingCredential { field, name, what: "roots (`ca.crt`)" });
        }
    }
    missing
}
