//! A gRPC connection through one of this proxy's own clusters, TCP or Unix socket, plain or TLS.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use carrick_policy::config::source::GrpcSource;
use carrick_policy::connection::ConnectionInfo;
use http::{Request, Response, Uri};
use hyper::body::Incoming;
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tonic::body::Body;
use tower::util::BoxCloneService;

use super::StreamError;
use crate::cluster::PickContext;
use crate::env::ProxyEnv;

pub(super) type Channel = BoxCloneService<Request<Body>, Response<Incoming>, hyper::Error>;

/// A server that does not answer these is gone, even if its connection looks alive.
const PING_INTERVAL: Duration = Duration::from_secs(20);
const PING_TIMEOUT: Duration = Duration::from_secs(10);

/// Connects, and says which origin requests are to name.
pub(super) async fn open(env: &Arc<ProxyEnv>, source: &GrpcSource) -> Result<(Channel, Uri), StreamError> {
    let cluster = env.clusters.get(&source.cluster);
    let cluster = cluster.ok_or_else(|| StreamError::NoCluster(source.cluster.clone()))?;
    let own = ConnectionInfo::own(SystemTime::now());
    let picked = cluster.pick(&PickContext { downstream: &own, hash: None, skip: &[] });
    let picked = picked.map_err(|error| StreamError::NoHost {
        cluster: source.cluster.clone(),
        reason: error.to_string(),
    })?;
    let alpn = [b"h2".to_vec()];
    let opened = cluster.open(&picked.endpoint, None, Some(&alpn)).await;
    let opened =
        opened.map_err(|error| StreamError::Connect(format!("{}: {error}", picked.endpoint.address)))?;
    let (sender, connection) = http2::Builder::new(TokioExecutor::new())
        .timer(TokioTimer::new())
        .keep_alive_interval(PING_INTERVAL)
        .keep_alive_timeout(PING_TIMEOUT)
        .keep_alive_while_idle(true)
        .handshake(TokioIo::new(opened.stream))
        .await
        .map_err(|error| StreamError::Connect(error.to_string()))?;
    tokio::spawn(async move {
        // The host counts as in use for as long as the connection is there. How it ends is told to
        // its streams.
        let _picked = picked;
        let _ = connection.await;
    });
    let service = tower::service_fn(move |request: Request<Body>| {
        let mut sender = sender.clone();
        async move { sender.send_request(request).await }
    });
    Ok((BoxCloneService::new(service), origin(source)))
}

/// A cluster's name need not be a host name; then any will do, as the server is already connected
/// to.
fn origin(source: &GrpcSource) -> Uri {
    let authority = if source.authority.is_empty() { &source.cluster } else { &source.authority };
    let uri = Uri::builder().scheme("http").authority(authority.as_str()).path_and_query("/").build();
    uri.unwrap_or_else(|_| Uri::from_static("http://xds/"))
}
