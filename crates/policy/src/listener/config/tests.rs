use carrick_xds::json::from_yaml;
use carrick_xds::pb::envoy::config::listener::v3::Listener;

use super::{ListenerConfig, ListenerFilterKind};

fn convert(yaml: &str) -> Result<ListenerConfig, String> {
    let pb: Listener = from_yaml(yaml).unwrap();
    ListenerConfig::from_proto(&pb).map_err(|error| error.to_string())
}

const ADDRESS: &str = "address: {socket_address: {address: 0.0.0.0, port_value: 15001}}";

#[test]
fn filters_run_in_the_order_that_makes_sense() {
    let listener = convert(&format!(
        "{{{ADDRESS}, filter_chains: [{{}}], listener_filters: [
           {{name: h, typed_config: {{'@type': type.googleapis.com/envoy.extensions.filters.listener.http_inspector.v3.HttpInspector}}}},
           {{name: t, typed_config: {{'@type': type.googleapis.com/envoy.extensions.filters.listener.tls_inspector.v3.TlsInspector}},
            filter_disabled: {{or_match: {{rules: [{{destination_port_range: {{start: 80, end: 81}}}}, {{destination_port_range: {{start: 3306, end: 3307}}}}]}}}}}},
           {{name: o, typed_config: {{'@type': type.googleapis.com/envoy.extensions.filters.listener.original_dst.v3.OriginalDst}}}}]}}"
    ))
    .unwrap();
    let kinds: Vec<_> = listener.filters.iter().map(|filter| filter.kind).collect();
    assert!(matches!(
        kinds[..],
        [
            ListenerFilterKind::OriginalDst,
            ListenerFilterKind::TlsInspector { .. },
            ListenerFilterKind::HttpInspector
        ]
    ));
    let disabled = listener.filters[1].disabled.as_ref().unwrap();
    assert!(
        disabled.matches(80) && disabled.matches(3306) && !disabled.matches(81) && !disabled.matches(443)
    );
    assert_eq!(listener.name, "0.0.0.0:15001");
}

#[test]
fn what_is_wrong_is_told_with_its_place() {
    let of = |rest: &str| convert(&format!("{{{ADDRESS}, {rest}}}")).unwrap_err();
    assert_eq!(of("stat_prefix: a"), "filter_chains: at least one is required");
    let twice = "filter_chains: [{filter_chain_match: {server_names: [a.b]}}, {filter_chain_match: {server_names: [A.b]}}]";
    assert_eq!(of(twice), "filter_chains[1].filter_chain_match: is the same as that of filter_chains[0]");
    for wild in ["'*'", "'a.*.b'", "'*a.b'", "''"] {
        let error = of(&format!("filter_chains: [{{filter_chain_match: {{server_names: [{wild}]}}}}]"));
        assert!(error.starts_with("filter_chains[0].filter_chain_match.server_names[0]: "), "{error}");
    }
    let port = of("filter_chains: [{filter_chain_match: {destination_port: 70000}}]");
    assert_eq!(
        port,
        "filter_chains[0].filter_chain_match.destination_port: 70000 is not a port (0 to 65535)"
    );
    assert_eq!(convert("{}").unwrap_err(), "address: an address is required");
    assert_eq!(
        convert("{address: {socket_address: {address: a.example, port_value: 1}}}").unwrap_err(),
        "address.socket_address.address: \"a.example\" is not an IP address, and only STRICT_DNS and LOGICAL_DNS clusters \
         take names"
    );
}
