//! Whether and how a cluster encrypts: what the DestinationRule says, or automatic mutual TLS
//! (`pilot/pkg/networking/core/cluster_tls.go`; semantics document, section 5).

use std::collections::BTreeSet;

use carrick_model::resources::{ClientTlsMode, ClientTlsSettings};
use carrick_model::snapshot::{MtlsMode, Service, ServiceKind};

use super::destination::Destination;
use super::protocol;
use crate::context::Context;
use crate::credentials::provide_for_client;
use crate::envoy::any;
use crate::envoy::cluster::Cluster;
use crate::envoy::cluster::cluster::{DiscoveryType, TransportSocketMatch};
use crate::envoy::core::{TransportSocket, transport_socket};
use crate::rule::{self, string, structure};
use crate::tls::{ALPN_IN_MESH, ClientTls, PeerCheck, client_socket, exact_name, secrets};
use carrick_xds::ProxyResources;
use carrick_xds::pb::envoy::extensions::transport_sockets::raw_buffer::v3::RawBuffer;

/// The key that `transport_socket_matches` look under.
pub(super) const SOCKET_MATCH: &str = "envoy.transport_socket_match";
/// The field there that says whether an endpoint speaks mutual TLS.
pub(super) const TLS_MODE: &str = "tlsMode";
/// ... and its value if so.
pub(super) const TLS_MODE_ISTIO: &str = "istio";

/// `false`: a secret that the rule names is missing. Such a cluster is left out, it must not come
/// to speak plain text.
pub(super) fn apply(
    context: &Context<'_>,
    destination: &Destination<'_>,
    cluster: &mut Cluster,
    resources: &mut ProxyResources,
) -> bool {
    match &destination.policy.tls {
        None if auto_mtls_applies(context, destination) => {
            cluster.transport_socket_matches = by_endpoint(mutual_tls(context, destination, "", &[]));
        }
        None => {}
        Some(tls) => match tls.mode {
            ClientTlsMode::Disable => {}
            ClientTlsMode::IstioMutual => {
                let mutual = mutual_tls(context, destination, &tls.sni, &tls.subject_alt_names);
                cluster.transport_socket = Some(client_socket(mutual));
            }
            ClientTlsMode::Simple | ClientTlsMode::Mutual => {
                let Some((certificate, roots)) = credentials(context, destination, tls) else { return true };
                let presents = certificate.is_some();
                let name = tls.credential_name.as_str();
                if !name.is_empty() && !provide_for_client(context, name, presents, resources) {
                    return false;
                }
                originate(context, destination, tls, (certificate, roots), cluster);
            }
        },
    }
    true
}

/// Automatic mutual TLS: inside the mesh, where a DestinationRule says nothing and the servers'
/// namespace does not refuse it. What single workloads say is not looked at
/// (`model/authentication.go`).
pub(super) fn auto_mtls_applies(context: &Context<'_>, destination: &Destination<'_>) -> bool {
    destination.discovery != DiscoveryType::OriginalDst && speaks_mesh_tls(context, destination.service)
}

/// The same for a service whatever the way to its endpoints.
pub(crate) fn speaks_mesh_tls(context: &Context<'_>, service: &Service) -> bool {
    context.settings().enable_auto_mtls
        && !service.mesh_external
        && context.snapshot.inferred_mtls(service) != MtlsMode::Disable
}

/// ISTIO_MUTUAL: own certificate, the mesh's roots, and the protocols by which a sidecar knows a
/// mesh peer.
fn mutual_tls(
    context: &Context<'_>,
    destination: &Destination<'_>,
    sni: &str,
    names: &[String],
) -> ClientTls {
    let names = match names.is_empty() {
        true => context.snapshot.identities_of(destination.service),
        false => names.iter().cloned().collect(),
    };
    let mut alpn = ALPN_IN_MESH.map(String::from).to_vec();
    if destination.port.protocol.is_http2() {
        alpn.push("h2".into());
    }
    ClientTls {
        certificate: Some(secrets::WORKLOAD.into()),
        server: PeerCheck::new(
            secrets::MESH_ROOTS.into(),
            names.iter().map(|name| exact_name(name)).collect(),
        ),
        sni: if sni.is_empty() { destination.sni() } else { sni.into() },
        alpn,
    }
}

/// SIMPLE and MUTUAL: TLS as any client speaks it.
fn originate(
    context: &Context<'_>,
    destination: &Destination<'_>,
    tls: &ClientTlsSettings,
    (certificate, roots): (Option<String>, String),
    cluster: &mut Cluster,
) {
    let mut names: BTreeSet<String> = tls.subject_alt_names.iter().cloned().collect();
    if names.is_empty() && destination.service.kind == ServiceKind::Entry {
        names = context.snapshot.identities_of(destination.service);
    }
    if tls.sni.is_empty() {
        sni_from_authority(cluster, names.is_empty());
    }
    let server = match tls.insecure_skip_verify {
        Some(true) => PeerCheck::Nothing,
        _ => PeerCheck::new(roots, names.iter().map(|name| exact_name(name)).collect()),
    };
    let alpn = if destination.port.protocol.is_http2() { vec!["h2".into()] } else { vec![] };
    cluster.transport_socket =
        Some(client_socket(ClientTls { certificate, server, sni: tls.sni.clone(), alpn }));
    let metadata = cluster.metadata.get_or_insert_default();
    rule::add(metadata, "alpn_override", string("false"));
}

/// The certificate that we present, if any, and the roots that the server must chain to. `None`: a
/// sidecar was told to use a Kubernetes secret, which Istio ignores there together with the whole
/// block.
fn credentials(
    context: &Context<'_>,
    destination: &Destination<'_>,
    tls: &ClientTlsSettings,
) -> Option<(Option<String>, String)> {
    let mutual = tls.mode == ClientTlsMode::Mutual;
    if !tls.credential_name.is_empty() {
        let selective = destination.rule.is_some_and(|rule| rule.workload_selector.is_some());
        if !context.is_router() && !selective {
            return None;
        }
        let certificate = mutual.then(|| secrets::kubernetes(&tls.credential_name));
        return Some((certificate, secrets::kubernetes_roots(&tls.credential_name)));
    }
    let certificate = mutual.then(|| secrets::file_certificate(&tls.client_certificate, &tls.private_key));
    let roots = match tls.ca_certificates.as_str() {
        "" => secrets::SYSTEM_ROOTS.to_owned(),
        path => secrets::file_roots(path),
    };
    Some((certificate, roots))
}

fn sni_from_authority(cluster: &mut Cluster, check_name: bool) {
    protocol::change(cluster, |options| {
        options.upstream_http_protocol_options = Some(protocol::sni_from_authority(check_name));
    });
}

/// Mutual TLS with endpoints whose metadata say that they speak it, plain text with the others.
fn by_endpoint(mutual: ClientTls) -> Vec<TransportSocketMatch> {
    let raw = TransportSocket {
        name: "envoy.transport_sockets.raw_buffer".into(),
        config_type: Some(transport_socket::ConfigType::TypedConfig(any(&RawBuffer::default()))),
    };
    let speaks = TransportSocketMatch {
        name: "tlsMode-istio".into(),
        r#match: Some(structure([(TLS_MODE, string(TLS_MODE_ISTIO))])),
        transport_socket: Some(client_socket(mutual)),
    };
    let does_not = TransportSocketMatch {
        name: "tlsMode-disabled".into(),
        r#match: Some(Default::default()),
        transport_socket: Some(raw),
    };
    vec![speaks, does_not]
}
