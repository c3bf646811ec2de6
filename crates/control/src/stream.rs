//! One xDS stream, of either protocol variant: requests in, responses out, news in between. ADS and
//! SDS both run on it.
//!
//! It must not know where resources come from.

use std::pin::Pin;

use carrick_xds::ProxyResources;
use carrick_xds::pb::envoy::config::core::v3::Node;
use carrick_xds::pb::envoy::service::discovery::v3::{
    DeltaDiscoveryRequest, DeltaDiscoveryResponse, DiscoveryRequest, DiscoveryResponse,
};
use carrick_xds::server::{DeltaSession, Event, Outcome, PATIENCE, ProtocolError, SotwSession};
use futures_util::Stream;
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_stream::StreamExt;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Status, Streaming};

/// What tonic's services return for a stream of responses.
pub type Responses<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

/// What delta and state-of-the-world sessions have in common.
pub trait Session: Send + 'static {
    type Request: Send + Sync + 'static;
    type Response: Send + 'static;

    fn node(request: &Self::Request) -> Option<&Node>;
    /// The resource names that a request asks for.
    fn names(request: &Self::Request) -> &[String];
    fn on_request(
        &mut self,
        request: Self::Request,
        resources: &ProxyResources,
    ) -> Result<Outcome<Self::Response>, ProtocolError>;
    fn on_resources(&mut self, resources: &ProxyResources) -> Vec<Self::Response>;
    fn is_waiting(&self) -> bool;
    fn stop_waiting(&mut self, resources: &ProxyResources) -> Vec<Self::Response>;
}

/// Where a stream's resources come from.
pub trait Source: Send + 'static {
    /// A request came, perhaps with the proxy's node (the first one has it). An error ends the
    /// stream.
    fn connected(&mut self, node: Option<&Node>) -> impl Future<Output = Result<(), Status>> + Send;
    /// The proxy asks for these names; they are there when this returns, if they can be had.
    fn asked(&mut self, names: &[String]);
    fn resources(&self) -> &ProxyResources;
    /// Completes when `resources` has changed; never, if it cannot change any more. Cancel-safe.
    fn changed(&mut self) -> impl Future<Output = ()> + Send;
    fn event(&mut self, event: Event);
}

/// Starts a task that runs the stream to its end.
pub fn start<S: Session>(
    requests: Streaming<S::Request>,
    session: S,
    source: impl Source,
) -> Responses<S::Response> {
    let (sender, receiver) = mpsc::channel(16);
    tokio::spawn(run(requests, session, source, sender));
    Box::pin(ReceiverStream::new(receiver))
}

async fn run<S: Session>(
    mut requests: Streaming<S::Request>,
    mut session: S,
    mut source: impl Source,
    sender: mpsc::Sender<Result<S::Response, Status>>,
) {
    let mut waiting_since: Option<Instant> = None;
    loop {
        let patience_ends = waiting_since.map(|since| since + PATIENCE);
        let responses = tokio::select! {
            request = requests.next() => {
                // A broken connection and a finished one are the same to us: the proxy comes back
                // and says what it has.
                let Some(Ok(request)) = request else { return };
                if let Err(status) = source.connected(S::node(&request)).await {
                    // If the stream is gone nobody is left to be told; the same below.
                    let _ = sender.send(Err(status)).await;
                    return;
                }
                source.asked(S::names(&request));
                match session.on_request(request, source.resources()) {
                    Ok(outcome) => {
                        outcome.events.into_iter().for_each(|event| source.event(event));
                        outcome.responses
                    }
                    Err(error) => {
                        let _ = sender.send(Err(Status::invalid_argument(error.to_string()))).await;
                        return;
                    }
                }
            }
            () = source.changed() => session.on_resources(source.resources()),
            () = sleep_until(patience_ends) => {
                waiting_since = None;
                session.stop_waiting(source.resources())
            }
        };
        if !responses.is_empty() || !session.is_waiting() {
            waiting_since = None;
        }
        if session.is_waiting() {
            waiting_since.get_or_insert_with(Instant::now);
        }
        for response in responses {
            if sender.send(Ok(response)).await.is_err() {
                return;
            }
        }
    }
}

async fn sleep_until(time: Option<Instant>) {
    match time {
        Some(time) => tokio::time::sleep_until(time).await,
        None => std::future::pending().await,
    }
}

impl Session for DeltaSession {
    type Request = DeltaDiscoveryRequest;
    type Response = DeltaDiscoveryResponse;

    fn node(request: &DeltaDiscoveryRequest) -> Option<&Node> {
        request.node.as_ref()
    }

    fn names(request: &DeltaDiscoveryRequest) -> &[String] {
        &request.resource_names_subscribe
    }

    fn on_request(
        &mut self,
        request: DeltaDiscoveryRequest,
        resources: &ProxyResources,
    ) -> Result<Outcome<DeltaDiscoveryResponse>, ProtocolError> {
        DeltaSession::on_request(self, request, resources)
    }

    fn on_resources(&mut self, resources: &ProxyResources) -> Vec<DeltaDiscoveryResponse> {
        DeltaSession::on_resources(self, resources)
    }

    fn is_waiting(&self) -> bool {
        DeltaSession::is_waiting(self)
    }

    fn stop_waiting(&mut self, resources: &ProxyResources) -> Vec<DeltaDiscoveryResponse> {
        DeltaSession::stop_waiting(self, resources)
    }
}

impl Session for SotwSession {
    type Request = DiscoveryRequest;
    type Response = DiscoveryResponse;

    fn node(request: &DiscoveryRequest) -> Option<&Node> {
        request.node.as_ref()
    }

    fn names(request: &DiscoveryRequest) -> &[String] {
        &request.resource_names
    }

    fn on_request(
        &mut self,
        request: DiscoveryRequest,
        resources: &ProxyResources,
    ) -> Result<Outcome<DiscoveryResponse>, ProtocolError> {
        SotwSession::on_request(self, request, resources)
    }

    fn on_resources(&mut self, resources: &ProxyResources) -> Vec<DiscoveryResponse> {
        SotwSession::on_resources(self, resources)
    }

    fn is_waiting(&self) -> bool {
        SotwSession::is_waiting(self)
    }

    fn stop_waiting(&mut self, resources: &ProxyResources) -> Vec<DiscoveryResponse> {
        SotwSession::stop_waiting(self, resources)
    }
}
