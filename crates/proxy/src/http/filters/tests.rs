use carrick_xds::json;
use carrick_xds::pb::envoy::extensions::filters::http::cors::v3::CorsPolicy;
use carrick_xds::pb::envoy::extensions::filters::http::fault::v3::HttpFault;
use carrick_xds::pb::envoy::extensions::filters::http::rbac::v3::RbacPerRoute;
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
