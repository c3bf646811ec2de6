use super::*;
use crate::snapshot::Registry;

fn entry(name: &str, more: &str) -> String {
    let spec = format!("hosts: [{name}], {more}, ports: [{{ number: 80, name: http, protocol: HTTP }}]");
    service_entry(&name.replace("'*.", "wild-").replace('\'', ""), "default", &spec)
}

fn text() -> String {
    [
        istio("v1", "Service", "web", "shop", "clusterIP: 10.96.0.9, ports: [{ name: http, port: 80 }]"),
        istio(
            "v1",
            "Service",
            "each",
            "shop",
            "clusterIP: None, selector: { app: each }, ports: [{ name: http, port: 80 }]",
        ),
        pod("one", "shop", "app: each", "10.10.0.1", ""),
        entry("explicit.global", "resolution: DNS, addresses: [127.8.8.8]"),
        entry("given.global", "resolution: DNS"),
        entry("none.global", "resolution: NONE"),
        entry("range.example", "resolution: NONE, addresses: [10.0.0.0/8]"),
        entry(
            "'*.wild.example'",
            "resolution: STATIC, addresses: [10.9.9.9], endpoints: [{ address: 10.1.1.1 }]",
        ),
    ]
    .concat()
}

#[test]
fn every_host_with_an_address_has_a_name_and_the_others_are_left_to_other_resolvers() {
    let names = mesh(&text()).name_table();
    let of = |host: &str| names[host].addresses.iter().map(ToString::to_string).collect::<Vec<_>>();
    let known: Vec<&str> = names.keys().map(String::as_str).collect();
    assert_eq!(
        known,
        [
            "*.wild.example",
            "each.shop.svc.cluster.local",
            "explicit.global",
            "given.global",
            "web.shop.svc.cluster.local"
        ]
    );
    assert_eq!(of("web.shop.svc.cluster.local"), ["10.96.0.9"]);
    assert_eq!(of("each.shop.svc.cluster.local"), ["10.10.0.1"]);
    assert_eq!(of("explicit.global"), ["127.8.8.8"]);
    assert_eq!(of("*.wild.example"), ["10.9.9.9"]);
    assert!(of("given.global")[0].starts_with("240.240."));
    let web = &names["web.shop.svc.cluster.local"];
    assert_eq!(
        (web.short_name.as_str(), web.namespace.as_str(), web.registry),
        ("web", "shop", Registry::Kubernetes)
    );
    assert_eq!(names["given.global"].short_name, "");
}

#[test]
fn one_fixed_address_for_the_whole_suffix_leaves_explicit_ones_alone() {
    let fixed = std::net::Ipv4Addr::new(1, 1, 1, 1);
    let mesh = mesh_with(&text(), MeshSettings { global_address: Some(fixed), ..settings() });
    let names = mesh.name_table();
    let of = |host: &str| names[host].addresses.iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(of("*.global"), ["1.1.1.1"]);
    assert_eq!(of("given.global"), ["1.1.1.1"]);
    assert_eq!(of("explicit.global"), ["127.8.8.8"]);
    assert!(mesh.service("given.global").unwrap().addresses.is_empty(), "the proxy binds the wildcard");
}

#[test]
fn an_external_name_has_the_addresses_of_the_host_that_it_stands_for() {
    let alias = |name: &str, target: &str| {
        istio("v1", "Service", name, "shop", &format!("type: ExternalName, externalName: {target}"))
    };
    let text = [
        text(),
        alias("short", "web.shop.svc.cluster.local"),
        alias("shorter", "short.shop.svc.cluster.local"),
        alias("round", "about.shop.svc.cluster.local"),
        alias("about", "round.shop.svc.cluster.local"),
        alias("elsewhere", "api.example.com"),
    ];
    let names = mesh(&text.concat()).name_table();
    let of = |name: &str| {
        names.get(&format!("{name}.shop.svc.cluster.local")).map(|entry| entry.addresses[0].to_string())
    };
    assert_eq!((of("short"), of("shorter")), (Some("10.96.0.9".to_owned()), Some("10.96.0.9".to_owned())));
    assert_eq!((of("round"), of("elsewhere")), (None, None));
}
