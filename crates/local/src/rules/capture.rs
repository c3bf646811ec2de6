//! Transparent capture: a pod's TCP connections, both ways, arrive at its proxy (Istio's
//! `istio-iptables`: the chains ISTIO_OUTPUT and ISTIO_INBOUND). A proxy that is dead leaves nobody
//! listening, so captured connections are refused and nothing leaves the pod.

use std::net::{Ipv4Addr, SocketAddrV4};

use nix::libc::IPPROTO_TCP;

use crate::nft::{Hook, Rule, Table};

/// Which ports capture a pod's traffic and which traffic is the proxy's own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Capture {
    /// Connections that the pod's programs open arrive at this port; `SO_ORIGINAL_DST` tells where
    /// they meant to go.
    pub outbound_port: u16,
    /// Connections that come to the pod arrive at this port.
    pub inbound_port: u16,
    /// Servers that the pod's programs reach directly: its resolver, whose UDP is not captured
    /// either.
    pub outbound_excluded: Vec<SocketAddrV4>,
    /// Inbound ports that are served as they are (health, metrics).
    pub inbound_excluded: Vec<u16>,
    /// The `SO_MARK` of the proxy's own sockets, which are not captured. Setting it takes
    /// CAP_NET_ADMIN, so applications cannot pose as the proxy.
    pub proxy_mark: u32,
    /// The source address of connections from the proxy to its application, which are not captured
    /// either.
    pub proxy_source: Ipv4Addr,
}

impl Default for Capture {
    /// Istio's numbers: 15001 and 15006; 15020, 15021 and 15090 are excluded; 127.0.0.6 is
    /// "InboundPassthroughBindIpv4".
    fn default() -> Self {
        Self {
            outbound_port: 15001,
            inbound_port: 15006,
            outbound_excluded: Vec::new(),
            inbound_excluded: vec![15020, 15021, 15090],
            proxy_mark: 1337,
            proxy_source: Ipv4Addr::new(127, 0, 0, 6),
        }
    }
}

impl Capture {
    pub(crate) fn table(&self) -> Table {
        let mut table = Table::new("carrick_capture");
        table.chain("output", Hook::NatOutput);
        for rule in self.output_rules() {
            table.rule("output", rule);
        }
        table.chain("prerouting", Hook::NatPrerouting);
        for rule in self.prerouting_rules() {
            table.rule("prerouting", rule);
        }
        table
    }

    fn output_rules(&self) -> Vec<Rule> {
        let tcp = || Rule::new().protocol_is(IPPROTO_TCP);
        let loopback = || tcp().output_is("lo");
        let mut rules = vec![
            // From the inbound side of the proxy to its application.
            loopback().source_is(self.proxy_source).accept(),
            // The proxy calls its own pod by address: through the inbound side, so that its policy
            // applies.
            loopback()
                .destination_is_not(Ipv4Addr::LOCALHOST)
                .mark_is(self.proxy_mark)
                .redirect_to(self.inbound_port),
            // Programs of one pod talking with each other.
            loopback().mark_is_not(self.proxy_mark).accept(),
            tcp().mark_is(self.proxy_mark).accept(),
            tcp().destination_in(Ipv4Addr::new(127, 0, 0, 0), 8).accept(),
        ];
        let excluded = self.outbound_excluded.iter();
        rules.extend(
            excluded.map(|to| tcp().destination_is(*to.ip()).destination_port_is(to.port()).accept()),
        );
        rules.push(tcp().redirect_to(self.outbound_port));
        rules
    }

    fn prerouting_rules(&self) -> Vec<Rule> {
        let tcp = || Rule::new().protocol_is(IPPROTO_TCP);
        let mut rules = vec![tcp().input_is("lo").accept()];
        rules.extend(self.inbound_excluded.iter().map(|port| tcp().destination_port_is(*port).accept()));
        rules.push(tcp().redirect_to(self.inbound_port));
        rules
    }
}
