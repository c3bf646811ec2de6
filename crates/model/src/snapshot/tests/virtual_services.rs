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

/// The routes that sidecars get of a VirtualService `root` whose only route has these fields and
/// delegates to `leaf`.
fn delegated(root: &str, leaf: &str) -> Vec<crate::resources::HttpRoute> {
    let text = [
        route(
            "root",
            "shop",
            &format!("hosts: [web], http: [{{ {root}, delegate: {{ name: leaf, namespace: team }} }}]"),
        ),
        route("leaf", "team", &format!("http: [{leaf}]")),
    ];
    mesh(&text.concat()).virtual_services_for_mesh("shop")[0].spec.http.clone()
}

const TO_OWN: &str = "route: [{ destination: { host: own } }]";

#[test]
fn a_delegate_s_routes_stand_where_they_are_asked_for_with_names_of_their_own_namespace() {
    let routes =
        delegated("name: all, timeout: 5s", &format!("{{ name: a, timeout: 1s, {TO_OWN} }}, {{ {TO_OWN} }}"));
    assert_eq!(routes.iter().map(|route| route.name.as_str()).collect::<Vec<_>>(), ["all-a", "all"]);
    assert_eq!(routes.iter().map(|route| route.timeout.unwrap().as_secs()).collect::<Vec<_>>(), [1, 5]);
    assert_eq!(routes[0].route[0].destination.as_ref().unwrap().host, "own.team.svc.cluster.local");
}

#[test]
fn a_delegate_s_conditions_narrow_those_of_the_one_that_delegates() {
    let inside = format!("{{ match: [{{ uri: {{ prefix: /a/b }}, method: {{ exact: GET }} }}], {TO_OWN} }}");
    let root = "match: [{ uri: { prefix: /a }, headers: { x: { exact: y } } }, { uri: { prefix: /c } }]";
    let routes = delegated(root, &inside);
    assert_eq!(routes[0].matches.len(), 1, "/c contradicts /a/b");
    let both = &routes[0].matches[0];
    assert_eq!(both.uri, Some(crate::resources::StringMatch::Prefix("/a/b".into())));
    assert!(both.method.is_some() && both.headers.contains_key("x"));
}

#[test]
fn a_delegate_s_route_that_asks_for_something_else_is_left_out_with_a_warning() {
    for (root, leaf) in [
        ("uri: { prefix: /a }", "uri: { prefix: /b }"),
        ("uri: { exact: /a }", "uri: { prefix: /a }"),
        ("uri: { regex: /a }", "uri: { exact: /a }"),
        ("headers: { x: { exact: y } }", "headers: { x: { exact: z } }"),
        ("port: 80", "port: 81"),
        ("sourceNamespace: a", "sourceNamespace: b"),
        ("sourceLabels: { a: b }", "sourceLabels: { a: c }"),
        ("gateways: [mesh]", "gateways: [x/y]"),
    ] {
        let text = [
            route(
                "root",
                "shop",
                &format!("hosts: [web], http: [{{ match: [{{ {root} }}], delegate: {{ name: leaf }} }}]"),
            ),
            route("leaf", "shop", &format!("http: [{{ match: [{{ {leaf} }}], {TO_OWN} }}]")),
        ];
        let (mesh, found) = checked(&text.concat(), settings());
        assert!(mesh.virtual_services_for_mesh("shop")[0].spec.http.is_empty(), "{root} {leaf}");
        assert!(found.iter().any(|one| one.field == "spec.http[0].delegate"), "{root} {leaf}");
    }
}

#[test]
fn a_delegate_that_is_not_exported_or_not_there_leads_nowhere_and_one_that_nobody_asks_is_told() {
    let text = [
        route("root", "shop", "hosts: [web], http: [{ delegate: { name: leaf, namespace: team } }]"),
        route("leaf", "team", &format!("exportTo: ['.'], http: [{{ {TO_OWN} }}]")),
    ];
    let (mesh, found) = checked(&text.concat(), settings());
    assert!(mesh.virtual_services_for_mesh("shop")[0].spec.http.is_empty());
    let fields: Vec<&str> = found
        .iter()
        .filter(|one| one.code != crate::diagnostic::codes::UNKNOWN_HOST)
        .map(|one| one.field.as_str())
        .collect();
    assert_eq!(fields, ["spec.http[0].delegate", "spec.hosts"]);
}
