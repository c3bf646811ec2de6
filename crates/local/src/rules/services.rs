//! Service addresses: what kube-proxy does on a Kubernetes node. A connection to a cluster IP goes
//! to one of the backends, chosen at random when the connection is made; with no backend it is
//! refused (Kubernetes, "Virtual IPs and Service Proxies").

use std::net::{Ipv4Addr, SocketAddrV4};

use nix::libc::{IPPROTO_TCP, IPPROTO_UDP};
use serde::{Deserialize, Serialize};

use crate::nft::{Hook, Rule, Table};

/// A transport protocol that services speak.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Protocol {
    Tcp,
    Udp,
}

impl Protocol {
    fn number(self) -> i32 {
        match self {
            Protocol::Tcp => IPPROTO_TCP,
            Protocol::Udp => IPPROTO_UDP,
        }
    }
}

/// One port of a service address, and where its connections go.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServicePort {
    pub address: Ipv4Addr,
    pub port: u16,
    pub protocol: Protocol,
    /// Pod addresses with target ports. Empty: connections are refused.
    pub backends: Vec<SocketAddrV4>,
}

/// The table of all services of a network.
pub(crate) fn services_table(services: &[ServicePort]) -> Table {
    let mut table = Table::new("carrick_services");
    table.chain("translate", Hook::NatPrerouting);
    table.chain("refuse", Hook::FilterPrerouting);
    table.chain("hairpin", Hook::NatPostrouting);
    for service in services {
        let matching = || {
            Rule::new()
                .destination_is(service.address)
                .protocol_is(service.protocol.number())
                .destination_port_is(service.port)
        };
        // 1/n of the connections to the first, 1/(n-1) of the rest to the second, and so on: equal
        // shares.
        for (index, backend) in service.backends.iter().enumerate() {
            let remaining = (service.backends.len() - index) as u32;
            let chosen = if remaining == 1 { matching() } else { matching().one_in(remaining) };
            table.rule("translate", chosen.destination_becomes(*backend.ip(), backend.port()));
        }
        if service.backends.is_empty() {
            let refusal = match service.protocol {
                Protocol::Tcp => matching().reset(),
                Protocol::Udp => matching().port_unreachable(),
            };
            table.rule("refuse", refusal);
        }
    }
    // A pod that reaches itself through its service must see the router as the caller: it would
    // take a packet from its own address for a forgery. Everybody else keeps the caller's true
    // address.
    for address in distinct_backends(services) {
        table.rule("hairpin", Rule::new().source_is(address).destination_is(address).masquerade());
    }
    table
}

fn distinct_backends(services: &[ServicePort]) -> Vec<Ipv4Addr> {
    let mut addresses: Vec<_> =
        services.iter().flat_map(|service| &service.backends).map(|b| *b.ip()).collect();
    addresses.sort_unstable();
    addresses.dedup();
    addresses
}
