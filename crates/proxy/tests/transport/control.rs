//! An xDS server for stories: the real session of `carrick_xds`, over a Unix socket.

use std::path::PathBuf;
use std::pin::Pin;
use std::sync::{Arc, Mutex};

use carrick_xds::ProxyResources;
use carrick_xds::pb::envoy::service::discovery::v3::aggregated_discovery_service_server::{
    AggregatedDiscoveryService, AggregatedDiscoveryServiceServer,
};
use carrick_xds::pb::envoy::service::discovery::v3::{
    DeltaDiscoveryRequest, DeltaDiscoveryResponse, DiscoveryRequest, DiscoveryResponse,
};
use carrick_xds::server::{DeltaSession, Event};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::service::TowerToHyperService;
use tokio::net::UnixListener;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio_stream::Stream;
use tokio_stream::wrappers::UnboundedReceiverStream;
use tonic::{Request, Response, Status, Streaming};

/// Lives as long as its streams may; dropping it cuts them.
pub struct Control {
    pub path: PathBuf,
    resources: watch::Sender<ProxyResources>,
    events: Arc<Mutex<Vec<Event>>>,
    _serving: JoinSet<()>,
}

#[derive(Clone)]
struct Service {
    resources: watch::Receiver<ProxyResources>,
    events: Arc<Mutex<Vec<Event>>>,
}

impl Control {
    pub fn start(path: PathBuf, resources: ProxyResources) -> Self {
        let _ = std::fs::remove_file(&path);
        let socket = UnixListener::bind(&path).unwrap();
        let (sender, receiver) = watch::channel(resources);
        let events = Arc::default();
        let service = Service { resources: receiver, events: Arc::clone(&events) };
        let mut serving = JoinSet::new();
        serving.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = socket.accept().await {
                let server = AggregatedDiscoveryServiceServer::new(service.clone());
                connections.spawn(async move {
                    let http = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
                    let _ =
                        http.serve_connection(TokioIo::new(stream), TowerToHyperService::new(server)).await;
                });
            }
        });
        Self { path, resources: sender, events, _serving: serving }
    }

    pub fn set(&self, resources: ProxyResources) {
        self.resources.send_replace(resources);
    }

    /// The reasons of all refusals so far.
    pub fn refusals(&self) -> Vec<String> {
        let events = self.events.lock().unwrap();
        let refusals = events.iter().filter_map(|event| match event {
            Event::Nacked { reason, .. } => Some(reason.clone()),
            _ => None,
        });
        refusals.collect()
    }
}

type Responses<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

#[tonic::async_trait]
impl AggregatedDiscoveryService for Service {
    type StreamAggregatedResourcesStream = Responses<DiscoveryResponse>;
    type DeltaAggregatedResourcesStream = Responses<DeltaDiscoveryResponse>;

    async fn stream_aggregated_resources(
        &self,
        _request: Request<Streaming<DiscoveryRequest>>,
    ) -> Result<Response<Self::StreamAggregatedResourcesStream>, Status> {
        Err(Status::unimplemented("delta only"))
    }

    async fn delta_aggregated_resources(
        &self,
        request: Request<Streaming<DeltaDiscoveryRequest>>,
    ) -> Result<Response<Self::DeltaAggregatedResourcesStream>, Status> {
        let mut requests = request.into_inner();
        let (sender, responses) = mpsc::unbounded_channel();
        let mut service = self.clone();
        tokio::spawn(async move {
            let mut session = DeltaSession::new();
            // Requests are answered from the set that the session was told of, so that no change is
            // lost between the two.
            let mut resources = service.resources.borrow_and_update().clone();
            loop {
                let responses = tokio::select! {
                    request = requests.message() => {
                        let Ok(Some(request)) = request else { return };
                        let outcome = session.on_request(request, &resources).unwrap();
                        service.events.lock().unwrap().extend(outcome.events);
                        outcome.responses
                    }
                    changed = service.resources.changed() => {
                        if changed.is_err() {
                            return;
                        }
                        resources = service.resources.borrow_and_update().clone();
                        session.on_resources(&resources)
                    }
                };
                for response in responses {
                    if sender.send(Ok(response)).is_err() {
                        return;
                    }
                }
            }
        });
        Ok(Response::new(Box::pin(UnboundedReceiverStream::new(responses))))
    }
}
