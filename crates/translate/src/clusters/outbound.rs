//! One cluster per service, port and subset that the proxy may see
//! (`pilot/pkg/networking/core/cluster.go`, `cluster_builder.go`; semantics document, sections 3
//! and 5).

use carrick_model::snapshot::{EffectivePolicy, Resolution, Service};
use carrick_xds::ProxyResources;

use super::destination::{Destination, Form};
use super::{circuit_breakers, endpoints, fixed, metadata, policy, tls};
use crate::context::Context;
use crate::duration::duration;
use crate::envoy::any;
use crate::envoy::cluster::Cluster;
use crate::envoy::cluster::cluster::{
    ClusterDiscoveryType, DiscoveryType, DnsLookupFamily, EdsClusterConfig, LbPolicy,
};
use crate::envoy::core::TypedExtensionConfig;
use crate::filters::ads;
use crate::names;
use carrick_xds::pb::envoy::extensions::network::dns_resolver::cares::v3::CaresDnsResolverConfig;

/// All outbound clusters, and the endpoints of those that get them over EDS.
pub(crate) fn add_all(context: &Context<'_>, resources: &mut ProxyResources) {
    add_each(context, Form::Routed, resources);
}

/// The clusters of AUTO_PASSTHROUGH, for services of the mesh.
pub(crate) fn add_all_by_sni(context: &Context<'_>, resources: &mut ProxyResources) {
    add_each(context, Form::BySni, resources);
}

fn add_each(context: &Context<'_>, form: Form, resources: &mut ProxyResources) {
    for (service, index, port) in context.ports() {
        let Some(discovery) = discovery(context, service) else { continue };
        if form == Form::BySni && service.mesh_external {
            continue;
        }
        let rule = context.destination_rule(service);
        let subsets = rule.iter().flat_map(|rule| rule.subsets.iter()).map(Some);
        for subset in std::iter::once(None).chain(subsets) {
            let policy = match &rule {
                Some(rule) => rule.policy(port.number, subset.map(|subset| subset.name.as_str())),
                None => EffectivePolicy::default(),
            };
            let rule = rule.as_deref();
            let destination = Destination { service, index, port, subset, rule, policy, discovery, form };
            add(context, &destination, resources);
        }
    }
}

fn add(context: &Context<'_>, destination: &Destination<'_>, resources: &mut ProxyResources) {
    let mut cluster = skeleton(destination);
    policy::apply(context, destination, &mut cluster);
    if destination.form == Form::Routed && !tls::apply(context, destination, &mut cluster, resources) {
        return;
    }
    match cluster_type(&cluster) {
        Some(DiscoveryType::Eds) => {
            resources.add_endpoints(&endpoints::assignment(context, destination));
        }
        Some(DiscoveryType::StrictDns | DiscoveryType::LogicalDns) => {
            let mut assignment = endpoints::assignment(context, destination);
            if cluster_type(&cluster) == Some(DiscoveryType::LogicalDns) {
                endpoints::keep_first(&mut assignment);
            }
            // A DNS cluster that has nothing to resolve would be refused or wait for ever; Istio
            // leaves it out.
            if assignment.endpoints.is_empty() {
                return;
            }
            cluster.load_assignment = Some(assignment);
        }
        _ => {}
    }
    resources.add_cluster(&cluster);
}

/// How Envoy finds the endpoints (`convertResolution`); `None` where it cannot be said in stock
/// Envoy.
fn discovery(context: &Context<'_>, service: &Service) -> Option<DiscoveryType> {
    Some(match service.resolution {
        Resolution::ClientSide => DiscoveryType::Eds,
        Resolution::Dns => DiscoveryType::StrictDns,
        Resolution::DnsRoundRobin => DiscoveryType::LogicalDns,
        // At a gateway the address that was dialled is the gateway's own.
        Resolution::Passthrough if context.is_router() => DiscoveryType::Eds,
        Resolution::Passthrough => DiscoveryType::OriginalDst,
        Resolution::DynamicDns | Resolution::Alias(_) => return None,
    })
}

fn skeleton(destination: &Destination<'_>) -> Cluster {
    let name = destination.cluster_name();
    let mut cluster = Cluster {
        alt_stat_name: names::stat_name(&name),
        cluster_discovery_type: Some(ClusterDiscoveryType::Type(destination.discovery as i32)),
        connect_timeout: Some(duration(fixed::CONNECT_TIMEOUT)),
        circuit_breakers: Some(circuit_breakers()),
        lb_policy: LbPolicy::LeastRequest as i32,
        metadata: Some(metadata::cluster_metadata(destination)),
        name,
        ..Default::default()
    };
    match destination.discovery {
        DiscoveryType::Eds => {
            cluster.eds_cluster_config =
                Some(EdsClusterConfig { eds_config: Some(ads()), service_name: cluster.name.clone() });
        }
        DiscoveryType::OriginalDst => cluster.lb_policy = LbPolicy::ClusterProvided as i32,
        _ => resolve_by_dns(&mut cluster),
    }
    cluster
}

/// Istio's settings for DNS: refreshed when the answer's TTL ends, and no resolver socket is used
/// for ever (c-ares would keep asking through one whose answers are lost).
fn resolve_by_dns(cluster: &mut Cluster) {
    let cares = CaresDnsResolverConfig { udp_max_queries: Some(100), ..Default::default() };
    cluster.dns_lookup_family = DnsLookupFamily::V4Only as i32;
    cluster.dns_refresh_rate = Some(prost_types::Duration { seconds: 60, nanos: 0 });
    cluster.dns_jitter = Some(prost_types::Duration { seconds: 0, nanos: 100_000_000 });
    cluster.respect_dns_ttl = true;
    cluster.typed_dns_resolver_config = Some(TypedExtensionConfig {
        name: "envoy.network.dns_resolver.cares".into(),
        typed_config: Some(any(&cares)),
    });
}

fn cluster_type(cluster: &Cluster) -> Option<DiscoveryType> {
    match cluster.cluster_discovery_type {
        Some(ClusterDiscoveryType::Type(kind)) => DiscoveryType::try_from(kind).ok(),
        _ => None,
    }
}
