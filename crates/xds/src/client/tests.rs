use super::Client;
use crate::nack::Refusal;
use crate::pb::envoy::config::core::v3::Node;
use crate::pb::envoy::service::discovery::v3::{DeltaDiscoveryResponse, Resource};
use crate::{ResourceType, WILDCARD};

const CLUSTER: ResourceType = ResourceType::Cluster;
const ENDPOINT: ResourceType = ResourceType::Endpoint;

fn client() -> Client {
    Client::new(Node { id: "sidecar~10.0.0.1~a.b~b.svc.cluster.local".into(), ..Node::default() })
}

fn resource(kind: ResourceType, name: &str, version: &str) -> Resource {
    let body = prost_types::Any { type_url: kind.type_url().into(), value: version.into() };
    Resource { name: name.into(), version: version.into(), resource: Some(body), ..Resource::default() }
}

fn response(
    kind: ResourceType,
    nonce: &str,
    resources: Vec<Resource>,
    removed: &[&str],
) -> DeltaDiscoveryResponse {
    DeltaDiscoveryResponse {
        type_url: kind.type_url().into(),
        nonce: nonce.into(),
        resources,
        removed_resources: removed.iter().map(ToString::to_string).collect(),
        ..DeltaDiscoveryResponse::default()
    }
}

#[test]
fn only_the_first_request_of_a_stream_carries_the_node() {
    let mut client = client();
    client.subscribe(CLUSTER, [WILDCARD]);
    client.subscribe(ENDPOINT, ["a"]);
    for _ in 0..2 {
        let first = client.connected();
        assert_eq!(first.len(), 2);
        assert!(first[0].node.is_some());
        assert!(first[1].node.is_none());
        assert!(client.subscribe(ENDPOINT, ["b"]).is_none_or(|more| more.node.is_none()));
    }
}

#[test]
fn a_subscription_before_the_stream_is_up_goes_out_with_it() {
    let mut client = client();
    assert_eq!(client.subscribe(ENDPOINT, ["a"]), None);
    let first = client.connected();
    assert_eq!(first[0].resource_names_subscribe, ["a"]);
    assert_eq!(client.subscribe(ENDPOINT, ["a"]), None, "already subscribed");
    let more = client.subscribe(ENDPOINT, ["a", "b"]).unwrap();
    assert_eq!(more.resource_names_subscribe, ["b"]);
    assert!(more.initial_resource_versions.is_empty());
}

#[test]
fn an_accepted_version_is_reported_when_reconnecting_and_a_refused_one_is_not() {
    let mut client = client();
    client.subscribe(CLUSTER, [WILDCARD]);
    client.connected();

    let first = response(CLUSTER, "1", vec![resource(CLUSTER, "a", "a1"), resource(CLUSTER, "b", "b1")], &[]);
    let delivery = client.on_response(first).unwrap();
    let ack = client.accept(delivery).unwrap();
    assert_eq!(ack.response_nonce, "1");
    assert_eq!(ack.error_detail, None);

    let second =
        response(CLUSTER, "2", vec![resource(CLUSTER, "a", "a2"), resource(CLUSTER, "b", "b2")], &[]);
    let delivery = client.on_response(second).unwrap();
    let nack =
        client.accept_except(delivery, &[Refusal::new("b", "type: LOGICAL_DNS is not implemented")]).unwrap();
    assert_eq!(nack.response_nonce, "2");
    assert!(nack.error_detail.unwrap().message.contains("b: type: LOGICAL_DNS is not implemented"));

    let third = response(CLUSTER, "3", vec![resource(CLUSTER, "a", "a3")], &[]);
    let delivery = client.on_response(third).unwrap();
    assert!(client.reject(delivery, "no".into()).unwrap().error_detail.is_some());

    let again = client.connected();
    let versions: Vec<_> = again[0].initial_resource_versions.iter().collect();
    assert_eq!(versions, [(&"a".to_string(), &"a2".to_string()), (&"b".to_string(), &"b1".to_string())]);
}

#[test]
fn what_is_removed_or_no_longer_wanted_is_not_reported() {
    let mut client = client();
    client.subscribe(ENDPOINT, ["a", "b", "c"]);
    client.connected();
    let all = ["a", "b", "c"].map(|name| resource(ENDPOINT, name, "1")).to_vec();
    let delivery = client.on_response(response(ENDPOINT, "1", all, &[])).unwrap();
    client.accept(delivery);

    let delivery = client.on_response(response(ENDPOINT, "2", vec![], &["a"])).unwrap();
    assert_eq!(delivery.removed, ["a"]);
    client.accept(delivery);
    assert_eq!(client.unsubscribe(ENDPOINT, ["b", "x"]).unwrap().resource_names_unsubscribe, ["b"]);

    let again = client.connected();
    assert_eq!(again[0].resource_names_subscribe, ["a", "c"]);
    assert_eq!(again[0].initial_resource_versions.keys().collect::<Vec<_>>(), ["c"]);
}

#[test]
fn an_answer_to_a_response_of_a_dead_stream_is_not_sent() {
    let mut client = client();
    client.subscribe(CLUSTER, [WILDCARD]);
    client.connected();
    let first = response(CLUSTER, "1", vec![resource(CLUSTER, "a", "a1")], &[]);
    let delivery = client.on_response(first).unwrap();
    client.disconnected();
    client.connected();
    assert_eq!(client.accept(delivery), None);
    assert_eq!(client.connected()[0].initial_resource_versions["a"], "a1", "but it is in use");
}

#[test]
fn a_response_that_breaks_the_protocol_is_refused_whole() {
    let mut client = client();
    client.subscribe(CLUSTER, [WILDCARD]);
    client.connected();
    let twice = vec![resource(CLUSTER, "a", "1"), resource(CLUSTER, "a", "2")];
    let both = vec![resource(CLUSTER, "a", "1")];
    let other_type = vec![resource(ENDPOINT, "a", "1")];
    let no_body = vec![Resource { name: "a".into(), version: "1".into(), ..Resource::default() }];
    let no_name = vec![resource(CLUSTER, "", "1")];
    for (resources, removed, word) in [
        (twice, vec![], "twice"),
        (both, vec!["a"], "twice"),
        (other_type, vec![], "type URL"),
        (no_body, vec![], "no body"),
        (no_name, vec![], "no name"),
    ] {
        let bad = client.on_response(response(CLUSTER, "7", resources, &removed)).unwrap_err();
        assert!(bad.reason.contains(word), "{bad}");
        let nack = bad.nack.unwrap();
        assert_eq!(nack.response_nonce, "7");
        assert!(nack.error_detail.unwrap().message.contains(word));
    }
    let unknown = DeltaDiscoveryResponse { type_url: "type.googleapis.com/x.Y".into(), ..Default::default() };
    assert!(client.on_response(unknown).unwrap_err().nack.is_none());
}

#[test]
fn what_was_not_asked_for_is_left_out_but_the_response_is_answered() {
    let mut client = client();
    client.subscribe(ENDPOINT, ["a"]);
    client.connected();
    let more = ["a", "b"].map(|name| resource(ENDPOINT, name, "1")).to_vec();
    let delivery = client.on_response(response(ENDPOINT, "1", more, &["c"])).unwrap();
    assert_eq!(delivery.added.len(), 1);
    assert!(delivery.removed.is_empty());
    assert_eq!(client.accept(delivery).unwrap().response_nonce, "1");
}
