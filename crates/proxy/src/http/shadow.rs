//! Mirrored requests: a copy goes to another cluster, and nobody waits for its answer (Envoy docs,
//! `RequestMirrorPolicy`).
//!
//! It must not know what becomes of the original.

use std::future::poll_fn;
use std::sync::Arc;
use std::time::Duration;

use carrick_policy::config::cluster::UpstreamHttp;
use carrick_policy::config::tls::Alpn;
use carrick_policy::connection::ConnectionInfo;
use carrick_policy::http::forwarded::mark_own;
use carrick_policy::http::prepared::Prepared;
use carrick_policy::http::route::{Mirror, without_port};
use http::{HeaderMap, HeaderValue, Method, Request, Uri, Version};

use super::outgoing::{absolute, expects_body};
use super::own_address::own_address;
use crate::cluster::http::{Answer, Carrier, Host, RequestBody, StreamEnd};
use crate::cluster::{PickContext, UpstreamCluster};
use crate::env::ProxyEnv;

/// The head of a copy, taken before the original is sent.
pub(crate) struct Copy {
    cluster: Arc<UpstreamCluster>,
    method: Method,
    uri: Uri,
    scheme: &'static str,
    authority: HeaderValue,
    headers: HeaderMap,
    has_body: bool,
    alpn: Option<Alpn>,
}

impl Copy {
    /// A copy of the request as it goes upstream, if the mirror has a cluster.
    pub(crate) fn of(prepared: &Prepared, mirror: &Mirror, env: &ProxyEnv) -> Option<Self> {
        let cluster = env.clusters.get(&mirror.cluster)?;
        let authority = match mirror.suffix {
            true => shadow_of(&prepared.authority),
            false => prepared.authority.clone(),
        };
        Some(Self {
            cluster,
            method: prepared.parts.method.clone(),
            uri: prepared.parts.uri.clone(),
            scheme: prepared.scheme,
            authority,
            headers: prepared.parts.headers.clone(),
            has_body: prepared.has_body,
            alpn: prepared.alpn.clone(),
        })
    }

    /// Sends it, and forgets the answer.
    pub(crate) fn send(
        self,
        body: RequestBody,
        limit: Option<Duration>,
        info: Arc<ConnectionInfo>,
        downstream_http2: bool,
    ) {
        tokio::spawn(async move {
            let exchange = exchange(self, body, &info, downstream_http2);
            match limit {
                // What comes of it is in the cluster's statistics; nobody else asks.
                Some(limit) => drop(tokio::time::timeout(limit, exchange).await),
                None => drop(exchange.await),
            }
        });
    }

    fn into_request(self, body: RequestBody, http2: bool) -> Request<RequestBody> {
        let mut request = Request::new(body);
        *request.method_mut() = self.method;
        *request.headers_mut() = self.headers;
        let headers = request.headers_mut();
        mark_own(headers, own_address);
        match http2 {
            true => {
                headers.remove(http::header::HOST);
                *request.uri_mut() = absolute(&self.uri, self.scheme, &self.authority);
                *request.version_mut() = Version::HTTP_2;
            }
            false => {
                headers.insert(http::header::HOST, self.authority);
                *request.uri_mut() = self.uri;
                if !self.has_body && expects_body(request.method()) {
                    let length = request.headers_mut().entry(http::header::CONTENT_LENGTH);
                    length.or_insert(HeaderValue::from_static("0"));
                }
            }
        }
        request
    }
}

/// `a.test:80` as `a.test-shadow:80`.
fn shadow_of(authority: &HeaderValue) -> HeaderValue {
    let text = authority.to_str().unwrap_or_default();
    let host = without_port(text);
    let port = text.get(host.len()..).unwrap_or_default();
    // An authority with letters in it is an authority.
    HeaderValue::from_str(&format!("{host}-shadow{port}")).unwrap_or_else(|_| authority.clone())
}

/// `None` if it came to nothing.
async fn exchange(
    copy: Copy,
    body: RequestBody,
    info: &ConnectionInfo,
    downstream_http2: bool,
) -> Option<()> {
    let cluster = copy.cluster.clone();
    let picked = cluster.pick_for_request(&PickContext { downstream: info, hash: None, skip: &[] }).ok()?;
    cluster.labels().stats.upstream_rq_total.increment();
    let follows_authority = cluster.config().http.auto_sni || cluster.config().http.auto_san_validation;
    let host = Host {
        address: picked.endpoint.address.clone(),
        authority: follows_authority.then(|| copy.authority.to_str().unwrap_or_default().into()),
        alpn: copy.alpn.clone(),
    };
    let http2 = match cluster.http_version() {
        UpstreamHttp::Http1 => false,
        UpstreamHttp::Http2 => true,
        UpstreamHttp::SameAsDownstream => downstream_http2,
    };
    let request = copy.into_request(body, http2);
    let pool = &cluster.http.pool;
    let answer = match http2 {
        true => {
            let leased = pool.lease_http2(&cluster, &picked.endpoint, &host).await;
            let (mut connection, mut lease, _) = leased.ok()?;
            let response = connection.send(request, &mut lease).await.ok()?;
            Answer { response, carrier: Carrier::Http2 { lease } }
        }
        false => {
            let acquired = pool.acquire_http1(&cluster, &picked.endpoint, &host).await;
            let (mut connection, _) = acquired.ok()?;
            let response = connection.send(request).await.ok()?;
            Answer { response, carrier: Carrier::Http1(connection) }
        }
    };
    drain(answer, cluster, host).await
}

/// Reads the answer to its end, so that its connection can be used again.
async fn drain(answer: Answer, cluster: Arc<UpstreamCluster>, host: Host) -> Option<()> {
    use http_body::Body;
    let Answer { response, mut carrier } = answer;
    let mut incoming = response.into_body();
    while !incoming.is_end_stream() {
        let frame = poll_fn(|cx| match &mut carrier {
            Carrier::Http1(connection) => connection.poll_body(&mut incoming, cx),
            Carrier::Http2 { .. } | Carrier::Detached => std::pin::Pin::new(&mut incoming).poll_frame(cx),
        });
        match frame.await {
            Some(Ok(_)) => {}
            Some(Err(_)) => return None,
            None => break,
        }
    }
    match carrier {
        Carrier::Http1(connection) => cluster.http.pool.put_http1(&cluster, host, connection),
        Carrier::Http2 { mut lease } => lease.ended(StreamEnd::Over),
        Carrier::Detached => {}
    }
    Some(())
}

#[cfg(test)]
mod tests;
