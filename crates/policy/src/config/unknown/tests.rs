use std::collections::BTreeMap;

use carrick_xds::pb::envoy::config::cluster::v3::Cluster;
use carrick_xds::pb::envoy::config::core::v3::Metadata;
use carrick_xds::pb::envoy::config::listener::v3::filter::ConfigType;
use carrick_xds::pb::envoy::config::listener::v3::{Filter, FilterChain, Listener};
use carrick_xds::pb::envoy::extensions::filters::network::http_connection_manager::v3::HttpConnectionManager;
use carrick_xds::resource::any;
use prost::Message;
use prost_types::Any;

use super::check;

/// The message, with a field that its description has not: number 4000, a varint.
fn newer<M: Message + prost::Name>(message: &M) -> Any {
    let mut any = any(message);
    prost::encoding::uint32::encode(4000, &1, &mut any.value);
    any
}

fn refusal(message: &Any) -> String {
    check(message).unwrap_err().to_string()
}

#[test]
fn a_field_of_a_newer_api_is_refused() {
    let cluster = Cluster { name: "a".into(), ..Cluster::default() };
    assert!(check(&any(&cluster)).is_ok());
    assert_eq!(
        refusal(&newer(&cluster)),
        "envoy.config.cluster.v3.Cluster has no field number 4000 that this proxy knows"
    );
}

#[test]
fn it_is_found_inside_of_extensions() {
    let filter = |any| Filter { name: "h".into(), config_type: Some(ConfigType::TypedConfig(any)) };
    let manager = newer(&HttpConnectionManager { stat_prefix: "a".into(), ..Default::default() });
    let chain = FilterChain {
        filters: vec![filter(any(&Cluster::default())), filter(manager)],
        ..Default::default()
    };
    let listener = Listener { filter_chains: vec![FilterChain::default(), chain], ..Default::default() };
    assert_eq!(
        refusal(&any(&listener)),
        "filter_chains[1].filters[1].typed_config: \
         envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager has no field number \
         4000 that this proxy knows"
    );
}

#[test]
fn it_is_found_inside_of_maps() {
    let typed = BTreeMap::from([
        ("a".to_owned(), any(&Cluster::default())),
        ("b".to_owned(), newer(&Cluster::default())),
    ]);
    let metadata = Metadata { typed_filter_metadata: typed, ..Default::default() };
    let cluster = Cluster { metadata: Some(metadata), ..Default::default() };
    assert!(
        refusal(&any(&cluster))
            .starts_with("metadata.typed_filter_metadata[\"b\"]: envoy.config.cluster.v3.Cluster has no")
    );
}

#[test]
fn what_wraps_itself_without_end_does_not_exhaust_the_stack() {
    let wrapped = (0..1_000).fold(any(&Cluster::default()), |inner, _| any(&inner));
    assert!(refusal(&wrapped).ends_with("is nested too deeply"));
}

#[test]
fn bytes_that_are_no_message_are_refused() {
    let broken = Any { value: vec![0xff; 3], ..any(&Cluster::default()) };
    assert!(refusal(&broken).starts_with("not a valid envoy.config.cluster.v3.Cluster: "));
    // A text that is said to be longer than what there is.
    let short = Any { value: vec![0x0a, 0x7f, b'a'], ..any(&Cluster::default()) };
    assert!(check(&short).is_ok(), "the decoder refuses it");
    assert!(super::super::typed::decode::<Cluster>(&short).is_err());
}
