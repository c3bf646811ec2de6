//! Owns the sockets: reads packets, has each one decided, sends replies, runs relays, all within
//! bounds. It does not look into packets.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;

use hickory_proto::op::ResponseCode;
use tokio::net::{TcpListener, UdpSocket};
use tokio::sync::{OwnedSemaphorePermit, watch};

use crate::answer::{self, Decision, answer};
use crate::query::Transport;
use crate::relay::Relay;
use crate::settings::Settings;
use crate::table::NameTable;

mod tcp;
mod udp;

/// Serves until `shutdown` completes. Until the first table is published every question is
/// SERVFAIL, so that nobody caches the absence of a name that we have not read yet.
///
/// `upstreams` are the resolvers for everything outside the table, asked in this order; with none,
/// such questions are REFUSED. Table and resolvers may change at any time; the newest count for
/// each question.
///
/// Bind the UDP socket to one address, not to the wildcard: a reply leaves from the socket's
/// address, and clients drop one that comes from elsewhere.
pub async fn serve(
    udp: UdpSocket,
    tcp: TcpListener,
    tables: watch::Receiver<Option<Arc<NameTable>>>,
    upstreams: watch::Receiver<Vec<SocketAddr>>,
    settings: Settings,
    shutdown: impl Future<Output = ()>,
) {
    let service = Arc::new(Service { tables, relay: Relay::new(upstreams, settings.clone()) });
    tokio::select! {
        () = udp::run(udp, &service) => {}
        () = tcp::run(tcp, &service, &settings) => {}
        () = shutdown => {}
    }
}

/// What both transports share.
struct Service {
    tables: watch::Receiver<Option<Arc<NameTable>>>,
    relay: Relay,
}

/// What a transport does next with a packet.
enum Step {
    Send(Vec<u8>),
    /// Relay it, holding the permit meanwhile.
    Relay(OwnedSemaphorePermit),
    Nothing,
}

impl Service {
    fn decide(&self, packet: &[u8], transport: Transport) -> Step {
        let table = self.tables.borrow().clone();
        let decision = match table {
            Some(table) => answer(&table, packet, transport),
            None => answer::fail(packet, transport, ResponseCode::ServFail),
        };
        match decision {
            Decision::Reply(reply) => Step::Send(reply),
            Decision::Drop => Step::Nothing,
            Decision::Relay => match self.relay.admit() {
                Ok(permit) => Step::Relay(permit),
                Err(code) => failure(packet, transport, code).map_or(Step::Nothing, Step::Send),
            },
        }
    }

    /// Relays a packet; the reply is the upstream's, or SERVFAIL.
    async fn relay(
        &self,
        packet: &[u8],
        transport: Transport,
        permit: OwnedSemaphorePermit,
    ) -> Option<Vec<u8>> {
        let reply = self.relay.ask(packet, transport).await;
        drop(permit);
        reply.or_else(|| failure(packet, transport, ResponseCode::ServFail))
    }
}

fn failure(packet: &[u8], transport: Transport, code: ResponseCode) -> Option<Vec<u8>> {
    match answer::fail(packet, transport, code) {
        Decision::Reply(reply) => Some(reply),
        Decision::Relay | Decision::Drop => None,
    }
}
