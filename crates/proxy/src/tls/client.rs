//! The client's side: a cluster's TLS context as a rustls configuration, and the handshake.

use std::net::Ipv4Addr;
use std::sync::Arc;

use arc_swap::ArcSwapOption;
use carrick_policy::config::tls::UpstreamTlsConfig;
use carrick_policy::connection::TlsFacts;
use carrick_policy::secret::Secret;
use carrick_policy::tls::verify::{Verifier, handshake_error};
use carrick_xds::FieldError;
use rustls::client::{ResolvesClientCert, Resumption};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::ServerName;
use rustls::sign::CertifiedKey;
use rustls::{ClientConfig, SignatureScheme};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::facts::facts;
use super::sniff::Sniffed;
use super::{HandshakeError, Loaded, Material, NotReady};
use crate::secrets::Secrets;
use crate::socket::Socket;

/// One upstream TLS context. Follows its secrets: each handshake uses the newest.
#[derive(Debug)]
pub(crate) struct ClientTls {
    config: UpstreamTlsConfig,
    material: Material,
    built: ArcSwapOption<Built>,
}

#[derive(Debug)]
struct Built {
    loaded: Loaded,
    config: Arc<ClientConfig>,
}

/// A connection after its handshake.
pub(crate) struct Connected {
    pub stream: UpstreamTls,
    pub facts: TlsFacts,
}

pub(crate) type UpstreamTls = TlsStream<Sniffed>;

/// The socket below a TLS stream.
pub(crate) fn socket_of(stream: &UpstreamTls) -> &Socket {
    stream.get_ref().0.socket()
}

impl ClientTls {
    pub fn new(config: UpstreamTlsConfig, secrets: &Secrets) -> Result<Self, FieldError> {
        let material =
            Material::new(&config.settings, secrets).map_err(|e| e.within("common_tls_context"))?;
        Ok(Self { config, material, built: ArcSwapOption::empty() })
    }

    pub fn is_ready(&self) -> bool {
        self.material.load().is_ok()
    }

    /// `authority` is the request's, for `auto_sni`; `alpn` replaces the context's list.
    pub async fn connect(
        &self,
        socket: Socket,
        authority: Option<&str>,
        alpn: Option<&[Vec<u8>]>,
    ) -> Result<Connected, HandshakeError> {
        let built = self.current()?;
        let sni = self.sni(authority);
        let name = match &sni {
            Some(sni) => ServerName::try_from(sni.clone())
                .map_err(|_| HandshakeError::Failed(format!("{sni:?} cannot be sent as SNI")))?,
            // Not sent: rustls leaves IP addresses out of the ClientHello.
            None => ServerName::IpAddress(Ipv4Addr::UNSPECIFIED.into()),
        };
        let connector = TlsConnector::from(Arc::clone(&built.config));
        let socket = Sniffed::new(socket);
        let stream = match alpn {
            Some(alpn) => connector.with_alpn(alpn.to_vec()).connect(name, socket).await,
            None => connector.connect(name, socket).await,
        };
        let stream = stream.map_err(|error| HandshakeError::Failed(handshake_error(&error)))?;
        let (sniffed, state) = stream.get_ref();
        let facts = facts(state, built.loaded.identity(), sni, &sniffed.random());
        Ok(Connected { stream, facts })
    }

    fn sni(&self, authority: Option<&str>) -> Option<String> {
        let automatic = || authority.filter(|_| self.config.auto_sni).map(without_port);
        // Envoy lets a configured SNI give way to an automatic one.
        automatic().or(Some(self.config.sni.as_str())).filter(|sni| !sni.is_empty()).map(str::to_owned)
    }

    fn current(&self) -> Result<Arc<Built>, HandshakeError> {
        let loaded = self.material.load().map_err(|NotReady(name)| HandshakeError::SecretMissing(name))?;
        if let Some(built) = self.built.load_full()
            && built.loaded.same(&loaded)
        {
            return Ok(built);
        }
        let config = self.build(&loaded).map_err(HandshakeError::Failed)?;
        let built = Arc::new(Built { loaded, config: Arc::new(config) });
        self.built.store(Some(Arc::clone(&built)));
        Ok(built)
    }

    fn build(&self, loaded: &Loaded) -> Result<ClientConfig, String> {
        let settings = &self.config.settings;
        let provider = Arc::new(CryptoProvider {
            cipher_suites: settings.ciphers.clone(),
            kx_groups: settings.groups.clone(),
            ..rustls::crypto::aws_lc_rs::default_provider()
        });
        let verifier = Verifier::new(self.material.validation(loaded)?, Arc::clone(&provider))
            .match_server_name(self.config.auto_san_validation);
        let builder = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&settings.versions)
            .map_err(|error| error.to_string())?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier));
        let mut config = match loaded.identity.as_deref() {
            None => builder.with_no_client_auth(),
            Some(Secret::Identity(identity)) => {
                builder.with_client_cert_resolver(Arc::new(OwnCertificate(Arc::clone(&identity.key))))
            }
            Some(Secret::Validation(_)) => {
                return Err("the secret for the certificate is a validation context".into());
            }
        };
        config.alpn_protocols.clone_from(&settings.alpn);
        // As on the server's side: every connection verifies its peer anew.
        config.resumption = Resumption::disabled();
        Ok(config)
    }
}

/// The one certificate that we have, whichever issuers the server names.
#[derive(Debug)]
struct OwnCertificate(Arc<CertifiedKey>);

impl ResolvesClientCert for OwnCertificate {
    fn resolve(&self, _issuers: &[&[u8]], schemes: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        self.0.key.choose_scheme(schemes).map(|_| Arc::clone(&self.0))
    }

    fn has_certs(&self) -> bool {
        true
    }
}

/// An authority without its port; brackets of IPv6 literals are gone too.
fn without_port(authority: &str) -> &str {
    if let Some(rest) = authority.strip_prefix('[') {
        return rest.split(']').next().unwrap_or(rest);
    }
    authority.rsplit_once(':').map_or(authority, |(host, _)| host)
}
