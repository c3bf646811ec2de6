//! Matchers that would let any name pass are refused, wherever they stand.

use carrick_xds::json::from_yaml;
use carrick_xds::resource::any;
use prost::{Message, Name};

use super::*;

const HTTP: &str = "'@type': type.googleapis.com/envoy.extensions.filters";
const TLS: &str = "'@type': type.googleapis.com/envoy.extensions.transport_sockets.tls.v3";

fn refusal<M: Message + Name + Default>(kind: ResourceType, yaml: &str) -> String {
    let message: M = from_yaml(yaml).unwrap();
    accepts(kind, &any(&message)).unwrap_err().to_string()
}

#[test]
fn an_empty_prefix_of_a_peers_name_is_refused_in_every_validation_context() {
    let names = "match_typed_subject_alt_names: [{san_type: URI, matcher: {exact: a}}, {san_type: URI, matcher: {prefix: ''}}]";
    let place = "match_typed_subject_alt_names[1].matcher.prefix: must not be empty";
    assert_eq!(
        refusal::<SecretPb>(ResourceType::Secret, &format!("{{name: a, validation_context: {{{names}}}}}")),
        format!("validation_context.{place}")
    );
    let cluster = |context: &str| {
        let tls = format!(
            "{{name: t, typed_config: {{{TLS}.UpstreamTlsContext, common_tls_context: {{{context}}}}}}}"
        );
        refusal::<Cluster>(ResourceType::Cluster, &format!("{{name: a, transport_socket: {tls}}}"))
    };
    assert_eq!(
        cluster(&format!("validation_context: {{{names}}}")),
        format!("transport_socket.typed_config.common_tls_context.validation_context.{place}")
    );
    let combined = format!(
        "combined_validation_context: {{default_validation_context: {{{names}}}, validation_context_sds_secret_config: {{name: s}}}}"
    );
    assert_eq!(
        cluster(&combined),
        format!(
            "transport_socket.typed_config.common_tls_context.combined_validation_context.default_validation_context.{place}"
        )
    );
    let untyped = "{name: a, validation_context: {match_subject_alt_names: [{safe_regex: {regex: ''}}]}}";
    assert_eq!(
        refusal::<SecretPb>(ResourceType::Secret, untyped),
        "validation_context.match_subject_alt_names[0].safe_regex.regex: must not be empty"
    );
    let absent = "{name: a, validation_context: {match_typed_subject_alt_names: [{san_type: DNS}]}}";
    assert_eq!(
        refusal::<SecretPb>(ResourceType::Secret, absent),
        "validation_context.match_typed_subject_alt_names[0].matcher: is required"
    );
}

#[test]
fn so_it_is_in_access_rules_of_connections() {
    let listener = |policy: &str| {
        let rbac = format!(
            "{{name: r, typed_config: {{{HTTP}.network.rbac.v3.RBAC, stat_prefix: a, rules: {{policies: {{p: {policy}}}}}}}}}"
        );
        let yaml = format!(
            "{{name: a, address: {{socket_address: {{address: 127.0.0.1, port_value: 0}}}}, filter_chains: [{{filters: [{rbac}]}}]}}"
        );
        let told = refusal::<ListenerPb>(ResourceType::Listener, &yaml);
        let place = "filter_chains[0].filters[0].typed_config.rules.policies[\"p\"].";
        told.strip_prefix(place).unwrap_or(&told).to_owned()
    };
    assert_eq!(
        listener(
            "{permissions: [{any: true}], principals: [{authenticated: {principal_name: {suffix: ''}}}]}"
        ),
        "principals[0].authenticated.principal_name.suffix: must not be empty"
    );
    assert_eq!(
        listener("{permissions: [{requested_server_name: {contains: ''}}], principals: [{any: true}]}"),
        "permissions[0].requested_server_name.contains: must not be empty"
    );
}

#[test]
fn so_it_is_in_routes() {
    let route = |matching: &str| {
        let yaml = format!(
            "{{name: r, virtual_hosts: [{{name: v, domains: ['*'], routes: [{{match: {{prefix: /, {matching}}}, route: {{cluster: c}}}}]}}]}}"
        );
        let told = refusal::<RouteConfiguration>(ResourceType::Route, &yaml);
        told.strip_prefix("virtual_hosts[0].routes[0].match.").unwrap_or(&told).to_owned()
    };
    assert_eq!(
        route("headers: [{name: a, string_match: {prefix: ''}}]"),
        "headers[0].string_match.prefix: must not be empty"
    );
    assert_eq!(
        route("query_parameters: [{name: a, string_match: {safe_regex: {regex: ''}}}]"),
        "query_parameters[0].string_match.safe_regex.regex: must not be empty"
    );
}

#[test]
fn static_resources_are_judged_without_being_loaded() {
    let check = |yaml: &str| check_resources(&Bootstrap::from_yaml(yaml).unwrap()).map_err(|e| e.to_string());
    assert_eq!(check("static_resources: {clusters: [{name: a, type: STATIC}]}"), Ok(()));
    let refused = check("static_resources: {clusters: [{name: a}, {name: b, health_checks: [{}]}]}");
    assert_eq!(refused, Err("static_resources.clusters[1].health_checks: is not implemented".to_owned()));
    let refused = check("static_resources: {listeners: [{name: a}]}");
    assert!(refused.is_err_and(|reason| reason.starts_with("static_resources.listeners[0].")));
}
