//! A server of names in a process of its own. It answers from what the control plane has kept on disk, so that names outlive a
//! control plane that is stopped, stuck or gone, and this process itself.
//!
//! It must not know where names come from.

use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::{Context, Result};
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
pub async fn run(options: NameServerOptions, stop: CancellationToken) -> Result<()> {
    let names = options.names.clone();
    let tables =
        names::kept_tables(names).with_context(|| format!("cannot follow {}", options.names.display()))?;
    serve(options.listen, tables, stop).await
}

/// Answers from these tables until `stop` is cancelled.
pub(crate) async fn serve(
    address: SocketAddr,
    (tables, resolvers): names::Tables,
    stop: CancellationToken,
) -> Result<()> {
    let udp = UdpSocket::bind(address).await.with_context(|| format!("cannot listen on {address}/udp"))?;
    let tcp = TcpListener::bind(address).await.with_context(|| format!("cannot listen on {address}/tcp"))?;
    carrick_dns::serve(udp, tcp, tables, resolvers, carrick_dns::Settings::default(), stop.cancelled_owned())
        .await;
    Ok(())
}
