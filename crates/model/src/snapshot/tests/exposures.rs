use super::*;

const PORT: &str = "port: { number: 15443, name: tls, protocol: TLS }";

fn service() -> String {
    "---\napiVersion: v1\nkind: Service\nmetadata: { name: server, namespace: ns2 }\n\
     spec: { clusterIP: 10.96.0.7, selector: { app: server }, ports: [{ name: tcp, port: 90, targetPort: 9090 }] }\n"
        .to_owned()
}

fn gateway(mode: &str) -> String {
    let spec = format!(
        "selector: {{ istio: ingressgateway }}, servers: [{{ {PORT}, hosts: ['*.x'], tls: {{ mode: {mode} }} }}]"
    );
    istio("networking.istio.io/v1", "Gateway", "edge", "istio-system", &spec)
}

fn route(name: &str, matched: &str, destination: &str) -> String {
    let spec = format!(
        "hosts: ['*.x'], gateways: [istio-system/edge], \
         tls: [{{ match: [{{ {matched} }}], route: [{{ destination: {{ {destination} }} }}] }}]"
    );
    istio("networking.istio.io/v1", "VirtualService", name, "istio-system", &spec)
}

fn exposed(more: &[String]) -> Vec<(u16, Vec<String>)> {
    let server = pod("server", "ns2", "app: server", "10.10.0.6", "");
    let mesh = mesh(&[&[service(), server], more].concat().concat());
    let workload = mesh.workload_by_pod("ns2", "server").unwrap();
    mesh.exposures(workload).into_iter().map(|(port, names)| (port, names.into_iter().collect())).collect()
}

#[test]
fn a_pod_is_exposed_by_the_snis_that_lead_to_its_service() {
    let own = "host: server.ns2.svc.cluster.local, port: { number: 90 }";
    let routes =
        [route("a", "sniHosts: [A.x, b.x]", own), route("b", "port: 15443, sniHosts: ['*.c.x']", own)];
    let names = || ["*.c.x", "a.x", "b.x"].map(str::to_owned).to_vec();
    assert_eq!(exposed(&[&[gateway("PASSTHROUGH")], &routes[..]].concat()), [(9090, names())]);
    assert_eq!(exposed(&[gateway("AUTO_PASSTHROUGH"), routes[0].clone()]), []);
    assert_eq!(exposed(&[gateway("PASSTHROUGH"), route("c", "port: 80, sniHosts: [a.x]", own)]), []);
    assert_eq!(exposed(&[gateway("PASSTHROUGH")]), []);
}

#[test]
fn addresses_and_names_of_services_are_followed_and_circles_end() {
    let entry = |name: &str, endpoint: &str| {
        let spec = format!(
            "hosts: [{name}.x.example], location: MESH_EXTERNAL, resolution: DNS, \
             ports: [{{ number: 1, name: tcp, protocol: TCP }}], endpoints: [{{ address: {endpoint} }}]"
        );
        service_entry(name, "istio-system", &spec)
    };
    let reached = |endpoint: &str| {
        let of = route("a", "sniHosts: [a.x]", "host: one.x.example, port: { number: 1 }");
        let circle = [
            entry("two", "three.x.example, ports: { tcp: 1 }"),
            entry("three", "two.x.example, ports: { tcp: 1 }"),
        ];
        exposed(&[&[gateway("PASSTHROUGH"), of, entry("one", endpoint)], &circle[..]].concat())
    };
    let known = [(9090, vec!["a.x".to_owned()])];
    assert_eq!(reached("10.96.0.7, ports: { tcp: 90 }"), known);
    assert_eq!(reached("server.ns2.svc.cluster.local, ports: { tcp: 90 }"), known);
    assert_eq!(reached("10.10.0.6, ports: { tcp: 9090 }"), known);
    assert_eq!(reached("10.96.0.7, ports: { tcp: 91 }"), []);
    assert_eq!(reached("two.x.example, ports: { tcp: 1 }"), []);
    assert_eq!(reached("203.0.113.7, ports: { tcp: 90 }"), []);
}
