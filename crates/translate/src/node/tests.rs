use super::*;
use crate::rule::{string, structure};

fn with_id(id: &str) -> Node {
    Node { id: id.into(), ..Default::default() }
}

fn client() -> ProxyNode {
    ProxyNode {
        kind: NodeKind::Sidecar,
        ip: Ipv4Addr::new(10, 10, 0, 5),
        name: "client-7d.4".into(),
        namespace: "default".into(),
        dns_domain: "default.svc.cluster.local".into(),
        cluster_id: "cluster1".into(),
        network: "cluster1".into(),
        service_account: "client".into(),
        workload_name: "client".into(),
        labels: BTreeMap::from([("app".into(), "client".into())]),
    }
}

#[test]
fn what_a_bootstrap_says_is_what_the_control_plane_reads() {
    assert_eq!(client().id(), "sidecar~10.10.0.5~client-7d.4.default~default.svc.cluster.local");
    assert_eq!(ProxyNode::from_envoy_node(&client().to_envoy_node()), Ok(client()));
}

#[test]
fn metadata_addresses_come_before_the_one_in_the_id() {
    let mut node = with_id("router~0.0.0.0~gw.istio-system~istio-system.svc.cluster.local");
    node.metadata = Some(structure([("INSTANCE_IPS", string("fd00::1,10.10.0.9"))]));
    let node = ProxyNode::from_envoy_node(&node).unwrap();
    assert_eq!((node.kind, node.ip), (NodeKind::Router, Ipv4Addr::new(10, 10, 0, 9)));
}

#[test]
fn a_node_that_is_not_of_istios_form_is_told_what_the_form_is() {
    for id in [
        "",
        "sidecar~10.0.0.1~a.b",
        "sidecar~10.0.0.1~a.b~c~d",
        "sidecar~10.0.0.1~pod~c",
        "sidecar~1.1.1.1~.b~c",
    ] {
        assert_eq!(ProxyNode::from_envoy_node(&with_id(id)), Err(NodeError::Shape(id.into())), "{id}");
    }
    let waypoint = ProxyNode::from_envoy_node(&with_id("waypoint~10.0.0.1~a.b~c"));
    assert!(matches!(waypoint, Err(NodeError::Kind { kind, .. }) if kind == "waypoint"));
    let v6 = ProxyNode::from_envoy_node(&with_id("sidecar~fd00::1~a.b~c"));
    assert!(matches!(v6, Err(NodeError::Address { ip, .. }) if ip == "fd00::1"));
}

#[test]
fn a_namespace_cannot_be_one_thing_in_the_id_and_another_in_metadata() {
    let mut node = with_id("sidecar~10.0.0.1~a.b~c");
    node.metadata = Some(structure([("NAMESPACE", string("kube-system"))]));
    assert!(matches!(ProxyNode::from_envoy_node(&node), Err(NodeError::Namespace { .. })));
}
