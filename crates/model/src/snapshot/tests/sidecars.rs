use std::collections::BTreeMap;

use super::*;
use crate::OutboundPolicy;
use crate::snapshot::SidecarScope;

fn sidecar(name: &str, namespace: &str, spec: &str) -> String {
    istio("networking.istio.io/v1", "Sidecar", name, namespace, spec)
}

fn entry(name: &str, namespace: &str) -> String {
    let ports = "[{ number: 80, name: http, protocol: HTTP }, { number: 90, name: tcp, protocol: TCP }]";
    service_entry(name, namespace, &format!("hosts: [{name}.example], resolution: DNS, ports: {ports}"))
}

fn scope(mesh: &MeshSnapshot, namespace: &str, app: &str) -> Option<SidecarScope> {
    mesh.sidecar_for(namespace, &BTreeMap::from([("app".to_owned(), app.to_owned())]))
}

#[test]
fn the_one_that_selects_the_workload_beats_the_namespace_s_and_that_the_mesh_s() {
    let everything = "egress: [{ hosts: ['*/*'] }]";
    let all = [
        sidecar("selects", "shop", &format!("workloadSelector: {{ labels: {{ app: web }} }}, {everything}")),
        sidecar("of-shop", "shop", everything),
        sidecar("of-mesh", "istio-system", everything),
        sidecar(
            "selects",
            "istio-system",
            &format!("workloadSelector: {{ labels: {{ app: web }} }}, {everything}"),
        ),
    ];
    let mesh = mesh(&all.concat());
    let name = |namespace: &str, app: &str| {
        let meta = scope(&mesh, namespace, app).unwrap().meta().clone();
        format!("{}/{}", meta.namespace, meta.name)
    };
    assert_eq!(name("shop", "web"), "shop/selects");
    assert_eq!(name("shop", "db"), "shop/of-shop");
    assert_eq!(name("bank", "web"), "istio-system/of-mesh", "a selector stays in its namespace");
}

#[test]
fn imports_are_a_namespace_and_a_host_and_a_port_s_own_listener_is_alone_responsible() {
    let all = [
        entry("own", "shop"),
        entry("near", "bank"),
        entry("far", "mall"),
        sidecar(
            "s",
            "shop",
            "egress: [{ hosts: [./*, bank/near.example] }, { port: { number: 90, name: t, protocol: TCP }, hosts: ['*/far.example'] }]",
        ),
    ];
    let mesh = mesh(&all.concat());
    let scope = scope(&mesh, "shop", "web").unwrap();
    let seen = |port: u16| -> Vec<&str> {
        let services = mesh.services().iter().filter(|service| scope.imports_port(service, port));
        services.map(|service| service.name.as_str()).collect()
    };
    assert_eq!(seen(80), ["near", "own"]);
    assert_eq!(seen(90), ["far"]);
}

#[test]
fn a_tilde_imports_nothing_and_no_egress_imports_everything() {
    let seen = |spec: &str| {
        let mesh = mesh(&[entry("own", "shop"), sidecar("s", "shop", spec)].concat());
        let scope = scope(&mesh, "shop", "web").unwrap();
        scope.imports(mesh.service("own.example").unwrap())
    };
    assert!(!seen("egress: [{ hosts: [~/*] }]"));
    assert!(seen("outboundTrafficPolicy: { mode: ALLOW_ANY }"));
}

#[test]
fn it_may_decide_about_unknown_destinations() {
    let policy = |spec: &str| {
        let mesh = mesh(&sidecar("s", "shop", spec));
        scope(&mesh, "shop", "web").unwrap().outbound_policy()
    };
    assert_eq!(policy("egress: [{ hosts: ['*/*'] }]"), None);
    assert_eq!(policy("outboundTrafficPolicy: { mode: ALLOW_ANY }"), Some(OutboundPolicy::AllowAny));
}

#[test]
fn what_makes_no_sense_is_refused_with_its_place() {
    let text = sidecar(
        "s",
        "shop",
        "egress: [{ hosts: [a.example] }, {}], ingress: [{ port: { number: 80, name: h, protocol: HTTP }, \
         defaultEndpoint: 'localhost:80' }, { port: { number: 80, name: i, protocol: UDP }, tls: { mode: SIMPLE } }]",
    );
    let fields: Vec<String> = checked(&text, settings()).1.into_iter().map(|found| found.field).collect();
    assert_eq!(
        fields,
        [
            "spec.egress[0].hosts[0]",
            "spec.egress[1].hosts",
            "spec.ingress[0].defaultEndpoint",
            "spec.ingress[1].port.number",
            "spec.ingress[1].port.protocol",
            "spec.ingress[1].tls"
        ]
    );
}
