//! Hosts of servers: whose VirtualServices they admit, and what these get of them (Istio reference,
//! `Server.hosts`).

use crate::host;
use crate::resources::Server;

/// `./h` becomes `ns/h`; hosts are lower case.
pub(super) fn complete_host(written: &str, namespace: &str) -> String {
    match written.split_once('/') {
        Some((".", name)) => format!("{namespace}/{}", host::canonical(name)),
        Some((of, name)) => format!("{of}/{}", host::canonical(name)),
        None => host::canonical(written),
    }
}

/// The hosts of a server without their namespaces.
pub fn server_hosts(server: &Server) -> impl Iterator<Item = &str> {
    server.hosts.iter().map(|written| written.split_once('/').map_or(written.as_str(), |(_, name)| name))
}

/// Whether a server's host, as written, is for VirtualServices of this namespace.
pub fn admits_namespace(written: &str, namespace: &str) -> bool {
    written.split_once('/').is_none_or(|(of, _)| of == "*" || of == namespace)
}

/// The hosts that a VirtualService of `namespace` with `hosts` serves at a server: of each
/// overlapping pair the narrower. Empty: the VirtualService does not bind to the server at all.
pub fn bound_hosts(server: &Server, namespace: &str, hosts: &[String]) -> Vec<String> {
    let admitting = server.hosts.iter().zip(server_hosts(server));
    let admitted = admitting.filter(|(written, _)| admits_namespace(written, namespace));
    let mut bound: Vec<String> = Vec::new();
    for (_, declared) in admitted {
        for narrower in hosts.iter().filter_map(|wanted| host::narrower(wanted, declared)) {
            if !bound.iter().any(|known| known == narrower) {
                bound.push(narrower.to_owned());
            }
        }
    }
    bound
}
