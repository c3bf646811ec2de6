use serde_json::json;

use super::*;

const PATH: &str = "/apis/networking.istio.io/v1/namespaces/default/virtual-service/egress";

/// A line as Envoy 1.40 writes it, with these fields changed.
fn line(changes: Value) -> String {
    let mut line = json!({
        "authority": null, "chain": null, "cluster": "outbound|80||ingress.test", "code": 0, "connection": 6, "details": null,
        "downstream_cipher": null, "downstream_group": null, "downstream_local": "10.10.0.12:80", "downstream_local_id": null,
        "downstream_peer_id": null, "downstream_remote": "10.10.0.11:47076", "downstream_tls": null, "duration": 0,
        "first_byte": null, "flags": "-", "flow": "v1", "method": null, "path": null, "request_id": null, "route": null,
        "sni": "server.global", "start": "1795651527.972669", "termination": null, "upstream_cipher": null,
        "upstream_group": null, "upstream_host": "203.0.113.21:80", "upstream_local": "203.0.113.12:56304",
        "upstream_local_id": null, "upstream_peer_id": null, "upstream_tls": null,
    });
    for (name, value) in changes.as_object().unwrap() {
        line[name] = value.clone();
    }
    line.to_string()
}

fn dump() -> Value {
    let metadata = json!({ "filter_metadata": { "istio": { "config": PATH } } });
    let chain = json!({ "filter_chain_match": { "server_names": ["*.global"] }, "metadata": metadata });
    json!({ "configs": [
        {},
        { "dynamic_listeners": [{ "active_state": { "listener": { "filter_chains": [{}, chain] } } }] },
        { "dynamic_active_clusters": [{ "cluster": { "name": "outbound|80||ingress.test", "metadata": metadata } }] },
        { "dynamic_route_configs": [{ "route_config": { "virtual_hosts": [
            { "domains": ["other.test"], "routes": [{ "name": "default" }] },
            { "domains": ["server.global"], "routes": [{ "name": "default", "metadata": metadata }] },
        ] } }] },
    ] })
}

#[test]
fn a_connection_that_is_passed_through_is_known_while_it_is_open_and_when_it_is_over() {
    let log = format!("[warning] something else\n{}\n", line(json!({})));
    let [open] = &records(&log, &dump())[..] else { panic!("one record") };
    assert_eq!((open.kind.as_str(), open.duration_micros, open.response_code), ("tcp", 0, None));
    assert_eq!(open.started_micros, 1_795_651_527_972_669);
    let tls = open.downstream.as_ref().unwrap();
    assert_eq!((tls.terminated, tls.sni.as_deref()), (false, Some("server.global")));
    assert_eq!((open.chain_rule.as_deref(), open.cluster_rule.as_deref()), (Some(PATH), Some(PATH)));

    let log = log + &line(json!({ "duration": 12 }));
    let [over] = &records(&log, &dump())[..] else { panic!("the same record") };
    assert_eq!((over.sequence, over.duration_micros), (2, 12_000));
}

#[test]
fn a_request_tells_the_identities_of_both_ends_and_the_route_of_its_host() {
    let request = json!({
        "method": "GET", "authority": "server.global", "route": "default", "code": 200, "request_id": "r1",
        "upstream_tls": "TLSv1.3", "upstream_group": "X25519MLKEM768", "upstream_local_id": "spiffe://a/ns/b/sa/c",
        "upstream_peer_id": "spiffe://d/ns/e/sa/f", "sni": null, "chain": "other",
    });
    let [request] = &records(&line(request), &dump())[..] else { panic!("one record") };
    assert_eq!((request.kind.as_str(), request.response_code), ("http", Some(200)));
    let tls = request.upstream.as_ref().unwrap();
    assert_eq!(tls.group.as_deref(), Some("X25519MLKEM768"));
    assert_eq!(tls.peer_identity.as_deref(), Some("spiffe://d/ns/e/sa/f"));
    assert_eq!(tls.client_hello_random, "", "Envoy does not tell");
    assert_eq!((request.route_rule.as_deref(), request.chain_rule.as_deref()), (Some(PATH), None));
}

#[test]
fn a_connection_that_no_chain_is_for_was_refused() {
    let [refused] = &records(&line(json!({ "flags": "NR", "upstream_host": null })), &dump())[..] else {
        panic!("one record")
    };
    assert_eq!((refused.kind.as_str(), refused.response_flags.as_str()), ("refused", "NR"));
}
