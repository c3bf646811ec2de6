//! The server's side: a listener's TLS context as a rustls configuration, and the handshake.

use std::sync::Arc;
use std::time::Instant;

use arc_swap::ArcSwapOption;
use carrick_policy::config::tls::DownstreamTlsConfig;
use carrick_policy::connection::{ClientHello, TlsFacts};
use carrick_policy::secret::Secret;
use carrick_policy::tls::verify::{Verifier, handshake_error};
use carrick_xds::FieldError;
use rustls::ServerConfig;
use rustls::crypto::CryptoProvider;
use rustls::server::NoServerSessionStorage;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::facts::facts;
use super::{HandshakeError, Loaded, Material, NotReady};
use crate::secrets::Secrets;
use crate::socket::Prefixed;

/// One listener filter chain's TLS. Follows its secrets: each handshake uses the newest.
#[derive(Debug)]
pub(crate) struct ServerTls {
    config: DownstreamTlsConfig,
    material: Material,
    built: ArcSwapOption<Built>,
}

#[derive(Debug)]
struct Built {
    loaded: Loaded,
    config: Arc<ServerConfig>,
    /// For clients that offer none of our protocols: they are served without one, as Envoy does,
    /// where rustls would refuse them (RFC 7301 §3.2 allows both). Istio's clients offer `istio`
    /// and its servers never list it.
    without_alpn: Arc<ServerConfig>,
}

/// A finished handshake.
pub(crate) struct Accepted {
    pub stream: TlsStream<Prefixed>,
    pub facts: TlsFacts,
    pub handshake_micros: u64,
}

impl ServerTls {
    pub fn new(config: DownstreamTlsConfig, secrets: &Secrets) -> Result<Self, FieldError> {
        let material =
            Material::new(&config.settings, secrets).map_err(|e| e.within("common_tls_context"))?;
        Ok(Self { config, material, built: ArcSwapOption::empty() })
    }

    /// Whether all secrets are there.
    pub fn is_ready(&self) -> bool {
        self.material.load().is_ok()
    }

    pub async fn accept(&self, stream: Prefixed, hello: &ClientHello) -> Result<Accepted, HandshakeError> {
        let built = self.current()?;
        let started = Instant::now();
        let shared = built
            .config
            .alpn_protocols
            .iter()
            .any(|own| hello.alpn.iter().any(|theirs| theirs.as_bytes() == own));
        let config = if shared { &built.config } else { &built.without_alpn };
        let handshake = TlsAcceptor::from(Arc::clone(config)).accept(stream);
        let stream = handshake.await.map_err(|error| HandshakeError::Failed(handshake_error(&error)))?;
        let handshake_micros = started.elapsed().as_micros() as u64;
        let sni = hello.server_name.clone();
        let facts = facts(stream.get_ref().1, built.loaded.identity(), sni, &hello.random);
        Ok(Accepted { stream, facts, handshake_micros })
    }

    fn current(&self) -> Result<Arc<Built>, HandshakeError> {
        let loaded = self.material.load().map_err(|NotReady(name)| HandshakeError::SecretMissing(name))?;
        if let Some(built) = self.built.load_full()
            && built.loaded.same(&loaded)
        {
            return Ok(built);
        }
        let config = self.build(&loaded).map_err(HandshakeError::Failed)?;
        let mut without_alpn = config.clone();
        without_alpn.alpn_protocols.clear();
        let (config, without_alpn) = (Arc::new(config), Arc::new(without_alpn));
        let built = Arc::new(Built { loaded, config, without_alpn });
        self.built.store(Some(Arc::clone(&built)));
        Ok(built)
    }

    fn build(&self, loaded: &Loaded) -> Result<ServerConfig, String> {
        let settings = &self.config.settings;
        let key = match loaded.identity.as_deref() {
            Some(Secret::Identity(identity)) => Arc::clone(&identity.key),
            _ => return Err("the secret for the certificate is not a certificate".into()),
        };
        let provider = Arc::new(CryptoProvider {
            cipher_suites: settings.ciphers.clone(),
            kx_groups: settings.groups.clone(),
            ..rustls::crypto::aws_lc_rs::default_provider()
        });
        let verifier = Verifier::new(self.material.validation(loaded)?, Arc::clone(&provider))
            .mandatory(self.config.require_client_certificate);
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&settings.versions)
            .map_err(|error| error.to_string())?
            .with_client_cert_verifier(Arc::new(verifier))
            .with_cert_resolver(Arc::new(rustls::sign::SingleCertAndKey::from(key)));
        config.alpn_protocols.clone_from(&settings.alpn);
        // A resumed session would skip verification: it could outlive the trust in its client's
        // root, or move between services.
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
        Ok(config)
    }
}
