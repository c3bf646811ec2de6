//! HTTP to a port of undeclared protocol is marked as such inside of mutual TLS, so that the
//! server's sidecar treats it as HTTP.
//!
//! Istio does it with a filter of its own (`istio.alpn`) for all mesh traffic; where the port's
//! protocol is declared, the mark decides nothing. Stock Envoy's `set_filter_state` can say what is
//! offered upstream (semantics document, section 0).

use carrick_model::resources::{ClientTlsMode, Destination};
use carrick_model::snapshot::Service;

use crate::clusters::speaks_mesh_tls;
use crate::context::Context;
use crate::destination;
use crate::envoy::core::{DataSource, SubstitutionFormatString, data_source, substitution_format_string};
use carrick_xds::pb::envoy::extensions::filters::common::set_filter_state::v3::{
    FilterStateValue,
    filter_state_value::{Key, SharedWithUpstream, Value},
};
use carrick_xds::pb::envoy::extensions::filters::http::set_filter_state::v3::Config;

/// What the upstream connection's TLS offers, if something in the request's filter state says so.
const OFFERED: &str = "envoy.network.application_protocols";
/// Whichever version of HTTP the client speaks; Istio's inbound chains look for any of them.
const HTTP_IN_MESH: &str = "istio-http/1.1,istio-h2,istio";

/// The mark for a route whose destinations all need it.
pub(super) fn shared_mark(
    context: &Context<'_>,
    destinations: &[&Destination],
    called: u16,
) -> Option<Config> {
    let needs = |to: &&Destination| {
        let port = destination::port(context, to, called);
        context.service(&to.host).is_some_and(|service| is_undeclared(context, service, port, &to.subset))
    };
    (!destinations.is_empty() && destinations.iter().all(needs)).then(mark)
}

/// Whether a port is sniffed by the server's sidecar and called with mutual TLS.
pub(super) fn is_undeclared(context: &Context<'_>, service: &Service, port: u16, subset: &str) -> bool {
    let declared = service.port(port).is_some_and(|(_, port)| !port.protocol.is_auto());
    !declared && service.port(port).is_some() && {
        let rule = context.destination_rule(service);
        let subset = (!subset.is_empty()).then_some(subset);
        let mode = rule.and_then(|rule| rule.policy(port, subset).tls).map(|tls| tls.mode);
        match mode {
            Some(mode) => mode == ClientTlsMode::IstioMutual,
            None => speaks_mesh_tls(context, service),
        }
    }
}

pub(super) fn mark() -> Config {
    let text = DataSource {
        specifier: Some(data_source::Specifier::InlineString(HTTP_IN_MESH.into())),
        ..Default::default()
    };
    let format = SubstitutionFormatString {
        format: Some(substitution_format_string::Format::TextFormatSource(text)),
        ..Default::default()
    };
    let value = FilterStateValue {
        key: Some(Key::ObjectKey(OFFERED.into())),
        value: Some(Value::FormatString(format)),
        shared_with_upstream: SharedWithUpstream::Once as i32,
        ..Default::default()
    };
    Config { on_request_headers: vec![value], ..Default::default() }
}
