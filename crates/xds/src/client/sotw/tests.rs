use super::*;
use crate::ProxyResources;
use crate::pb::envoy::extensions::transport_sockets::tls::v3::Secret;
use crate::server::{Event, SotwSession};

const SECRET: ResourceType = ResourceType::Secret;

fn client(names: &[&str]) -> SotwClient {
    let mut client = SotwClient::new(Node { id: "sidecar~10.0.0.1~a.b~b".into(), ..Node::default() }, SECRET);
    assert_eq!(client.want(set(names)), None, "there is no stream yet");
    client
}

fn set(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(ToString::to_string).collect()
}

fn response(nonce: &str, version: &str, url: &str) -> DiscoveryResponse {
    DiscoveryResponse {
        version_info: version.into(),
        nonce: nonce.into(),
        type_url: SECRET.type_url().into(),
        resources: vec![prost_types::Any { type_url: url.into(), value: version.into() }],
        ..DiscoveryResponse::default()
    }
}

#[test]
fn the_first_request_of_each_stream_has_the_node_and_all_names_and_no_version() {
    let mut client = client(&["default", "ROOTCA"]);
    for _ in 0..2 {
        let first = client.connected();
        assert!(first.node.is_some());
        assert_eq!(first.resource_names, ["ROOTCA", "default"]);
        assert_eq!((first.version_info.as_str(), first.response_nonce.as_str()), ("", ""));
        let delivery = client.on_response(response("n1", "v1", SECRET.type_url())).unwrap();
        let ack = client.accept(delivery).unwrap();
        assert_eq!((ack.version_info.as_str(), ack.response_nonce.as_str()), ("v1", "n1"));
        assert!(ack.node.is_none() && ack.error_detail.is_none());
        client.disconnected();
    }
}

#[test]
fn a_nack_names_the_version_that_stays_and_the_response_that_is_refused() {
    let mut client = client(&["default"]);
    client.connected();
    let good = client.on_response(response("n1", "v1", SECRET.type_url())).unwrap();
    client.accept(good);
    let bad = client.on_response(response("n2", "v2", SECRET.type_url())).unwrap();
    let nack = client.reject(bad, "no key".into()).unwrap();
    assert_eq!((nack.version_info.as_str(), nack.response_nonce.as_str()), ("v1", "n2"));
    assert_eq!(nack.error_detail.map(|status| status.message), Some("no key".into()));
    let more = client.want(set(&["default", "more"])).unwrap();
    assert_eq!((more.version_info.as_str(), more.response_nonce.as_str()), ("v1", "n2"));
    assert!(more.error_detail.is_none(), "the refusal was told once");
}

#[test]
fn names_go_out_only_when_they_change() {
    let mut client = client(&["default"]);
    client.connected();
    assert_eq!(client.want(set(&["default"])), None);
    assert_eq!(client.want(set(&["more"])).unwrap().resource_names, ["more"]);
}

#[test]
fn an_answer_to_a_response_of_a_dead_stream_is_not_sent_on_the_next() {
    let mut client = client(&["default"]);
    client.connected();
    let delivery = client.on_response(response("n1", "v1", SECRET.type_url())).unwrap();
    client.disconnected();
    let first = client.connected();
    assert_eq!(client.accept(delivery), None);
    assert_eq!(
        client.want(set(&["x"])).unwrap().version_info,
        first.version_info,
        "v1 is not of this stream"
    );
}

#[test]
fn what_is_of_another_kind_is_refused_whole() {
    let mut client = client(&["default"]);
    client.connected();
    let cluster = ResourceType::Cluster.type_url();
    let bad = client.on_response(response("n1", "v1", cluster)).unwrap_err();
    assert!(bad.reason.contains(cluster), "{bad}");
    assert_eq!(bad.nack.unwrap().response_nonce, "n1");
    let other = DiscoveryResponse { type_url: cluster.into(), ..response("n2", "v2", SECRET.type_url()) };
    client.on_response(other).unwrap_err();
}

/// Sends a request to the server's end and gives the only event and the only response, if there
/// are.
fn exchange(
    server: &mut SotwSession,
    request: DiscoveryRequest,
    resources: &ProxyResources,
) -> (Option<Event>, Option<DiscoveryResponse>) {
    let mut outcome = server.on_request(request, resources).unwrap();
    assert!(outcome.events.len() <= 1 && outcome.responses.len() <= 1, "{outcome:?}");
    (outcome.events.pop(), outcome.responses.pop())
}

#[test]
fn it_agrees_with_the_server_s_end_through_a_change_a_refusal_and_a_reconnect() {
    let mut client = client(&["default"]);
    let mut resources = ProxyResources::default();
    resources.add_secret(&Secret { name: "default".into(), ..Secret::default() });
    resources.add_secret(&Secret { name: "more".into(), ..Secret::default() });

    let mut server = SotwSession::new();
    let (_, response) = exchange(&mut server, client.connected(), &resources);
    let delivery = client.on_response(response.unwrap()).unwrap();
    assert_eq!(delivery.bodies.len(), 1);
    let (event, none) = exchange(&mut server, client.accept(delivery).unwrap(), &resources);
    assert!(matches!(event, Some(Event::Acked { .. })) && none.is_none(), "{event:?} {none:?}");

    let wider = client.want(set(&["default", "more"])).unwrap();
    let (_, response) = exchange(&mut server, wider, &resources);
    let delivery = client.on_response(response.unwrap()).unwrap();
    let nack = client.reject(delivery, "more: no key".into()).unwrap();
    let (event, none) = exchange(&mut server, nack, &resources);
    assert!(matches!(event, Some(Event::Nacked { .. })) && none.is_none(), "{event:?} {none:?}");

    client.disconnected();
    let mut server = SotwSession::new();
    let (_, response) = exchange(&mut server, client.connected(), &resources);
    assert_eq!(client.on_response(response.unwrap()).unwrap().bodies.len(), 2, "everything is sent again");
}
