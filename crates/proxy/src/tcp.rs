//! The tcp_proxy filter: bytes from a client to a host of a cluster and back, unseen.
//!
//! It must not know how the connection was accepted, nor how hosts are chosen.

mod record;
mod relay;

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use carrick_policy::access_log::ResponseFlag;
use carrick_policy::address::Address;
use carrick_policy::connection::ConnectionInfo;
use carrick_policy::tcp_proxy::TcpProxyConfig;
use carrick_policy::xxhash::xxh64;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_rustls::server::TlsStream;
use tracing::debug;

use crate::access_log::AccessLogs;
use crate::cluster::{ConnectError, PickContext, Picked, Upstream, UpstreamCluster};
use crate::env::ProxyEnv;
use crate::socket::{Prefixed, Socket};
use crate::stats::TcpStats;
use record::Journal;
use relay::{Ended, relay};

/// The client's side of a connection.
pub(crate) enum Downstream {
    Plain(Prefixed),
    Tls(Box<TlsStream<Prefixed>>),
}

impl Downstream {
    pub fn socket(&self) -> &Socket {
        match self {
            Self::Plain(stream) => stream.socket(),
            Self::Tls(stream) => stream.get_ref().0.socket(),
        }
    }
}

/// What a filter chain passes connections on with.
pub(crate) struct TcpService {
    pub(crate) config: Arc<TcpProxyConfig>,
    pub(crate) logs: AccessLogs,
    pub(crate) stats: Arc<TcpStats>,
}

/// Writes down a connection that is closed before anything was done with it.
pub(crate) fn refuse(info: &Arc<ConnectionInfo>, service: &TcpService, env: &ProxyEnv, why: String) {
    service.stats.downstream_cx_total.increment();
    let cluster = service.config.target.cluster(rand::random());
    Journal::new(env, info, service, cluster).close(why);
}

/// Serves one connection until both sides are done with it.
pub(crate) async fn proxy(
    downstream: Downstream,
    info: Arc<ConnectionInfo>,
    service: Arc<TcpService>,
    env: Arc<ProxyEnv>,
) {
    let TcpService { config, stats, .. } = &*service;
    stats.downstream_cx_total.increment();
    let name = config.target.cluster(rand::random());
    let mut journal = Journal::new(&env, &info, &service, name);
    let Some(cluster) = env.clusters.get(name) else {
        stats.downstream_cx_no_route.increment();
        journal.flag(ResponseFlag::NoClusterFound);
        return journal.close("cluster_not_found");
    };
    journal.cluster(&cluster);
    let Some((upstream, picked)) = connect(&cluster, &info, config, &mut journal).await else {
        return journal.close("upstream_connect_failed");
    };
    journal.connected();
    // As Envoy's connection pools have it: a connection is a request that lasts.
    cluster.labels().stats.upstream_rq_total.increment();
    let outcome = relay(downstream, upstream, config, stats, &mut journal.traffic).await;
    drop(picked);
    let details = match outcome {
        Ended::Both => "",
        Ended::Idle => {
            stats.idle_timeout.increment();
            journal.flag(ResponseFlag::StreamIdleTimeout);
            "tcp_session_idle_timeout"
        }
        Ended::TooLong => {
            journal.flag(ResponseFlag::DurationTimeout);
            "max_downstream_connection_duration_reached"
        }
        Ended::DownstreamReset => {
            journal.flag(ResponseFlag::DownstreamConnectionTermination);
            ""
        }
        Ended::UpstreamReset => {
            journal.flag(ResponseFlag::UpstreamConnectionTermination);
            ""
        }
    };
    journal.close(details);
}

/// Tries hosts until one takes the connection, or enough were tried.
async fn connect(
    cluster: &UpstreamCluster,
    info: &ConnectionInfo,
    config: &TcpProxyConfig,
    journal: &mut Journal<'_>,
) -> Option<(Upstream, Picked)> {
    let mut tried: Vec<Address> = Vec::new();
    let hash = config.hash_source_ip.then(|| xxh64(info.remote.ip().to_string().as_bytes(), 0));
    for _ in 0..config.max_connect_attempts {
        let picked = match cluster.pick(&PickContext { downstream: info, hash, skip: &tried }) {
            Ok(picked) => picked,
            Err(error) => {
                debug!(cluster = cluster.name(), "no host for a connection: {error}");
                journal.flag(error.flag());
                journal.failure(error.to_string());
                return None;
            }
        };
        journal.host(&picked.endpoint.address);
        match cluster.open(&picked.endpoint, None, None).await {
            Ok(opened) => {
                journal.opened(opened.local, opened.tls, opened.connect_micros);
                return Some((opened.stream, picked));
            }
            Err(error) => {
                debug!(cluster = cluster.name(), host = %picked.endpoint.address, "cannot connect: {error}");
                journal.failure(failure_text(&error));
                journal.flag(error.flag());
                tried.push(picked.endpoint.address.clone());
            }
        }
    }
    journal.flag(ResponseFlag::UpstreamRetryLimitExceeded);
    None
}

fn failure_text(error: &ConnectError) -> String {
    match error {
        ConnectError::Timeout(_) => "connection timeout".into(),
        other => other.transport_failure_reason(),
    }
}

impl AsyncRead for Downstream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_read(cx, buf),
            Self::Tls(stream) => Pin::new(stream).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Downstream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write(cx, buf),
            Self::Tls(stream) => Pin::new(stream).poll_write(cx, buf),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_flush(cx),
            Self::Tls(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}
