//! A connection's way from its socket to its filter: listener filters, hand-over, filter chain,
//! TLS.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;
use carrick_policy::chain::ChainFacts;
use carrick_policy::connection::{ClientHello, ConnectionInfo};
use tokio::net::TcpStream;

use super::inspect::{Inspection, Stopped, inspect, read_client_hello};
use super::refuse::{Refused, refuse};
use super::{Chain, Listener, ListenerSet, Service};
use crate::env::ProxyEnv;
use crate::socket::{Prefixed, Socket, Stream};
use crate::tcp::{self, Downstream};
use crate::tls::{HandshakeError, ServerTls};

/// Serves one accepted connection until it is over.
pub(super) async fn connection(
    env: Arc<ProxyEnv>,
    listeners: Arc<ListenerSet>,
    mut listener: Arc<Listener>,
    stream: TcpStream,
    remote: SocketAddr,
    local: SocketAddr,
) {
    let started = SystemTime::now();
    let _counted = Counted::new(&listener);
    let mut info = ConnectionInfo {
        id: env.next_connection_id(),
        started,
        listener: listener.name().to_owned(),
        filter_chain: String::new(),
        rule: None,
        remote,
        local,
        listener_address: Some(local),
        original_destination: None,
        client_hello: None,
        tls: None,
        handshake_micros: None,
    };
    let mut found = match inspect(&stream, Bytes::new(), local, None, &listener.config).await {
        Ok(found) => found,
        Err(stopped) => return stop(&env, &listener, &info, &stopped),
    };
    if let Some(next) = hand_over(&listeners, &listener, found.original_destination) {
        info.listener = next.name().to_owned();
        let destination = found.original_destination;
        found = match inspect(&stream, found.prefix, local, destination, &next.config).await {
            Ok(found) => found,
            Err(stopped) => return stop(&env, &next, &info, &stopped),
        };
        listener = next;
    }
    info.original_destination = found.original_destination;
    info.local = found.original_destination.unwrap_or(local);
    let Some(chain) = choose(&listener, &info, &found) else {
        info.client_hello = found.hello.map(Arc::new);
        return refuse(&env, &listener, &info, &Refused::NoChain);
    };
    info.client_hello = found.hello.map(Arc::new);
    info.filter_chain.clone_from(&chain.config.name);
    info.rule.clone_from(&chain.config.rule);
    // Boxed, so that connections that are still being inspected do not carry the size of what comes
    // next.
    Box::pin(run(env, listener, chain, stream, found.prefix, info)).await;
}

fn stop(env: &ProxyEnv, listener: &Listener, info: &ConnectionInfo, stopped: &Stopped) {
    let refused = match stopped {
        // Nothing was asked, so nothing was refused: health checks of a port do this.
        Stopped::ClosedEarly | Stopped::Socket(_) => return,
        Stopped::Timeout => {
            listener.stats.downstream_pre_cx_timeout.increment();
            Refused::Early(stopped.to_string())
        }
        Stopped::SlowHello | Stopped::BrokenHello(_) => {
            listener.stats.downstream_listener_filter_error.increment();
            Refused::Early(stopped.to_string())
        }
    };
    refuse(env, listener, info, &refused);
}

/// The listener for the connection's original destination, if this listener hands over and there is
/// another one.
fn hand_over(
    listeners: &ListenerSet,
    from: &Listener,
    destination: Option<SocketAddr>,
) -> Option<Arc<Listener>> {
    if !from.config.use_original_dst {
        return None;
    }
    listeners.for_destination(destination?).filter(|next| next.name() != from.name())
}

fn choose(listener: &Listener, info: &ConnectionInfo, found: &Inspection) -> Option<Arc<Chain>> {
    let http = found.http.map(|protocol| [protocol.to_owned()]);
    let (transport, protocols) = match (&found.hello, &http) {
        (Some(hello), _) => ("tls", hello.alpn.as_slice()),
        (None, Some(http)) => ("raw_buffer", http.as_slice()),
        (None, None) => ("raw_buffer", [].as_slice()),
    };
    let facts = ChainFacts {
        destination: (info.local.ip(), info.local.port()),
        source: (info.remote.ip(), info.remote.port()),
        server_name: found.hello.as_ref().and_then(|hello| hello.server_name.as_deref()).unwrap_or_default(),
        transport_protocol: transport,
        application_protocols: protocols,
    };
    listener.config.choose(&facts).and_then(|index| listener.chains.get(index)).cloned()
}

/// Does the TLS handshake, if the chain has one, and hands the connection to the chain's filter.
async fn run(
    env: Arc<ProxyEnv>,
    listener: Arc<Listener>,
    chain: Arc<Chain>,
    stream: TcpStream,
    prefix: Bytes,
    mut info: ConnectionInfo,
) {
    let downstream = match &chain.tls {
        None => Downstream::Plain(Prefixed::new(prefix, Socket::Tcp(stream))),
        Some(tls) => {
            let handshake = terminate(tls, stream, prefix, &mut info);
            let outcome = tokio::time::timeout(chain.config.handshake_timeout, handshake).await;
            match outcome.unwrap_or_else(|_elapsed| Err("handshake timeout".to_owned())) {
                Ok(stream) => {
                    listener.stats.ssl_handshake.increment();
                    stream
                }
                Err(reason) => {
                    listener.stats.ssl_connection_error.increment();
                    return refuse(&env, &listener, &info, &Refused::Handshake(reason));
                }
            }
        }
    };
    let info = Arc::new(info);
    if let Some(why) = chain.config.rbac.iter().find_map(|rbac| rbac.refuses(&info)) {
        return match &chain.service {
            Service::Tcp(service) => tcp::refuse(&info, service, &env, why),
            Service::Http(_) | Service::Close => {
                refuse(&env, &listener, &info, &Refused::Rbac(why));
            }
        };
    }
    let filter = async {
        match &chain.service {
            Service::Tcp(service) => {
                tcp::proxy(downstream, Arc::clone(&info), Arc::clone(service), Arc::clone(&env)).await;
            }
            Service::Http(service) => {
                let (service, drain) = (Arc::clone(service), chain.drain.clone());
                crate::http::serve(boxed(downstream), info, service, drain, Arc::clone(&env)).await;
            }
            Service::Close => {}
        }
    };
    tokio::select! {
        () = filter => {}
        () = chain.close.cancelled() => {}
    }
}

async fn terminate(
    tls: &ServerTls,
    stream: TcpStream,
    prefix: Bytes,
    info: &mut ConnectionInfo,
) -> Result<Downstream, String> {
    let mut prefix = prefix;
    if info.client_hello.is_none() {
        let (read, hello) =
            read_client_hello(&stream, prefix).await.map_err(|stopped| stopped.to_string())?;
        prefix = read;
        info.client_hello = Some(Arc::new(hello.ok_or("the client does not speak TLS")?));
    }
    let none = ClientHello::default();
    let hello = info.client_hello.clone();
    let stream = Prefixed::new(prefix, Socket::Tcp(stream));
    let accepted = tls.accept(stream, hello.as_deref().unwrap_or(&none)).await;
    let accepted = accepted.map_err(|error: HandshakeError| error.to_string())?;
    info.tls = Some(Arc::new(accepted.facts));
    info.handshake_micros = Some(accepted.handshake_micros);
    Ok(Downstream::Tls(Box::new(accepted.stream)))
}

fn boxed(downstream: Downstream) -> Stream {
    match downstream {
        Downstream::Plain(stream) => match stream.into_parts() {
            (prefix, Socket::Tcp(stream)) if prefix.is_empty() => Box::new(stream),
            (prefix, socket) => Box::new(Prefixed::new(prefix, socket)),
        },
        Downstream::Tls(stream) => stream,
    }
}

/// Counts the connection at its listener until dropped.
struct Counted(Arc<crate::stats::ListenerStats>);

impl Counted {
    fn new(listener: &Listener) -> Self {
        listener.stats.downstream_cx_total.increment();
        listener.stats.downstream_cx_active.increment();
        Self(Arc::clone(&listener.stats))
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.downstream_cx_active.decrement();
        self.0.downstream_cx_destroy.increment();
    }
}
