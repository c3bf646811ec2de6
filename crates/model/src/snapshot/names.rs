//! The table from which DNS answers (Istio `pkg/dns/server/name_table.go`).

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::IpAddr;

use super::service::{EndpointAddress, Resolution, Service, ServiceKind};
use crate::mesh::MeshSettings;

/// What a name resolves to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NameEntry {
    pub addresses: Vec<IpAddr>,
    pub registry: Registry,
    /// `server` of `server.default.svc.cluster.local`; empty for ServiceEntry hosts.
    pub short_name: String,
    pub namespace: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Registry {
    Kubernetes,
    External,
}

/// All names with addresses. A name that has none is left to other resolvers. Keys may be
/// wildcards.
pub(crate) fn table<'a>(
    services: impl Iterator<Item = &'a Service>,
    settings: &MeshSettings,
) -> BTreeMap<String, NameEntry> {
    let mut names: BTreeMap<String, NameEntry> = BTreeMap::new();
    if let Some(address) = settings.global_address {
        names.insert(format!("*.{}", settings.dns_suffix), external(vec![address.into()], ""));
    }
    let mut aliases: Vec<(&Service, &str)> = Vec::new();
    for service in services {
        if let Resolution::Alias(target) = &service.resolution {
            aliases.push((service, target));
            continue;
        }
        let mut addresses = addresses_of(service);
        if let (true, true, Some(fixed)) =
            (addresses.is_empty(), settings.is_global(&service.host), settings.global_address)
        {
            addresses.push(fixed.into());
        }
        if addresses.is_empty() {
            continue;
        }
        let entry = match service.kind {
            ServiceKind::Entry => external(addresses, &service.namespace),
            ServiceKind::Kubernetes => NameEntry {
                addresses,
                registry: Registry::Kubernetes,
                short_name: service.name.clone(),
                namespace: service.namespace.clone(),
            },
        };
        match names.get(&service.host) {
            Some(known) if known.registry == Registry::Kubernetes || entry.registry == Registry::External => {
            }
            _ => {
                names.insert(service.host.clone(), entry);
            }
        }
    }
    follow(&aliases, &mut names);
    names
}

/// An ExternalName has the addresses of the host that it stands for, where that is one of ours.
/// Aliases of aliases are followed as far as there can be any; a circle of them leads nowhere.
fn follow(aliases: &[(&Service, &str)], names: &mut BTreeMap<String, NameEntry>) {
    let mut of_target: BTreeMap<&str, Vec<&Service>> = BTreeMap::new();
    for (service, target) in aliases {
        of_target.entry(target).or_default().push(service);
    }
    // Each alias is looked at once, when what it stands for has become known.
    let known = |target: &str| names.contains_key(target);
    let mut next: VecDeque<(&Service, &str)> =
        aliases.iter().copied().filter(|(_, target)| known(target)).collect();
    while let Some((service, target)) = next.pop_front() {
        let Some(entry) = names.get(target).filter(|_| !names.contains_key(&service.host)) else { continue };
        let entry = NameEntry {
            addresses: entry.addresses.clone(),
            registry: Registry::Kubernetes,
            short_name: service.name.clone(),
            namespace: service.namespace.clone(),
        };
        names.insert(service.host.clone(), entry);
        let followers = of_target.get(service.host.as_str()).into_iter().flatten();
        next.extend(followers.map(|follower| (*follower, service.host.as_str())));
    }
}

fn external(addresses: Vec<IpAddr>, namespace: &str) -> NameEntry {
    NameEntry {
        addresses,
        registry: Registry::External,
        short_name: String::new(),
        namespace: namespace.to_owned(),
    }
}

/// The service's own addresses (no ranges); for headless Services those of its ready pods.
fn addresses_of(service: &Service) -> Vec<IpAddr> {
    if !service.headless || service.resolution != Resolution::Passthrough {
        return service.ips().collect();
    }
    let healthy = service.endpoints.iter().flatten().filter(|endpoint| endpoint.healthy);
    let mut seen = BTreeSet::new();
    let ips = healthy.filter_map(|endpoint| match endpoint.address {
        EndpointAddress::Ip(ip) => Some(ip),
        _ => None,
    });
    ips.filter(|ip| seen.insert(*ip)).collect()
}
