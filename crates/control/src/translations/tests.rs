use std::net::Ipv4Addr;

use carrick_identity::TrustDomain;
use carrick_model::{AddressTable, MeshSettings, SourceFile};
use carrick_translate::translate;
use carrick_xds::ResourceType;

use super::*;

const MESH: &str = "
apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop}
spec: {clusterIP: 10.96.0.7, ports: [{name: http, port: 80}], selector: {app: web}}
---
apiVersion: v1
kind: Pod
metadata: {name: web-0, namespace: shop, labels: {app: web}}
spec: {serviceAccountName: web, containers: [{name: web, image: web}]}
status: {podIP: 10.10.0.1, phase: Running}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: web, namespace: shop}
spec:
  hosts: [web]
  http:
  - match: [{sourceLabels: {tier: gold}}]
    route: [{destination: {host: web}}]
    timeout: 1s
  - route: [{destination: {host: web}}]
";

fn snapshot() -> MeshSnapshot {
    let (resources, found) = carrick_model::parse(&[SourceFile::new("mesh.yaml", MESH)]);
    assert!(found.is_empty(), "{found:?}");
    let settings = MeshSettings::new("one", TrustDomain::new("one.example").unwrap());
    let (snapshot, _, found) = carrick_model::build(resources, settings, AddressTable::default());
    assert!(found.is_empty(), "{found:?}");
    snapshot
}

fn sidecar(name: &str, ip: [u8; 4], labels: &[(&str, &str)]) -> ProxyNode {
    ProxyNode {
        kind: NodeKind::Sidecar,
        ip: Ipv4Addr::from(ip),
        name: name.into(),
        namespace: "shop".into(),
        dns_domain: "shop.svc.cluster.local".into(),
        cluster_id: "one".into(),
        network: "one".into(),
        service_account: name.into(),
        workload_name: name.into(),
        labels: labels.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect(),
    }
}

#[test]
fn everybody_gets_what_a_translation_of_their_own_would_say() {
    let (snapshot, translations) = (snapshot(), Translations::default());
    let nodes = [
        sidecar("web-0", [10, 10, 0, 1], &[("app", "web")]),
        sidecar("client-0", [10, 10, 0, 2], &[("app", "client")]),
        sidecar("client-1", [10, 10, 0, 3], &[("app", "client"), ("tier", "gold")]),
        ProxyNode { kind: NodeKind::Router, ..sidecar("gateway-0", [10, 10, 0, 4], &[("istio", "ingress")]) },
    ];
    for version in 1..3 {
        for node in &nodes {
            assert_eq!(
                translations.of(version, &snapshot, node),
                translate(&snapshot, node),
                "{}",
                node.id()
            );
        }
    }
}

#[test]
fn only_labels_that_a_rule_names_tell_proxies_apart() {
    let snapshot = snapshot();
    let audience = |node: &ProxyNode| Audience::from_node(&snapshot, node);
    let plain = audience(&sidecar("a", [10, 10, 0, 2], &[("app", "a"), ("pod-template-hash", "1")]));
    assert_eq!(plain, audience(&sidecar("b", [10, 10, 0, 3], &[("app", "b")])));
    let gold = sidecar("c", [10, 10, 0, 4], &[("tier", "gold")]);
    assert_ne!(plain, audience(&gold));
    let routes = |node| translate(&snapshot, &node).get(ResourceType::Route, "80").cloned();
    assert_ne!(routes(gold), routes(sidecar("b", [10, 10, 0, 3], &[])));
}

#[test]
fn what_a_new_version_leaves_alone_is_held_once() {
    let (snapshot, translations) = (snapshot(), Translations::default());
    let node = sidecar("client-0", [10, 10, 0, 2], &[]);
    let one = translations.of(1, &snapshot, &node);
    let two = translations.of(2, &snapshot, &node);
    let body = |set: &ProxyResources| set.get(ResourceType::Route, "80").map(std::ptr::from_ref);
    assert!(body(&one).is_some());
    assert_eq!(body(&one), body(&two));
}
