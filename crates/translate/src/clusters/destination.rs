//! What a cluster is made from: one upstream, as the client's namespace sees it.

use carrick_model::resources::Subset;
use carrick_model::snapshot::{EffectiveDestinationRule, EffectivePolicy, Service, ServicePort};

use crate::envoy::cluster::cluster::DiscoveryType;
use crate::names;

/// One upstream as the client's namespace sees it.
pub(crate) struct Destination<'a> {
    pub service: &'a Service,
    /// The port's place among the service's ports.
    pub index: usize,
    pub port: &'a ServicePort,
    pub subset: Option<&'a Subset>,
    pub rule: Option<&'a EffectiveDestinationRule>,
    pub policy: EffectivePolicy,
    pub discovery: DiscoveryType,
    pub form: Form,
}

/// What a cluster is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// Routes lead to it.
    Routed,
    /// An AUTO_PASSTHROUGH server leads to it: what it carries is mutual TLS already, so it adds
    /// none, and only endpoints that speak it are of use (`buildOutboundSniDnatClusters`).
    BySni,
}

impl Destination<'_> {
    pub(crate) fn subset_name(&self) -> &str {
        self.subset.map_or("", |subset| subset.name.as_str())
    }

    pub(crate) fn cluster_name(&self) -> String {
        match self.form {
            Form::Routed => names::outbound_cluster(self.port.number, self.subset_name(), &self.service.host),
            Form::BySni => self.sni(),
        }
    }

    /// The same key as a server name: what mutual TLS says it wants when nothing else is said.
    pub(crate) fn sni(&self) -> String {
        names::outbound_sni(self.port.number, self.subset_name(), &self.service.host)
    }
}
