//! Mutual TLS: both sides of the proxy take part, verify, and follow their secrets.

use std::net::SocketAddr;

use carrick_proxy::runtime::Proxy;

use crate::fixtures::authority::{Authority, Identity, quoted};
use crate::fixtures::echo::tcp;
use crate::fixtures::echo::tcp::echo;
use crate::fixtures::echo::tls::tls_echo;
use crate::fixtures::tls::{connect, say};
use crate::fixtures::{ANY_PORT, address, cluster, finished, start, tcp_proxy, try_start};

const DOWNSTREAM: &str =
    "'@type': type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext";
const UPSTREAM: &str =
    "'@type': type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext";

fn certificate(identity: &Identity) -> String {
    format!(
        "tls_certificates: [{{certificate_chain: {{inline_string: {}}}, private_key: {{inline_string: {}}}}}]",
        quoted(&identity.certificate),
        quoted(&identity.key)
    )
}

fn trusting(root: &str, names: &str) -> String {
    format!("validation_context: {{trusted_ca: {{inline_string: {}}}{names}}}", quoted(root))
}

/// A server's sidecar: takes mutual TLS, and gives plain bytes to its application.
async fn server(ca: &Authority) -> (Proxy, SocketAddr) {
    let app = echo("app").await;
    let proxy = start(&format!(
        "static_resources:
  listeners:
  - name: inbound
    {ANY_PORT}
    filter_chains:
    - transport_socket: {{name: tls, typed_config: {{{DOWNSTREAM}, require_client_certificate: true, common_tls_context: {{{own}, {trust}}}}}}}
      filters: [{filter}]
  clusters: [{app}]
",
        own = certificate(&ca.workload("server")),
        trust = trusting(
            &ca.root(),
            ", match_typed_subject_alt_names: [{san_type: URI, matcher: {prefix: 'spiffe://cluster.local/ns/default/'}}]"
        ),
        filter = tcp_proxy("app", ""),
        app = cluster("app", &[app], ""),
    ))
    .await;
    let address = address(&proxy, "inbound");
    (proxy, address)
}

/// A client's sidecar: plain bytes in, TLS out, to hosts that are called `name`.
async fn client(ca: &Authority, to: SocketAddr, own: Option<&Identity>, name: &str) -> (Proxy, SocketAddr) {
    let names = format!(", match_typed_subject_alt_names: [{{san_type: URI, matcher: {{exact: '{name}'}}}}]");
    let own = own.map(|own| certificate(own) + ", ").unwrap_or_default();
    let cluster = cluster("server", &[to], "");
    let cluster = cluster.strip_suffix('}').unwrap();
    let proxy = start(&format!(
        "static_resources:
  listeners: [{{name: outbound, {ANY_PORT}, filter_chains: [{{filters: [{filter}]}}]}}]
  clusters:
  - {cluster}, transport_socket: {{name: tls, typed_config: {{{UPSTREAM}, sni: outbound_.80_._.server.global, common_tls_context: {{{own}{trust}}}}}}}}}
",
        filter = tcp_proxy("server", ""),
        trust = trusting(&ca.root(), &names),
    ))
    .await;
    let address = address(&proxy, "outbound");
    (proxy, address)
}

const SERVER: &str = "spiffe://cluster.local/ns/default/sa/server";

#[tokio::test]
async fn two_sidecars_know_each_other_and_write_down_the_same() {
    let ca = Authority::new("root");
    let (inbound, server) = server(&ca).await;
    let (outbound, client) = client(&ca, server, Some(&ca.workload("client")), SERVER).await;
    assert_eq!(tcp::say(client, b"hello").await.unwrap(), "app:hello:bye");

    let sent = finished(&outbound, |record| record.kind == "tcp").await.upstream.unwrap();
    let taken = finished(&inbound, |record| record.kind == "tcp").await.downstream.unwrap();
    assert_eq!(sent.client_hello_random, taken.client_hello_random);
    assert_eq!(sent.group.as_deref(), Some("X25519MLKEM768"));
    assert_eq!(taken.version.as_deref(), Some("TLSv1.3"));
    assert_eq!(sent.peer_identity.as_deref(), Some(SERVER));
    assert_eq!(taken.peer_identity.as_deref(), Some("spiffe://cluster.local/ns/default/sa/client"));
    assert_eq!(taken.sni.as_deref(), Some("outbound_.80_._.server.global"));
    assert_eq!(taken.local_identity.as_deref(), Some(SERVER));
}

#[tokio::test]
async fn a_server_of_another_name_or_root_gets_no_bytes() {
    let (ca, evil) = (Authority::new("root"), Authority::new("root"));
    let (_inbound, server) = server(&ca).await;
    let own = ca.workload("client");
    let (outbound, misnamed) =
        client(&ca, server, Some(&own), "spiffe://cluster.local/ns/default/sa/other").await;
    assert_eq!(tcp::say(misnamed, b"secret").await.unwrap_or_default(), "");
    let record = finished(&outbound, |record| record.kind == "tcp").await;
    assert!(record.details.contains("none of the certificate's names is accepted"), "{record:?}");
    assert_eq!(record.response_flags, "UF,URX");

    let impostor = tls_echo("evil", &evil.workload("server")).await;
    let (outbound, fooled) = client(&ca, impostor, Some(&own), SERVER).await;
    assert_eq!(tcp::say(fooled, b"secret").await.unwrap_or_default(), "");
    let record = finished(&outbound, |record| record.kind == "tcp").await;
    assert!(record.details.starts_with("TLS_error: "), "{record:?}");
}

#[tokio::test]
async fn clients_without_a_certificate_or_from_another_root_are_refused() {
    let (ca, evil) = (Authority::new("root"), Authority::new("root"));
    let (inbound, server) = server(&ca).await;
    for identity in [None, Some(evil.workload("client")), Some(ca.host("client.example"))] {
        let outcome = match connect(server, "server.global", identity.as_ref()).await {
            Ok(mut stream) => say(&mut stream, b"hi").await,
            Err(error) => Err(error),
        };
        assert!(outcome.is_err(), "{outcome:?}");
    }
    let refused = finished(&inbound, |record| record.details.contains("names is accepted")).await;
    assert_eq!(refused.kind, "refused");
    let mut good = connect(server, "server.global", Some(&ca.workload("client"))).await.unwrap();
    assert_eq!(say(&mut good, b"hi").await.unwrap(), "app:hi:bye");
}

/// Names in the one part of a combined context, and no roots in the other: alone each is refused,
/// or means something.
#[tokio::test]
async fn names_that_nobody_vouches_for_are_no_reason_to_believe() {
    let (ca, evil) = (Authority::new("root"), Authority::new("root"));
    let impostor = tls_echo("evil", &evil.workload("server")).await;
    let cluster = cluster("server", &[impostor], "");
    let cluster = cluster.strip_suffix('}').unwrap();
    let outbound = |secret: &str| {
        format!(
            "static_resources:
  secrets: [{{name: roots, validation_context: {{{secret}}}}}]
  listeners: [{{name: outbound, {ANY_PORT}, filter_chains: [{{filters: [{filter}]}}]}}]
  clusters:
  - {cluster}, transport_socket: {{name: tls, typed_config: {{{UPSTREAM}, common_tls_context: {{combined_validation_context: {{default_validation_context: {{match_typed_subject_alt_names: [{{san_type: URI, matcher: {{exact: '{SERVER}'}}}}]}}, validation_context_sds_secret_config: {{name: roots}}}}}}}}}}}}
",
            filter = tcp_proxy("server", ""),
        )
    };
    let roots = format!("trusted_ca: {{inline_string: {}}}", quoted(&ca.root()));
    for (secret, why) in [("", "no trusted_ca"), (roots.as_str(), "TLS_error")] {
        let proxy = start(&outbound(secret)).await;
        let told = tcp::say(address(&proxy, "outbound"), b"secret").await;
        assert_eq!(told.unwrap_or_default(), "", "{secret}");
        let record = finished(&proxy, |record| record.kind == "tcp").await;
        assert!(record.details.contains(why), "{record:?}");
    }
    let vouched = format!("trusted_ca: {{inline_string: {}}}", quoted(&evil.root()));
    let proxy = start(&outbound(&vouched)).await;
    assert!(tcp::say(address(&proxy, "outbound"), b"hello").await.unwrap().contains("hello"));
}

#[tokio::test]
async fn a_key_that_is_not_the_certificates_is_refused_with_its_place() {
    let ca = Authority::new("root");
    let mixed = Identity { key: ca.workload("b").key, ..ca.workload("a") };
    let yaml = format!(
        "static_resources: {{listeners: [{{name: a, {ANY_PORT}, filter_chains: [{{transport_socket: {{name: tls, typed_config: \
         {{{DOWNSTREAM}, common_tls_context: {{{}}}}}}}}}]}}]}}",
        certificate(&mixed)
    );
    let error = try_start(&yaml).await.err().unwrap().to_string();
    let place = "static_resources.listeners[0].filter_chains[0].transport_socket.typed_config.common_tls_context.tls_certificates[0].private_key: ";
    assert!(error.starts_with(place), "{error}");
}
