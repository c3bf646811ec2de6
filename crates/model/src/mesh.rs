//! Settings of one cluster's mesh, as Istio's MeshConfig has them. No resource in a folder changes
//! them.

use std::net::Ipv4Addr;

use carrick_identity::TrustDomain;

use crate::cidr::Cidr;
use crate::visibility::ExportTo;

/// What the mesh as a whole is set to, for one cluster.
#[derive(Debug, Clone, PartialEq)]
pub struct MeshSettings {
    /// The cluster's id (ISTIO_META_CLUSTER_ID).
    pub cluster: String,
    /// The network's id (ISTIO_META_NETWORK); empty for none.
    pub network: String,
    pub region: String,
    /// The trust domain of this cluster's identities.
    pub trust_domain: TrustDomain,
    /// Other names under which this mesh's own identities may be known.
    pub trust_domain_aliases: Vec<TrustDomain>,
    /// Trust domains of other clusters whose identities are accepted inbound.
    pub peer_trust_domains: Vec<TrustDomain>,
    /// Where mesh-wide policies live.
    pub root_namespace: String,
    /// The suffix of exposed services, `global`.
    pub dns_suffix: String,
    /// The suffix of the cluster's own services, `cluster.local`.
    pub cluster_domain: String,
    pub outbound_policy: OutboundPolicy,
    /// Off where `None`.
    pub access_log: Option<AccessLog>,
    pub enable_auto_mtls: bool,
    pub default_service_export_to: ExportTo,
    pub default_virtual_service_export_to: ExportTo,
    pub default_destination_rule_export_to: ExportTo,
    /// From where Services without an address get one.
    pub service_range: Cidr,
    /// From where ServiceEntry hosts without an address get one.
    pub vip_range: Cidr,
    /// One fixed answer for all names under the suffix, instead of an address per host.
    pub global_address: Option<Ipv4Addr>,
}

/// What happens to connections to destinations that nothing declares.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash, serde::Deserialize, serde::Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum OutboundPolicy {
    AllowAny,
    /// Carrick's default: nothing is reachable that was not exposed.
    #[default]
    RegistryOnly,
}

/// How proxies log requests and connections (Istio's `accessLogFile` and friends).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AccessLog {
    /// Usually `/dev/stdout`.
    pub path: String,
    pub encoding: AccessLogEncoding,
    /// For text, an Envoy format string; empty for Istio's default.
    pub format: String,
    /// For JSON, names and Envoy format strings; empty for Istio's default.
    pub fields: Vec<(String, String)>,
    /// Whether a TCP connection is logged when it is established too, not only when it is over.
    pub on_connect: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum AccessLogEncoding {
    #[default]
    Text,
    Json,
}

impl MeshSettings {
    /// Istio's defaults, except that unknown destinations are refused.
    pub fn new(cluster: impl Into<String>, trust_domain: TrustDomain) -> MeshSettings {
        MeshSettings {
            cluster: cluster.into(),
            network: String::new(),
            region: String::new(),
            trust_domain,
            trust_domain_aliases: Vec::new(),
            peer_trust_domains: Vec::new(),
            root_namespace: "istio-system".to_owned(),
            dns_suffix: "global".to_owned(),
            cluster_domain: "cluster.local".to_owned(),
            outbound_policy: OutboundPolicy::default(),
            access_log: None,
            enable_auto_mtls: true,
            default_service_export_to: ExportTo::everyone(),
            default_virtual_service_export_to: ExportTo::everyone(),
            default_destination_rule_export_to: ExportTo::everyone(),
            service_range: Cidr::new(Ipv4Addr::new(10, 96, 0, 0).into(), 16)
                .expect("16 bits fit an IPv4 address"),
            vip_range: Cidr::new(Ipv4Addr::new(240, 240, 0, 0).into(), 16)
                .expect("16 bits fit an IPv4 address"),
            global_address: None,
        }
    }

    /// `name` in `namespace` as a full host name: `name.namespace.svc.cluster.local`.
    pub(crate) fn service_host(&self, name: &str, namespace: &str) -> String {
        format!("{name}.{namespace}.svc.{}", self.cluster_domain)
    }

    /// Completes a short host relative to a resource's namespace. Whatever holds a dot is complete
    /// already (Istio `model/config.go`, ResolveShortnameToFQDN).
    pub fn resolve_host(&self, host: &str, namespace: &str) -> String {
        match host.contains('.') || host.starts_with('*') || host.is_empty() {
            true => crate::host::canonical(host),
            false => self.service_host(&crate::host::canonical(host), namespace),
        }
    }

    /// Whether the name lies under the suffix of exposed services.
    pub fn is_global(&self, host: &str) -> bool {
        host.strip_suffix(self.dns_suffix.as_str()).is_some_and(|rest| rest.ends_with('.'))
    }
}
