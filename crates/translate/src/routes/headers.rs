//! Header operations of rules and destinations, in an order that does not depend on chance.

use carrick_model::resources::{HeaderOperations, Headers};

use crate::envoy::core::header_value_option::HeaderAppendAction;
use crate::envoy::core::{HeaderValue, HeaderValueOption};
use crate::envoy::route::Route;
use crate::envoy::route::weighted_cluster::ClusterWeight;

pub(super) fn apply(headers: Option<&Headers>, route: &mut Route) {
    let Some(headers) = headers else { return };
    (route.request_headers_to_add, route.request_headers_to_remove) = operations(headers.request.as_ref());
    (route.response_headers_to_add, route.response_headers_to_remove) = operations(headers.response.as_ref());
    // Envoy changes the authority by its own means, not as a header.
    route.request_headers_to_add.retain(|option| !is_authority(option));
}

pub(super) fn apply_to_weight(headers: Option<&Headers>, to: &mut ClusterWeight) {
    let Some(headers) = headers else { return };
    (to.request_headers_to_add, to.request_headers_to_remove) = operations(headers.request.as_ref());
    (to.response_headers_to_add, to.response_headers_to_remove) = operations(headers.response.as_ref());
    to.request_headers_to_add.retain(|option| !is_authority(option));
}

/// The authority that header operations ask for: `set` of `Host` or `:authority`.
pub(super) fn authority(headers: Option<&Headers>) -> Option<&str> {
    let set = &headers?.request.as_ref()?.set;
    let wanted = set.iter().find(|(name, _)| is_authority_name(name));
    wanted.map(|(_, value)| value.as_str())
}

fn operations(operations: Option<&HeaderOperations>) -> (Vec<HeaderValueOption>, Vec<String>) {
    let Some(operations) = operations else { return Default::default() };
    let set = operations.set.iter().map(|pair| option(pair, HeaderAppendAction::OverwriteIfExistsOrAdd));
    let add = operations.add.iter().map(|pair| option(pair, HeaderAppendAction::AppendIfExistsOrAdd));
    (add.chain(set).collect(), operations.remove.clone())
}

fn option((key, value): (&String, &String), action: HeaderAppendAction) -> HeaderValueOption {
    HeaderValueOption {
        header: Some(HeaderValue { key: key.clone(), value: value.clone(), ..Default::default() }),
        append_action: action as i32,
        ..Default::default()
    }
}

fn is_authority(option: &HeaderValueOption) -> bool {
    option.header.as_ref().is_some_and(|header| is_authority_name(&header.key))
}

fn is_authority_name(name: &str) -> bool {
    name.eq_ignore_ascii_case("host") || name.eq_ignore_ascii_case(":authority")
}
