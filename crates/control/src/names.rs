//! What DNS answers, from the newest snapshot.
//!
//! It must not know how packets are answered.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use carrick_dns::{NameTable, Settings};
use carrick_model::MeshSnapshot;
use tokio::sync::watch;

use crate::pipeline::Published;

const DNS_PORT: u16 = 53;

pub type Tables = watch::Receiver<Option<Arc<NameTable>>>;

/// A table for every snapshot.
pub fn tables(mut published: watch::Receiver<Arc<Published>>) -> Tables {
    let (sender, tables) = watch::channel(None);
    tokio::spawn(async move {
        loop {
            let snapshot = published.borrow_and_update().snapshot.clone();
            sender.send_replace(Some(Arc::new(table(&snapshot))));
            if published.changed().await.is_err() || sender.is_closed() {
                return;
            }
        }
    });
    tables
}

/// How questions that are not ours are relayed. A resolver that is no address is left out, with a warning.
pub fn settings(upstreams: &[String]) -> Settings {
    let address = |text: &String| {
        let parsed =
            text.parse::<SocketAddr>().or_else(|_| text.parse::<IpAddr>().map(|ip| (ip, DNS_PORT).into()));
        parsed.inspect_err(|error| tracing::warn!("the resolver {text} is not an address: {error}")).ok()
    };
    Settings { upstreams: upstreams.iter().filter_map(address).collect(), ..Settings::default() }
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
