//! TLS on both sides: rustls configurations that follow their secrets, verification of peers, facts
//! of finished handshakes.
//!
//! It must not know what is carried, nor how secrets are fetched.

mod client;
mod facts;
mod server;
mod sniff;

pub(crate) use client::{ClientTls, UpstreamTls, socket_of};
pub(crate) use server::ServerTls;

use std::sync::Arc;

use carrick_policy::config::tls::{CertificateRef, TlsSettings, ValidationRef};
use carrick_policy::secret::{Identity, Secret, Validation};
use carrick_xds::FieldError;

use crate::secrets::{SecretSlot, Secrets};

/// Why a handshake did not finish.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HandshakeError {
    #[error("secret is not supplied by SDS: {0}")]
    SecretMissing(String),
    #[error("{0}")]
    Failed(String),
}

/// A secret that never changes, or one that follows its slot.
#[derive(Debug)]
enum SecretUse {
    Fixed(Arc<Secret>),
    Slot(Arc<SecretSlot>),
}

impl SecretUse {
    fn load(&self) -> Result<Arc<Secret>, NotReady> {
        match self {
            Self::Fixed(secret) => Ok(Arc::clone(secret)),
            Self::Slot(slot) => slot.load().ok_or_else(|| NotReady(slot.name.clone())),
        }
    }
}

/// The name of a secret that was not delivered yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NotReady(pub String);

/// The secrets of one TLS context.
#[derive(Debug)]
struct Material {
    identity: Option<SecretUse>,
    inline_validation: Option<Validation>,
    named_validation: Option<SecretUse>,
}

/// The secrets as they are now. Two of these are equal if nothing was delivered in between.
#[derive(Debug, Clone)]
struct Loaded {
    identity: Option<Arc<Secret>>,
    validation: Option<Arc<Secret>>,
}

impl Loaded {
    fn same(&self, other: &Self) -> bool {
        same(self.identity.as_ref(), other.identity.as_ref())
            && same(self.validation.as_ref(), other.validation.as_ref())
    }

    fn identity(&self) -> Option<&Identity> {
        match self.identity.as_deref() {
            Some(Secret::Identity(identity)) => Some(identity),
            _ => None,
        }
    }
}

fn same(a: Option<&Arc<Secret>>, b: Option<&Arc<Secret>>) -> bool {
    match (a, b) {
        (Some(a), Some(b)) => Arc::ptr_eq(a, b),
        (None, None) => true,
        _ => false,
    }
}

impl Material {
    fn new(settings: &TlsSettings, secrets: &Secrets) -> Result<Self, FieldError> {
        let identity = match settings.certificate.as_ref() {
            None => None,
            Some(CertificateRef::Inline(pb)) => {
                let identity = Identity::from_proto(pb).map_err(|e| e.within("tls_certificates[0]"))?;
                Some(SecretUse::Fixed(Arc::new(Secret::Identity(identity))))
            }
            Some(CertificateRef::Named(named)) => Some(SecretUse::Slot(secrets.slot(named))),
        };
        let absent = ValidationRef::default();
        let validation = settings.validation.as_ref().unwrap_or(&absent);
        let inline = validation.inline.as_ref().map(Validation::from_proto).transpose();
        let inline = inline.map_err(|e| e.within(validation.place))?;
        if validation.named.is_none() && inline.as_ref().is_some_and(Validation::names_without_roots) {
            let reason = "names of a certificate that nobody vouches for say nothing; add a trusted_ca";
            return Err(FieldError::new(validation.place, reason));
        }
        Ok(Self {
            identity,
            inline_validation: inline,
            named_validation: validation.named.as_ref().map(|named| SecretUse::Slot(secrets.slot(named))),
        })
    }

    fn load(&self) -> Result<Loaded, NotReady> {
        Ok(Loaded {
            identity: self.identity.as_ref().map(SecretUse::load).transpose()?,
            validation: self.named_validation.as_ref().map(SecretUse::load).transpose()?,
        })
    }

    /// What to verify peers with: `None` if nothing is configured.
    fn validation(&self, loaded: &Loaded) -> Result<Option<Validation>, String> {
        let named = match loaded.validation.as_deref() {
            None => None,
            Some(Secret::Validation(validation)) => Some(validation),
            Some(Secret::Identity(_)) => {
                return Err("the secret for the validation context is a certificate".into());
            }
        };
        let validation = match (self.inline_validation.as_ref(), named) {
            (None, None) => return Ok(None),
            (Some(inline), None) => inline.clone(),
            (None, Some(named)) => named.clone(),
            (Some(inline), Some(named)) => inline.merged(named),
        };
        // The roots may be missing in the one part, and the names stand in the other.
        match validation.names_without_roots() {
            true => {
                Err("there are names to compare and no trusted_ca: nobody vouches for a certificate".into())
            }
            false => Ok(Some(validation)),
        }
    }
}
