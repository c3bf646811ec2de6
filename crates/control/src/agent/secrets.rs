//! SDS secrets by Istio's names: `default`, `ROOTCA`, `file-cert:CHAIN~KEY`, `file-root:ROOTS`.
//!
//! Files under `/etc/certs` stand for the workload's own certificate, since that is what Istio
//! mounted there. It must not know how secrets reach the proxy.

use std::path::Path;

use carrick_xds::pb::envoy::config::core::v3::{DataSource, data_source::Specifier};
use carrick_xds::pb::envoy::extensions::transport_sockets::tls::v3::{
    CertificateValidationContext, Secret, TlsCertificate, secret::Type,
};

use super::svid::Svid;
use crate::files;

/// Where Istio mounted each workload's certificate before SDS.
const OWN_CERTIFICATES: &str = "/etc/certs";
/// The system's roots, for servers outside of the mesh (Debian's, then Red Hat's place).
const SYSTEM_ROOTS: [&str; 2] = ["/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt"];

/// The secret of that name, or why there is none.
pub fn find(name: &str, svid: &Svid) -> Result<Secret, String> {
    let secret = if name == "default" {
        own_certificate(svid)
    } else if name == "ROOTCA" {
        roots(svid.roots_pem.clone())
    } else if let Some(files) = name.strip_prefix("file-cert:") {
        let (chain, key) = files.split_once('~').ok_or("the name is not of the form file-cert:CHAIN~KEY")?;
        match is_own(chain) && is_own(key) {
            true => own_certificate(svid),
            false => certificate(read(chain)?, read(key)?),
        }
    } else if name == "file-root:system" {
        roots(
            SYSTEM_ROOTS
                .iter()
                .find_map(|path| read(path).ok())
                .ok_or("this system has no bundle of public roots")?,
        )
    } else if let Some(file) = name.strip_prefix("file-root:") {
        match is_own(file) {
            true => roots(svid.roots_pem.clone()),
            false => roots(read(file)?),
        }
    } else {
        return Err("this agent knows default, ROOTCA, file-cert: and file-root:".into());
    };
    Ok(Secret { name: name.into(), r#type: Some(secret) })
}

fn is_own(path: &str) -> bool {
    Path::new(path).parent() == Some(Path::new(OWN_CERTIFICATES)) && !Path::new(path).exists()
}

fn read(path: &str) -> Result<String, String> {
    files::read(Path::new(path)).map_err(|error| error.to_string())
}

fn own_certificate(svid: &Svid) -> Type {
    certificate(svid.chain_pem.clone(), svid.key_pem.clone())
}

fn certificate(chain: String, key: String) -> Type {
    Type::TlsCertificate(TlsCertificate {
        certificate_chain: Some(inline(chain)),
        private_key: Some(inline(key)),
        ..Default::default()
    })
}

fn roots(pem: String) -> Type {
    Type::ValidationContext(CertificateValidationContext {
        trusted_ca: Some(inline(pem)),
        ..Default::default()
    })
}

fn inline(text: String) -> DataSource {
    DataSource { specifier: Some(Specifier::InlineBytes(text.into_bytes())), ..Default::default() }
}

#[cfg(test)]
mod tests;
