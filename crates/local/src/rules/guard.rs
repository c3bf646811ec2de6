//! Who may open connections to a pod through one of its interfaces. Connections that the pod opens
//! are not affected.

use nix::libc::IPPROTO_TCP;
use serde::{Deserialize, Serialize};

use crate::nft::{Hook, Rule, Table};

/// What an interface lets in.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Guard {
    /// Everything: the pod's own cluster network.
    #[default]
    Open,
    /// Nothing but answers to what the pod began: an egress gateway on the internet. The rest is
    /// dropped in silence, as by an address where nobody lives.
    AnswersOnly,
    /// Answers, and new TCP connections to these ports: an ingress gateway on the internet.
    TcpPorts(Vec<u16>),
}

/// One table for the guarded interfaces of a pod; `None` when nothing is guarded.
pub(crate) fn guard_table<'a>(interfaces: impl IntoIterator<Item = (String, &'a Guard)>) -> Option<Table> {
    let mut table = Table::new("carrick_guard");
    table.chain("input", Hook::FilterInput);
    let mut guarded = false;
    for (interface, guard) in interfaces {
        let ports = match guard {
            Guard::Open => continue,
            Guard::AnswersOnly => &[][..],
            Guard::TcpPorts(ports) => ports,
        };
        guarded = true;
        table.rule("input", Rule::new().input_is(&interface).answers_known_connection().accept());
        for port in ports {
            let to_port =
                Rule::new().input_is(&interface).protocol_is(IPPROTO_TCP).destination_port_is(*port);
            table.rule("input", to_port.accept());
        }
        table.rule("input", Rule::new().input_is(&interface).drop());
    }
    guarded.then_some(table)
}
