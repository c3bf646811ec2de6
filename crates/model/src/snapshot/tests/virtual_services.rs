use super::*;

fn route(name: &str, namespace: &str, spec: &str) -> String {
    istio("networking.istio.io/v1", "VirtualService", name, namespace, spec)
}

const GATEWAY: &str = "\
---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: { name: edge, namespace: shop }
spec: { servers: [{ port: { number: 80, name: http, protocol: HTTP }, hosts: ['*'] }] }
";
const TO_WEB: &str = "http: [{ route: [{ destination: { host: web } }] }]";

#[test]
fn without_gateways_it_binds_to_the_mesh_and_with_them_only_to_these() {
    let text = [
        GATEWAY.to_owned(),
        route("a", "shop", &format!("hosts: [web], {TO_WEB}")),
        route("b", "shop", &format!("hosts: [a.example], gateways: [edge], {TO_WEB}")),
        route(
            "c",
            "shop",
            &format!(
                "hosts: [b.example], gateways: [mesh, shop/edge, edge.shop.svc.cluster.local], {TO_WEB}"
            ),
        ),
    ];
    let mesh = mesh(&text.concat());
    let names = |list: Vec<std::sync::Arc<crate::Resource<_>>>| -> Vec<String> {
        list.iter()
            .map(|resource: &std::sync::Arc<crate::Resource<crate::resources::VirtualService>>| {
                resource.meta.name.clone()
            })
            .collect()
    };
    assert_eq!(names(mesh.virtual_services_for_mesh("anywhere")), ["a", "c"]);
    assert_eq!(names(mesh.virtual_services_for_gateway("istio-system", "shop/edge")), ["b", "c"]);
}

#[test]
fn all_names_in_it_are_complete() {
    let spec = "hosts: [web, Web.Example], gateways: [edge, mesh], \
                http: [{ match: [{ gateways: [edge] }], route: [{ destination: { host: web } }], mirror: { host: copy } }], \
                tls: [{ match: [{ sniHosts: [Web.Example] }], route: [{ destination: { host: other.Example } }] }]";
    let mesh = mesh(&(GATEWAY.to_owned() + &route("a", "shop", spec)));
    let all = mesh.virtual_services_for_mesh("shop");
    let spec = &all[0].spec;
    assert_eq!(spec.hosts, ["web.shop.svc.cluster.local", "web.example"]);
    assert_eq!(spec.gateways, ["shop/edge", "mesh"]);
    assert_eq!(spec.http[0].matches[0].gateways, ["shop/edge"]);
    assert_eq!(spec.http[0].route[0].destination.as_ref().unwrap().host, "web.shop.svc.cluster.local");
    assert_eq!(spec.http[0].mirror.as_ref().unwrap().host, "copy.shop.svc.cluster.local");
    assert_eq!(spec.tls[0].matches[0].sni_hosts, ["web.example"]);
    assert_eq!(spec.tls[0].route[0].destination.as_ref().unwrap().host, "other.example");
}

#[test]
fn a_private_one_is_seen_in_its_own_namespace_only() {
    let mesh = mesh(&route("a", "shop", &format!("hosts: [web], exportTo: ['.'], {TO_WEB}")));
    assert_eq!(mesh.virtual_services_for_mesh("shop").len(), 1);
    assert_eq!(mesh.virtual_services_for_mesh("bank").len(), 0);
}

#[test]
fn the_older_one_comes_first_whatever_its_name() {
    let dated = |name: &str, time: &str| {
        route(name, "shop", &format!("hosts: [web], {TO_WEB}"))
            .replace("namespace: shop }", &format!("namespace: shop, creationTimestamp: '{time}' }}"))
    };
    let mesh = mesh(&[dated("a", "2024-02-01T00:00:00Z"), dated("b", "2024-01-01T00:00:00Z")].concat());
    let names: Vec<_> = mesh.virtual_services_for_mesh("shop").iter().map(|r| r.meta.name.clone()).collect();
    assert_eq!(names, ["b", "a"]);
}

#[test]
fn one_that_binds_to_nothing_is_refused_and_its_neighbours_apply() {
    let text = [
        route("a", "shop", &format!("hosts: [a.example], gateways: [nowhere], {TO_WEB}")),
        route("b", "shop", &format!("hosts: [web], {TO_WEB}")),
    ];
    let (mesh, diagnostics) = checked(&text.concat(), settings());
    let errors: Vec<_> = diagnostics.iter().filter(|d| d.is_error()).map(|d| d.field.as_str()).collect();
    assert_eq!(errors, ["spec.gateways[0]"]);
    assert!(mesh.find("/apis/networking.istio.io/v1/namespaces/shop/virtual-service/a").is_none());
    assert!(mesh.find("/apis/networking.istio.io/v1/namespaces/shop/virtual-service/b").is_some());
}
