//! A pod is what the kernel says it is: it gets its own configuration and certificate, and nobody
//! else's.

use std::process::{Child, Stdio};

use serde_json::{Value, json};

use crate::fixtures::{PATIENCE, rest_of, two_clusters, until};

/// The impostor's admin port and the port of its listener; the pod's own proxy has the usual ones.
const ADMIN: u16 = 15999;
const LISTENER: u16 = 15998;

#[test]
fn a_pod_that_poses_as_a_gateway_gets_neither_its_configuration_nor_its_certificate() {
    let running = two_clusters();
    let node = running.exec("cluster1/istio-egressgateway", &["cat", "/run/carrick/pod/node.json"]);
    let mut node = node.json();
    assert_eq!(node["name"], "istio-egressgateway-0");
    // An application may not mark its sockets; that must not be what stops it.
    node["own_traffic_mark"] = Value::Null;
    let dir = running.home.path().join("impostor");
    std::fs::create_dir(&dir).unwrap();
    std::fs::write(dir.join("node.json"), node.to_string()).unwrap();

    // In the client's pod, an agent that claims the gateway's node has itself certified and writes
    // the bootstrap.
    let (at, program) = (dir.to_str().unwrap(), env!("CARGO_BIN_EXE_carrick"));
    let bootstrap = dir.join("agent/bootstrap.json");
    let (node, agent_dir) = (format!("{at}/node.json"), format!("{at}/agent"));
    let agent = [
        "exec",
        "cluster1/client",
        "--",
        program,
        "agent",
        "--control",
        "/run/carrick/proxies/xds.sock",
        "--dir",
        &agent_dir,
        "--node",
        &node,
        "--",
        "sleep",
        "1000",
    ];
    let agent = Ended(running.home.carrick(&agent).spawn().unwrap());
    assert!(until(PATIENCE, || bootstrap.exists()));

    // With that bootstrap a proxy asks for the gateway's configuration, and serves the agent's
    // certificate.
    let mut claims: Value = serde_json::from_str(&std::fs::read_to_string(&bootstrap).unwrap()).unwrap();
    assert!(claims["node"]["id"].as_str().unwrap().starts_with("router~"), "{claims:#}");
    claims["admin"]["address"]["socket_address"]["port_value"] = ADMIN.into();
    // What it is refused, it need not wait for.
    claims["dynamic_resources"]["cds_config"]["initial_fetch_timeout"] = "0.2s".into();
    claims["dynamic_resources"]["lds_config"]["initial_fetch_timeout"] = "0.2s".into();
    claims["static_resources"]["listeners"] = json!([listener()]);
    std::fs::write(dir.join("claims.json"), claims.to_string()).unwrap();
    let claims = format!("{at}/claims.json");
    let proxy = ["exec", "cluster1/client", "--", program, "proxy", "-c", &claims, "--concurrency", "1"];
    let mut command = running.home.carrick(&proxy);
    let mut proxy = Ended(command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap());
    let shown = format!(
        "openssl s_client -connect 127.0.0.1:{LISTENER} </dev/null 2>/dev/null \
         | openssl x509 -noout -ext subjectAltName"
    );
    let shown = || running.exec("cluster1/client", &["sh", "-c", &shown]).out;
    assert!(until(PATIENCE, || shown().contains("spiffe:")), "{}", shown());
    assert!(
        shown().trim_end().ends_with("    URI:spiffe://cluster1.example/ns/default/sa/client"),
        "{}",
        shown()
    );

    // The control plane has told it why not, and its configuration is its own claims.
    let ask = |path: &str| {
        running.exec("cluster1/client", &["curl", "-s", &format!("http://127.0.0.1:{ADMIN}{path}")]).out
    };
    let dump = ask("/config_dump");
    assert!(dump.contains("istio-egressgateway-0"), "it claims to be the gateway: {dump}");
    assert!(!dump.contains("ingress.cluster2.example"), "it has the gateway's configuration: {dump}");
    proxy.0.kill().unwrap();
    let said = rest_of(proxy.0.stderr.take().unwrap());
    let refusal = "the caller is pod default/client-0, and may not have the configuration of router~";
    assert!(said.contains(refusal), "{said}");
    drop(agent);
}

/// Ends with the story, however that ends.
struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A TLS port with the certificate that the agent hands out.
fn listener() -> Value {
    let agent = json!({ "envoy_grpc": { "cluster_name": "sds-grpc" } });
    let source = json!({ "api_type": "DELTA_GRPC", "transport_api_version": "V3", "grpc_services": [agent] });
    let secret = json!({ "name": "default", "sds_config": { "resource_api_version": "V3", "api_config_source": source } });
    let tls = json!({
        "@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext",
        "common_tls_context": { "tls_certificate_sds_secret_configs": [secret] },
    });
    let forward = json!({
        "@type": "type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy",
        "stat_prefix": "impostor",
        "cluster": "sds-grpc",
    });
    json!({
        "name": "impostor",
        "address": { "socket_address": { "address": "127.0.0.1", "port_value": LISTENER } },
        "filter_chains": [{
            "filters": [{ "name": "envoy.filters.network.tcp_proxy", "typed_config": forward }],
            "transport_socket": { "name": "envoy.transport_sockets.tls", "typed_config": tls },
        }],
    })
}

#[test]
fn names_have_virtual_addresses_and_no_ipv6_ones() {
    let running = two_clusters();
    let dig = |words: &[&str]| running.exec("cluster1/client", &[&["dig", "+time=5"], words].concat()).out;
    let name = "server.ns2.svc.cluster.global";
    let address = dig(&["+short", name]);
    assert!(address.starts_with("240.240.") && address.lines().count() == 1, "{address}");
    assert_eq!(dig(&["+short", "+tcp", name]), address, "over TCP too");
    let answer = dig(&["AAAA", name]);
    assert!(answer.contains("status: NOERROR") && answer.contains("ANSWER: 0, AUTHORITY: 1"), "{answer}");
    let unknown = dig(&["ledger.ns2.svc.cluster.global"]);
    assert!(unknown.contains("status: NXDOMAIN") && unknown.contains("flags: qr aa"), "{unknown}");
    let service = dig(&["+short", "client.default.svc.cluster.local"]);
    assert!(service.starts_with("10.96."), "{service}");
    let short = running.exec("cluster1/client", &["getent", "ahostsv4", "istio-egressgateway.istio-system"]);
    assert!(short.out.starts_with("10.96."), "the search list of the pod's namespace: {short:#?}");
}
