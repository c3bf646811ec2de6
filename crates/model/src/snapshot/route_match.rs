//! Conditions of VirtualServices that can be answered before any request comes: gateways, ports,
//! sources (Istio `core/route/route.go`, `core/tls.go`).

use std::collections::BTreeMap;

use crate::resources::{HttpMatchRequest, L4MatchAttributes, TlsMatchAttributes, labels_match};

/// Where conditions are asked.
#[derive(Debug, Clone, Copy)]
pub struct MatchContext<'a> {
    /// `mesh`, or the Gateway as `ns/name`.
    pub gateway: &'a str,
    /// The port that was called, as declared: by the service in the mesh, by the server at a
    /// gateway.
    pub port: u16,
    /// The proxy's own.
    pub labels: &'a BTreeMap<String, String>,
    /// The proxy's own.
    pub namespace: &'a str,
}

impl MatchContext<'_> {
    /// Whether an HTTP match can ever hold here. Once a match names gateways, it says nothing about
    /// sources any more.
    pub fn admits_http(&self, wanted: &HttpMatchRequest) -> bool {
        self.has_port(wanted.port)
            && match wanted.gateways.is_empty() {
                true => self.is_source(&wanted.source_labels, &wanted.source_namespace),
                false => self.is_gateway(&wanted.gateways),
            }
    }

    /// Whether a TLS match can hold here. Unlike for HTTP, gateways and sources must both agree.
    pub fn admits_tls(&self, wanted: &TlsMatchAttributes) -> bool {
        self.has_port(wanted.port)
            && self.is_gateway(&wanted.gateways)
            && self.is_source(&wanted.source_labels, &wanted.source_namespace)
    }

    /// Whether a TCP match can hold here; gateways and sources must both agree.
    pub fn admits_tcp(&self, wanted: &L4MatchAttributes) -> bool {
        self.has_port(wanted.port)
            && self.is_gateway(&wanted.gateways)
            && self.is_source(&wanted.source_labels, &wanted.source_namespace)
    }

    fn has_port(&self, port: Option<u16>) -> bool {
        port.is_none_or(|port| port == self.port)
    }

    fn is_gateway(&self, gateways: &[String]) -> bool {
        gateways.is_empty() || gateways.iter().any(|gateway| gateway == self.gateway)
    }

    fn is_source(&self, labels: &BTreeMap<String, String>, namespace: &str) -> bool {
        labels_match(labels, self.labels) && (namespace.is_empty() || namespace == self.namespace)
    }
}
