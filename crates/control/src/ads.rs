//! Envoy's aggregated discovery service: each proxy gets what it should run, in delta or state-of-the-world.
//!
//! It must not know how resources are made; `pipeline` gives them.

use std::sync::Arc;

use carrick_model::Workload;
use carrick_translate::{ProxyNode, responsible};
use carrick_xds::pb::envoy::config::core::v3::Node;
use carrick_xds::pb::envoy::service::discovery::v3::aggregated_discovery_service_server::AggregatedDiscoveryService;
use carrick_xds::pb::envoy::service::discovery::v3::{
    DeltaDiscoveryRequest, DeltaDiscoveryResponse, DiscoveryRequest, DiscoveryResponse,
};
use carrick_xds::server::{DeltaSession, Event, SotwSession};
use carrick_xds::{ProxyResources, ResourceType};
use tokio::sync::watch;
use tonic::{Request, Response, Status, Streaming};

use crate::callers::Callers;
use crate::pipeline::{Published, resources_for};
use crate::proxies::{Connection, Proxies};
use crate::stream::{self, Responses, Source};
use crate::translations::Translations;

/// The service; one for each cluster.
pub struct AdsService {
    pub published: watch::Receiver<Arc<Published>>,
    pub callers: Callers,
    pub proxies: Arc<Proxies>,
    pub translations: Arc<Translations>,
}

#[tonic::async_trait]
impl AggregatedDiscoveryService for AdsService {
    type StreamAggregatedResourcesStream = Responses<DiscoveryResponse>;
    type DeltaAggregatedResourcesStream = Responses<DeltaDiscoveryResponse>;

    async fn stream_aggregated_resources(
        &self,
        request: Request<Streaming<DiscoveryRequest>>,
    ) -> Result<Response<Self::StreamAggregatedResourcesStream>, Status> {
        let source = self.source(&request)?;
        Ok(Response::new(stream::start(request.into_inner(), SotwSession::new(), source)))
    }

    async fn delta_aggregated_resources(
        &self,
        request: Request<Streaming<DeltaDiscoveryRequest>>,
    ) -> Result<Response<Self::DeltaAggregatedResourcesStream>, Status> {
        let source = self.source(&request)?;
        Ok(Response::new(stream::start(request.into_inner(), DeltaSession::new(), source)))
    }
}

impl AdsService {
    fn source<T>(&self, request: &Request<T>) -> Result<ProxySource, Status> {
        let workload = self.callers.identify(request)?;
        Ok(ProxySource {
            workload,
            node: None,
            resources: ProxyResources::default(),
            published: self.published.clone(),
            connection: None,
            proxies: self.proxies.clone(),
            translations: self.translations.clone(),
        })
    }
}

/// The resources of one connected proxy.
struct ProxySource {
    /// Whose socket the call came by.
    workload: Arc<Workload>,
    /// Who the proxy says it is; the first request tells.
    node: Option<ProxyNode>,
    resources: ProxyResources,
    published: watch::Receiver<Arc<Published>>,
    connection: Option<Connection>,
    proxies: Arc<Proxies>,
    translations: Arc<Translations>,
}

impl ProxySource {
    /// The node may describe the proxy, but not be somebody else's.
    fn admit(&self, node: &Node) -> Result<ProxyNode, String> {
        let node = ProxyNode::from_envoy_node(node).map_err(|error| error.to_string())?;
        let own_address = self.workload.addresses.contains(&std::net::IpAddr::V4(node.ip));
        if (node.namespace.as_str(), node.name.as_str()) != (&*self.workload.namespace, &*self.workload.name)
            || !own_address
        {
            return Err(format!(
                "the caller is pod {}/{}, and may not have the configuration of {}",
                self.workload.namespace,
                self.workload.name,
                node.id()
            ));
        }
        Ok(node)
    }

    /// What the operator wrote that a resource was made of, and where.
    fn causes(&self, kind: ResourceType, name: &str) -> Vec<String> {
        let Some(resource) = self.resources.get(kind, name) else { return Vec::new() };
        let snapshot = &self.published.borrow().snapshot;
        let known = responsible(resource).into_iter().filter_map(|path| snapshot.find(&path).cloned());
        known.map(|meta| format!("{} {}", meta.resource_name(), meta.source)).collect()
    }

    fn rebuild(&mut self) {
        let Some(node) = &self.node else { return };
        let published = self.published.borrow_and_update().clone();
        self.resources = resources_for(&self.translations, &published, node);
        if let Some(connection) = &self.connection {
            connection.sent(published.version);
        }
    }
}

impl Source for ProxySource {
    fn connected(&mut self, node: Option<&Node>) -> Result<(), Status> {
        if self.node.is_some() {
            return Ok(());
        }
        let node =
            node.ok_or_else(|| Status::invalid_argument("the first request of a stream must name its node"))?;
        let admitted = self.admit(node).map_err(Status::permission_denied)?;
        self.connection = Some(self.proxies.connected(&admitted.id(), &node.user_agent_name));
        self.node = Some(admitted);
        self.rebuild();
        Ok(())
    }

    fn asked(&mut self, _: &[String]) {
        // Resources are made whole for a proxy, whatever it asks for first.
    }

    fn resources(&self) -> &ProxyResources {
        &self.resources
    }

    async fn changed(&mut self) {
        match self.published.changed().await {
            Ok(()) => self.rebuild(),
            // The pipeline has ended; the proxy keeps what it has.
            Err(_) => std::future::pending().await,
        }
    }

    fn event(&mut self, event: Event) {
        if let Some(connection) = &self.connection {
            connection.event(event, |kind, name| self.causes(kind, name));
        }
    }
}
