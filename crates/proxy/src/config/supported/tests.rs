use carrick_xds::json::{descriptors, from_yaml};
use carrick_xds::pb::envoy::config::cluster::v3::Cluster;
use carrick_xds::pb::envoy::config::listener::v3::Listener;
use carrick_xds::resource::any;
use prost::Message;

use super::{TABLE, check};

#[test]
fn the_table_names_only_messages_and_fields_that_exist() {
    for row in TABLE {
        let message = descriptors().get_message_by_name(row.message);
        let message = message.unwrap_or_else(|| panic!("there is no message {}", row.message));
        let fields = row.obeyed.split(' ').chain(row.without_effect.split(' '));
        for field in fields.filter(|field| !["", "*"].contains(field)) {
            assert!(message.get_field_by_name(field).is_some(), "{} has no field {field}", row.message);
        }
    }
}

#[test]
fn a_field_that_is_not_implemented_is_refused_by_its_path() {
    let cluster: Cluster = from_yaml(
        "{name: a, typed_extension_protocol_options: {envoy.extensions.upstreams.http.v3.HttpProtocolOptions: {
           '@type': type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions,
           explicit_http_config: {http2_protocol_options: {connection_keepalive: {interval: 1s}}}}}}",
    )
    .unwrap();
    assert_eq!(
        check(&any(&cluster)).unwrap_err().to_string(),
        "typed_extension_protocol_options[\"envoy.extensions.upstreams.http.v3.HttpProtocolOptions\"]\
         .explicit_http_config.http2_protocol_options.connection_keepalive: is not implemented"
    );
}

#[test]
fn an_extension_that_is_not_implemented_is_refused_by_its_place() {
    let listener: Listener = from_yaml(
        "{name: a, filter_chains: [{}, {filters: [{name: x, typed_config: {
           '@type': type.googleapis.com/envoy.extensions.filters.network.sni_cluster.v3.SniCluster}}]}]}",
    )
    .unwrap();
    assert_eq!(
        check(&any(&listener)).unwrap_err().to_string(),
        "filter_chains[1].filters[0].typed_config: \
         envoy.extensions.filters.network.sni_cluster.v3.SniCluster is not implemented"
    );
}

#[test]
fn a_field_of_a_newer_api_is_refused_too() {
    let mut cluster = any(&Cluster { name: "a".into(), ..Cluster::default() });
    // Field 4000, a varint.
    prost::encoding::uint32::encode(4000, &1, &mut cluster.value);
    let refusal = check(&cluster).unwrap_err().to_string();
    assert!(refusal.contains("no field number 4000"), "{refusal}");
    assert!(check(&any(&Cluster::decode(cluster.value.as_slice()).unwrap())).is_ok());
}

#[test]
fn names_of_statistics_and_hints_are_let_through() {
    let cluster: Cluster = from_yaml(
        "{name: a, alt_stat_name: 'a;', dns_jitter: 0.1s, per_connection_buffer_limit_bytes: 32768}",
    )
    .unwrap();
    assert!(check(&any(&cluster)).is_ok());
}

/// `docs/proxy-fields.md` is this table. `UPDATE_GOLDEN=1` writes it anew.
#[test]
fn the_document_lists_the_fields_of_the_table() {
    let words = |fields: &str| match fields {
        "" => String::new(),
        "*" => "judged in detail by its own conversion".to_owned(),
        fields => fields.split_whitespace().map(|field| format!("`{field}`")).collect::<Vec<_>>().join(", "),
    };
    let mut text = String::from(
        "# Fields that the proxy knows\n\nWritten from the program's own table (`crates/proxy/src/config/supported/table.rs`). For each message \
         of Envoy's: the fields\nthat are obeyed, and those that are accepted because they change nothing here, such as names of statistics and \
         limits of things\nthat this proxy does not do. Any other field, and any other message, is refused with its path.\n\n\
         | message | obeyed | without effect |\n| --- | --- | --- |\n",
    );
    for row in TABLE {
        text += &format!("| `{}` | {} | {} |\n", row.message, words(row.obeyed), words(row.without_effect));
    }
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/proxy-fields.md");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(path, &text).unwrap();
    }
    assert_eq!(std::fs::read_to_string(path).unwrap_or_default(), text, "run this test with UPDATE_GOLDEN=1");
}
