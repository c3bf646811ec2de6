//! Who a workload is, and how it proves it: SPIFFE IDs, keys, certificates, the authorities that
//! issue them and the rules by which a peer is believed.
//!
//! Pure: no I/O, no clock (the caller passes a [`std::time::SystemTime`]), no async runtime. This
//! is the only crate that builds certificates. It must not know what a cluster, a proxy or a
//! configuration is.
//!
//! The modules, in reading order.

pub mod spiffe;

pub mod validity;

pub mod key;

pub mod certificate;

pub mod csr;

pub mod issue;

pub mod forged;

pub mod ttl;

pub mod bundle;

pub mod verify;

pub mod cacerts;

pub mod renewal;

pub mod rotation;

pub mod enrolment;

#[cfg(test)]
mod openssl;
#[cfg(test)]
mod scene;

pub use bundle::TrustBundle;
pub use certificate::Certificate;
pub use csr::CertificateRequest;
pub use issue::CertificateAuthority;
pub use key::{PrivateKey, PublicKey};
pub use rustls_pki_types::CertificateDer;
pub use spiffe::{SpiffeId, TrustDomain};
pub use validity::Validity;
pub use verify::{Usage, VerifiedPeer, VerifiedSvid, VerifyError, verify_chain, verify_svid};
