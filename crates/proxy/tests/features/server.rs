//! A server behind the proxies: it does as its requests say, and remembers them.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::server::Acceptor;
use tokio_rustls::LazyConfigAcceptor;

use crate::fixtures::echo::listen;

pub struct Server {
    pub address: SocketAddr,
    seen: Arc<Mutex<Vec<Seen>>>,
    connections: Arc<AtomicUsize>,
}

/// A request as it arrived.
#[derive(Debug, Clone)]
pub struct Seen {
    pub method: String,
    pub path: String,
    pub authority: String,
    pub headers: Vec<(String, String)>,
    pub body: String,
}

impl Seen {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

impl Server {
    /// Answers with its name. `x-status` in a request asks for another status than 200, `x-wait`
    /// for milliseconds of patience.
    pub async fn start(name: &'static str) -> Self {
        Self::failing(name, 200).await
    }

    /// Another one, which answers with this status unless it is asked for another.
    pub async fn failing(name: &'static str, status: u16) -> Self {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let shared = seen.clone();
        let connections = Arc::new(AtomicUsize::new(0));
        let counted = connections.clone();
        let address = listen(move |stream| {
            counted.fetch_add(1, Ordering::Relaxed);
            let seen = shared.clone();
            let service = service_fn(move |request| answer(name, status, request, seen.clone()));
            async move {
                hyper_util::server::conn::auto::Builder::new(TokioExecutor::new())
                    .serve_connection(TokioIo::new(stream), service)
                    .await
            }
        })
        .await;
        Self { address, seen, connections }
    }

    /// What came since the last time.
    pub fn take(&self) -> Vec<Seen> {
        std::mem::take(&mut self.seen.lock().unwrap())
    }

    /// How many connections it has taken.
    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }

    pub fn count(&self) -> usize {
        self.seen.lock().unwrap().len()
    }
}

async fn answer(
    name: &'static str,
    status: u16,
    request: Request<Incoming>,
    seen: Arc<Mutex<Vec<Seen>>>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let (parts, body) = request.into_parts();
    let of_uri = parts.uri.authority().map(|authority| authority.as_str().to_owned());
    let header = |name: &str| parts.headers.get(name).map(|value| value.to_str().unwrap().to_owned());
    let headers =
        parts.headers.iter().map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()));
    let mut request = Seen {
        method: parts.method.to_string(),
        path: parts.uri.path_and_query().unwrap().to_string(),
        authority: of_uri.or(header("host")).unwrap_or_default(),
        headers: headers.collect(),
        body: String::new(),
    };
    // A body that breaks off is remembered as far as it came.
    if let Ok(body) = body.collect().await {
        request.body = String::from_utf8_lossy(&body.to_bytes()).into_owned();
    }
    seen.lock().unwrap().push(request);
    if let Some(wait) = header("x-wait") {
        tokio::time::sleep(Duration::from_millis(wait.parse().unwrap())).await;
    }
    let status = header("x-status").map_or(status, |status| status.parse().unwrap());
    let response = Response::builder().status(status).header("x-server", name);
    Ok(response.body(Full::from(name)).unwrap())
}

/// A TLS server that tells each client which protocols it offered.
pub async fn offers() -> SocketAddr {
    let key = rcgen::KeyPair::generate().unwrap();
    let certificate =
        rcgen::CertificateParams::new(["server.test".to_owned()]).unwrap().self_signed(&key).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key.serialize_der().try_into().unwrap())
        .unwrap();
    config.alpn_protocols = ["istio", "of-cluster"].map(|name| name.as_bytes().to_vec()).to_vec();
    let config = Arc::new(config);
    listen(move |stream| {
        let config = config.clone();
        async move {
            let start = LazyConfigAcceptor::new(Acceptor::default(), stream).await.unwrap();
            let offered = start.client_hello().alpn().into_iter().flatten();
            let offered: Vec<_> = offered.map(|name| String::from_utf8_lossy(name).into_owned()).collect();
            let offered = offered.join(",");
            let stream = start.into_stream(config).await.unwrap();
            let service = service_fn(|_request: Request<Incoming>| {
                let body = Full::<Bytes>::from(offered.clone());
                async move { Ok::<_, Infallible>(Response::new(body)) }
            });
            hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service).await
        }
    })
    .await
}
