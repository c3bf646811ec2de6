//! What a cluster's router passes on: packets for the cluster's own pods, nothing else. A packet
//! for any other place (1.1.1.1, say, when a sidecar did not catch it) is refused at once and seen
//! by nobody.

use std::net::Ipv4Addr;

use crate::nft::{Hook, Rule, Table};

pub(crate) fn forwarding_table(network: Ipv4Addr, prefix: u8) -> Table {
    let mut table = Table::new("carrick_forwarding");
    // Before routing and not after: the router has no route to such places, and its own complaint
    // about that is limited to one in a second.
    table.chain("refuse", Hook::FilterBeforeRouting);
    table.rule("refuse", Rule::new().destination_not_in(network, prefix).prohibit());
    table
}
