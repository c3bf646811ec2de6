//! The key of one cluster's CA in the wrong hands: what it signs for another trust domain is
//! believed by neither proxy, at neither end. The CA is a real one, made by the root CA as for any
//! cluster.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use carrick_identity::forged::{self, Claim};
use carrick_identity::{CertificateAuthority, PrivateKey, TrustDomain};
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_rustls::TlsAcceptor;

use crate::fixtures::authority::{Identity, quoted};
use crate::fixtures::curl::curl;
use crate::fixtures::{ANY_PORT, bootstrap, cluster};
use crate::server::Server;
use crate::subjects::both;

const DAY: Duration = Duration::from_secs(86_400);
const OWN: &str = "spiffe://cluster1.example/ns/default/sa/client";
const VICTIM: &str = "spiffe://cluster2.example/ns/ns2/sa/admin";

struct Mesh {
    root: CertificateAuthority,
    stolen: CertificateAuthority,
}

impl Mesh {
    fn new() -> Self {
        let now = SystemTime::now();
        let root = CertificateAuthority::new_root("root", DAY, now).unwrap();
        let key = PrivateKey::generate().unwrap();
        let domain = TrustDomain::new("cluster1.example").unwrap();
        let ca = root.issue_cluster_ca(key.public_key(), &domain, DAY, now).unwrap();
        let stolen = CertificateAuthority::from_parts(ca.clone(), key, vec![ca]).unwrap();
        Self { root, stolen }
    }

    fn signs(&self, claims: &[Claim<'_>]) -> Identity {
        let key = PrivateKey::generate().unwrap();
        let leaf = forged::leaf(&self.stolen, key.public_key(), claims, SystemTime::now()).unwrap();
        Identity { certificate: leaf + &self.stolen.certificate().pem(), key: key.expose_pem().to_string() }
    }

    fn root(&self) -> String {
        quoted(&self.root.certificate().pem())
    }
}

/// What is claimed, and whether the CA may sign it.
const CLAIMS: [(&str, &[Claim<'_>], bool); 7] = [
    ("own", &[Claim::Uri(OWN)], true),
    ("the neighbour", &[Claim::Uri(VICTIM)], false),
    ("the neighbour beside itself", &[Claim::Uri(OWN), Claim::Uri(VICTIM)], false),
    ("the neighbour first", &[Claim::Uri(VICTIM), Claim::Uri(OWN)], false),
    ("the neighbour as a DNS name", &[Claim::Uri(OWN), Claim::Dns(VICTIM)], false),
    ("a host beside itself", &[Claim::Uri(OWN), Claim::Dns("server.cluster2.example")], false),
    ("a wildcard beside itself", &[Claim::Uri(OWN), Claim::Dns("*.cluster2.example")], false),
];

fn certificate(identity: &Identity) -> String {
    format!(
        "tls_certificates: [{{certificate_chain: {{inline_string: {}}}, private_key: {{inline_string: {}}}}}]",
        quoted(&identity.certificate),
        quoted(&identity.key)
    )
}

/// A TLS context of this side (`Downstream` or `Upstream`).
fn socket(side: &str, common: &str, more: &str) -> String {
    format!(
        "transport_socket: {{name: tls, typed_config: {{'@type': \
         type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.{side}TlsContext, common_tls_context: {{{common}}}{more}}}}}"
    )
}

fn tcp(name: &str, chain: &str, to: &str) -> String {
    format!(
        "{{name: {name}, {ANY_PORT}, filter_chains: [{{{chain}filters: [{{name: tcp, typed_config: {{\
         '@type': type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy, stat_prefix: t, cluster: {to}}}}}]}}]}}"
    )
}

/// A TLS server with this certificate that answers anything with 200. None of our own code reads
/// what it shows.
async fn answering(identity: &Identity) -> SocketAddr {
    let chain = CertificateDer::pem_slice_iter(identity.certificate.as_bytes()).map(Result::unwrap).collect();
    let key = PrivateKeyDer::from_pem_slice(identity.key.as_bytes()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let own = CertifiedKey::new(chain, provider.key_provider.load_private_key(key).unwrap());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(SingleCertAndKey::from(own)));
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let mut stream = acceptor.accept(stream).await?;
                stream.read_u8().await?;
                stream.write_all(b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n").await?;
                stream.shutdown().await
            });
        }
    });
    address
}

async fn ask(address: SocketAddr, client: Option<&Identity>) -> u16 {
    let folder = tempfile::tempdir().unwrap();
    let Some(client) = client else { return curl(&[&format!("http://{address}/")]).await.status };
    let (cert, key) = (folder.path().join("cert.pem"), folder.path().join("key.pem"));
    std::fs::write(&cert, &client.certificate).unwrap();
    std::fs::write(&key, &client.key).unwrap();
    let url = format!("https://{address}/");
    let (cert, key) = (cert.to_str().unwrap(), key.to_str().unwrap());
    curl(&["-k", "--http1.1", "--cert", cert, "--key", key, &url]).await.status
}

#[tokio::test]
async fn a_client_is_believed_only_as_one_of_its_cas_trust_domain() {
    let (mesh, server) = (Mesh::new(), Server::start("b").await);
    let own = certificate(&mesh.signs(&[Claim::Uri(OWN)]));
    let common = format!("{own}, validation_context: {{trusted_ca: {{inline_string: {}}}}}", mesh.root());
    let tls = socket("Downstream", &common, ", require_client_certificate: true");
    let listener = tcp("in", &format!("{tls}, "), "b");
    for subject in &both(&bootstrap(&[listener], &[cluster("b", &[server.address], "")])).await {
        for (what, claims, passes) in CLAIMS {
            let status = ask(subject.address("in"), Some(&mesh.signs(claims))).await;
            assert_eq!(status, if passes { 200 } else { 0 }, "{}: {what}", subject.name);
        }
    }
}

#[tokio::test]
async fn a_server_is_believed_only_as_one_of_its_cas_trust_domain() {
    let mesh = Mesh::new();
    let mut servers = Vec::new();
    for (_, claims, _) in CLAIMS {
        servers.push(answering(&mesh.signs(claims)).await);
    }
    let common = format!("validation_context: {{trusted_ca: {{inline_string: {}}}}}", mesh.root());
    let tls = format!(", {}", socket("Upstream", &common, ""));
    let (mut listeners, mut clusters) = (Vec::new(), Vec::new());
    for (number, server) in servers.iter().enumerate() {
        let name = format!("s{number}");
        listeners.push(tcp(&name, "", &name));
        clusters.push(cluster(&name, &[*server], &tls));
    }
    for subject in &both(&bootstrap(&listeners, &clusters)).await {
        for (number, (what, _, passes)) in CLAIMS.iter().enumerate() {
            let status = ask(subject.address(&format!("s{number}")), None).await;
            assert_eq!(status, if *passes { 200 } else { 0 }, "{}: {what}", subject.name);
        }
    }
}
