//! Where bytes go by name: clusters that resolve host names, and gateways that pass TLS on by SNI.

use crate::fixtures::curl::curl;
use crate::fixtures::yaml::http;
use crate::fixtures::{ANY_PORT, bootstrap};
use crate::server::Server;
use crate::subjects::{Subject, both};

const ROUTE: &str = "{name: all, match: {prefix: /}, route: {cluster: b, auto_host_rewrite: true}}";

fn by_name(kind: &str, port: u16, more: &str) -> String {
    format!(
        "{{name: b, type: {kind}, dns_lookup_family: V4_ONLY, dns_refresh_rate: 1s, load_assignment: {{cluster_name: b, endpoints: \
         [{{lb_endpoints: [{{endpoint: {{address: {{socket_address: {{address: localhost, port_value: {port}}}}}}}}}]}}]}}{more}}}"
    )
}

#[tokio::test]
async fn a_host_is_found_by_its_name() {
    let server = Server::start("b").await;
    for kind in ["STRICT_DNS", "LOGICAL_DNS"] {
        let clusters = [by_name(kind, server.address.port(), "")];
        for subject in &both(&bootstrap(&[http("", ROUTE)], &clusters)).await {
            let reply = subject.get("/", &["-H", "host: a.test"]).await;
            assert_eq!((reply.status, reply.body.as_str()), (200, "b"), "{}: {kind}", subject.name);
            assert_eq!(server.take().remove(0).authority, "localhost", "{}: {kind}", subject.name);
        }
    }
}

/// What a gateway's AUTO_PASSTHROUGH server becomes: one chain for each service, by its name in SNI
/// and Istio's own ALPN.
fn gateway(servers: &[(&str, u16)]) -> String {
    let chain = |(name, _): &(&str, u16)| {
        format!(
            "{{filter_chain_match: {{server_names: [{name}], application_protocols: [istio, istio-peer-exchange, \
             istio-http/1.0, istio-http/1.1, istio-h2]}}, filters: [{{name: tcp, typed_config: {{\
             '@type': type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy, stat_prefix: t, cluster: {name}}}}}]}}"
        )
    };
    let chains: Vec<_> = servers.iter().map(chain).collect();
    let listener = format!(
        "{{name: tls, {ANY_PORT}, listener_filters: [{{name: tls, typed_config: {{'@type': \
         type.googleapis.com/envoy.extensions.filters.listener.tls_inspector.v3.TlsInspector}}}}], filter_chains: [{}]}}",
        chains.join(", ")
    );
    let clusters: Vec<_> = servers
        .iter()
        .map(|(name, port)| crate::fixtures::cluster(name, &[([127, 0, 0, 1], *port).into()], ""))
        .collect();
    bootstrap(&[listener], &clusters)
}

/// What openssl's client is told by the server that it reaches through the gateway.
async fn ask(subject: &Subject, name: &str, alpn: &[&str]) -> String {
    let address = subject.address("tls").to_string();
    let mut command = tokio::process::Command::new("openssl");
    command.args(["s_client", "-quiet", "-connect", &address, "-servername", name]);
    if !alpn.is_empty() {
        command.args(["-alpn", &alpn.join(",")]);
    }
    command
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::null());
    let mut child = command.kill_on_drop(true).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    tokio::io::AsyncWriteExt::write_all(&mut stdin, b"GET / HTTP/1.0\r\n\r\n").await.unwrap();
    let output = tokio::time::timeout(std::time::Duration::from_secs(10), child.wait_with_output());
    String::from_utf8_lossy(&output.await.unwrap().unwrap().stdout).into_owned()
}

/// A TLS server that is not ours; it answers with a page about the connection.
async fn tls_server(folder: &std::path::Path) -> (tokio::process::Child, u16) {
    let port = crate::fixtures::nobody().await.port();
    let made = tokio::process::Command::new("openssl")
        .args([
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-nodes",
            "-subj",
            "/CN=server",
        ])
        .args(["-keyout", "key.pem", "-out", "cert.pem"])
        .current_dir(folder)
        .output()
        .await
        .unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let server = tokio::process::Command::new("openssl")
        .args([
            "s_server",
            "-quiet",
            "-www",
            "-key",
            "key.pem",
            "-cert",
            "cert.pem",
            "-accept",
            &format!("127.0.0.1:{port}"),
        ])
        .current_dir(folder)
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    crate::fixtures::eventually(async || {
        curl(&["-k", &format!("https://127.0.0.1:{port}/")]).await.status == 200
    })
    .await;
    (server, port)
}

#[tokio::test]
async fn gateways_pass_on_what_names_a_service_and_comes_from_the_mesh() {
    let folder = tempfile::tempdir().unwrap();
    let (_server, port) = tls_server(folder.path()).await;
    let name = "outbound_.80_._.server.ns.svc.cluster.local";
    let yaml = gateway(&[
        (name, port),
        ("outbound_.80_.v1_.server.ns.svc.cluster.local", crate::fixtures::nobody().await.port()),
    ]);
    for subject in &both(&yaml).await {
        for (sni, alpn, passes) in [
            (name, &["istio"][..], true),
            (name, &["h2", "istio"], true),
            ("OUTBOUND_.80_._.server.ns.svc.cluster.local", &["istio"], true),
            (name, &[], false),
            (name, &["h2", "http/1.1"], false),
            ("outbound_.81_._.server.ns.svc.cluster.local", &["istio"], false),
            ("server.ns.svc.cluster.local", &["istio"], false),
        ] {
            let answer = ask(subject, sni, alpn).await;
            assert_eq!(answer.contains("200 ok"), passes, "{}: {sni} {alpn:?}: {answer}", subject.name);
        }
    }
}

#[tokio::test]
async fn requests_may_be_marked_for_the_mesh_by_their_alpn() {
    let server = crate::server::offers().await;
    let offer = "{name: offer, typed_config: {'@type': type.googleapis.com/envoy.extensions.filters.http.set_filter_state.v3.Config, \
        on_request_headers: [{object_key: envoy.network.application_protocols, shared_with_upstream: ONCE, \
        format_string: {text_format_source: {inline_string: 'istio-http/1.1,istio'}}}]}}, ";
    let listener = |name: &str, filters: &str| {
        http(filters, "{match: {prefix: /}, route: {cluster: b}}").replacen(
            "name: http",
            &format!("name: {name}"),
            1,
        )
    };
    // One route says it for itself; the filter only has to be there.
    let idle = "{name: offer, typed_config: {'@type': type.googleapis.com/envoy.extensions.filters.http.set_filter_state.v3.Config}}, ";
    let of_route = "{match: {prefix: /marked}, route: {cluster: b}, typed_per_filter_config: {offer: {'@type': \
        type.googleapis.com/envoy.extensions.filters.http.set_filter_state.v3.Config, on_request_headers: [{object_key: \
        envoy.network.application_protocols, shared_with_upstream: ONCE, format_string: {text_format_source: {inline_string: \
        'istio-h2,istio'}}}]}}}, {match: {prefix: /}, route: {cluster: b}}";
    let by_route = http(idle, of_route).replacen("name: http", "name: by-route", 1);
    let tls = ", transport_socket: {name: tls, typed_config: {'@type': \
        type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext, \
        common_tls_context: {alpn_protocols: [of-cluster]}}}";
    let cluster = crate::fixtures::cluster("b", &[server], tls);
    let listeners = [listener("http", offer), listener("plain", ""), by_route];
    for subject in &both(&bootstrap(&listeners, &[cluster])).await {
        let plain = format!("http://{}/", subject.address("plain"));
        for _ in 0..2 {
            // The connection that was made for the one is not used for the other.
            assert_eq!(subject.get("/", &[]).await.body, "istio-http/1.1,istio", "{}", subject.name);
            assert_eq!(curl(&[&plain]).await.body, "of-cluster", "{}", subject.name);
            let by_route = format!("http://{}", subject.address("by-route"));
            let marked = curl(&[&format!("{by_route}/marked")]).await.body;
            assert_eq!(marked, "istio-h2,istio", "{}", subject.name);
            assert_eq!(curl(&[&format!("{by_route}/")]).await.body, "of-cluster", "{}", subject.name);
        }
    }
}
