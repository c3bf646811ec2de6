//! Private and public keys. A private key is wiped when dropped, never printed, and leaves only by
//! a method whose name says so. Must not know about certificates.

#[cfg(test)]
mod tests;

use rcgen::{KeyPair, PublicKeyData, SubjectPublicKeyInfo};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{PrivateKeyDer, PrivatePkcs1KeyDer, PrivatePkcs8KeyDer, PrivateSec1KeyDer};
use std::fmt;
use thiserror::Error;
use x509_parser::oid_registry::{
    OID_EC_P256, OID_KEY_TYPE_EC_PUBLIC_KEY, OID_NIST_EC_P384, OID_PKCS1_RSAENCRYPTION,
};
use x509_parser::prelude::FromDer;
use zeroize::{Zeroize, Zeroizing};

/// The largest RSA modulus, in bits, that is worth a handshake.
const MAX_RSA_BITS: usize = 8192;
const MIN_RSA_BITS: usize = 2048;

/// Why a key is refused.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum KeyError {
    #[error(
        "no private key in the PEM text ({0}); expected one block PRIVATE KEY, EC PRIVATE KEY or RSA PRIVATE KEY, not encrypted"
    )]
    NoKey(String),
    #[error("the key cannot be read: {0}; use an unencrypted ECDSA P-256, ECDSA P-384 or RSA key")]
    Unreadable(String),
    #[error("keys of the kind {0} are not accepted; use ECDSA P-256 or P-384, or RSA of 2048 to 8192 bits")]
    Unsupported(String),
    #[error("the system's random number generator failed; a key cannot be made now")]
    Random,
}

/// A private key. `Debug` is redacted and the bytes are zeroed on drop; share it with `Arc`, it
/// cannot be cloned.
pub struct PrivateKey {
    pair: KeyPair,
    der: PrivateKeyDer<'static>,
    public: PublicKey,
}

impl PrivateKey {
    /// A new ECDSA P-256 key.
    pub fn generate() -> Result<Self, KeyError> {
        let pair = KeyPair::generate().map_err(|_| KeyError::Random)?;
        let der = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(pair.serialize_der()));
        Self::from_parts(pair, der)
    }

    /// Reads the first key of a PEM text: PKCS#8, SEC1 (`EC PRIVATE KEY`) or PKCS#1 (`RSA PRIVATE
    /// KEY`).
    pub fn from_pem(pem: &[u8]) -> Result<Self, KeyError> {
        let der = PrivateKeyDer::from_pem_slice(pem).map_err(|e| KeyError::NoKey(e.to_string()))?;
        Self::from_der(der)
    }

    /// Takes over a key in DER.
    pub fn from_der(mut der: PrivateKeyDer<'static>) -> Result<Self, KeyError> {
        match KeyPair::try_from(&der) {
            Ok(pair) => Self::from_parts(pair, der),
            Err(e) => {
                der.zeroize();
                Err(KeyError::Unreadable(e.to_string()))
            }
        }
    }

    fn from_parts(mut pair: KeyPair, mut der: PrivateKeyDer<'static>) -> Result<Self, KeyError> {
        match PublicKey::from_spki(&pair.subject_public_key_info()) {
            Ok(public) => Ok(Self { pair, der, public }),
            Err(e) => {
                pair.zeroize();
                der.zeroize();
                Err(e)
            }
        }
    }

    pub fn public_key(&self) -> &PublicKey {
        &self.public
    }

    /// **Secret.** The key as PEM, for a file of mode 0600 or for SDS; wiped when the result is
    /// dropped.
    pub fn expose_pem(&self) -> Zeroizing<String> {
        let label = match &self.der {
            PrivateKeyDer::Pkcs1(_) => "RSA PRIVATE KEY",
            PrivateKeyDer::Sec1(_) => "EC PRIVATE KEY",
            _ => "PRIVATE KEY",
        };
        pem_block(label, self.der.secret_der())
    }

    /// **Secret.** A copy of the key in DER, for rustls, which takes ownership of it.
    pub fn expose_der(&self) -> PrivateKeyDer<'static> {
        let bytes = self.der.secret_der().to_vec();
        match &self.der {
            PrivateKeyDer::Pkcs1(_) => PrivateKeyDer::Pkcs1(PrivatePkcs1KeyDer::from(bytes)),
            PrivateKeyDer::Sec1(_) => PrivateKeyDer::Sec1(PrivateSec1KeyDer::from(bytes)),
            _ => PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(bytes)),
        }
    }

    pub(crate) fn pair(&self) -> &KeyPair {
        &self.pair
    }
}

impl Drop for PrivateKey {
    fn drop(&mut self) {
        self.pair.zeroize();
        self.der.zeroize();
    }
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PrivateKey({}, secret)", self.public.algorithm)
    }
}

/// A public key of a kind that Carrick certifies: ECDSA P-256 or P-384, or RSA of 2048 to 8192
/// bits.
#[derive(Clone, PartialEq, Eq)]
pub struct PublicKey {
    info: SubjectPublicKeyInfo,
    spki: Vec<u8>,
    algorithm: &'static str,
}

impl PublicKey {
    /// From a DER SubjectPublicKeyInfo. Within the crate only: what comes from outside must come in
    /// a request that proves possession of the private key, see [`crate::CertificateRequest`].
    pub(crate) fn from_spki(spki: &[u8]) -> Result<Self, KeyError> {
        let algorithm = algorithm_of(spki)?;
        let info = SubjectPublicKeyInfo::from_der(spki).map_err(|e| KeyError::Unreadable(e.to_string()))?;
        Ok(Self { info, spki: spki.to_vec(), algorithm })
    }

    /// The DER SubjectPublicKeyInfo.
    pub fn spki(&self) -> &[u8] {
        &self.spki
    }

    /// `ECDSA P-256`, `ECDSA P-384` or `RSA`.
    pub fn algorithm(&self) -> &'static str {
        self.algorithm
    }

    pub(crate) fn info(&self) -> &SubjectPublicKeyInfo {
        &self.info
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({})", self.algorithm)
    }
}

fn algorithm_of(spki: &[u8]) -> Result<&'static str, KeyError> {
    let (rest, parsed) = x509_parser::x509::SubjectPublicKeyInfo::from_der(spki)
        .map_err(|e| KeyError::Unreadable(e.to_string()))?;
    if !rest.is_empty() {
        return Err(KeyError::Unreadable("bytes after the public key".to_owned()));
    }
    let oid = &parsed.algorithm.algorithm;
    if *oid == OID_KEY_TYPE_EC_PUBLIC_KEY {
        let curve = parsed.algorithm.parameters.as_ref().and_then(|p| p.as_oid().ok());
        return match curve {
            Some(c) if c == OID_EC_P256 => Ok("ECDSA P-256"),
            Some(c) if c == OID_NIST_EC_P384 => Ok("ECDSA P-384"),
            Some(c) => Err(KeyError::Unsupported(format!("ECDSA on the curve {c}"))),
            None => Err(KeyError::Unsupported("ECDSA on an unnamed curve".to_owned())),
        };
    }
    if *oid == OID_PKCS1_RSAENCRYPTION {
        return match parsed.parsed() {
            Ok(x509_parser::public_key::PublicKey::RSA(rsa))
                if (MIN_RSA_BITS..=MAX_RSA_BITS).contains(&rsa.key_size()) =>
            {
                Ok("RSA")
            }
            Ok(x509_parser::public_key::PublicKey::RSA(rsa)) => {
                Err(KeyError::Unsupported(format!("RSA of {} bits", rsa.key_size())))
            }
            _ => Err(KeyError::Unreadable("a malformed RSA key".to_owned())),
        };
    }
    Err(KeyError::Unsupported(format!("with the object identifier {oid}")))
}

/// Writes one PEM block with lines of 64 characters (RFC 7468).
pub(crate) fn pem_block(label: &str, der: &[u8]) -> Zeroizing<String> {
    use base64::Engine as _;
    let body = Zeroizing::new(base64::engine::general_purpose::STANDARD.encode(der));
    // The exact size up front: a growing string would leave copies of a key behind in freed memory.
    let mut out = Zeroizing::new(String::with_capacity(body.len() + body.len() / 64 + 2 * label.len() + 40));
    out.push_str("-----BEGIN ");
    out.push_str(label);
    out.push_str("-----\n");
    for start in (0..body.len()).step_by(64) {
        out.push_str(&body[start..body.len().min(start + 64)]);
        out.push('\n');
    }
    out.push_str("-----END ");
    out.push_str(label);
    out.push_str("-----\n");
    out
}
