//! Kubernetes `Secret` (v1): certificates and keys that gateways name by `credentialName`.

use std::collections::BTreeMap;
use std::fmt;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD as BASE64;
use serde::Deserialize;

/// `stringData` is plain, `data` is base64; where both have a key, `stringData` counts (Kubernetes
/// API reference).
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Secret {
    #[serde(rename = "type")]
    pub kind: String,
    pub data: BTreeMap<String, SecretText>,
    pub string_data: BTreeMap<String, SecretText>,
    pub immutable: bool,
}

/// A text that is never printed.
#[derive(Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(transparent)]
pub struct SecretText(String);

impl fmt::Debug for SecretText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(secret)")
    }
}

impl Secret {
    /// A chain and its key: `tls.crt` and `tls.key`, or Istio's older `cert` and `key`
    /// (`pilot/pkg/credentials/kube/secrets.go`).
    pub fn certificate(&self) -> Option<(Vec<u8>, Vec<u8>)> {
        let pair = |certificate, key| Some((self.value(certificate)?, self.value(key)?));
        pair("tls.crt", "tls.key").or_else(|| pair("cert", "key"))
    }

    /// Roots for the other side: `ca.crt`, or Istio's older `cacert`.
    pub fn roots(&self) -> Option<Vec<u8>> {
        self.value("ca.crt").or_else(|| self.value("cacert"))
    }

    /// Keys whose value is no base64.
    pub(crate) fn broken(&self) -> impl Iterator<Item = &str> {
        let broken = self.data.iter().filter(|(_, text)| BASE64.decode(text.0.trim()).is_err());
        broken.map(|(key, _)| key.as_str())
    }

    fn value(&self, key: &str) -> Option<Vec<u8>> {
        let plain = self.string_data.get(key).map(|text| text.0.clone().into_bytes());
        let found = plain.or_else(|| BASE64.decode(self.data.get(key)?.0.trim()).ok())?;
        (!found.is_empty()).then_some(found)
    }
}
