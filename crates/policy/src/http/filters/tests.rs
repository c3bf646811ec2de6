use carrick_xds::json;
use carrick_xds::pb::envoy::extensions::filters::http::cors::v3::CorsPolicy;
use carrick_xds::pb::envoy::extensions::filters::http::fault::v3::HttpFault;
use carrick_xds::pb::envoy::extensions::filters::http::rbac::v3::RbacPerRoute;
use carrick_xds::pb::envoy::extensions::filters::http::set_filter_state::v3::Config as SetFilterState;
use prost_types::Any;
use serde_json::{Value, json};

use super::{FilterConfigs, PerRoute};

fn fault(fields: Value) -> Any {
    Any::from_msg(&json::from_json::<HttpFault>(fields).unwrap()).unwrap()
}

fn cors(fields: Value) -> Any {
    Any::from_msg(&json::from_json::<CorsPolicy>(fields).unwrap()).unwrap()
}

fn level(configs: &[(&str, Any)]) -> Result<FilterConfigs, String> {
    let map = configs.iter().map(|(name, any)| ((*name).to_owned(), any.clone())).collect();
    FilterConfigs::from_proto(&map).map_err(|error| error.to_string())
}

#[test]
fn the_innermost_fault_counts_whole_while_cors_policies_complete_each_other() {
    let abort =
        |status: u32| fault(json!({"abort": {"http_status": status, "percentage": {"numerator": 100}}}));
    let route = level(&[("c", cors(json!({"allow_methods": "GET"})))]).unwrap();
    let host =
        level(&[("f", abort(501)), ("c", cors(json!({"allow_methods": "PUT", "max_age": "5"})))]).unwrap();
    let table =
        level(&[("f", abort(502)), ("c", cors(json!({"max_age": "6", "allow_headers": "x"})))]).unwrap();
    let joined = PerRoute::joined(&[&route, &host, &table]);
    assert!(format!("{:?}", joined.fault("f").unwrap()).contains("501"));
    assert!(joined.fault("c").is_none() && joined.cors("f").is_none() && joined.fault("other").is_none());
    let policy = format!("{:?}", joined.cors("c").unwrap());
    for said in [r#"methods: Some("GET")"#, r#"max_age: Some("5")"#, r#"headers: Some("x")"#] {
        assert!(policy.contains(said), "{said} in {policy}");
    }
}

#[test]
fn what_is_not_implemented_is_refused_by_its_field() {
    let share = json!({"numerator": 100});
    for (any, expected) in [
        (
            fault(json!({"delay": {"header_delay": {}, "percentage": share}})),
            "delay.header_delay: is not supported; use fixed_delay",
        ),
        (fault(json!({"delay": {"percentage": share}})), "delay.fixed_delay: must be above 0"),
        (
            fault(json!({"abort": {"header_abort": {}}})),
            "abort.header_abort: is not supported; use http_status",
        ),
        (fault(json!({"abort": {"http_status": 99}})), "abort.http_status: 99 is not in 200 to 599"),
        (fault(json!({"max_active_faults": 1})), "max_active_faults: is not supported"),
        (fault(json!({"upstream_cluster": "b"})), "upstream_cluster: is not supported"),
        (
            cors(json!({"allow_origin_string_match": [{"prefix": ""}]})),
            "allow_origin_string_match[0].prefix: must not be empty",
        ),
        (
            Any::from_msg(&RbacPerRoute::default()).unwrap(),
            " envoy.extensions.filters.http.rbac.v3.RBACPerRoute is not supported",
        ),
    ] {
        let refused = level(&[("f", any)]).err().unwrap();
        let expected = match expected.strip_prefix(' ') {
            Some(whole) => format!("typed_per_filter_config[f]: {whole}"),
            None => format!("typed_per_filter_config[f].{expected}"),
        };
        assert_eq!(refused, expected);
    }
}

#[test]
fn only_what_is_offered_upstream_can_be_set() {
    let set = |fields: Value| {
        let config: SetFilterState = json::from_json(json!({"on_request_headers": [fields]})).unwrap();
        super::alpn::from_proto(&config).map_err(|error| error.to_string())
    };
    let value = |text: &str| json!({"text_format_source": {"inline_string": text}});
    let key = "envoy.network.application_protocols";
    let offered = set(
        json!({"object_key": key, "shared_with_upstream": "ONCE", "format_string": value("istio-h2, istio")}),
    );
    assert_eq!(offered.unwrap().unwrap().to_vec(), [b"istio-h2".to_vec(), b"istio".to_vec()]);
    for (fields, expected) in [
        (
            json!({"object_key": "other", "format_string": value("a")}),
            format!("object_key: only {key} is supported"),
        ),
        (
            json!({"object_key": key, "format_string": value("a")}),
            "shared_with_upstream: must be ONCE or TRANSITIVE: it is for the upstream connection".to_owned(),
        ),
        (
            json!({"object_key": key, "shared_with_upstream": "ONCE", "format_string": value("%REQ(x)%")}),
            "format_string.text_format_source.inline_string: only fixed text is supported".to_owned(),
        ),
    ] {
        assert_eq!(set(fields).unwrap_err(), format!("on_request_headers[0].{expected}"));
    }
}
