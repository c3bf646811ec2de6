//! Outsiders at a cluster's door: what a passthrough gateway cannot ask, the sidecar behind it
//! asks, whatever the port's mode; and nobody is answered in another server's name. With Carrick's
//! proxy there, and with Envoy.

use std::io::{Read, Write};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use carrick_identity::forged::{self, Claim};
use carrick_identity::{CertificateAuthority, PrivateKey};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, StreamOwned};

use crate::fixtures::{Running, URL};
use crate::hostile::{AnyServer, Wire, answer_starts, client};

/// An HTTP port and a TCP port, which here has HTTP in it too, so that there is an answer.
const HTTP: &str = "server.ns2.svc.cluster.global";
const BYTES: &str = "bytes.server.ns2.svc.cluster.global";
/// A stranger may say so; nobody in cluster2 vouches for it.
const CLAIM: &str =
    "By=spiffe://cluster2.example/ns/ns2/sa/server;URI=spiffe://cluster2.example/ns/ns2/sa/admin";

/// Istio's default where nobody writes a PeerAuthentication, and a second exposed port, of which is
/// only known that it is TCP.
fn lenient(folder: &Path) {
    let edit = |file: &str, from: &str, to: &str| {
        let path = folder.join("cluster2").join(file);
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.contains(from), "{file} has no {from:?}");
        std::fs::write(&path, text.replacen(from, to, 1)).unwrap();
    };
    edit("expose-server.yaml", "mode: STRICT", "mode: PERMISSIVE");
    edit(
        "server.yaml",
        "    name: http\n",
        "    name: http\n  - port: 9090\n    targetPort: 9090\n    name: tcp\n",
    );
    edit("server.yaml", "\"--port\", \"8080\",", "\"--port\", \"8080\", \"--port\", \"9090\",");
    edit(
        "expose-server.yaml",
        "    - server.ns2.svc.cluster.global\n",
        &format!("    - {HTTP}\n    - {BYTES}\n"),
    );
    edit("expose-server.yaml", "  hosts:\n  - server", &format!("  hosts:\n  - {BYTES}\n  - server"));
    let route = format!(
        "  tls:\n  - match: [{{ port: 80, sniHosts: [{BYTES}] }}]\n    route:\n    - destination:\n        \
         host: server.ns2.svc.cluster.local\n        subset: notls\n        port: {{ number: 9090 }}\n  - match:\n"
    );
    edit("expose-server.yaml", "  tls:\n  - match:\n", &route);
}

/// What comes back for this request over TLS, and how the connection ended.
fn asked(running: &Running, config: ClientConfig, sni: &str, header: &str) -> (String, Option<String>) {
    let name = ServerName::try_from(sni.to_owned()).unwrap();
    let connection = ClientConnection::new(Arc::new(config), name).unwrap();
    let mut stream = StreamOwned::new(connection, Wire::open(running, false));
    let mut answer = Vec::new();
    let request = format!("GET / HTTP/1.1\r\nhost: {HTTP}\r\n{header}connection: close\r\n\r\n");
    let ended = stream.write_all(request.as_bytes()).and_then(|()| stream.read_to_end(&mut answer));
    (String::from_utf8_lossy(&answer).into_owned(), ended.err().map(|error| error.to_string()))
}

/// Speaks TLS, with or without the mesh's protocols, and shows nothing.
fn nobody(alpn: &[&str]) -> ClientConfig {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(AnyServer))
        .with_no_client_auth();
    config.alpn_protocols = alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
    config
}

fn a_certificate_is_asked_for_and_claims_end(options: &[&str]) {
    let running = Running::start(options, lenient);
    assert!(running.curl(URL).out.ends_with("\n200"), "{}", running.said());
    for sni in [HTTP, BYTES] {
        let mut own = client(&running);
        for alpn in [true, false] {
            if !alpn {
                own.alpn_protocols.clear();
            }
            let (answer, ended) = asked(&running, own.clone(), sni, "");
            assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{sni} {alpn}: {answer} {ended:?}");
        }
        // A sidecar that passes TLS on gives these bytes to the application, which answers them in
        // plain text. One that ends it says ServerHello, and then asks.
        assert_eq!(answer_starts(&running, sni.as_bytes()), Some(0x16), "{sni}");
        for alpn in [&[][..], &["http/1.1"], &["istio"], &["istio-http/1.1", "istio"]] {
            let (answer, ended) = asked(&running, nobody(alpn), sni, "");
            assert_eq!(answer, "", "{sni} {alpn:?}");
            let ended = ended.unwrap_or_default();
            assert!(ended.contains("CertificateRequired"), "{sni} {alpn:?}: {ended}");
        }
    }

    // Who the client is, the application learns; whom the client says that it speaks for, it does
    // not.
    let header = format!("x-forwarded-client-cert: {CLAIM}\r\n");
    let (answer, _) = asked(&running, client(&running), HTTP, &header);
    assert!(answer.contains("URI=spiffe://cluster1.example/ns/default/sa/client"), "{answer}");
    assert!(!answer.contains("admin"), "{answer}");
}

#[test]
fn a_permissive_port_behind_a_passthrough_gateway_asks_for_a_certificate() {
    a_certificate_is_asked_for_and_claims_end(&[]);
}

#[test]
fn an_envoy_at_a_permissive_port_asks_for_a_certificate_too() {
    std::env::var("CARRICK_ENVOY").expect("CARRICK_ENVOY names Envoy 1.40; scripts/test sets it");
    a_certificate_is_asked_for_and_claims_end(&["--envoy", "cluster2/sidecar"]);
}

/// A file for cluster2: two HTTPS servers of one port of its ingress gateway, for two companies.
fn two_companies(folder: &Path) {
    let now = SystemTime::now();
    let ca = CertificateAuthority::new_root("companies", Duration::from_secs(86_400), now).unwrap();
    let mut text = String::new();
    for name in ["shop", "bank"] {
        let (key, host) = (PrivateKey::generate().unwrap(), format!("{name}.example"));
        let certificate = forged::leaf(&ca, key.public_key(), &[Claim::Dns(&host)], now).unwrap();
        let quoted = |pem: &str| format!("\"{}\"", pem.replace('\n', "\\n"));
        text += &format!(
            "---
apiVersion: v1
kind: Secret
metadata: {{ name: {name}, namespace: istio-system }}
stringData: {{ tls.crt: {}, tls.key: {} }}
---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {{ name: {name}, namespace: istio-system }}
spec:
  selector: {{ istio: ingressgateway }}
  servers:
  - port: {{ number: 443, name: https-{name}, protocol: HTTPS }}
    hosts: [{host}]
    tls: {{ mode: SIMPLE, credentialName: {name} }}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {{ name: {name}, namespace: istio-system }}
spec:
  hosts: [{host}]
  gateways: [{name}]
  http: [{{ directResponse: {{ status: 200, body: {{ string: from the {name} }} }} }}]
",
            quoted(&certificate),
            quoted(&key.expose_pem())
        );
    }
    std::fs::write(folder.join("cluster2/companies.yaml"), text).unwrap();
}

fn a_connection_for_one_company_is_not_for_another(options: &[&str]) {
    let running = Running::start(options, two_companies);
    let ask = |sni: &str, authority: &str, version: &str| {
        let (url, to) = (format!("https://{sni}/"), format!("{sni}:443:203.0.113.21"));
        let host = format!("host: {authority}");
        let curl = ["curl", "-sSk", version, "--max-time", "20", "-w", "\n%{http_code}"];
        let words = [&curl[..], &["--resolve", &to, "-H", &host, &url]].concat();
        running.exec("cluster1/istio-egressgateway", &words).out
    };
    for version in ["--http1.1", "--http2"] {
        for (one, other) in [("shop", "bank"), ("bank", "shop")] {
            let (sni, own) = (format!("{one}.example"), format!("from the {one}\n200"));
            let asked = ask(&sni, &sni, version);
            assert_eq!(asked, own, "{}", running.said());
            assert_eq!(ask(&sni, &sni.to_uppercase(), version), own);
            assert_eq!(ask(&sni, &format!("{sni}:443"), version), own);
            for authority in [
                format!("{other}.example"),
                format!("{other}.example:443"),
                format!("{}.EXAMPLE", other.to_uppercase()),
                format!("a.{sni}"),
                "203.0.113.21".to_owned(),
            ] {
                assert_eq!(ask(&sni, &authority, version), "\n421", "{sni} {authority} {version}");
            }
        }
    }
}

#[test]
fn an_sni_and_an_authority_of_two_servers_are_misdirected() {
    a_connection_for_one_company_is_not_for_another(&[]);
}

#[test]
fn an_sni_and_an_authority_of_two_servers_are_misdirected_at_an_envoy_too() {
    std::env::var("CARRICK_ENVOY").expect("CARRICK_ENVOY names Envoy 1.40; scripts/test sets it");
    a_connection_for_one_company_is_not_for_another(&["--envoy", "cluster2/ingress"]);
}
