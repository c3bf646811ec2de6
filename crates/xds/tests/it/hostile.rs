//! Requests and responses that make no sense: refused or ignored, never a panic, never an effect on
//! later sense.

use std::collections::BTreeMap;

use carrick_xds::client::Client;
use carrick_xds::pb::envoy::config::core::v3::Node;
use carrick_xds::pb::envoy::service::discovery::v3::{
    DeltaDiscoveryRequest, DeltaDiscoveryResponse, DiscoveryRequest, Resource,
};
use carrick_xds::pb::google::rpc::Status;
use carrick_xds::server::{DeltaSession, SotwSession};
use carrick_xds::{ProxyResources, ResourceType, WILDCARD};
use proptest::prelude::*;

use crate::snapshots::{NAMES, any_contents, resources};

fn any_url() -> impl Strategy<Value = String> {
    let known: Vec<String> = ResourceType::ALL.iter().map(|kind| kind.type_url().to_string()).collect();
    prop_oneof![9 => prop::sample::select(known), 1 => ".{0,20}"]
}

fn any_name() -> impl Strategy<Value = String> {
    let likely: Vec<String> = NAMES.iter().chain(&[WILDCARD]).map(ToString::to_string).collect();
    prop_oneof![9 => prop::sample::select(likely), 1 => ".{0,8}"]
}

fn any_names() -> impl Strategy<Value = Vec<String>> {
    prop::collection::vec(any_name(), 0..4)
}

fn any_nonce() -> impl Strategy<Value = String> {
    prop_oneof![3 => Just(String::new()), 6 => (0..30_u32).prop_map(|n| n.to_string()), 1 => ".{0,9}"]
}

fn any_error() -> impl Strategy<Value = Option<Status>> {
    let message = prop_oneof![".{0,40}", Just("Error adding/updating cluster(s) a: no, *: no".to_string())];
    prop::option::of(message.prop_map(|message| Status { code: 13, message, details: vec![] }))
}

fn any_request() -> impl Strategy<Value = DeltaDiscoveryRequest> {
    let versions = prop::collection::btree_map(any_name(), ".{0,4}", 0..3);
    (any_url(), any_names(), any_names(), versions, any_nonce(), any_error()).prop_map(
        |(type_url, subscribe, unsubscribe, versions, response_nonce, error_detail)| DeltaDiscoveryRequest {
            type_url,
            resource_names_subscribe: subscribe,
            resource_names_unsubscribe: unsubscribe,
            initial_resource_versions: versions,
            response_nonce,
            error_detail,
            ..DeltaDiscoveryRequest::default()
        },
    )
}

fn any_response() -> impl Strategy<Value = DeltaDiscoveryResponse> {
    let body = prop::option::of((any_url(), prop::collection::vec(any::<u8>(), 0..9)));
    let resource = (any_name(), ".{0,4}", body).prop_map(|(name, version, body)| Resource {
        name,
        version,
        resource: body.map(|(type_url, value)| prost_types::Any { type_url, value }),
        ..Resource::default()
    });
    (any_url(), prop::collection::vec(resource, 0..4), any_names(), any_nonce()).prop_map(
        |(type_url, resources, removed_resources, nonce)| DeltaDiscoveryResponse {
            type_url,
            resources,
            removed_resources,
            nonce,
            ..DeltaDiscoveryResponse::default()
        },
    )
}

/// Whatever was said before, a proxy that starts over, asks for all clusters and answers what it
/// gets has them in the end.
fn converges_after_garbage(mut session: DeltaSession, set: &ProxyResources) {
    let clusters = ResourceType::Cluster.type_url();
    let start_over = DeltaDiscoveryRequest {
        type_url: clusters.into(),
        resource_names_unsubscribe: NAMES.iter().chain(&[WILDCARD]).map(ToString::to_string).collect(),
        ..DeltaDiscoveryRequest::default()
    };
    let ask = DeltaDiscoveryRequest {
        type_url: clusters.into(),
        resource_names_subscribe: vec![WILDCARD.into()],
        ..DeltaDiscoveryRequest::default()
    };
    let mut responses = session.on_request(start_over, set).expect("a good request").responses;
    responses.extend(session.on_request(ask, set).expect("a good request").responses);
    let mut sent = BTreeMap::new();
    loop {
        if responses.is_empty() {
            if !session.is_waiting() {
                break;
            }
            responses.extend(session.stop_waiting(set));
            continue;
        }
        let response = responses.remove(0);
        if response.type_url == clusters {
            sent.extend(response.resources.into_iter().map(|resource| (resource.name, resource.version)));
        }
        let ack = DeltaDiscoveryRequest {
            type_url: response.type_url,
            response_nonce: response.nonce,
            ..DeltaDiscoveryRequest::default()
        };
        responses.extend(session.on_request(ack, set).expect("a good request").responses);
    }
    let all: BTreeMap<_, _> = set
        .of(ResourceType::Cluster)
        .map(|cluster| (cluster.name.clone(), cluster.version.clone()))
        .collect();
    assert_eq!(sent, all);
}

proptest! {
    #[test]
    fn a_delta_session_survives_any_requests(
        talk in prop::collection::vec((any_request(), prop::option::of(any_contents()), any::<bool>()), 1..30),
    ) {
        let mut session = DeltaSession::new();
        let mut set = ProxyResources::default();
        for (request, push, impatient) in talk {
            if session.on_request(request, &set).is_err() {
                return Ok(());
            }
            if let Some(contents) = push {
                set = resources(&contents);
                session.on_resources(&set);
            }
            if impatient {
                session.stop_waiting(&set);
            }
        }
        converges_after_garbage(session, &set);
    }

    #[test]
    fn a_state_of_the_world_session_survives_any_requests(
        talk in prop::collection::vec((any_request(), prop::option::of(any_contents()), any::<bool>()), 1..30),
    ) {
        let mut session = SotwSession::new();
        let mut set = ProxyResources::default();
        for (request, push, impatient) in talk {
            let request = DiscoveryRequest {
                type_url: request.type_url,
                version_info: request.initial_resource_versions.into_values().next().unwrap_or_default(),
                resource_names: request.resource_names_subscribe,
                response_nonce: request.response_nonce,
                error_detail: request.error_detail,
                ..DiscoveryRequest::default()
            };
            if session.on_request(request, &set).is_err() {
                return Ok(());
            }
            if let Some(contents) = push {
                set = resources(&contents);
                session.on_resources(&set);
            }
            if impatient {
                session.stop_waiting(&set);
            }
        }
    }

    #[test]
    fn a_client_survives_any_responses_and_answers_each_of_a_known_kind(
        responses in prop::collection::vec((any_response(), any::<bool>()), 1..30),
    ) {
        let mut client = Client::new(Node::default());
        for kind in ResourceType::ALL {
            client.subscribe(kind, NAMES);
        }
        client.connected();
        for (response, accept) in responses {
            let (url, nonce) = (response.type_url.clone(), response.nonce.clone());
            let answer = match client.on_response(response) {
                Ok(delivery) if accept => client.accept(delivery),
                Ok(delivery) => client.reject(delivery, "no".into()),
                Err(bad) => bad.nack.map(|nack| *nack),
            };
            prop_assert_eq!(answer.is_some(), ResourceType::from_type_url(&url).is_some());
            if let Some(answer) = answer {
                prop_assert_eq!(answer.response_nonce, nonce);
            }
        }
    }
}
