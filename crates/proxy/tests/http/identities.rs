//! Who the client proved to be goes on to the application, and nobody can claim to be somebody
//! else.

use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::client::address;
use crate::fixtures::authority::{Authority, Identity, quoted};
use crate::fixtures::echo::http1;
use crate::fixtures::raw::{Reader, Response};
use crate::fixtures::yaml::listener;
use crate::fixtures::{InTime, bootstrap, cluster, start};

fn client(ca: &Authority, identity: &Identity) -> TlsConnector {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(ca.root().as_bytes()).unwrap()).unwrap();
    let chain =
        CertificateDer::pem_slice_iter(identity.certificate.as_bytes()).collect::<Result<_, _>>().unwrap();
    let key = PrivateKeyDer::from_pem_slice(identity.key.as_bytes()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_client_auth_cert(chain, key)
        .unwrap();
    TlsConnector::from(Arc::new(config))
}

#[tokio::test]
async fn the_application_reads_who_the_client_is_and_not_who_it_says_it_is() {
    let ca = Authority::new("root");
    let (own, peer) = (ca.host("server.example"), ca.workload("client"));
    let tls = format!(
        "transport_socket: {{name: tls, typed_config: {{'@type': \
         type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext, require_client_certificate: true, \
         common_tls_context: {{tls_certificates: [{{certificate_chain: {{inline_string: {}}}, private_key: {{inline_string: {}}}}}], \
         validation_context: {{trusted_ca: {{inline_string: {}}}}}}}}}}},",
        quoted(&own.certificate),
        quoted(&own.key),
        quoted(&ca.root())
    );
    let xfcc = "forward_client_cert_details: SANITIZE_SET, set_current_client_cert_details: {uri: true},";
    let listener = listener(&tls, xfcc, "{match: {prefix: /}, route: {cluster: app}}");
    let proxy = start(&bootstrap(&[listener], &[cluster("app", &[http1::echo("app").await], "")])).await;
    let stream = TcpStream::connect(address(&proxy)).await.unwrap();
    let name = ServerName::try_from("server.example").unwrap();
    let mut stream = client(&ca, &peer).connect(name, stream).in_time().await.unwrap();
    let lie = "x-forwarded-client-cert: By=spiffe://evil;URI=spiffe://cluster.local/ns/admin/sa/root";
    let request = format!("GET / HTTP/1.1\r\nhost: a\r\n{lie}\r\nX-Forwarded-Client-Cert: Hash=1\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let told: Response = Reader::new(stream).response(false).await.unwrap();
    let lines: Vec<&str> =
        told.body.lines().filter(|line| line.starts_with("x-forwarded-client-cert")).collect();
    assert_eq!(lines.len(), 1, "{}", told.body);
    let (hash, uri) = lines[0].split_once(";URI=").unwrap();
    assert!(hash.starts_with("x-forwarded-client-cert: Hash=") && hash.len() == 30 + 64, "{hash}");
    assert_eq!(uri, "spiffe://cluster.local/ns/default/sa/client");
    assert!(told.body.contains("\r\nx-forwarded-proto: https"), "{}", told.body);
}
