//! Access rules about who the peer is: names that mutual TLS has proven.

use crate::fixtures::authority::{Authority, Identity, quoted};
use crate::fixtures::curl::{Reply, curl};
use crate::fixtures::yaml::{filter, http, log};
use crate::fixtures::{ANY_PORT, bootstrap, cluster};
use crate::server::Server;
use crate::subjects::{Subject, both};

/// Mutual TLS, where a client may come without a certificate.
fn tls(ca: &Authority, own: &Identity) -> String {
    format!(
        "transport_socket: {{name: tls, typed_config: {{'@type': type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext, \
         require_client_certificate: false, common_tls_context: {{tls_certificates: [{{certificate_chain: {{inline_string: {}}}, \
         private_key: {{inline_string: {}}}}}], validation_context: {{trusted_ca: {{inline_string: {}}}}}}}}}}}",
        quoted(&own.certificate),
        quoted(&own.key),
        quoted(&ca.root())
    )
}

/// Asks the listener over TLS, as this client or as nobody.
async fn ask(subject: &Subject, listener: &str, name: &str, client: Option<&Identity>) -> Reply {
    let port = subject.address(listener).port();
    let folder = tempfile::tempdir().unwrap();
    let mut arguments = vec![
        "-k".to_owned(),
        "--http1.1".into(),
        "--resolve".into(),
        format!("{name}:{port}:127.0.0.1"),
        format!("https://{name}:{port}/"),
    ];
    if let Some(client) = client {
        for (option, file, text) in
            [("--cert", "cert.pem", &client.certificate), ("--key", "key.pem", &client.key)]
        {
            std::fs::write(folder.path().join(file), text).unwrap();
            arguments.extend([option.to_owned(), folder.path().join(file).to_str().unwrap().to_owned()]);
        }
    }
    let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
    curl(&arguments).await
}

/// Without it, Envoy does not know which server was asked for.
const INSPECTOR: &str = "listener_filters: [{name: tls, typed_config: {'@type': \
    type.googleapis.com/envoy.extensions.filters.listener.tls_inspector.v3.TlsInspector}}]";

const SERVER: &str = "permissions: [{requested_server_name: {exact: server.test}}]";

fn policy(principal: &str) -> String {
    format!("rules: {{action: ALLOW, policies: {{p: {{{SERVER}, principals: [{principal}]}}}}}}")
}

#[tokio::test]
async fn peers_are_let_in_by_the_name_that_they_have_proven() {
    let (ca, server) = (Authority::new("ca"), Server::start("b").await);
    let tls = tls(&ca, &ca.host("server.test"));
    let principals = [
        (
            "exact",
            "{authenticated: {principal_name: {exact: 'spiffe://cluster.local/ns/default/sa/client'}}}",
        ),
        ("prefix", "{authenticated: {principal_name: {prefix: 'spiffe://cluster.local/ns/default/'}}}"),
        ("regex", "{authenticated: {principal_name: {safe_regex: {regex: '.*/sa/cl[^/]*'}}}}"),
        ("someone", "{authenticated: {}}"),
        (
            "not",
            "{and_ids: {ids: [{authenticated: {principal_name: {safe_regex: {regex: .+}}}}, {not_id: {authenticated: {principal_name: {suffix: '/sa/other'}}}}]}}",
        ),
    ];
    let mut listeners = Vec::new();
    for (name, principal) in principals {
        let filters = filter("rbac", "rbac.v3.RBAC", &format!(", {}", policy(principal)));
        let http = http(&filters, "{match: {prefix: /}, route: {cluster: b}}");
        listeners.push(http.replacen("name: http", &format!("name: {name}"), 1).replacen(
            "filter_chains: [{",
            &format!("{INSPECTOR}, filter_chains: [{{{tls}, "),
            1,
        ));
        listeners.push(format!(
            "{{name: tcp-{name}, {ANY_PORT}, {INSPECTOR}, filter_chains: [{{{tls}, filters: [{{name: rbac, typed_config: {{\
             '@type': type.googleapis.com/envoy.extensions.filters.network.rbac.v3.RBAC, stat_prefix: r, {}}}}}, \
             {{name: tcp, typed_config: {{'@type': type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy, \
             stat_prefix: t, cluster: b, access_log: [{}]}}}}]}}]}}",
            policy(principal),
            log("%CONNECTION_TERMINATION_DETAILS%")
        ));
    }
    let (client, other) = (ca.workload("client"), ca.workload("other"));
    for subject in &both(&bootstrap(&listeners, &[cluster("b", &[server.address], "")])).await {
        for (listener, admits_other) in
            [("exact", false), ("prefix", true), ("regex", false), ("someone", true), ("not", false)]
        {
            let place = format!("{}: {listener}", subject.name);
            for (who, name, passes) in [
                (Some(&client), "server.test", true),
                (Some(&client), "another.test", false),
                (Some(&other), "server.test", admits_other),
                // A certificate is asked for, and none is shown. `authenticated: {}` alone means
                // anyone over TLS to Envoy; see docs/differences-from-envoy.md.
                (None, "server.test", listener == "someone" && subject.name == "envoy"),
            ] {
                let reply = ask(subject, listener, name, who).await;
                assert_eq!(reply.status, if passes { 200 } else { 403 }, "{place} {name} {}", who.is_some());
                let reply = ask(subject, &format!("tcp-{listener}"), name, who).await;
                assert_eq!(
                    reply.status,
                    if passes { 200 } else { 0 },
                    "{place} {name} {} tcp",
                    who.is_some()
                );
            }
        }
    }
}
