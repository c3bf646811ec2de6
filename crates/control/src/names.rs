//! What DNS answers: made from the newest snapshot, and kept on disk for a server that outlives the
//! control plane.
//!
//! It must not know how packets are answered.

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use carrick_dns::NameTable;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;
use tokio::task::spawn_blocking;

use crate::files;
use crate::pipeline::Published;
use crate::source::watch::Watch;

const DNS_PORT: u16 = 53;

/// What DNS answers, in a form that can be kept: hosts may be wildcards.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Names {
    /// Names below these that are no host's do not exist.
    zones: Vec<Zone>,
    hosts: BTreeMap<String, Vec<IpAddr>>,
    /// For names that are not ours, `address` or `address:port`.
    resolvers: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Zone {
    apex: String,
    /// What every name has that is no host's.
    fixed: Option<IpAddr>,
}

impl Names {
    /// The shared suffix and the cluster's own names, with an address for every host that has one.
    pub fn of(published: &Published) -> Self {
        let settings = published.snapshot.settings();
        let fixed = settings.global_address.map(IpAddr::V4);
        let zone = |apex: &String, fixed| Zone { apex: apex.clone(), fixed };
        let hosts = published.snapshot.name_table().into_iter().map(|(host, entry)| (host, entry.addresses));
        Self {
            zones: vec![zone(&settings.dns_suffix, fixed), zone(&settings.cluster_domain, None)],
            hosts: hosts.collect(),
            resolvers: published.resolvers.clone(),
        }
    }

    /// As the server wants it. What DNS cannot serve is left out, with a warning.
    pub fn table(&self) -> NameTable {
        let mut table = NameTable::new();
        for Zone { apex, fixed } in &self.zones {
            if let Err(error) = table.add_zone(apex, *fixed) {
                tracing::warn!("DNS cannot serve the zone {apex}: {error}");
            }
        }
        for (host, addresses) in &self.hosts {
            if let Err(error) = table.add_host(host, addresses) {
                tracing::warn!("DNS cannot serve {host}: {error}");
            }
        }
        table
    }

    /// The resolvers' addresses. One that is no address is left out, with a warning.
    pub fn resolvers(&self) -> Vec<SocketAddr> {
        let address = |text: &String| {
            let parsed = text
                .parse::<SocketAddr>()
                .or_else(|_| text.parse::<IpAddr>().map(|ip| (ip, DNS_PORT).into()));
            parsed.inspect_err(|error| tracing::warn!("the resolver {text} is not an address: {error}")).ok()
        };
        self.resolvers.iter().filter_map(address).collect()
    }
}

/// What DNS works from: the newest table, and the resolvers for names that are not ours.
pub type Tables = (watch::Receiver<Option<Arc<NameTable>>>, watch::Receiver<Vec<SocketAddr>>);

/// A table for every snapshot, and the resolvers that came with it. Each is written to `kept` too,
/// for a server of names in a process of its own.
pub fn tables(mut published: watch::Receiver<Arc<Published>>, kept: Option<PathBuf>) -> Tables {
    let (tables, receiver) = Sender::new();
    tokio::spawn(async move {
        loop {
            let newest = published.borrow_and_update().clone();
            let kept = kept.clone();
            // Of a hundred thousand names this takes a while, and others must not wait for it.
            let made = spawn_blocking(move || {
                let names = Names::of(&newest);
                if let Some(kept) = kept
                    && let Err(error) = keep(&kept, &names)
                {
                    tracing::error!("names cannot be kept for when this control plane is away: {error}");
                }
                (names.table(), names.resolvers())
            });
            match made.await {
                Ok((table, resolvers)) => tables.send(table, resolvers),
                Err(failed) => tracing::error!("names stay as they are: {failed}"),
            }
            if published.changed().await.is_err() || tables.is_closed() {
                return;
            }
        }
    });
    receiver
}

/// The names that a control plane has kept, and again whenever it keeps others. A file that cannot
/// be read changes nothing.
pub fn kept_tables(kept: PathBuf) -> notify::Result<Tables> {
    let mut watch = Watch::start(std::slice::from_ref(&kept))?;
    let (tables, receiver) = Sender::new();
    tokio::spawn(async move {
        loop {
            match read(&kept) {
                Ok(names) => tables.send(names.table(), names.resolvers()),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => tracing::error!("names stay as they are: {error}"),
            }
            watch.changed().await;
            if tables.is_closed() {
                return;
            }
        }
    });
    Ok(receiver)
}

struct Sender {
    tables: watch::Sender<Option<Arc<NameTable>>>,
    resolvers: watch::Sender<Vec<SocketAddr>>,
}

impl Sender {
    fn new() -> (Self, Tables) {
        let (tables, table_receiver) = watch::channel(None);
        let (resolvers, resolver_receiver) = watch::channel(Vec::new());
        (Self { tables, resolvers }, (table_receiver, resolver_receiver))
    }

    fn send(&self, table: NameTable, resolvers: Vec<SocketAddr>) {
        // First the resolvers: once there is a table, questions are answered.
        self.resolvers.send_if_modified(|now| std::mem::replace(now, resolvers.clone()) != resolvers);
        self.tables.send_replace(Some(Arc::new(table)));
    }

    fn is_closed(&self) -> bool {
        self.tables.is_closed()
    }
}

fn keep(path: &Path, names: &Names) -> io::Result<()> {
    if read(path).is_ok_and(|kept| kept == *names) {
        return Ok(());
    }
    files::replace(path, &serde_json::to_vec(names)?, 0o600)
}

fn read(path: &Path) -> io::Result<Names> {
    let text = files::read(path)?;
    serde_json::from_str(&text).map_err(|error| {
        io::Error::new(io::ErrorKind::InvalidData, format!("{} is damaged: {error}", path.display()))
    })
}

#[cfg(test)]
mod tests;
