//! The UDP side: one loop that answers from the table at once, and a task for each relayed
//! question.

use std::sync::Arc;
use std::time::Duration;

use tokio::net::UdpSocket;
use tokio::task::JoinSet;
use tracing::debug;

use super::{Service, Step};
use crate::query::Transport;

/// Larger queries than this are cut by the kernel, and then answered FORMERR.
const MAX_QUERY: usize = 4096;

/// Runs until dropped; relays under way are dropped with it.
pub(super) async fn run(socket: UdpSocket, service: &Arc<Service>) {
    let socket = Arc::new(socket);
    let mut relays = JoinSet::new();
    let mut buffer = vec![0; MAX_QUERY];
    loop {
        while relays.try_join_next().is_some() {}
        let (length, client) = match socket.recv_from(&mut buffer).await {
            Ok(received) => received,
            Err(error) => {
                debug!(%error, "cannot receive a DNS packet");
                // Errors of a datagram socket are passing ones; the pause keeps a lasting one from
                // spinning.
                tokio::time::sleep(Duration::from_millis(10)).await;
                continue;
            }
        };
        let packet = buffer.get(..length).unwrap_or_default();
        match service.decide(packet, Transport::Udp) {
            Step::Nothing => {}
            Step::Send(reply) => {
                if let Err(error) = socket.send_to(&reply, client).await {
                    debug!(%client, %error, "cannot send a DNS reply");
                }
            }
            Step::Relay(permit) => {
                let (socket, service, packet) = (Arc::clone(&socket), Arc::clone(service), packet.to_vec());
                relays.spawn(async move {
                    if let Some(reply) = service.relay(&packet, Transport::Udp, permit).await
                        && let Err(error) = socket.send_to(&reply, client).await
                    {
                        debug!(%client, %error, "cannot send a relayed DNS reply");
                    }
                });
            }
        }
    }
}
