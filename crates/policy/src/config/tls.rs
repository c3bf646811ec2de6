//! TLS contexts of both sides: versions, ciphers, ALPN, and which secrets they use.
//!
//! Secrets themselves are read in `secrets`; here they are only named, or carried along when they
//! are inline.

use std::sync::Arc;

use carrick_xds::FieldError;
use carrick_xds::pb::envoy::config::core::v3::TransportSocket;
use carrick_xds::pb::envoy::config::core::v3::transport_socket::ConfigType;
use carrick_xds::pb::envoy::extensions::transport_sockets::raw_buffer::v3::RawBuffer;
use carrick_xds::pb::envoy::extensions::transport_sockets::tls::v3::common_tls_context::{
    CombinedCertificateValidationContext, ValidationContextType,
};
use carrick_xds::pb::envoy::extensions::transport_sockets::tls::v3::downstream_tls_context::SessionTicketKeysType;
use carrick_xds::pb::envoy::extensions::transport_sockets::tls::v3::tls_parameters::TlsProtocol;
use carrick_xds::pb::envoy::extensions::transport_sockets::tls::v3::{
    CertificateValidationContext, CommonTlsContext, DownstreamTlsContext, SdsSecretConfig, TlsCertificate,
    TlsParameters, UpstreamTlsContext,
};
use prost_types::Any;
use rustls::crypto::{CryptoProvider, SupportedKxGroup};
use rustls::{NamedGroup, SupportedCipherSuite, SupportedProtocolVersion, version};

use super::refuse::refuse;
use super::source::Fetch;
use super::typed::{decode_if, type_name};

/// Protocols that are offered in a TLS handshake (RFC 7301).
pub type Alpn = Arc<[Vec<u8>]>;

/// A secret by name. Without a source it is one of the bootstrap's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedSecret {
    pub name: String,
    pub fetch: Option<Fetch>,
}

#[derive(Debug, Clone, PartialEq)]
pub enum CertificateRef {
    Inline(Box<TlsCertificate>),
    Named(NamedSecret),
}

/// What a peer's certificate is checked against: both parts together, if there are two.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ValidationRef {
    pub inline: Option<CertificateValidationContext>,
    /// Where in the common TLS context the inline part stands.
    pub place: &'static str,
    pub named: Option<NamedSecret>,
}

/// What both sides of TLS have in common.
#[derive(Debug, Clone)]
pub struct TlsSettings {
    pub certificate: Option<CertificateRef>,
    /// `None`: the peer's certificate is not looked at.
    pub validation: Option<ValidationRef>,
    pub alpn: Vec<Vec<u8>>,
    pub versions: Vec<&'static SupportedProtocolVersion>,
    pub ciphers: Vec<SupportedCipherSuite>,
    pub groups: Vec<&'static dyn SupportedKxGroup>,
}

#[derive(Debug, Clone)]
pub struct DownstreamTlsConfig {
    pub settings: TlsSettings,
    pub require_client_certificate: bool,
}

#[derive(Debug, Clone)]
pub struct UpstreamTlsConfig {
    pub settings: TlsSettings,
    /// Empty: no SNI is sent, unless `auto_sni`.
    pub sni: String,
    /// The SNI is the request's authority.
    pub auto_sni: bool,
    /// The peer's certificate must be for the name that was sent as SNI.
    pub auto_san_validation: bool,
}

/// `None` for plain text.
pub fn downstream(pb: Option<&TransportSocket>) -> Result<Option<DownstreamTlsConfig>, FieldError> {
    let convert = |any: &Any| match decode_if::<DownstreamTlsContext>(any)? {
        Some(pb) => DownstreamTlsConfig::from_proto(&pb),
        None => Err(FieldError::new("", format!("a listener cannot use {}", type_name(any)))),
    };
    let config = typed(pb)?.map(convert).transpose();
    config.map_err(|error| error.within("typed_config"))
}

/// `None` for plain text.
pub fn upstream(pb: Option<&TransportSocket>) -> Result<Option<UpstreamTlsConfig>, FieldError> {
    let convert = |any: &Any| match decode_if::<UpstreamTlsContext>(any)? {
        Some(pb) => UpstreamTlsConfig::from_proto(&pb),
        None => Err(FieldError::new("", format!("a cluster cannot use {}", type_name(any)))),
    };
    let config = typed(pb)?.map(convert).transpose();
    config.map_err(|error| error.within("typed_config"))
}

/// `None` for plain text.
fn typed(pb: Option<&TransportSocket>) -> Result<Option<&Any>, FieldError> {
    let Some(TransportSocket { name, config_type }) = pb else { return Ok(None) };
    match config_type {
        Some(ConfigType::TypedConfig(any)) => match decode_if(any).map_err(|e| e.within("typed_config"))? {
            Some(RawBuffer {}) => Ok(None),
            None => Ok(Some(any)),
        },
        None if name == "envoy.transport_sockets.raw_buffer" => Ok(None),
        None => Err(FieldError::new("typed_config", format!("is required for transport socket {name:?}"))),
    }
}

impl DownstreamTlsConfig {
    fn from_proto(pb: &DownstreamTlsContext) -> Result<Self, FieldError> {
        let DownstreamTlsContext {
            common_tls_context,
            require_client_certificate,
            require_sni,
            // Sessions are resumed by tickets, which last as long as rustls lets them.
            disable_stateful_session_resumption: _,
            session_timeout: _,
            // A certificate with an OCSP staple is refused.
            ocsp_staple_policy: _,
            // A context has one certificate.
            full_scan_certs_on_sni_mismatch: _,
            prefer_client_ciphers,
            session_ticket_keys_type,
        } = pb;
        refuse!(require_sni, prefer_client_ciphers);
        match session_ticket_keys_type {
            Some(SessionTicketKeysType::DisableStatelessSessionResumption(_)) | None => {}
            Some(SessionTicketKeysType::SessionTicketKeys(_)) => {
                return Err(FieldError::new("session_ticket_keys", "is not implemented"));
            }
            Some(SessionTicketKeysType::SessionTicketKeysSdsSecretConfig(_)) => {
                return Err(FieldError::new("session_ticket_keys_sds_secret_config", "is not implemented"));
            }
        }
        let settings = TlsSettings::from_proto(common_tls_context.as_ref())
            .map_err(|error| error.within("common_tls_context"))?;
        if settings.certificate.is_none() {
            return Err(FieldError::new("common_tls_context", "a listener's TLS needs a certificate"));
        }
        let require_client_certificate = require_client_certificate.unwrap_or(false);
        if require_client_certificate && settings.validation.is_none() {
            return Err(FieldError::new(
                "require_client_certificate",
                "there is no validation context to verify it with; add one with a trusted_ca",
            ));
        }
        Ok(Self { settings, require_client_certificate })
    }
}

impl UpstreamTlsConfig {
    fn from_proto(pb: &UpstreamTlsContext) -> Result<Self, FieldError> {
        let UpstreamTlsContext {
            common_tls_context,
            sni,
            auto_host_sni,
            auto_sni_san_validation,
            allow_renegotiation,
            // How many sessions are kept for resumption is for rustls to say, which never lets a
            // key be used for what it is not for.
            max_session_keys: _,
            enforce_rsa_key_usage: _,
        } = pb;
        refuse!(allow_renegotiation);
        let settings = TlsSettings::from_proto(common_tls_context.as_ref())
            .map_err(|error| error.within("common_tls_context"))?;
        if sni.len() > 255 {
            return Err(FieldError::new("sni", "is longer than 255 bytes"));
        }
        Ok(Self {
            settings,
            sni: sni.clone(),
            auto_sni: *auto_host_sni,
            auto_san_validation: *auto_sni_san_validation,
        })
    }
}

impl TlsSettings {
    fn from_proto(pb: Option<&CommonTlsContext>) -> Result<Self, FieldError> {
        let absent = CommonTlsContext::default();
        let pb = pb.unwrap_or(&absent);
        let CommonTlsContext {
            tls_params,
            tls_certificates,
            tls_certificate_sds_secret_configs,
            tls_certificate_provider_instance,
            custom_tls_certificate_selector,
            tls_certificate_certificate_provider,
            tls_certificate_certificate_provider_instance,
            alpn_protocols,
            custom_handshaker,
            key_log,
            validation_context_type,
        } = pb;
        refuse!(
            tls_certificate_provider_instance,
            custom_tls_certificate_selector,
            custom_handshaker,
            key_log
        );
        refuse!(tls_certificate_certificate_provider, tls_certificate_certificate_provider_instance);
        let parameters = tls_params.clone().unwrap_or_default();
        let provider = rustls::crypto::aws_lc_rs::default_provider();
        Ok(Self {
            certificate: certificate(tls_certificates, tls_certificate_sds_secret_configs)?,
            validation: validation(validation_context_type.as_ref())?,
            alpn: alpn_protocols.iter().map(|name| name.clone().into_bytes()).collect(),
            versions: versions(&parameters).map_err(|error| error.within("tls_params"))?,
            ciphers: ciphers(&parameters, &provider).map_err(|error| error.within("tls_params"))?,
            groups: groups(&parameters, &provider).map_err(|error| error.within("tls_params"))?,
        })
    }
}

impl TlsSettings {
    /// What is to be fetched before handshakes can begin.
    pub fn fetches(&self) -> impl Iterator<Item = &Fetch> {
        let certificate = match self.certificate.as_ref() {
            Some(CertificateRef::Named(named)) => Some(named),
            _ => None,
        };
        let validation = self.validation.as_ref().and_then(|validation| validation.named.as_ref());
        certificate.into_iter().chain(validation).filter_map(|named| named.fetch.as_ref())
    }
}

fn certificate(
    inline: &[TlsCertificate],
    named: &[SdsSecretConfig],
) -> Result<Option<CertificateRef>, FieldError> {
    match (inline, named) {
        ([], []) => Ok(None),
        ([inline], []) => Ok(Some(CertificateRef::Inline(Box::new(inline.clone())))),
        ([], [sds]) => NamedSecret::from_proto(sds)
            .map(|named| Some(CertificateRef::Named(named)))
            .map_err(|error| error.within("tls_certificate_sds_secret_configs[0]")),
        _ => Err(FieldError::new("tls_certificates", "more than one certificate is not implemented")),
    }
}

impl NamedSecret {
    fn from_proto(pb: &SdsSecretConfig) -> Result<Self, FieldError> {
        let SdsSecretConfig { name, sds_config } = pb;
        if name.is_empty() {
            return Err(FieldError::new("name", "is required"));
        }
        let fetch = sds_config.as_ref().map(|source| Fetch::from_proto(Some(source))).transpose();
        Ok(Self { name: name.clone(), fetch: fetch.map_err(|error| error.within("sds_config"))? })
    }
}

fn validation(pb: Option<&ValidationContextType>) -> Result<Option<ValidationRef>, FieldError> {
    let named = |pb: Option<&SdsSecretConfig>, field: &str| {
        pb.map(NamedSecret::from_proto).transpose().map_err(|error| error.within(field))
    };
    let provider = |field: &str| Err(FieldError::new(field, "is not implemented; use SDS"));
    match pb {
        None => Ok(None),
        Some(ValidationContextType::ValidationContext(inline)) => {
            let inline = Some(inline.clone());
            Ok(Some(ValidationRef { inline, place: "validation_context", named: None }))
        }
        Some(ValidationContextType::ValidationContextSdsSecretConfig(sds)) => {
            let named = named(Some(sds), "validation_context_sds_secret_config")?;
            Ok(Some(ValidationRef { named, ..ValidationRef::default() }))
        }
        Some(ValidationContextType::CombinedValidationContext(both)) => {
            combined(both).map(Some).map_err(|error| error.within("combined_validation_context"))
        }
        Some(ValidationContextType::ValidationContextCertificateProvider(_)) => {
            provider("validation_context_certificate_provider")
        }
        Some(ValidationContextType::ValidationContextCertificateProviderInstance(_)) => {
            provider("validation_context_certificate_provider_instance")
        }
    }
}

fn combined(pb: &CombinedCertificateValidationContext) -> Result<ValidationRef, FieldError> {
    let CombinedCertificateValidationContext {
        default_validation_context,
        validation_context_sds_secret_config,
        validation_context_certificate_provider,
        validation_context_certificate_provider_instance,
    } = pb;
    refuse!(validation_context_certificate_provider, validation_context_certificate_provider_instance);
    let named = validation_context_sds_secret_config.as_ref().map(NamedSecret::from_proto).transpose();
    Ok(ValidationRef {
        inline: default_validation_context.clone(),
        place: "combined_validation_context.default_validation_context",
        named: named.map_err(|error| error.within("validation_context_sds_secret_config"))?,
    })
}

fn versions(pb: &TlsParameters) -> Result<Vec<&'static SupportedProtocolVersion>, FieldError> {
    let TlsParameters {
        tls_minimum_protocol_version: _,
        tls_maximum_protocol_version: _,
        // Read below.
        cipher_suites: _,
        ecdh_curves: _,
        signature_algorithms,
        compliance_policies,
    } = pb;
    refuse!(signature_algorithms, compliance_policies);
    let lowest = match pb.tls_minimum_protocol_version() {
        TlsProtocol::TlsAuto | TlsProtocol::TlSv12 => 2,
        TlsProtocol::TlSv13 => 3,
        older => {
            let name = older.as_str_name();
            let reason = format!("{name} is not implemented; TLSv1_2 is the oldest");
            return Err(FieldError::new("tls_minimum_protocol_version", reason));
        }
    };
    let highest = match pb.tls_maximum_protocol_version() {
        TlsProtocol::TlsAuto | TlsProtocol::TlSv13 => 3,
        TlsProtocol::TlSv12 => 2,
        _ => 1,
    };
    if highest < lowest {
        return Err(FieldError::new("tls_maximum_protocol_version", "is below the lowest version possible"));
    }
    let all = [(2, &version::TLS12), (3, &version::TLS13)];
    Ok(all.into_iter().filter(|(n, _)| (lowest..=highest).contains(n)).map(|(_, version)| version).collect())
}

/// BoringSSL's names of the TLS 1.2 ciphers that rustls has. TLS 1.3 ciphers cannot be configured,
/// as in Envoy.
const CIPHERS: [(&str, rustls::CipherSuite); 6] = [
    ("ECDHE-ECDSA-AES128-GCM-SHA256", rustls::CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256),
    ("ECDHE-RSA-AES128-GCM-SHA256", rustls::CipherSuite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256),
    ("ECDHE-ECDSA-AES256-GCM-SHA384", rustls::CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384),
    ("ECDHE-RSA-AES256-GCM-SHA384", rustls::CipherSuite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384),
    ("ECDHE-ECDSA-CHACHA20-POLY1305", rustls::CipherSuite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256),
    ("ECDHE-RSA-CHACHA20-POLY1305", rustls::CipherSuite::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256),
];

/// The listed ciphers that rustls has, in the listed order. Others (CBC and RSA key exchange) are
/// left out, which only narrows what is agreed on; a list of nothing else is refused.
fn ciphers(pb: &TlsParameters, provider: &CryptoProvider) -> Result<Vec<SupportedCipherSuite>, FieldError> {
    if pb.cipher_suites.is_empty() {
        return Ok(provider.cipher_suites.clone());
    }
    let all = &provider.cipher_suites;
    let mut suites: Vec<_> = all.iter().copied().filter(|suite| suite.tls13().is_some()).collect();
    let of_tls13 = suites.len();
    // `[A|B]` are ciphers of equal preference.
    let names = pb.cipher_suites.iter().flat_map(|names| names.split(['[', '|', ']']));
    for name in names {
        let known = CIPHERS.iter().find(|(boring, _)| *boring == name);
        let suite = known.and_then(|(_, id)| all.iter().find(|suite| suite.suite() == *id));
        suites.extend(suite.copied());
    }
    if suites.len() == of_tls13 {
        let reason = "none of these is implemented; use for example ECDHE-ECDSA-AES256-GCM-SHA384";
        return Err(FieldError::new("cipher_suites", reason));
    }
    Ok(suites)
}

fn groups(
    pb: &TlsParameters,
    provider: &CryptoProvider,
) -> Result<Vec<&'static dyn SupportedKxGroup>, FieldError> {
    if pb.ecdh_curves.is_empty() {
        return Ok(provider.kx_groups.clone());
    }
    let wanted = pb.ecdh_curves.iter().flat_map(|names| names.split(':')).filter_map(|name| {
        let group = match name {
            "X25519MLKEM768" => NamedGroup::X25519MLKEM768,
            "X25519" => NamedGroup::X25519,
            "P-256" => NamedGroup::secp256r1,
            "P-384" => NamedGroup::secp384r1,
            _ => return None,
        };
        provider.kx_groups.iter().copied().find(|known| known.name() == group)
    });
    let groups: Vec<_> = wanted.collect();
    if groups.is_empty() {
        let reason = "none of these is implemented; use X25519MLKEM768, X25519, P-256 or P-384";
        return Err(FieldError::new("ecdh_curves", reason));
    }
    Ok(groups)
}
