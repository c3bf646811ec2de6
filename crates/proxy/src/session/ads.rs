//! The ADS stream: opened, kept, opened again.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use carrick_backoff::Backoff;
use carrick_policy::config::source::GrpcSource;
use carrick_xds::client::{Client, Delivery};
use carrick_xds::nack::Refusal;
use carrick_xds::pb::envoy::config::core::v3::Node;
use carrick_xds::pb::envoy::service::discovery::v3::aggregated_discovery_service_client::AggregatedDiscoveryServiceClient;
use carrick_xds::pb::envoy::service::discovery::v3::{DeltaDiscoveryRequest, DeltaDiscoveryResponse};
use carrick_xds::{ResourceType, WILDCARD};
use tokio::sync::mpsc;
use tokio_stream::wrappers::UnboundedReceiverStream;
use tracing::{info, warn};

use super::{StreamError, channel, reconnects};
use crate::env::ProxyEnv;
use crate::resources::Origin;
use crate::store::Store;

/// More than this in one response is not configuration.
const LARGEST_MESSAGE: usize = 256 << 20;

/// Kinds whose names follow from other resources.
const NAMED: [ResourceType; 3] = [ResourceType::Secret, ResourceType::Endpoint, ResourceType::Route];

struct Session {
    client: Client,
    store: Store,
    subscribed: BTreeMap<ResourceType, BTreeSet<String>>,
}

/// Follows the server until the process ends. `everything_of` are the kinds that are subscribed as
/// a whole.
pub(crate) async fn follow(
    env: Arc<ProxyEnv>,
    store: Store,
    source: GrpcSource,
    node: Node,
    everything_of: Vec<ResourceType>,
) {
    let mut session = Session { client: Client::new(node), store, subscribed: BTreeMap::new() };
    for kind in everything_of {
        session.client.subscribe(kind, [WILDCARD]);
    }
    let mut backoff = reconnects();
    let mut complained = false;
    loop {
        let ended = session.stream(&env, &source, &mut backoff, &mut complained).await;
        session.client.disconnected();
        if let Err(error) = ended
            && !complained
        {
            complained = true;
            warn!(server = source.cluster, "no ADS: {error}; the configuration stays as it is");
        }
        tokio::time::sleep(backoff.next_pause()).await;
    }
}

impl Session {
    async fn stream(
        &mut self,
        env: &Arc<ProxyEnv>,
        source: &GrpcSource,
        backoff: &mut Backoff,
        complained: &mut bool,
    ) -> Result<(), StreamError> {
        let (channel, origin) = channel::open(env, source).await?;
        let (sender, requests) = mpsc::unbounded_channel();
        let mut interest = self.store.interest();
        for request in self.client.connected() {
            send(&sender, request)?;
        }
        self.ask(&sender)?;
        let mut grpc = AggregatedDiscoveryServiceClient::with_origin(channel, origin)
            .max_decoding_message_size(LARGEST_MESSAGE);
        let requests = UnboundedReceiverStream::new(requests);
        let mut responses = grpc.delta_aggregated_resources(requests).await?.into_inner();
        info!(server = source.cluster, "ADS stream is open");
        *complained = false;
        loop {
            tokio::select! {
                response = responses.message() => {
                    let response = response?.ok_or(StreamError::Closed)?;
                    backoff.reset();
                    if let Some(answer) = self.take(response).await {
                        send(&sender, answer)?;
                    }
                }
                _ = interest.changed() => {}
            }
            self.ask(&sender)?;
        }
    }

    /// Subscribes to what the configuration names now, and to nothing else.
    fn ask(&mut self, sender: &mpsc::UnboundedSender<DeltaDiscoveryRequest>) -> Result<(), StreamError> {
        for kind in NAMED {
            let wanted = self.store.wanted(kind);
            let subscribed = self.subscribed.entry(kind).or_default();
            let added: Vec<String> = wanted.difference(subscribed).cloned().collect();
            let dropped: Vec<String> = subscribed.difference(&wanted).cloned().collect();
            *subscribed = wanted;
            if let Some(request) = self.client.subscribe(kind, added) {
                send(sender, request)?;
            }
            if let Some(request) = self.client.unsubscribe(kind, dropped) {
                send(sender, request)?;
            }
        }
        Ok(())
    }

    async fn take(&mut self, response: DeltaDiscoveryResponse) -> Option<DeltaDiscoveryRequest> {
        match self.client.on_response(response) {
            Ok(delivery) => {
                let refused = self.apply(&delivery).await;
                self.store.received(delivery.kind);
                self.client.accept_except(delivery, &refused)
            }
            Err(bad) => {
                warn!("{bad}");
                bad.nack.map(|nack| *nack)
            }
        }
    }

    /// Each resource stands for itself: a bad one does not keep its neighbours out.
    async fn apply(&self, delivery: &Delivery) -> Vec<Refusal> {
        let mut refused = Vec::new();
        for (number, resource) in delivery.added.iter().enumerate() {
            let_others_go_on(number).await;
            let outcome = self.store.apply(
                delivery.kind,
                Origin::Dynamic,
                &resource.name,
                &resource.version,
                &resource.any,
            );
            if let Err(error) = outcome {
                warn!(kind = %delivery.kind, name = resource.name, "refused: {error}");
                refused.push(Refusal::new(&resource.name, error));
            }
        }
        for (number, name) in delivery.removed.iter().enumerate() {
            let_others_go_on(number).await;
            self.store.remove(delivery.kind, name);
        }
        refused
    }
}

/// A response can hold a hundred thousand resources; connections on the same thread must not wait
/// for all of them.
async fn let_others_go_on(number: usize) {
    const AT_ONCE: usize = 64;
    if number % AT_ONCE == AT_ONCE - 1 {
        tokio::task::yield_now().await;
    }
}

fn send(
    sender: &mpsc::UnboundedSender<DeltaDiscoveryRequest>,
    request: DeltaDiscoveryRequest,
) -> Result<(), StreamError> {
    sender.send(request).map_err(|_| StreamError::Closed)
}
