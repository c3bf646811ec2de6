//! Serves secrets to the proxy beside us, over a Unix socket in a folder that no other pod sees.
//!
//! It must not know how certificates are obtained.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

use carrick_xds::ProxyResources;
use carrick_xds::pb::envoy::config::core::v3::Node;
use carrick_xds::pb::envoy::service::discovery::v3::{
    DeltaDiscoveryRequest, DeltaDiscoveryResponse, DiscoveryRequest, DiscoveryResponse,
};
use carrick_xds::pb::envoy::service::secret::v3::secret_discovery_service_server::{
    SecretDiscoveryService, SecretDiscoveryServiceServer,
};
use carrick_xds::server::{DeltaSession, Event, SotwSession};
use tokio::sync::watch;
use tokio_stream::wrappers::UnixListenerStream;
use tonic::{Request, Response, Status, Streaming};

use super::error::AgentError;
use super::secrets;
use super::svid::Svid;
use crate::channel;
use crate::socket::bind_private;
use crate::stream::{self, Responses, Source};

type Svids = watch::Receiver<Option<Arc<Svid>>>;

/// Serves until dropped, so that a proxy that drains keeps its secrets.
pub async fn serve(socket: PathBuf, svids: Svids) -> Result<(), AgentError> {
    let incoming = UnixListenerStream::new(bind_private(&socket)?);
    tonic::transport::Server::builder()
        .add_service(SecretDiscoveryServiceServer::new(Service { svids }))
        .serve_with_incoming(incoming)
        .await
        .map_err(|error| AgentError::Secrets(channel::describe(&error)))
}

struct Service {
    svids: Svids,
}

#[tonic::async_trait]
impl SecretDiscoveryService for Service {
    type DeltaSecretsStream = Responses<DeltaDiscoveryResponse>;
    type StreamSecretsStream = Responses<DiscoveryResponse>;

    async fn delta_secrets(
        &self,
        request: Request<Streaming<DeltaDiscoveryRequest>>,
    ) -> Result<Response<Self::DeltaSecretsStream>, Status> {
        Ok(Response::new(stream::start(request.into_inner(), DeltaSession::new(), Wanted::new(&self.svids))))
    }

    async fn stream_secrets(
        &self,
        request: Request<Streaming<DiscoveryRequest>>,
    ) -> Result<Response<Self::StreamSecretsStream>, Status> {
        Ok(Response::new(stream::start(request.into_inner(), SotwSession::new(), Wanted::new(&self.svids))))
    }

    async fn fetch_secrets(
        &self,
        _: Request<DiscoveryRequest>,
    ) -> Result<Response<DiscoveryResponse>, Status> {
        Err(Status::unimplemented("secrets are streamed: use StreamSecrets or DeltaSecrets"))
    }
}

/// The secrets that one stream has asked for, made anew for each certificate.
struct Wanted {
    svids: Svids,
    names: BTreeSet<String>,
    resources: ProxyResources,
}

impl Wanted {
    fn new(svids: &Svids) -> Self {
        Self { svids: svids.clone(), names: BTreeSet::new(), resources: ProxyResources::default() }
    }

    fn rebuild(&mut self) {
        self.resources = ProxyResources::default();
        let Some(svid) = self.svids.borrow_and_update().clone() else { return };
        for name in &self.names {
            match secrets::find(name, &svid) {
                Ok(secret) => self.resources.add_secret(&secret),
                Err(reason) => tracing::warn!(secret = name, "cannot serve the secret: {reason}"),
            }
        }
    }
}

impl Source for Wanted {
    async fn connected(&mut self, _: Option<&Node>) -> Result<(), Status> {
        Ok(())
    }

    fn asked(&mut self, names: &[String]) {
        let before = self.names.len();
        self.names.extend(names.iter().cloned());
        if self.names.len() > before {
            self.rebuild();
        }
    }

    fn resources(&self) -> &ProxyResources {
        &self.resources
    }

    async fn changed(&mut self) {
        match self.svids.changed().await {
            Ok(()) => self.rebuild(),
            Err(_) => std::future::pending().await,
        }
    }

    fn event(&mut self, event: Event) {
        if let Event::Nacked { names, reason, .. } = event {
            tracing::warn!(?names, "the proxy refused a secret: {reason}");
        }
    }
}
