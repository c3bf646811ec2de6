//! The endpoints of a cluster, by locality (`pilot/pkg/xds/endpoints`; semantics document, sections
//! 3 and 5).

use std::collections::{BTreeMap, BTreeSet};

use carrick_model::resources::{ClientTlsMode, labels_match};
use carrick_model::snapshot::{Endpoint, EndpointAddress, MtlsMode, TlsCapability};

use super::destination::{Destination, Form};
use super::locality::Preference;
use super::tls::{SOCKET_MATCH, TLS_MODE, TLS_MODE_ISTIO, auto_mtls_applies};
use crate::address;
use crate::context::Context;
use crate::envoy::cluster::cluster::DiscoveryType;
use crate::envoy::core::{Locality, Metadata};
use crate::envoy::endpoint::{
    self, ClusterLoadAssignment, LbEndpoint, LocalityLbEndpoints, lb_endpoint::HostIdentifier,
};
use crate::rule::{self, string, structure};

pub(super) fn assignment(context: &Context<'_>, destination: &Destination<'_>) -> ClusterLoadAssignment {
    let preference = Preference::from_policy(&destination.policy);
    let mut groups: BTreeMap<(usize, &str), Vec<LbEndpoint>> = BTreeMap::new();
    for endpoint in destination.service.endpoints_of(destination.index) {
        if usable(context, destination, endpoint) {
            let key = (preference.rank(context, endpoint), endpoint.locality.as_str());
            groups.entry(key).or_default().push(translated(context, destination, endpoint));
        }
    }
    // Envoy wants priorities without gaps.
    let ranks: BTreeSet<usize> = groups.keys().map(|(rank, _)| *rank).collect();
    let priority = |rank: &usize| ranks.range(..rank).count().try_into().unwrap_or(u32::MAX);
    let mut endpoints: Vec<LocalityLbEndpoints> = groups
        .into_iter()
        .map(|((rank, name), lb_endpoints)| LocalityLbEndpoints {
            locality: locality(name),
            load_balancing_weight: Some(total_weight(&lb_endpoints)),
            lb_endpoints,
            priority: priority(&rank),
            ..Default::default()
        })
        .collect();
    preference.weigh(context, &mut endpoints);
    ClusterLoadAssignment { cluster_name: destination.cluster_name(), endpoints, ..Default::default() }
}

/// `LOGICAL_DNS` takes exactly one endpoint; the first of the nearest.
pub(super) fn keep_first(assignment: &mut ClusterLoadAssignment) {
    assignment.endpoints.truncate(1);
    for locality in &mut assignment.endpoints {
        locality.lb_endpoints.truncate(1);
        locality.load_balancing_weight = Some(total_weight(&locality.lb_endpoints));
    }
}

fn usable(context: &Context<'_>, destination: &Destination<'_>, endpoint: &Endpoint) -> bool {
    let in_subset = destination.subset.is_none_or(|subset| labels_match(&subset.labels, &endpoint.labels));
    // Envoy resolves names in DNS clusters only; EDS with a name would be refused as a whole.
    let by_name = matches!(endpoint.address, EndpointAddress::Host(_));
    if destination.form == Form::BySni && !speaks_mtls(context, destination, endpoint) {
        return false;
    }
    in_subset && endpoint.healthy && !(by_name && destination.discovery == DiscoveryType::Eds)
}

fn translated(context: &Context<'_>, destination: &Destination<'_>, from: &Endpoint) -> LbEndpoint {
    let address = match &from.address {
        EndpointAddress::Ip(ip) => address::tcp(ip, from.port),
        EndpointAddress::Host(host) => address::tcp(host, from.port),
        EndpointAddress::Unix(path) => address::unix(path),
    };
    let to = endpoint::Endpoint { address: Some(address), ..Default::default() };
    LbEndpoint {
        host_identifier: Some(HostIdentifier::Endpoint(to)),
        metadata: Some(metadata(context, destination, from)),
        load_balancing_weight: Some(from.weight.max(1)),
        ..Default::default()
    }
}

/// Whether mutual TLS is spoken with this endpoint, and which workload it is, for telemetry.
fn metadata(context: &Context<'_>, destination: &Destination<'_>, endpoint: &Endpoint) -> Metadata {
    let mut metadata = Metadata::default();
    if speaks_mtls(context, destination, endpoint) {
        let mode = structure([(TLS_MODE, string(TLS_MODE_ISTIO))]);
        metadata.filter_metadata.insert(SOCKET_MATCH.into(), mode);
    }
    let workload = workload_key(context, endpoint);
    rule::add(&mut metadata, "workload", string(&workload));
    metadata
}

/// `eds/mtls_checker.go`: a rule that says ISTIO_MUTUAL decides; where no rule says anything, the
/// endpoint's proxy and its policy do.
fn speaks_mtls(context: &Context<'_>, destination: &Destination<'_>, endpoint: &Endpoint) -> bool {
    match destination.policy.tls.as_ref().map(|tls| tls.mode) {
        Some(mode) => mode == ClientTlsMode::IstioMutual,
        None => {
            endpoint.tls == TlsCapability::Istio
                && auto_mtls_applies(context, destination)
                && context.snapshot.endpoint_mtls(endpoint).mode != MtlsMode::Disable
        }
    }
}

/// `name;namespace;canonical name;canonical revision;cluster` (`EndpointMetadata` in
/// `pilot/pkg/networking/util`).
fn workload_key(context: &Context<'_>, endpoint: &Endpoint) -> String {
    let workload = context.snapshot.workload_by_pod(&endpoint.namespace, &endpoint.workload);
    let (owner, name, revision) = match workload {
        Some(workload) => (workload.owner.as_str(), workload.canonical_name(), workload.canonical_revision()),
        None => (endpoint.workload.as_str(), "", "latest"),
    };
    let revision = if revision == "latest" { "" } else { revision };
    format!("{owner};{};{name};{revision};{}", endpoint.namespace, context.settings().cluster)
}

fn total_weight(endpoints: &[LbEndpoint]) -> u32 {
    let weights = endpoints.iter().map(|endpoint| endpoint.load_balancing_weight.unwrap_or(1));
    weights.fold(0, u32::saturating_add)
}

fn locality(name: &str) -> Option<Locality> {
    let mut parts = name.splitn(3, '/').map(str::to_owned);
    let mut next = || parts.next().unwrap_or_default();
    Some(Locality { region: next(), zone: next(), sub_zone: next() })
}
