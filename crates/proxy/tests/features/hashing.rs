//! Consistent hashing: the same request always goes to the same host, and it is the one that Envoy
//! chooses.

use std::collections::BTreeSet;

use crate::fixtures::curl::curl;
use crate::fixtures::yaml::http;
use crate::fixtures::{ANY_PORT, bootstrap, cluster};
use crate::server::Server;
use crate::subjects::{Subject, both};

async fn servers() -> [Server; 3] {
    [Server::start("a").await, Server::start("b").await, Server::start("c").await]
}

/// A story about three servers behind a cluster with this policy, and a route with these hash
/// policies.
async fn with(balancing: &str, hash_policies: &str) -> ([Server; 3], [Subject; 2]) {
    let servers = servers().await;
    let addresses: Vec<_> = servers.iter().map(|server| server.address).collect();
    let route = format!("{{match: {{prefix: /}}, route: {{cluster: c, hash_policy: [{hash_policies}]}}}}");
    let yaml = bootstrap(&[http("", &route)], &[cluster("c", &addresses, &format!(", {balancing}"))]);
    (servers, both(&yaml).await)
}

/// Which servers answer requests with these arguments.
async fn answers(subject: &Subject, requests: &[Vec<String>]) -> Vec<String> {
    let mut answers = Vec::new();
    for request in requests {
        let arguments: Vec<_> = request.iter().map(String::as_str).collect();
        answers.push(subject.get("/", &arguments).await.body);
    }
    answers
}

#[tokio::test]
async fn both_proxies_choose_the_same_host_for_a_header() {
    let requests: Vec<_> = (0..40).map(|n| vec!["-H".to_owned(), format!("x-user: user {n}")]).collect();
    let several: Vec<_> = (0..10)
        .map(|n| ["-H", &format!("x-user: z{n}"), "-H", "x-user: a"].map(String::from).to_vec())
        .collect();
    for balancing in [
        "lb_policy: RING_HASH",
        "lb_policy: RING_HASH, ring_hash_lb_config: {minimum_ring_size: 7}",
        "lb_policy: MAGLEV",
        "lb_policy: MAGLEV, maglev_lb_config: {table_size: 101}",
    ] {
        let (_servers, [carrick, envoy]) = with(balancing, "{header: {header_name: x-user}}").await;
        let ours = answers(&carrick, &requests).await;
        assert_eq!(ours, answers(&envoy, &requests).await, "{balancing}");
        assert_eq!(ours, answers(&carrick, &requests).await, "{balancing}");
        assert!(ours.iter().collect::<BTreeSet<_>>().len() > 1, "{balancing}: {ours:?}");
        assert_eq!(answers(&carrick, &several).await, answers(&envoy, &several).await, "{balancing}");
    }
}

#[tokio::test]
async fn weights_and_further_policies_lead_to_the_same_host_too() {
    let servers = servers().await;
    let host = |n: usize, weight: u32| {
        let port = servers[n].address.port();
        format!(
            "{{load_balancing_weight: {weight}, endpoint: {{address: {{socket_address: {{address: 127.0.0.1, port_value: {port}}}}}}}}}"
        )
    };
    let hosts = [host(0, 1), host(1, 2), host(2, 5)].join(", ");
    let cluster = |name: &str, policy: &str| {
        format!(
            "{{name: {name}, lb_policy: {policy}, load_assignment: {{cluster_name: {name}, endpoints: [{{lb_endpoints: [{hosts}]}}]}}}}"
        )
    };
    let policies = "hash_policy: [{query_parameter: {name: q}}, {header: {header_name: x-user}, terminal: true}, \
        {connection_properties: {source_ip: true}}]";
    let routes = ["ring", "maglev"]
        .map(|name| format!("{{match: {{prefix: /{name}}}, route: {{cluster: {name}, {policies}}}}}"));
    let clusters = [cluster("ring", "RING_HASH"), cluster("maglev", "MAGLEV")];
    let [carrick, envoy] = both(&bootstrap(&[http("", &routes.join(", "))], &clusters)).await;
    for path in ["/ring", "/maglev"] {
        for n in 0..12 {
            let (path, user) = (format!("{path}?p=1&q={n}"), format!("x-user: {n}"));
            for arguments in [&[][..], &["-H", &user]] {
                let ours = carrick.get(&path, arguments).await;
                assert_eq!(ours.body, envoy.get(&path, arguments).await.body, "{path} {arguments:?}");
            }
        }
    }
}

#[tokio::test]
async fn a_client_without_a_cookie_gets_one_and_comes_back_to_the_same_host() {
    let cookie = "{cookie: {name: stick, ttl: 60s, path: /p}}";
    let (_servers, subjects) = with("lb_policy: RING_HASH", cookie).await;
    for subject in &subjects {
        let mut hosts = BTreeSet::new();
        for _ in 0..8 {
            let first = subject.get("/", &[]).await;
            let cookie = first.header("set-cookie").unwrap().to_owned();
            let value = cookie.strip_prefix("stick=\"").unwrap().split('"').next().unwrap();
            assert!(!value.is_empty() && value.bytes().all(|byte| byte.is_ascii_hexdigit()), "{cookie}");
            assert_eq!(
                cookie,
                format!("stick=\"{value}\"; Max-Age=60; Path=/p; HttpOnly"),
                "{}",
                subject.name
            );
            for form in [format!("cookie: stick={value}"), format!("cookie: other=1; stick=\"{value}\"")] {
                let again = subject.get("/", &["-H", &form]).await;
                assert_eq!(
                    (again.body, again.headers.iter().any(|(name, _)| name == "set-cookie")),
                    (first.body.clone(), false)
                );
            }
            hosts.insert(first.body);
        }
        assert!(hosts.len() > 1, "{}: each connection gets its own: {hosts:?}", subject.name);
    }
}

#[tokio::test]
async fn connections_are_placed_by_their_source_address() {
    let servers = servers().await;
    let addresses: Vec<_> = servers.iter().map(|server| server.address).collect();
    let listener = format!(
        "{{name: tcp, {ANY_PORT}, filter_chains: [{{filters: [{{name: tcp, typed_config: {{\
         '@type': type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy, stat_prefix: t, cluster: c, \
         hash_policy: [{{source_ip: {{}}}}]}}}}]}}]}}"
    );
    let [carrick, envoy] =
        both(&bootstrap(&[listener], &[cluster("c", &addresses, ", lb_policy: MAGLEV")])).await;
    let mut hosts = BTreeSet::new();
    for n in 2..14 {
        let source = format!("127.0.0.{n}");
        let mut chosen = Vec::new();
        for subject in [&carrick, &envoy, &carrick] {
            let url = format!("http://{}/", subject.address("tcp"));
            chosen.push(curl(&["--interface", &source, &url]).await.body);
        }
        assert!(chosen[0] == chosen[1] && chosen[1] == chosen[2], "{source}: {chosen:?}");
        hosts.insert(chosen.swap_remove(0));
    }
    assert!(hosts.len() > 1, "{hosts:?}");
}
