//! A server of names in a process of its own. It answers from what the control plane has kept on
//! disk, so that names outlive a control plane that is stopped, stuck or gone, and this process
//! itself.
//!
//! It must not know where names come from.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use tokio::net::{TcpListener, UdpSocket};
use tokio_util::sync::CancellationToken;

use crate::names;

/// What it needs to know.
#[derive(Debug, Clone)]
pub struct NameServerOptions {
    /// What a control plane has kept; see `ControlOptions::state`.
    pub names: PathBuf,
    /// Where DNS is served, UDP and TCP.
    pub listen: SocketAddr,
}

/// Serves until `stop` is cancelled. Until there are names every question is SERVFAIL.
pub async fn run(options: NameServerOptions, stop: CancellationToken) -> io::Result<()> {
    let tables = names::kept_tables(options.names.clone())
        .map_err(|error| io::Error::other(format!("cannot follow {}: {error}", options.names.display())))?;
    serve(options.listen, tables, stop).await
}

/// Answers from these tables until `stop` is cancelled.
pub(crate) async fn serve(
    address: SocketAddr,
    (tables, resolvers): names::Tables,
    stop: CancellationToken,
) -> io::Result<()> {
    let named = |protocol| {
        move |error: io::Error| {
            io::Error::new(error.kind(), format!("cannot listen on {address}/{protocol}: {error}"))
        }
    };
    let udp = UdpSocket::bind(address).await.map_err(named("udp"))?;
    let tcp = TcpListener::bind(address).await.map_err(named("tcp"))?;
    carrick_dns::serve(udp, tcp, tables, resolvers, carrick_dns::Settings::default(), stop.cancelled_owned())
        .await;
    Ok(())
}
