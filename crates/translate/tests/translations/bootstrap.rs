//! The bootstrap that the agent writes starts Envoy as well as Carrick's own proxy.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use carrick_translate::{BootstrapPlan, NodeKind, ProxyNode, bootstrap};
use carrick_xds::json;

use crate::envoy;

fn plan() -> BootstrapPlan {
    let node = ProxyNode {
        kind: NodeKind::Sidecar,
        ip: Ipv4Addr::new(10, 10, 0, 5),
        name: "client-1".into(),
        namespace: "default".into(),
        dns_domain: "default.svc.cluster.local".into(),
        cluster_id: "cluster1".into(),
        network: String::new(),
        service_account: "client".into(),
        workload_name: "client".into(),
        labels: BTreeMap::from([("app".into(), "client".into())]),
    };
    BootstrapPlan::new(node, "/run/carrick/xds.sock", "/run/carrick/client-1/sds.sock")
}

#[test]
fn envoy_loads_the_bootstrap_of_a_captured_sidecar() {
    envoy::validate("a sidecar's bootstrap", &json::to_json(&bootstrap(&plan())).unwrap());
}

#[test]
fn envoy_loads_the_bootstrap_of_a_gateway_with_probes() {
    let mut plan = plan();
    plan.node.kind = NodeKind::Router;
    plan.own_traffic_mark = None;
    plan.probes = true;
    envoy::validate("a gateway's bootstrap", &json::to_json(&bootstrap(&plan)).unwrap());
}

#[test]
fn the_proxys_own_connections_carry_the_mark_that_capture_lets_pass() {
    let shown = json::to_json(&bootstrap(&plan())).unwrap();
    let option = &shown["cluster_manager"]["upstream_bind_config"]["socket_options"][0];
    assert_eq!((option["level"].as_str(), option["name"].as_str()), (Some("1"), Some("36")));
    assert_eq!(option["int_value"].as_str(), Some("1337"));
    assert_eq!(option["state"].as_str(), None, "STATE_PREBIND is the default");
}

#[test]
fn the_bootstrap_survives_being_written_and_read() {
    let written = bootstrap(&plan());
    assert_eq!(
        json::from_json::<carrick_xds::pb::envoy::config::bootstrap::v3::Bootstrap>(
            json::to_json(&written).unwrap()
        )
        .unwrap(),
        written
    );
}
