//! Streams to servers of secrets (`sds-grpc` and the like), state-of-the-world or delta, one per
//! server for as long as someone uses its secrets.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use carrick_backoff::Backoff;
use carrick_policy::config::resource;
use carrick_policy::config::source::{GrpcSource, Source};
use carrick_policy::secret::Secret;
use carrick_xds::ResourceType;
use carrick_xds::client::{Client, SotwClient};
use carrick_xds::nack::Refusal;
use carrick_xds::pb::envoy::config::core::v3::Node;
use carrick_xds::pb::envoy::extensions::transport_sockets::tls::v3::Secret as SecretPb;
use carrick_xds::pb::envoy::service::secret::v3::secret_discovery_service_client::SecretDiscoveryServiceClient;
use prost_types::Any;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_stream::wrappers::UnboundedReceiverStream;
use tracing::{info, warn};

use super::channel::{self, Channel};
use super::{StreamError, reconnects};
use crate::env::ProxyEnv;
use crate::store::Store;

/// Keeps one stream to every server that secrets in use come from. Runs until the process ends.
pub(crate) async fn follow_all(env: Arc<ProxyEnv>, store: Store, node: Node) {
    let mut streams: BTreeMap<GrpcSource, JoinHandle<()>> = BTreeMap::new();
    let mut interest = store.interest();
    loop {
        let servers = env.secrets.servers();
        streams.retain(|server, stream| {
            let used = servers.contains(server);
            if !used {
                stream.abort();
            }
            used
        });
        for server in servers {
            let stream =
                || tokio::spawn(follow(Arc::clone(&env), store.clone(), server.clone(), node.clone()));
            if !streams.contains_key(&server) {
                streams.insert(server.clone(), stream());
            }
        }
        if interest.changed().await.is_err() {
            return;
        }
    }
}

async fn follow(env: Arc<ProxyEnv>, store: Store, server: GrpcSource, node: Node) {
    let client = Client::new(node.clone());
    let whole = SotwClient::new(node, ResourceType::Secret);
    let mut session = Session { env, store, server, client, whole };
    let mut backoff = reconnects();
    let mut complained = false;
    loop {
        let ended = session.stream(&mut backoff).await;
        session.client.disconnected();
        session.whole.disconnected();
        if let Err(error) = ended
            && !complained
        {
            complained = true;
            warn!(server = session.server.cluster, "no secrets: {error}; those that are there stay in use");
        }
        tokio::time::sleep(backoff.next_pause()).await;
    }
}

struct Session {
    env: Arc<ProxyEnv>,
    store: Store,
    server: GrpcSource,
    /// For delta streams.
    client: Client,
    /// For state-of-the-world streams.
    whole: SotwClient,
}

impl Session {
    async fn stream(&mut self, backoff: &mut Backoff) -> Result<(), StreamError> {
        let (channel, origin) = channel::open(&self.env, &self.server).await?;
        let grpc = SecretDiscoveryServiceClient::with_origin(channel, origin);
        info!(server = self.server.cluster, "stream of secrets is open");
        if self.server.delta { self.delta(grpc, backoff).await } else { self.whole(grpc, backoff).await }
    }

    fn wanted(&self) -> BTreeSet<String> {
        self.env.secrets.wanted(&Source::Grpc(self.server.clone()))
    }

    async fn delta(
        &mut self,
        mut grpc: SecretDiscoveryServiceClient<Channel>,
        backoff: &mut Backoff,
    ) -> Result<(), StreamError> {
        let (sender, requests) = mpsc::unbounded_channel();
        let mut interest = self.store.interest();
        let mut subscribed = self.wanted();
        self.client.subscribe(ResourceType::Secret, subscribed.clone());
        for request in self.client.connected() {
            sender.send(request).map_err(|_| StreamError::Closed)?;
        }
        let mut responses = grpc.delta_secrets(UnboundedReceiverStream::new(requests)).await?.into_inner();
        loop {
            let answer = tokio::select! {
                response = responses.message() => {
                    backoff.reset();
                    match self.client.on_response(response?.ok_or(StreamError::Closed)?) {
                        Ok(delivery) => {
                            let bodies = delivery.added.iter().map(|resource| (resource.name.as_str(), &resource.any));
                            let refused: Vec<Refusal> = bodies
                                .filter_map(|(name, body)| Some(Refusal::new(name, self.take(body).err()?)))
                                .collect();
                            self.client.accept_except(delivery, &refused)
                        }
                        Err(bad) => bad.nack.map(|nack| *nack),
                    }
                }
                _ = interest.changed() => {
                    let wanted = self.wanted();
                    let dropped: Vec<String> = subscribed.difference(&wanted).cloned().collect();
                    let unsubscribe = self.client.unsubscribe(ResourceType::Secret, dropped);
                    if let Some(request) = unsubscribe {
                        sender.send(request).map_err(|_| StreamError::Closed)?;
                    }
                    let added: Vec<String> = wanted.difference(&subscribed).cloned().collect();
                    subscribed = wanted;
                    self.client.subscribe(ResourceType::Secret, added)
                }
            };
            if let Some(request) = answer {
                sender.send(request).map_err(|_| StreamError::Closed)?;
            }
        }
    }

    /// State of the world.
    async fn whole(
        &mut self,
        mut grpc: SecretDiscoveryServiceClient<Channel>,
        backoff: &mut Backoff,
    ) -> Result<(), StreamError> {
        let (sender, requests) = mpsc::unbounded_channel();
        let mut interest = self.store.interest();
        self.whole.want(self.wanted());
        sender.send(self.whole.connected()).map_err(|_| StreamError::Closed)?;
        let mut responses = grpc.stream_secrets(UnboundedReceiverStream::new(requests)).await?.into_inner();
        loop {
            let answer = tokio::select! {
                response = responses.message() => {
                    backoff.reset();
                    match self.whole.on_response(response?.ok_or(StreamError::Closed)?) {
                        Ok(delivery) => {
                            let refused: Vec<String> =
                                delivery.bodies.iter().filter_map(|body| self.take(body).err()).collect();
                            match refused.is_empty() {
                                true => self.whole.accept(delivery),
                                false => self.whole.reject(delivery, refused.join("\n")),
                            }
                        }
                        Err(bad) => bad.nack.map(|nack| *nack),
                    }
                }
                _ = interest.changed() => self.whole.want(self.wanted()),
            };
            if let Some(request) = answer {
                sender.send(request).map_err(|_| StreamError::Closed)?;
            }
        }
    }

    fn take(&self, body: &Any) -> Result<(), String> {
        let pb = resource::<SecretPb>(body).map_err(|error| error.to_string());
        let outcome = pb.and_then(|pb| {
            let secret = Secret::from_proto(&pb).map_err(|error| format!("{}: {error}", pb.name))?;
            self.env.secrets.set(&Source::Grpc(self.server.clone()), &pb.name, secret);
            Ok(())
        });
        if let Err(reason) = &outcome {
            warn!(server = self.server.cluster, "refused a secret: {reason}");
        }
        outcome
    }
}
