use super::*;
use crate::resources::Server;
use crate::snapshot::bound_hosts;

fn server(hosts: &[&str]) -> Server {
    Server { hosts: hosts.iter().map(|host| (*host).to_owned()).collect(), ..Server::default() }
}

fn bound(server_hosts: &[&str], namespace: &str, hosts: &[&str]) -> Vec<String> {
    let hosts: Vec<String> = hosts.iter().map(|host| (*host).to_owned()).collect();
    bound_hosts(&server(server_hosts), namespace, &hosts)
}

#[test]
fn of_each_overlapping_pair_of_hosts_the_narrower_is_served() {
    assert_eq!(bound(&["*"], "any", &["a.example"]), ["a.example"]);
    assert_eq!(bound(&["a.example"], "any", &["*"]), ["a.example"]);
    assert_eq!(bound(&["*.example"], "any", &["*.a.example", "b.test"]), ["*.a.example"]);
    assert_eq!(bound(&["a.example", "*.test"], "any", &["*.example", "x.test"]), ["a.example", "x.test"]);
    assert_eq!(bound(&["*.example"], "any", &["example"]), Vec::<String>::new());
}

#[test]
fn a_host_s_namespace_says_whose_virtual_services_bind() {
    assert_eq!(bound(&["shop/a.example"], "shop", &["a.example"]), ["a.example"]);
    assert_eq!(bound(&["shop/a.example"], "bank", &["a.example"]), Vec::<String>::new());
    assert_eq!(bound(&["*/a.example"], "bank", &["a.example"]), ["a.example"]);
}

#[test]
fn gateways_select_proxies_in_any_namespace_and_write_their_own_namespace_out() {
    let gateway = |name: &str, selector: &str| {
        let spec = format!(
            "selector: {{ {selector} }}, \
             servers: [{{ port: {{ number: 80, name: http, protocol: HTTP }}, hosts: [./A.example] }}]"
        );
        istio("networking.istio.io/v1", "Gateway", name, "shop", &spec)
    };
    let mesh = mesh(
        &[gateway("edge", "istio: edge"), gateway("other", "istio: other"), gateway("all", "")].concat(),
    );
    let labels = [("istio".to_owned(), "edge".to_owned()), ("more".to_owned(), "x".to_owned())].into();
    let found = mesh.gateways_for(&labels);
    assert_eq!(found.iter().map(|g| g.meta.name.as_str()).collect::<Vec<_>>(), ["all", "edge"]);
    assert_eq!(found[0].spec.servers[0].hosts, ["shop/a.example"]);
}
