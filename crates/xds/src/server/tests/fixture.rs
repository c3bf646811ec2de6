//! Small sets of resources, requests as a proxy would write them, and responses in a form that is
//! easy to compare.

use std::collections::BTreeMap;

use crate::pb::envoy::config::cluster::v3::Cluster;
use crate::pb::envoy::config::cluster::v3::cluster::{ClusterDiscoveryType, DiscoveryType, EdsClusterConfig};
use crate::pb::envoy::config::endpoint::v3::ClusterLoadAssignment;
use crate::pb::envoy::config::listener::v3::Listener;
use crate::pb::envoy::config::route::v3::RouteConfiguration;
use crate::pb::envoy::extensions::transport_sockets::tls::v3::Secret;
use crate::pb::envoy::service::discovery::v3::{DeltaDiscoveryRequest, DeltaDiscoveryResponse};
use crate::pb::google::rpc::Status;
use crate::server::{DeltaSession, Event};
use crate::{ProxyResources, ResourceType};

pub const CDS: ResourceType = ResourceType::Cluster;
pub const EDS: ResourceType = ResourceType::Endpoint;
pub const LDS: ResourceType = ResourceType::Listener;
pub const RDS: ResourceType = ResourceType::Route;
pub const SDS: ResourceType = ResourceType::Secret;

/// A set written as `[(CDS, "a", 1), ...]`: kind, name, and a number that tells contents apart.
pub fn set(resources: &[(ResourceType, &str, u32)]) -> ProxyResources {
    let mut set = ProxyResources::default();
    for &(kind, name, content) in resources {
        let name = name.to_string();
        match kind {
            ResourceType::Cluster => set.add_cluster(&Cluster {
                alt_stat_name: content.to_string(),
                cluster_discovery_type: Some(ClusterDiscoveryType::Type(DiscoveryType::Eds.into())),
                eds_cluster_config: Some(EdsClusterConfig::default()),
                name,
                ..Cluster::default()
            }),
            ResourceType::Endpoint => set.add_endpoints(&ClusterLoadAssignment {
                cluster_name: name,
                named_endpoints: BTreeMap::from([(content.to_string(), Default::default())]),
                ..ClusterLoadAssignment::default()
            }),
            ResourceType::Listener => {
                set.add_listener(&Listener { name, stat_prefix: content.to_string(), ..Listener::default() });
            }
            ResourceType::Route => set.add_route(&RouteConfiguration {
                name,
                request_headers_to_remove: vec![content.to_string()],
                ..RouteConfiguration::default()
            }),
            ResourceType::Secret => {
                let value = crate::pb::envoy::config::core::v3::DataSource {
                    watched_directory: None,
                    specifier: Some(
                        crate::pb::envoy::config::core::v3::data_source::Specifier::InlineString(
                            content.to_string(),
                        ),
                    ),
                };
                let secret = crate::pb::envoy::extensions::transport_sockets::tls::v3::GenericSecret {
                    secret: Some(value),
                    ..Default::default()
                };
                let r#type = Some(
                    crate::pb::envoy::extensions::transport_sockets::tls::v3::secret::Type::GenericSecret(
                        secret,
                    ),
                );
                set.add_secret(&Secret { name, r#type });
            }
        }
    }
    set
}

pub fn version(set: &ProxyResources, kind: ResourceType, name: &str) -> String {
    set.get(kind, name).expect("in the set").version.clone()
}

/// A response as `CDS +a +b -c`.
pub fn show(response: &DeltaDiscoveryResponse) -> String {
    let kind = match ResourceType::from_type_url(&response.type_url).expect("known kind") {
        ResourceType::Cluster => "CDS",
        ResourceType::Endpoint => "EDS",
        ResourceType::Listener => "LDS",
        ResourceType::Route => "RDS",
        ResourceType::Secret => "SDS",
    };
    let added = response.resources.iter().map(|resource| format!(" +{}", resource.name));
    let removed = response.removed_resources.iter().map(|name| format!(" -{name}"));
    kind.to_string() + &added.chain(removed).collect::<String>()
}

/// A proxy that talks to a session. Nonces of unanswered responses are kept per kind.
pub struct Talk {
    pub session: DeltaSession,
    pub set: ProxyResources,
    pub unanswered: BTreeMap<ResourceType, String>,
    pub events: Vec<Event>,
}

impl Talk {
    pub fn new(set: ProxyResources) -> Self {
        Self { session: DeltaSession::new(), set, unanswered: BTreeMap::new(), events: Vec::new() }
    }

    pub fn say(&mut self, request: DeltaDiscoveryRequest) -> Vec<String> {
        let outcome = self.session.on_request(request, &self.set).expect("a good request");
        self.events.extend(outcome.events);
        self.heard(outcome.responses)
    }

    fn heard(&mut self, responses: Vec<DeltaDiscoveryResponse>) -> Vec<String> {
        for response in &responses {
            let kind = ResourceType::from_type_url(&response.type_url).expect("known kind");
            self.unanswered.insert(kind, response.nonce.clone());
        }
        responses.iter().map(show).collect()
    }

    pub fn subscribe(&mut self, kind: ResourceType, names: &[&str]) -> Vec<String> {
        self.say(DeltaDiscoveryRequest { resource_names_subscribe: strings(names), ..request(kind) })
    }

    pub fn unsubscribe(&mut self, kind: ResourceType, names: &[&str]) -> Vec<String> {
        self.say(DeltaDiscoveryRequest { resource_names_unsubscribe: strings(names), ..request(kind) })
    }

    /// The first request after a reconnect, with the versions that `had` says.
    pub fn resume(&mut self, kind: ResourceType, names: &[&str], had: &ProxyResources) -> Vec<String> {
        let versions =
            had.of(kind).map(|resource| (resource.name.clone(), resource.version.clone())).collect();
        self.say(DeltaDiscoveryRequest {
            resource_names_subscribe: strings(names),
            initial_resource_versions: versions,
            ..request(kind)
        })
    }

    pub fn ack(&mut self, kind: ResourceType) -> Vec<String> {
        let nonce = self.unanswered.remove(&kind).expect("an unanswered response");
        self.say(DeltaDiscoveryRequest { response_nonce: nonce, ..request(kind) })
    }

    pub fn nack(&mut self, kind: ResourceType, reason: &str) -> Vec<String> {
        let nonce = self.unanswered.remove(&kind).expect("an unanswered response");
        let error = Status { code: 13, message: reason.into(), details: vec![] };
        self.say(DeltaDiscoveryRequest { response_nonce: nonce, error_detail: Some(error), ..request(kind) })
    }

    pub fn push(&mut self, set: ProxyResources) -> Vec<String> {
        self.set = set;
        let responses = self.session.on_resources(&self.set);
        self.heard(responses)
    }

    pub fn out_of_patience(&mut self) -> Vec<String> {
        let responses = self.session.stop_waiting(&self.set);
        self.heard(responses)
    }

    /// Answers everything with an ACK until nothing more comes; returns what came.
    pub fn settle(&mut self) -> Vec<String> {
        let mut all = Vec::new();
        while let Some(kind) = self.unanswered.keys().next().copied() {
            all.extend(self.ack(kind));
        }
        all
    }
}

pub fn request(kind: ResourceType) -> DeltaDiscoveryRequest {
    DeltaDiscoveryRequest { type_url: kind.type_url().into(), ..DeltaDiscoveryRequest::default() }
}

pub fn strings(names: &[&str]) -> Vec<String> {
    names.iter().map(ToString::to_string).collect()
}
