//! Istio 1.0's `MeshPolicy` and `Policy` (authentication.istio.io/v1alpha1), the ancestors of
//! PeerAuthentication.

use serde::Deserialize;

use super::scalars::{IntOrString, present};

#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct LegacyPolicy {
    /// Services of the same namespace; none means all. Not allowed in a MeshPolicy.
    pub targets: Vec<LegacyTarget>,
    /// No entry means that plain text is accepted.
    pub peers: Vec<LegacyPeer>,
    pub peer_is_optional: bool,
    pub origins: Vec<LegacyOrigin>,
    pub origin_is_optional: bool,
    pub principal_binding: PrincipalBinding,
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct LegacyTarget {
    /// The short name of a service.
    pub name: String,
    pub ports: Vec<LegacyPort>,
}

/// A service port by `number` or `name`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct LegacyPort {
    pub number: Option<u16>,
    pub name: Option<IntOrString>,
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct LegacyPeer {
    /// `mtls:` with nothing means `mtls: {}`, which is STRICT.
    #[serde(deserialize_with = "present")]
    pub mtls: Option<LegacyMutualTls>,
    pub jwt: Option<LegacyJwt>,
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct LegacyMutualTls {
    /// Accept TLS without a client certificate.
    pub allow_tls: bool,
    pub mode: LegacyMode,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum LegacyMode {
    #[default]
    Strict,
    /// TLS is served as mutual TLS whatever its ALPN, everything else as plain text.
    Permissive,
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct LegacyOrigin {
    pub jwt: Option<LegacyJwt>,
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct LegacyJwt {
    pub issuer: String,
    pub audiences: Vec<String>,
    pub jwks_uri: String,
    pub jwks: String,
    pub jwt_headers: Vec<String>,
    pub jwt_params: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum PrincipalBinding {
    #[default]
    UsePeer,
    UseOrigin,
}
