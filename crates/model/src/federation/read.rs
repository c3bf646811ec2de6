//! Reads a federation file: fills in defaults, replaces `${clusterN.ingress.address}`, checks the
//! whole.

mod mesh;

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use carrick_identity::TrustDomain;

use super::settings::mesh_settings;
use super::{ClusterConfig, ClusterRuntime, FederatedCluster, Federation};
use crate::cidr::Cidr;
use crate::diagnostic::{Diagnostic, Severity, codes};
use crate::host;
use crate::resource::{AnyResource, Meta};
use crate::resources::{ClusterSpec, FederationSpec, GatewayAddress};
use crate::source::{Location, SourceFile};

/// The first gateway's address in the internet network where none is given: cluster N gets `.11 +
/// 10 N` for its ingress, and the next one for its egress.
const FIRST_GATEWAY: u32 = 11;
const GATEWAYS_APART: u32 = 10;

/// The federation in `file`, with every address filled in and every `${…}` replaced; `None` if it
/// has errors.
pub fn parse_federation(file: &SourceFile) -> (Option<Arc<Federation>>, Vec<Diagnostic>) {
    let (resources, mut diagnostics) = crate::parse::parse(std::slice::from_ref(file));
    let mut found = None;
    for resource in resources {
        let meta = resource.meta().clone();
        let mut check = Check { meta: &meta, found: &mut diagnostics };
        match resource {
            AnyResource::Federation(federation) if found.is_none() => {
                let mut spec = federation.spec.clone();
                complete(&mut spec, &mut check);
                found = Some((federation.meta.clone(), spec));
            }
            AnyResource::Federation(_) => {
                check.error("kind", "the file already has a Federation".to_owned(), "keep one of them");
            }
            other => {
                let reason = format!("a federation file holds a Federation, not a {}", other.meta().kind);
                check.error("kind", reason, "move it to a file of a cluster's `resources`");
            }
        }
    }
    if found.is_none() && diagnostics.is_empty() {
        diagnostics.push(Diagnostic {
            code: codes::FEDERATION,
            severity: Severity::Error,
            location: Location::new(file.path.as_str(), 1, 1),
            resource: None,
            field: String::new(),
            reason: "the file has no Federation".to_owned(),
            help: "begin it with `apiVersion: carrick.dev/v1alpha1` and `kind: Federation`".to_owned(),
        });
    }
    let refused = diagnostics.iter().any(Diagnostic::is_error);
    let federation = found.filter(|_| !refused).and_then(|(meta, spec)| federation_from(meta, spec));
    (federation.map(Arc::new), diagnostics)
}

/// A complete and checked file as what follows from it. `None` for one that the checks would have
/// refused.
fn federation_from(meta: Meta, spec: FederationSpec) -> Option<Federation> {
    let mut clusters = Vec::new();
    for cluster in &spec.clusters {
        let runtime = ClusterRuntime {
            ingress: cluster.ingress.address?,
            egress: cluster.egress.address?,
            resources: cluster.resources.clone(),
            substitute: cluster.substitute.clone(),
        };
        let settings = mesh_settings(&spec, cluster).ok()?;
        let config = ClusterConfig { settings, resolvers: spec.dns.upstream.clone() };
        clusters.push(FederatedCluster { name: cluster.name.clone(), runtime, config });
    }
    Some(Federation { meta, networks: spec.networks, clusters })
}

pub(super) struct Check<'a> {
    meta: &'a Meta,
    found: &'a mut Vec<Diagnostic>,
}

impl Check<'_> {
    pub(super) fn error(&mut self, field: &str, reason: String, help: &str) {
        self.found.push(Diagnostic {
            code: codes::FEDERATION,
            severity: Severity::Error,
            location: self.meta.locate(field),
            resource: Some(self.meta.resource_name()),
            field: field.to_owned(),
            reason,
            help: help.to_owned(),
        });
    }
}

fn complete(spec: &mut FederationSpec, check: &mut Check<'_>) {
    if let Some(fault) = host::fault(&spec.suffix, false) {
        check.error("spec.suffix", fault, "write a DNS name such as `global`");
    }
    check_networks(spec, check);
    check_names(&spec.clusters, check);
    mesh::check(spec, check);
    give_addresses(spec, check);
    let variables = variables(&spec.clusters);
    for (number, cluster) in spec.clusters.iter_mut().enumerate() {
        if cluster.resources.is_empty() {
            let reason = format!("the cluster `{}` has no resources", cluster.name);
            check.error(
                &format!("spec.clusters[{number}]"),
                reason,
                "list its files and folders in `resources`",
            );
        }
        for (from, to) in &mut cluster.substitute {
            let field = format!("spec.clusters[{number}].substitute[\"{from}\"]");
            if from.is_empty() {
                check.error(
                    &field,
                    "an empty text cannot be replaced".to_owned(),
                    "write the text to replace",
                );
            }
            match expanded(to, &variables) {
                Ok(text) => *to = text,
                Err(name) => {
                    let known: Vec<String> = variables.keys().map(|name| format!("${{{name}}}")).collect();
                    let help = format!("use one of {}", known.join(", "));
                    check.error(&field, format!("`${{{name}}}` stands for nothing"), &help);
                }
            }
        }
    }
    for (number, upstream) in spec.dns.upstream.iter().enumerate() {
        let is_address =
            upstream.parse::<IpAddr>().is_ok() || upstream.parse::<std::net::SocketAddr>().is_ok();
        if !is_address {
            let reason = format!("`{upstream}` is no address");
            check.error(&format!("spec.dns.upstream[{number}]"), reason, "write `address` or `address:port`");
        }
    }
}

fn check_networks(spec: &FederationSpec, check: &mut Check<'_>) {
    let networks = &spec.networks;
    let ranges = [("pods", networks.pods), ("services", networks.services), ("internet", networks.internet)];
    for (position, (name, range)) in ranges.iter().enumerate() {
        let field = format!("spec.networks.{name}");
        if !range.address().is_ipv4() || !(8..=28).contains(&range.prefix()) {
            let reason = format!("`{range}` is no IPv4 range with a prefix from 8 to 28");
            check.error(&field, reason, "write a range such as 10.10.0.0/16");
        }
        let clash =
            |other: &&(&str, Cidr)| other.1.contains(range.address()) || range.contains(other.1.address());
        if let Some((other, _)) = ranges[..position].iter().find(clash) {
            check.error(&field, format!("the range overlaps with `{other}`"), "choose ranges that are apart");
        }
    }
}

fn check_names(clusters: &[ClusterSpec], check: &mut Check<'_>) {
    if clusters.is_empty() {
        check.error(
            "spec.clusters",
            "the federation has no clusters".to_owned(),
            "list at least one cluster",
        );
    }
    let (mut names, mut domains) = (BTreeSet::new(), BTreeSet::new());
    for (number, cluster) in clusters.iter().enumerate() {
        let field = |name: &str| format!("spec.clusters[{number}].{name}");
        if let Some(fault) = host::label_fault(&cluster.name) {
            check.error(&field("name"), format!("the cluster's name is no DNS label: {fault}"), "rename it");
        } else if !names.insert(cluster.name.clone()) {
            let reason = format!("there are two clusters named `{}`", cluster.name);
            check.error(&field("name"), reason, "rename one of them");
        }
        let domain = cluster.trust_domain();
        if let Err(fault) = TrustDomain::new(&domain) {
            check.error(&field("trustDomain"), fault.to_string(), "write a name such as `cluster1.example`");
        } else if !domains.insert(domain.clone()) {
            let reason = format!("another cluster already has the trust domain `{domain}`");
            check.error(&field("trustDomain"), reason, "give each cluster its own");
        }
    }
}

/// Every gateway gets an address of the internet network, and no two the same.
fn give_addresses(spec: &mut FederationSpec, check: &mut Check<'_>) {
    let internet = spec.networks.internet;
    let IpAddr::V4(base) = internet.address() else { return };
    let mut taken: BTreeSet<Ipv4Addr> = BTreeSet::new();
    for (number, cluster) in spec.clusters.iter_mut().enumerate() {
        let first = u32::try_from(number).unwrap_or(u32::MAX).saturating_mul(GATEWAYS_APART);
        let gateways: [(&str, &mut GatewayAddress); 2] =
            [("ingress", &mut cluster.ingress), ("egress", &mut cluster.egress)];
        for (offset, (which, gateway)) in (FIRST_GATEWAY..).zip(gateways) {
            let default = Ipv4Addr::from_bits(base.to_bits().saturating_add(first).saturating_add(offset));
            let address = *gateway.address.get_or_insert(default);
            let field = format!("spec.clusters[{number}].{which}.address");
            if !internet.contains(address.into()) {
                let reason = format!("{address} is not in the internet network {internet}");
                check.error(&field, reason, "choose an address of `spec.networks.internet`");
            } else if !taken.insert(address) {
                let reason = format!("another gateway already has the address {address}");
                check.error(&field, reason, "choose another one");
            }
        }
    }
}

/// `cluster1.ingress.address` and so on.
fn variables(clusters: &[ClusterSpec]) -> BTreeMap<String, String> {
    let of_cluster = |cluster: &ClusterSpec| {
        let pairs = [("ingress", cluster.ingress), ("egress", cluster.egress)];
        let name = cluster.name.clone();
        pairs.map(move |(which, gateway)| {
            (format!("{name}.{which}.address"), gateway.address.map(|a| a.to_string()).unwrap_or_default())
        })
    };
    clusters.iter().flat_map(of_cluster).collect()
}

/// The text with every `${name}` replaced, or the first name that stands for nothing.
fn expanded(text: &str, variables: &BTreeMap<String, String>) -> Result<String, String> {
    let mut result = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        let Some((name, remaining)) = after.split_once('}') else { return Err(after.to_owned()) };
        let value = variables.get(name.trim()).ok_or_else(|| name.to_owned())?;
        result.push_str(before);
        result.push_str(value);
        rest = remaining;
    }
    result.push_str(rest);
    Ok(result)
}
