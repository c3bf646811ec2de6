//! Which hosts get traffic when some are known to be unwell, and how localities share it.

use std::collections::BTreeMap;

use crate::fixtures::bootstrap;
use crate::fixtures::yaml::http;
use crate::server::Server;
use crate::subjects::{Subject, both};

const ROUTE: &str = "{name: all, match: {prefix: /}, route: {cluster: b}}";

fn host(server: &Server, more: &str) -> String {
    let port = server.address.port();
    format!("{{endpoint: {{address: {{socket_address: {{address: 127.0.0.1, port_value: {port}}}}}}}{more}}}")
}

fn cluster(groups: &str, more: &str) -> String {
    format!("{{name: b, type: STATIC, load_assignment: {{cluster_name: b, endpoints: [{groups}]}}{more}}}")
}

async fn tally(subject: &Subject, requests: usize) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for _ in 0..requests {
        let reply = subject.get("/", &[]).await;
        *counts.entry(format!("{} {}", reply.status, reply.body)).or_default() += 1;
    }
    counts
}

#[tokio::test]
async fn too_few_healthy_hosts_make_all_of_them_count_unless_that_is_switched_off() {
    let (well, sick, ill) =
        (Server::start("well").await, Server::start("sick").await, Server::start("ill").await);
    let unwell = ", health_status: UNHEALTHY";
    let group =
        format!("{{lb_endpoints: [{}, {}, {}]}}", host(&well, ""), host(&sick, unwell), host(&ill, unwell));
    for (threshold, hosts) in [("", 3), (", common_lb_config: {healthy_panic_threshold: {value: 0}}", 1)] {
        for subject in &both(&bootstrap(&[http("", ROUTE)], &[cluster(&group, threshold)])).await {
            assert_eq!(tally(subject, 30).await.len(), hosts, "{}: {threshold}", subject.name);
        }
    }
    let none = format!("{{lb_endpoints: [{}]}}", host(&sick, unwell));
    let never = ", common_lb_config: {healthy_panic_threshold: {value: 0}}";
    for subject in &both(&bootstrap(&[http("", ROUTE)], &[cluster(&none, never)])).await {
        assert_eq!(
            tally(subject, 1).await.keys().next().unwrap(),
            "503 no healthy upstream",
            "{}",
            subject.name
        );
        assert_eq!(subject.logged(1).await, "503 UH no_healthy_upstream all b", "{}", subject.name);
    }
}

#[tokio::test]
async fn localities_share_by_weight_and_lose_what_their_health_does_not_carry() {
    let (near, far, sick) =
        (Server::start("near").await, Server::start("far").await, Server::start("sick").await);
    let groups = format!(
        "{{locality: {{region: near}}, load_balancing_weight: 9, lb_endpoints: [{}]}}, \
         {{locality: {{region: far}}, load_balancing_weight: 1, lb_endpoints: [{}, {}]}}",
        host(&near, ""),
        host(&far, ""),
        host(&sick, ", health_status: UNHEALTHY")
    );
    let weighted = ", lb_policy: ROUND_ROBIN, common_lb_config: {locality_weighted_lb_config: {}}";
    for subject in &both(&bootstrap(&[http("", ROUTE)], &[cluster(&groups, weighted)])).await {
        let counts = tally(subject, 100).await;
        let near = counts["200 near"];
        assert!((80..100).contains(&near), "{}: {counts:?}", subject.name);
        assert!(!counts.contains_key("200 sick"), "{}: {counts:?}", subject.name);
    }
}
