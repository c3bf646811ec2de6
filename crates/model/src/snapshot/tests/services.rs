use super::*;
use crate::snapshot::{EndpointAddress, Resolution, ServiceKind, TlsCapability};

fn addresses(mesh: &MeshSnapshot, host: &str, port: usize) -> Vec<String> {
    let service = mesh.service(host).unwrap();
    service.endpoints_of(port).iter().map(|e| format!("{}:{}", e.address, e.port)).collect()
}

#[test]
fn a_service_is_served_by_the_pods_that_it_selects_at_their_own_port_of_that_name() {
    let text = [
        istio(
            "v1",
            "Service",
            "web",
            "shop",
            "selector: { app: web }, ports: [{ name: http, port: 80, targetPort: main }]",
        ),
        pod("old", "shop", "app: web", "10.10.0.1", "{ name: main, containerPort: 8080 }"),
        pod(
            "new",
            "shop",
            "app: web, security.istio.io/tlsMode: istio",
            "10.10.0.2",
            "{ name: main, containerPort: 9090 }",
        ),
        pod("other", "shop", "app: other", "10.10.0.3", "{ name: main, containerPort: 8080 }"),
        pod("elsewhere", "bank", "app: web", "10.10.0.4", "{ name: main, containerPort: 8080 }"),
    ];
    let mesh = mesh(&text.concat());
    assert_eq!(addresses(&mesh, "web.shop.svc.cluster.local", 0), ["10.10.0.2:9090", "10.10.0.1:8080"]);
    let service = mesh.service("web.shop.svc.cluster.local").unwrap();
    assert_eq!(service.endpoints_of(0)[0].tls, TlsCapability::Istio);
    assert_eq!(service.endpoints_of(0)[1].tls, TlsCapability::Disabled);
    assert!(service.auto_address, "no clusterIP was written");

    let new = mesh.workload_by_pod("shop", "new").unwrap();
    let served = mesh.services_of(new);
    assert_eq!(served.len(), 1);
    assert_eq!((served[0].0.name.as_str(), served[0].1, served[0].2), ("web", 0, 9090));
    assert_eq!(
        mesh.identities_of(service).into_iter().collect::<Vec<_>>(),
        ["spiffe://cluster1.local/ns/shop/sa/new", "spiffe://cluster1.local/ns/shop/sa/old"]
    );
}

#[test]
fn a_slice_given_by_hand_takes_the_place_of_the_selected_pods() {
    let slice = "---\napiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\n\
                 metadata: { name: web-1, labels: { kubernetes.io/service-name: web } }\naddressType: IPv4\n\
                 ports: [{ name: http, port: 7070 }]\n\
                 endpoints: [{ addresses: [10.20.0.1] }, { addresses: [10.20.0.2], conditions: { ready: false } }]\n";
    let text = [
        istio("v1", "Service", "web", "default", "selector: { app: web }, ports: [{ name: http, port: 80 }]"),
        pod("web", "default", "app: web", "10.10.0.1", ""),
        slice.to_owned(),
    ];
    let mesh = mesh(&text.concat());
    let service = mesh.service("web.default.svc.cluster.local").unwrap();
    let seen: Vec<_> =
        service.endpoints_of(0).iter().map(|e| (e.address.to_string(), e.port, e.healthy)).collect();
    assert_eq!(seen, [("10.20.0.1".to_owned(), 7070, true), ("10.20.0.2".to_owned(), 7070, false)]);
}

#[test]
fn an_endpoint_s_own_port_beats_the_target_port_and_that_the_number() {
    let mesh = mesh(&service_entry(
        "remote",
        "default",
        "hosts: [a.example], resolution: STATIC, location: MESH_INTERNAL, \
         ports: [{ number: 80, name: http, protocol: HTTP, targetPort: 8080 }, { number: 90, name: tcp, protocol: TCP }], \
         endpoints: [{ address: 10.0.0.1, ports: { http: 7070 } }, { address: 10.0.0.2, serviceAccount: sa }, \
         { address: 'unix:///run/a.sock' }]",
    ));
    assert_eq!(addresses(&mesh, "a.example", 0), ["10.0.0.1:7070", "10.0.0.2:8080", "unix:///run/a.sock:0"]);
    assert_eq!(addresses(&mesh, "a.example", 1)[..2], ["10.0.0.1:90", "10.0.0.2:90"]);
    let endpoints = mesh.service("a.example").unwrap().endpoints_of(0).to_vec();
    assert_eq!(endpoints[0].tls, TlsCapability::Disabled);
    assert_eq!(endpoints[1].tls, TlsCapability::Istio, "a service account vouches for a proxy");
}

#[test]
fn a_dns_entry_without_endpoints_is_its_own_endpoint() {
    let spec =
        "hosts: [A.example, b.example], resolution: DNS, ports: [{ number: 443, name: tls, protocol: TLS }]";
    let mesh = mesh(&service_entry("remote", "default", spec));
    let service = mesh.service("a.example").unwrap();
    assert_eq!((&service.resolution, service.mesh_external), (&Resolution::Dns, true));
    assert_eq!(service.endpoints_of(0)[0].address, EndpointAddress::Host("a.example".to_owned()));
    assert_eq!(addresses(&mesh, "b.example", 0), ["b.example:443"]);
}

#[test]
fn a_workload_selector_takes_pods_and_workload_entries_of_its_namespace() {
    let text = [
        service_entry(
            "vms",
            "default",
            "hosts: [vm.example], resolution: STATIC, ports: [{ number: 80, name: http, protocol: HTTP }], \
             workloadSelector: { labels: { app: vm } }",
        ),
        istio(
            "networking.istio.io/v1",
            "WorkloadEntry",
            "one",
            "default",
            "address: 10.0.0.1, labels: { app: vm }, ports: { http: 81 }",
        ),
        istio(
            "networking.istio.io/v1",
            "WorkloadEntry",
            "named",
            "default",
            "address: vm.lan, labels: { app: vm }",
        ),
        istio(
            "networking.istio.io/v1",
            "WorkloadEntry",
            "far",
            "other",
            "address: 10.0.0.2, labels: { app: vm }",
        ),
        pod("pod", "default", "app: vm", "10.10.0.1", ""),
    ];
    let mesh = mesh(&text.concat());
    // A host name is no endpoint without DNS.
    assert_eq!(addresses(&mesh, "vm.example", 0), ["10.10.0.1:80", "10.0.0.1:81"]);
}

#[test]
fn of_one_host_in_one_namespace_kubernetes_wins_and_the_loser_is_told() {
    let text = [
        istio("v1", "Service", "web", "default", "clusterIP: 10.96.0.9, ports: [{ name: http, port: 80 }]"),
        service_entry(
            "shadow",
            "default",
            "hosts: [web.default.svc.cluster.local], resolution: DNS, ports: [{ number: 80, name: http, protocol: HTTP }]",
        ),
        service_entry(
            "far",
            "other",
            "hosts: [web.default.svc.cluster.local], resolution: DNS, ports: [{ number: 80, name: http, protocol: HTTP }]",
        ),
    ];
    let (mesh, diagnostics) = checked(&text.concat(), settings());
    assert_eq!(mesh.services().len(), 2);
    assert_eq!(diagnostics.iter().map(|d| d.code).collect::<Vec<_>>(), [crate::diagnostic::codes::SHADOWED]);
    let host = "web.default.svc.cluster.local";
    let seen_from = |namespace| mesh.visible_service(namespace, host).unwrap().kind;
    assert_eq!((seen_from("third"), seen_from("other")), (ServiceKind::Kubernetes, ServiceKind::Entry));
    assert_eq!(mesh.services_visible_to("third").filter(|service| service.host == host).count(), 1);
}

#[test]
fn export_to_hides_a_host_from_other_namespaces() {
    let entry = |name: &str, export: &str| {
        let spec = format!(
            "hosts: [{name}.example], exportTo: [{export}], resolution: DNS, \
             ports: [{{ number: 80, name: http, protocol: HTTP }}]"
        );
        service_entry(name, "own", &spec)
    };
    let mesh = mesh(
        &[entry("private", "."), entry("public", "'*'"), entry("hidden", "'~'"), entry("lent", "friend")]
            .concat(),
    );
    let seen =
        |namespace: &str| mesh.services_visible_to(namespace).map(|s| s.name.clone()).collect::<Vec<_>>();
    assert_eq!(seen("own"), ["private", "public"]);
    assert_eq!(seen("friend"), ["lent", "public"]);
    assert_eq!(seen("stranger"), ["public"]);
}

#[test]
fn addresses_stay_where_they_are_when_hosts_come_and_go() {
    let entry = |n: usize| {
        let spec = format!(
            "hosts: [h{n}.global], resolution: DNS, ports: [{{ number: 80, name: http, protocol: HTTP }}]"
        );
        service_entry(&format!("h{n}"), "default", &spec)
    };
    let all: String = (0..50).map(entry).collect();
    let build_with = |text: &str, table| {
        let (resources, _) = crate::parse(&[SourceFile::new("mesh.yaml", text)]);
        build(resources, settings(), table)
    };
    let (first, table, _) = build_with(&all, AddressTable::default());
    let few: String = (10..20).map(entry).collect();
    let (_, table, _) = build_with(&few, table);
    let (again, _, _) = build_with(&format!("{}{all}", entry(99)), table);
    for n in 0..50 {
        let host = format!("h{n}.global");
        assert_eq!(first.service(&host).unwrap().addresses, again.service(&host).unwrap().addresses);
    }
    let mut given: Vec<_> = again.services().iter().flat_map(|s| s.addresses.clone()).collect();
    given.sort_unstable();
    given.dedup();
    assert_eq!(given.len(), 51, "no address is given twice");
    assert!(given.iter().all(|address| settings().vip_range.contains(address.address())));
}

#[test]
fn an_address_that_somebody_writes_explicitly_is_taken_from_the_one_that_was_given_it() {
    let automatic = service_entry(
        "auto",
        "default",
        "hosts: [auto.global], resolution: DNS, ports: [{ number: 80, name: http, protocol: HTTP }]",
    );
    let (resources, _) = crate::parse(&[SourceFile::new("mesh.yaml", automatic.as_str())]);
    let (before, table, _) = build(resources, settings(), AddressTable::default());
    let taken = before.service("auto.global").unwrap().ips().next().unwrap();
    let explicit = service_entry(
        "explicit",
        "default",
        &format!(
            "hosts: [explicit.global], addresses: [{taken}], resolution: DNS, \
             ports: [{{ number: 80, name: http, protocol: HTTP }}]"
        ),
    );
    let (resources, _) = crate::parse(&[SourceFile::new("mesh.yaml", automatic + &explicit)]);
    let (after, _, _) = build(resources, settings(), table);
    assert_eq!(after.service("explicit.global").unwrap().ips().collect::<Vec<_>>(), [taken]);
    assert_ne!(after.service("auto.global").unwrap().ips().next(), Some(taken));
}
