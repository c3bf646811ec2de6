//! Sockets that listen: bound once per address, kept through updates of their listener, closed when
//! it goes.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::set::Entry;
use super::{Listener, ListenerSet, serve};
use crate::env::ProxyEnv;
use crate::socket::options;

/// How long to wait after the process ran out of descriptors or memory, before accepting again.
/// Connections wait in the backlog.
const BREATH: Duration = Duration::from_millis(100);

/// Starts serving with `listener` in place of the one of the same name, if there is one. If its
/// socket cannot be bound, the old one goes on and nothing changed. Returns the one that was
/// replaced.
///
/// The socket, and connections that come to it, belong to the runtime `workers`.
pub(crate) fn install(
    workers: &Handle,
    env: &Arc<ProxyEnv>,
    listeners: &Arc<ListenerSet>,
    listener: Arc<Listener>,
) -> io::Result<Option<Arc<Listener>>> {
    let mut entries = listeners.entries();
    let name = listener.name().to_owned();
    if let Some(entry) = entries.get(&name)
        && same_socket(&entry.current.load(), &listener)
    {
        let before = entry.address();
        let old = entry.current.swap(listener);
        listeners.index(&name, Some(before), Some(entry.indexed()));
        return Ok(Some(old));
    }
    // A socket is registered with the runtime that is entered.
    let _entered = workers.enter();
    let socket = if listener.config.bind { Some(bind(&listener)?) } else { None };
    let bound = socket.as_ref().map(TcpListener::local_addr).transpose()?;
    let entry = Entry { current: Arc::new(ArcSwap::new(listener)), bound, stop: CancellationToken::new() };
    if let Some(socket) = socket {
        info!(listener = name, address = %bound.map(|a| a.to_string()).unwrap_or_default(), "listening");
        let from = Source {
            env: Arc::clone(env),
            listeners: Arc::clone(listeners),
            current: Arc::clone(&entry.current),
        };
        let accepting = accept(from, socket, entry.stop.clone());
        workers.spawn(accepting);
    }
    let now = entry.indexed();
    let old = entries.insert(name.clone(), entry);
    listeners.index(&name, old.as_ref().map(Entry::address), Some(now));
    Ok(old.map(|entry| {
        entry.stop.cancel();
        entry.current.load_full()
    }))
}

/// Stops accepting. Connections go on; see [`Listener::drain`].
pub(crate) fn uninstall(listeners: &ListenerSet, name: &str) -> Option<Arc<Listener>> {
    let mut entries = listeners.entries();
    let entry = entries.remove(name)?;
    entry.stop.cancel();
    listeners.index(name, Some(entry.address()), None);
    Some(entry.current.load_full())
}

/// Stops accepting on all sockets.
pub(crate) fn stop_all(listeners: &ListenerSet) {
    for entry in listeners.entries().values() {
        entry.stop.cancel();
    }
}

fn same_socket(a: &Listener, b: &Listener) -> bool {
    let (a, b) = (&a.config, &b.config);
    (a.address, a.bind, &a.sockets, a.backlog) == (b.address, b.bind, &b.sockets, b.backlog)
}

fn bind(listener: &Listener) -> io::Result<TcpListener> {
    let address = listener.address();
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_nonblocking(true)?;
    socket.set_reuse_address(true)?;
    if address.is_ipv6() {
        // Not left to the kernel's default: `[::]` takes IPv4 only where the configuration says so.
        socket.set_only_v6(!listener.config.ipv4_compat)?;
    }
    options::apply(&listener.config.sockets, &socket, address)?;
    socket.bind(&address.into())?;
    socket.listen(i32::try_from(listener.config.backlog).unwrap_or(i32::MAX))?;
    TcpListener::from_std(socket.into())
}

/// What connections of one socket get.
struct Source {
    env: Arc<ProxyEnv>,
    listeners: Arc<ListenerSet>,
    current: Arc<ArcSwap<Listener>>,
}

async fn accept(from: Source, socket: TcpListener, stop: CancellationToken) {
    let mut complained = false;
    loop {
        let accepted = tokio::select! {
            biased;
            () = stop.cancelled() => return,
            accepted = socket.accept() => accepted,
        };
        match accepted {
            Ok((stream, remote)) => {
                complained = false;
                start(&from, stream, remote);
            }
            Err(error) if is_the_peers_fault(&error) => {}
            Err(error) => {
                if !complained {
                    warn!("cannot accept connections for now: {error}");
                    complained = true;
                }
                tokio::time::sleep(BREATH).await;
            }
        }
    }
}

fn start(from: &Source, stream: TcpStream, remote: SocketAddr) {
    let listener = from.current.load_full();
    let prepared = stream.set_nodelay(true).and_then(|()| {
        options::apply_accepted(&listener.config.sockets, socket2::SockRef::from(&stream))?;
        stream.local_addr()
    });
    // A connection that is gone before it began needs no service.
    let Ok(local) = prepared else { return };
    let (env, listeners) = (Arc::clone(&from.env), Arc::clone(&from.listeners));
    from.env.connections.spawn(serve::connection(env, listeners, listener, stream, remote, local));
}

/// Errors of one connection, not of the socket (accept(2)).
fn is_the_peers_fault(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionReset, Interrupted};
    matches!(error.kind(), ConnectionAborted | ConnectionReset | Interrupted)
}
