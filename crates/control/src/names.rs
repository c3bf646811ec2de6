//! What DNS answers, from the newest snapshot.
//!
//! It must not know how packets are answered.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use carrick_dns::NameTable;
use carrick_model::MeshSnapshot;
use tokio::sync::watch;

use crate::pipeline::Published;

const DNS_PORT: u16 = 53;

/// What DNS works from: the newest table, and the resolvers for names that are not ours.
pub type Tables = (watch::Receiver<Option<Arc<NameTable>>>, watch::Receiver<Vec<SocketAddr>>);

/// A table for every snapshot, and the resolvers that came with it.
pub fn tables(mut published: watch::Receiver<Arc<Published>>) -> Tables {
    let (table_sender, tables) = watch::channel(None);
    let (resolver_sender, resolvers) = watch::channel(Vec::new());
    tokio::spawn(async move {
        let mut written: Option<Vec<String>> = None;
        loop {
            let newest = published.borrow_and_update().clone();
            // First the resolvers: once there is a table, questions are answered.
            if written.as_ref() != Some(&newest.resolvers) {
                resolver_sender.send_replace(addresses(&newest.resolvers));
                written = Some(newest.resolvers.clone());
            }
            table_sender.send_replace(Some(Arc::new(table(&newest.snapshot))));
            if published.changed().await.is_err() || table_sender.is_closed() {
                return;
            }
        }
    });
    (tables, resolvers)
}

/// The resolvers' addresses. One that is no address is left out, with a warning.
fn addresses(resolvers: &[String]) -> Vec<SocketAddr> {
    let address = |text: &String| {
        let parsed =
            text.parse::<SocketAddr>().or_else(|_| text.parse::<IpAddr>().map(|ip| (ip, DNS_PORT).into()));
        parsed.inspect_err(|error| tracing::warn!("the resolver {text} is not an address: {error}")).ok()
    };
    resolvers.iter().filter_map(address).collect()
}

/// The shared suffix and the cluster's own names, with an address for every host that has one.
fn table(snapshot: &MeshSnapshot) -> NameTable {
    let settings = snapshot.settings();
    let mut table = NameTable::new();
    let fixed = settings.global_address.map(IpAddr::V4);
    let zones = [(settings.dns_suffix.as_str(), fixed), (settings.cluster_domain.as_str(), None)];
    for (zone, fixed) in zones {
        if let Err(error) = table.add_zone(zone, fixed) {
            tracing::warn!("DNS cannot serve the zone {zone}: {error}");
        }
    }
    for (host, entry) in snapshot.name_table() {
        if let Err(error) = table.add_host(&host, &entry.addresses) {
            tracing::warn!("DNS cannot serve {host}: {error}");
        }
    }
    table
}

#[cfg(test)]
mod tests;
