use prost::Message;

use super::{JsonError, Place, descriptors, from_json, from_yaml, to_json};
use crate::pb::envoy::config::bootstrap::v3::Bootstrap;
use crate::pb::envoy::config::cluster::v3::Cluster;
use crate::pb::envoy::config::cluster::v3::cluster::{ClusterDiscoveryType, DiscoveryType, LbPolicy};
use crate::pb::envoy::config::core::v3::data_source::Specifier;
use crate::pb::envoy::config::core::v3::{DataSource, Metadata};
use crate::pb::envoy::extensions::filters::network::tcp_proxy::v3::TcpProxy;

/// The place, path and reason of what is wrong with a bootstrap.
fn fault(text: &str) -> (Option<Place>, String, String) {
    match from_yaml::<Bootstrap>(text) {
        Err(JsonError::Content { place, error, .. }) => (place, error.path().into(), error.reason().into()),
        other => panic!("{other:?}"),
    }
}

#[test]
fn durations_enums_numbers_and_both_spellings_of_a_field_are_read() {
    let text = "{name: a, connectTimeout: 0.25s, lb_policy: LEAST_REQUEST, type: 3, perConnectionBufferLimitBytes: '32768'}";
    let cluster: Cluster = from_yaml(text).unwrap();
    let timeout = cluster.connect_timeout.unwrap();
    assert_eq!((timeout.seconds, timeout.nanos), (0, 250_000_000));
    assert_eq!(cluster.lb_policy(), LbPolicy::LeastRequest);
    assert_eq!(cluster.cluster_discovery_type, Some(ClusterDiscoveryType::Type(DiscoveryType::Eds.into())));
    assert_eq!(cluster.per_connection_buffer_limit_bytes, Some(32768));
}

#[test]
fn inline_bytes_are_base64_and_inline_strings_are_not() {
    let bytes: DataSource = from_yaml("inline_bytes: aGVsbG8=").unwrap();
    assert_eq!(bytes.specifier, Some(Specifier::InlineBytes(b"hello".to_vec())));
    let string: DataSource = from_yaml("inline_string: aGVsbG8=").unwrap();
    assert_eq!(string.specifier, Some(Specifier::InlineString("aGVsbG8=".into())));
}

const DEEP: &str = r#"
static_resources:
  listeners:
  - name: good
  - name: bad
    filter_chains:
    - filters:
      - name: envoy.filters.network.tcp_proxy
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy
          stat_prefix: x
          LINE
"#;

#[test]
fn a_fault_inside_of_an_any_is_found_by_path_and_place() {
    let any = "static_resources.listeners[1].filter_chains[0].filters[0].typed_config";
    for (line, path, reason) in [
        ("clutser: a", "clutser", "TcpProxy has no such field; did you mean cluster?"),
        ("idle_timeout: soon", "idle_timeout", "expected seconds such as 0.250s"),
        ("max_connect_attempts: -1", "max_connect_attempts", "out of range"),
        ("cluster: [a]", "cluster", "a string"),
        (
            "weighted_clusters: {clusters: [{name: a, weight: 1}, {name: b, wait: 1}]}",
            "weighted_clusters.clusters[1].wait",
            "it has name, weight",
        ),
        (
            "on_demand: {odcds_config: {api_config_source: {api_type: SOAP}}}",
            "on_demand.odcds_config.api_config_source.api_type",
            "SOAP",
        ),
        ("metadata_match: {filter_metadata: {a: {}, b: 7}}", "metadata_match.filter_metadata[\"b\"]", "7"),
    ] {
        let (place, found, why) = fault(&DEEP.replace("LINE", line));
        assert_eq!(found, format!("{any}.{path}"), "{why}");
        assert!(why.contains(reason), "{why}");
        assert_eq!(place.unwrap().line, 12);
    }
}

#[test]
fn the_whole_message_is_one_line_that_starts_with_the_place() {
    let error = from_yaml::<Bootstrap>("admin:\n  adress: {}\n").unwrap_err();
    assert_eq!(
        error.to_string(),
        "2:3: not a valid Bootstrap: admin.adress: Admin has no such field; did you mean address?"
    );
    let error = from_json::<Bootstrap>(serde_json::json!({"admin": []})).unwrap_err();
    assert_eq!(error.to_string(), "not a valid Bootstrap: admin: expected fields of Admin, found a list");
}

#[test]
fn an_extension_that_carrick_does_not_know_is_named() {
    let deep = DEEP.replace("LINE", "cluster: a");
    let text = deep.replace("tcp_proxy.v3.TcpProxy", "redis_proxy.v3.RedisProxy");
    let (place, path, reason) = fault(&text);
    assert_eq!(path, "static_resources.listeners[1].filter_chains[0].filters[0].typed_config.@type");
    assert!(reason.contains("envoy.extensions.filters.network.redis_proxy.v3.RedisProxy"), "{reason}");
    assert_eq!(place.unwrap().line, 10);
    let (_, path, _) = fault(&deep.replace("\"@type\"", "type"));
    assert!(path.ends_with("typed_config.@type"), "{path}");
}

#[test]
fn two_of_one_choice_are_refused_where_they_meet() {
    let (_, path, reason) =
        fault("node: {id: a}\nadmin: {address: {pipe: {path: /a}, socket_address: {address: b}}}");
    assert_eq!(path, "admin.address");
    assert!(reason.contains("oneof"), "{reason}");
}

#[test]
fn what_is_no_yaml_is_refused_with_its_place() {
    for (text, line) in [
        ("node:\n  id: a\n bad: x\n", 3),
        ("node: {id: a\n", 1),
        ("node: {id: a}\nnode: {id: b}\n", 2),
        ("node: *nobody\n", 1),
        ("node: {id: a}\n---\nnode: {id: b}\n", 2),
    ] {
        match from_yaml::<Bootstrap>(text) {
            Err(JsonError::Syntax { place: Some(place), .. }) => assert_eq!(place.line, line, "{text}"),
            other => panic!("{text}: {other:?}"),
        }
    }
    assert!(from_yaml::<Bootstrap>("").is_err());
    assert!(from_yaml::<Bootstrap>("[]").is_err());
}

#[test]
fn bombs_and_pits_are_refused_in_no_time() {
    let levels = 10_000;
    let list = format!("node: {}{}", "[".repeat(levels), "]".repeat(levels));
    let map = format!("{}1{}", "{a: ".repeat(levels), "}".repeat(levels));
    let dashes = format!("node: \n  {}a", "- ".repeat(levels));
    let mut laughs = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x]\n");
    for level in 1..20 {
        let below = vec![format!("*a{}", level - 1); 9].join(", ");
        laughs.push_str(&format!("a{level}: &a{level} [{below}]\n"));
    }
    for text in [list, map, dashes, laughs] {
        assert!(matches!(from_yaml::<Bootstrap>(&text), Err(JsonError::Syntax { .. })));
    }
}

#[test]
fn messages_packed_into_messages_are_shown_to_a_depth_and_no_further() {
    let pack = |levels: usize| {
        let url = |name: &str| format!("type.googleapis.com/{name}");
        (0..levels).fold(crate::resource::any(&TcpProxy::default()), |inner, _| prost_types::Any {
            type_url: url("envoy.config.core.v3.TypedExtensionConfig"),
            value: crate::pb::envoy::config::core::v3::TypedExtensionConfig {
                name: "x".into(),
                typed_config: Some(inner),
            }
            .encode_to_vec(),
        })
    };
    let holder = |any| crate::pb::envoy::config::core::v3::TypedExtensionConfig {
        name: "outer".into(),
        typed_config: Some(any),
    };
    assert!(to_json(&holder(pack(20))).is_ok());
    assert!(matches!(to_json(&holder(pack(20_000))), Err(JsonError::TooDeep { .. })));
}

#[test]
fn the_same_message_is_always_shown_the_same() {
    let text =
        "filter_metadata: {z: {b: 1, a: {d: 1, c: 1}}, y: {}, x: {k: [{n: 1, m: 2}]}, w: {}, v: {}, u: {}}";
    let expected = r#"{"filter_metadata":{"u":{},"v":{},"w":{},"x":{"k":[{"m":2.0,"n":1.0}]},"y":{},"z":{"a":{"c":1.0,"d":1.0},"b":1.0}}}"#;
    for _ in 0..20 {
        let metadata: Metadata = from_yaml(text).unwrap();
        assert_eq!(to_json(&metadata).unwrap().to_string(), expected);
    }
}

#[test]
fn every_message_that_can_be_packed_is_described() {
    for kind in crate::ResourceType::ALL {
        let name = kind.type_url().rsplit('/').next().unwrap();
        assert!(descriptors().get_message_by_name(name).is_some(), "{name}");
    }
}
