use super::*;

fn tls(random: &str, terminated: bool) -> Option<FlowTls> {
    Some(FlowTls {
        terminated,
        client_hello_random: random.into(),
        sni: Some("server.global".into()),
        ..Default::default()
    })
}

fn seen(
    pod: &str,
    sequence: u64,
    started: u64,
    down: Option<FlowTls>,
    up: Option<FlowTls>,
    id: &str,
) -> Observation {
    let record = FlowRecord {
        sequence,
        started_micros: started,
        downstream: down,
        upstream: up,
        request_id: (!id.is_empty()).then(|| id.into()),
        route_rule: Some("/apis/x".into()),
        cluster_rule: Some("/apis/x".into()),
        ..Default::default()
    };
    Observation { cluster: "c".into(), pod: pod.into(), role: Role::Sidecar, envoy: false, record }
}

fn pods(path: &Path) -> Vec<&str> {
    path.hops.iter().map(|hop| hop.pod.as_str()).collect()
}

fn name(_: &str, path: &str) -> Rule {
    Rule { resource: path.into(), place: None }
}

#[test]
fn the_hops_of_one_connection_come_in_the_order_in_which_they_accepted_it() {
    let first = seen("client", 1, 10, None, tls("aa", true), "r1");
    let all = [
        seen("server", 1, 40, tls("aa", true), None, "r1"),
        seen("ingress", 1, 30, tls("aa", false), None, ""),
        seen("egress", 1, 20, tls("aa", false), None, ""),
        first.clone(),
    ];
    assert_eq!(pods(&join(&first, &all, name)), ["client", "egress", "ingress", "server"]);
}

#[test]
fn other_connections_are_left_out() {
    let first = seen("client", 1, 10, None, tls("aa", true), "r1");
    let all = [
        seen("egress", 1, 20, tls("bb", false), None, ""),
        seen("server", 1, 30, tls("bb", true), None, "r1"),
    ];
    assert_eq!(pods(&join(&first, &all, name)), ["client"]);
}

#[test]
fn on_a_connection_with_many_requests_the_request_id_finds_ours() {
    let first = seen("client", 2, 50, None, tls("aa", true), "r2");
    let all = [
        seen("server", 1, 20, tls("aa", true), None, "r1"),
        seen("server", 2, 60, tls("aa", true), None, "r2"),
        seen("server", 3, 70, tls("aa", true), None, "r3"),
        seen("egress", 1, 15, tls("aa", false), None, ""),
    ];
    let path = join(&first, &all, name);
    assert_eq!(pods(&path), ["client", "egress", "server"]);
    assert_eq!(path.client_hello_random.as_deref(), Some("aa"));
}

#[test]
fn a_path_without_tls_has_one_hop_and_no_join_key() {
    let first = seen("client", 1, 10, None, None, "r1");
    let path = join(&first, &[seen("other", 1, 11, None, None, "")], name);
    assert_eq!((pods(&path), path.client_hello_random.clone()), (vec!["client"], None));
}

#[test]
fn a_rule_that_decided_twice_is_named_once() {
    let first = seen("client", 1, 10, None, None, "r1");
    assert_eq!(join(&first, &[], name).hops[0].rules.len(), 1);
}

/// A record of Envoy's: without a random, but with the addresses of both its connections.
fn envoy(pod: &str, started: u64, from: &str, to: &str) -> Observation {
    let record = FlowRecord {
        sequence: started,
        started_micros: started,
        downstream_remote: from.into(),
        upstream_local: Some(to.into()),
        downstream: tls("", false),
        ..Default::default()
    };
    Observation { cluster: "c".into(), pod: pod.into(), role: Role::EgressGateway, envoy: true, record }
}

#[test]
fn what_envoy_recorded_is_joined_by_addresses_and_what_follows_by_the_random_again() {
    let mut first = seen("client", 1, 10, None, tls("aa", true), "r1");
    first.record.upstream_local = Some("10.0.0.1:1111".into());
    let mut ingress = seen("ingress", 1, 30, tls("aa", false), None, "");
    ingress.record.downstream_remote = "203.0.113.12:2222".into();
    let all = [
        seen("server", 1, 40, tls("aa", true), None, "r1"),
        ingress,
        envoy("egress", 20, "10.0.0.1:1111", "203.0.113.12:2222"),
        envoy("egress", 15, "10.0.0.1:1112", "203.0.113.12:2223"),
        first.clone(),
    ];
    let path = join(&first, &all, name);
    assert_eq!(pods(&path), ["client", "egress", "ingress", "server"]);
    let by: Vec<_> = path.hops.iter().map(|hop| hop.joined_by).collect();
    let random = Some(JoinedBy::ClientHelloRandom);
    assert_eq!(by, [None, Some(JoinedBy::Addresses), random, random]);
}

#[test]
fn of_connections_from_one_address_the_newest_is_meant() {
    let mut first = seen("client", 1, 30, None, tls("", true), "");
    first.record.upstream_local = Some("10.0.0.1:1111".into());
    let all = [envoy("old", 10, "10.0.0.1:1111", "x"), envoy("new", 31, "10.0.0.1:1111", "y"), first.clone()];
    let path = join(&first, &all, name);
    assert_eq!((pods(&path), &path.client_hello_random), (vec!["client", "new"], &None));
}
