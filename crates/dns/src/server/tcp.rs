//! The TCP side (RFC 7766): messages with their length before them, pipelined, replies in the order
//! in which they are ready.

use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tracing::debug;

use super::{Service, Step};
use crate::query::Transport;
use crate::relay::framed;
use crate::settings::Settings;

/// Relayed questions and unsent replies of one connection; a client with more waits before it is
/// read again.
const PIPELINE: usize = 32;

/// Accepts until dropped; open connections are dropped with it.
pub(super) async fn run(listener: TcpListener, service: &Arc<Service>, settings: &Settings) {
    let places = Arc::new(Semaphore::new(settings.tcp_connections));
    let idle = settings.tcp_idle;
    let mut connections = JoinSet::new();
    loop {
        while connections.try_join_next().is_some() {}
        let (stream, client) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                debug!(%error, "cannot accept a DNS connection");
                // Typically no file descriptor is left; some connection has to end first.
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            }
        };
        let Ok(place) = Arc::clone(&places).try_acquire_owned() else {
            debug!(%client, "too many DNS connections");
            continue;
        };
        let service = Arc::clone(service);
        connections.spawn(async move {
            converse(stream, service, idle).await;
            drop(place);
        });
    }
}

/// One connection: until the client leaves, is idle for too long, or sends what cannot be answered.
async fn converse(stream: TcpStream, service: Arc<Service>, idle: Duration) {
    if let Err(error) = stream.set_nodelay(true) {
        debug!(%error, "cannot set TCP_NODELAY on a DNS connection");
    }
    let (reader, writer) = stream.into_split();
    let (replies, outbox) = mpsc::channel(PIPELINE);
    let mut sending = pin!(send_replies(writer, outbox, idle));
    tokio::select! {
        () = read_questions(reader, replies, service, idle) => sending.await,
        () = &mut sending => {}
    }
}

/// Ends when there are no more questions and all relays have ended; dropping `replies` then ends
/// the sender.
async fn read_questions(
    mut reader: OwnedReadHalf,
    replies: mpsc::Sender<Vec<u8>>,
    service: Arc<Service>,
    idle: Duration,
) {
    let mut relays = JoinSet::new();
    while let Ok(Ok(packet)) = timeout(idle, read_message(&mut reader)).await {
        match service.decide(&packet, Transport::Tcp) {
            Step::Nothing => break,
            Step::Send(reply) => {
                if replies.send(reply).await.is_err() {
                    return;
                }
            }
            Step::Relay(permit) => {
                if relays.len() >= PIPELINE {
                    relays.join_next().await;
                }
                let (service, replies) = (Arc::clone(&service), replies.clone());
                relays.spawn(async move {
                    if let Some(reply) = service.relay(&packet, Transport::Tcp, permit).await
                        && replies.send(reply).await.is_err()
                    {
                        debug!("a DNS client left before its reply came");
                    }
                });
            }
        }
        while relays.try_join_next().is_some() {}
    }
    while relays.join_next().await.is_some() {}
}

async fn read_message(reader: &mut OwnedReadHalf) -> io::Result<Vec<u8>> {
    let mut message = vec![0; usize::from(reader.read_u16().await?)];
    reader.read_exact(&mut message).await?;
    Ok(message)
}

/// Ends when all senders are gone, or when the client does not take a reply in time.
async fn send_replies(mut writer: OwnedWriteHalf, mut outbox: mpsc::Receiver<Vec<u8>>, idle: Duration) {
    while let Some(reply) = outbox.recv().await {
        let Ok(bytes) = framed(&reply) else { continue };
        if !matches!(timeout(idle, writer.write_all(&bytes)).await, Ok(Ok(()))) {
            return;
        }
    }
}
