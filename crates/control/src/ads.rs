//! Envoy's aggregated discovery service: each proxy gets what it should run, in delta or
//! state-of-the-world.
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
use tokio::task::{JoinHandle, spawn_blocking};
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
            callers: self.callers.clone(),
            workload,
            node: None,
            resources: ProxyResources::default(),
            making: None,
            published: self.published.clone(),
            connection: None,
            proxies: self.proxies.clone(),
            translations: self.translations.clone(),
        })
    }
}

/// The resources of one connected proxy.
struct ProxySource {
    callers: Callers,
    /// Whose socket the call came by.
    workload: Arc<Workload>,
    /// The proxy by our own record of its pod, once the first request has said that it is that
    /// pod's.
    node: Option<ProxyNode>,
    resources: ProxyResources,
    /// The translation that is being made, and of which version.
    making: Option<(u64, JoinHandle<ProxyResources>)>,
    published: watch::Receiver<Arc<Published>>,
    connection: Option<Connection>,
    proxies: Arc<Proxies>,
    translations: Arc<Translations>,
}

impl ProxySource {
    /// The node has to be the caller's own, so that a mistake is told. Beyond that what it says of
    /// itself (kind, labels, account, ...) counts for nothing: configuration is made for the pod
    /// that the caller is by our own record.
    fn admit(&self, claimed: &Node) -> Result<ProxyNode, String> {
        let claimed = ProxyNode::from_envoy_node(claimed).map_err(|error| error.to_string())?;
        let own_address = self.workload.addresses.contains(&std::net::IpAddr::V4(claimed.ip));
        if (claimed.namespace.as_str(), claimed.name.as_str())
            != (&*self.workload.namespace, &*self.workload.name)
            || !own_address
        {
            return Err(format!(
                "the caller is pod {}/{}, and may not have the configuration of {}",
                self.workload.namespace,
                self.workload.name,
                claimed.id()
            ));
        }
        self.node_by_record().ok_or_else(|| {
            format!("the pod {}/{} has no IPv4 address", self.workload.namespace, self.workload.name)
        })
    }

    fn node_by_record(&self) -> Option<ProxyNode> {
        let published = self.published.borrow();
        ProxyNode::of_workload(&self.workload, &published.snapshot.settings().cluster_domain)
    }

    /// What becomes of the pod's record while the proxy is connected holds for it. A pod that is
    /// gone keeps its last one until its proxy is.
    fn follow_record(&mut self) {
        let newest = self.workload.socket.as_deref().and_then(|socket| self.callers.pod_of(socket));
        if let Some(newest) = newest.filter(|newest| **newest != *self.workload) {
            self.workload = newest;
            self.node = self.node_by_record().or(self.node.take());
        }
    }

    /// What the operator wrote that a resource was made of, and where.
    fn causes(&self, kind: ResourceType, name: &str) -> Vec<String> {
        let Some(resource) = self.resources.get(kind, name) else { return Vec::new() };
        let snapshot = &self.published.borrow().snapshot;
        let known = responsible(resource).into_iter().filter_map(|path| snapshot.find(&path).cloned());
        known.map(|meta| format!("{} {}", meta.resource_name(), meta.source)).collect()
    }

    /// Translates the newest snapshot, off the tasks that serve: it can take seconds, and others
    /// must not wait for it. Cancel-safe.
    async fn rebuild(&mut self) {
        if self.making.is_none() {
            let published = self.published.borrow_and_update().clone();
            self.follow_record();
            let Some(node) = &self.node else { return };
            let (node, translations) = (node.clone(), self.translations.clone());
            let version = published.version;
            let task = spawn_blocking(move || resources_for(&translations, &published, &node));
            self.making = Some((version, task));
        }
        let Some((version, task)) = &mut self.making else { return };
        let (version, made) = (*version, task.await);
        self.making = None;
        match made {
            Ok(resources) => self.resources = resources,
            Err(panic) => return tracing::error!("the translation failed: {panic}"),
        }
        if let Some(connection) = &self.connection {
            connection.sent(version);
        }
    }
}

impl Source for ProxySource {
    async fn connected(&mut self, node: Option<&Node>) -> Result<(), Status> {
        if self.node.is_some() {
            return Ok(());
        }
        let node =
            node.ok_or_else(|| Status::invalid_argument("the first request of a stream must name its node"))?;
        let admitted = self.admit(node).map_err(Status::permission_denied)?;
        self.connection = Some(self.proxies.connected(&admitted.id(), &node.user_agent_name));
        self.node = Some(admitted);
        self.rebuild().await;
        Ok(())
    }

    fn asked(&mut self, _: &[String]) {
        // Resources are made whole for a proxy, whatever it asks for first.
    }

    fn resources(&self) -> &ProxyResources {
        &self.resources
    }

    async fn changed(&mut self) {
        if self.making.is_none() && self.published.changed().await.is_err() {
            // The pipeline has ended; the proxy keeps what it has.
            std::future::pending().await
        }
        self.rebuild().await;
    }

    fn event(&mut self, event: Event) {
        if let Some(connection) = &self.connection {
            connection.event(event, |kind, name| self.causes(kind, name));
        }
    }
}
