//! nf_tables without the `nft` program: tables, chains and rules as netlink messages, applied as
//! one transaction (include/uapi/linux/netfilter/nf_tables.h). Knows expressions, not what the
//! rules are for: `crate::rules` does.
//!
//! Our own encoder, because the crates that offer this are either very large or lack redirect and
//! masquerade; what pods need is these two files.

mod rule;

pub(crate) use rule::Rule;

use std::io;

use nix::libc;

use crate::netlink::{Attributes, Conversation, Family, Message};

/// Where a chain hangs in the path of a packet, what kind it is, and its place among the chains
/// there (man 8 nft).
#[derive(Debug, Clone, Copy)]
pub(crate) enum Hook {
    /// nat: translate the destination of packets that arrive.
    NatPrerouting,
    /// nat: translate the destination of packets that this namespace's own processes send.
    NatOutput,
    /// nat: translate the source of packets that leave.
    NatPostrouting,
    /// filter, after the destination was translated and before routing.
    FilterPrerouting,
    /// filter, as the last before routing.
    FilterBeforeRouting,
    /// filter: packets for this namespace's own processes.
    FilterInput,
}

impl Hook {
    /// (chain type, hook number, priority)
    fn placed(self) -> (&'static str, u32, i32) {
        const DSTNAT: i32 = -100;
        const SRCNAT: i32 = 100;
        match self {
            Hook::NatPrerouting => ("nat", 0, DSTNAT),
            Hook::NatOutput => ("nat", 3, DSTNAT),
            Hook::NatPostrouting => ("nat", 4, SRCNAT),
            Hook::FilterPrerouting => ("filter", 0, DSTNAT + 10),
            Hook::FilterBeforeRouting => ("filter", 0, DSTNAT + 20),
            Hook::FilterInput => ("filter", 1, 0),
        }
    }
}

/// A table of IPv4 rules. Applying it replaces the table of that name whole, or changes nothing.
#[derive(Debug)]
pub(crate) struct Table {
    name: &'static str,
    messages: Vec<Message>,
}

impl Table {
    pub(crate) fn new(name: &'static str) -> Self {
        let named = |kind| table_message(kind, name);
        // Deleting a table that is not there is an error, so it is made (or found) first, then
        // deleted with all that is in it, then made anew: three steps of one transaction.
        let messages =
            vec![named(libc::NFT_MSG_NEWTABLE), named(libc::NFT_MSG_DELTABLE), named(libc::NFT_MSG_NEWTABLE)];
        Self { name, messages }
    }

    /// Adds a chain; a packet that no rule of it decides goes on.
    pub(crate) fn chain(&mut self, name: &str, hook: Hook) {
        const NFTA_CHAIN_TABLE: u16 = 1;
        const NFTA_CHAIN_NAME: u16 = 3;
        const NFTA_CHAIN_HOOK: u16 = 4;
        const NFTA_CHAIN_TYPE: u16 = 7;
        const NFTA_HOOK_HOOKNUM: u16 = 1;
        const NFTA_HOOK_PRIORITY: u16 = 2;
        let (kind, number, priority) = hook.placed();
        let place = Attributes::default()
            .network(NFTA_HOOK_HOOKNUM, number)
            .network(NFTA_HOOK_PRIORITY, priority.cast_unsigned());
        let body = generic_header(libc::NFPROTO_IPV4 as u8, 0)
            .text(NFTA_CHAIN_TABLE, self.name)
            .text(NFTA_CHAIN_NAME, name)
            .nest(NFTA_CHAIN_HOOK, place)
            .text(NFTA_CHAIN_TYPE, kind);
        self.messages.push(message(libc::NFT_MSG_NEWCHAIN, body));
    }

    /// Appends a rule to a chain.
    pub(crate) fn rule(&mut self, chain: &str, rule: Rule) {
        const NFTA_RULE_TABLE: u16 = 1;
        const NFTA_RULE_CHAIN: u16 = 2;
        const NFTA_RULE_EXPRESSIONS: u16 = 4;
        let body = generic_header(libc::NFPROTO_IPV4 as u8, 0)
            .text(NFTA_RULE_TABLE, self.name)
            .text(NFTA_RULE_CHAIN, chain)
            .nest(NFTA_RULE_EXPRESSIONS, rule.into_expressions());
        self.messages.push(message(libc::NFT_MSG_NEWRULE, body));
    }

    /// Applies the table in the network namespace of the calling thread.
    pub(crate) fn apply(self) -> io::Result<()> {
        // The fixed part of a batch's two ends names the subsystem
        // (include/uapi/linux/netfilter/nfnetlink.h).
        let end = |kind: i32| {
            let body = generic_header(libc::AF_UNSPEC as u8, libc::NFNL_SUBSYS_NFTABLES as u16);
            Message::new(kind as u16, 0, body).without_acknowledgement()
        };
        let mut batch = vec![end(libc::NFNL_MSG_BATCH_BEGIN)];
        let last = self.messages.len().saturating_sub(1);
        batch.extend(
            self.messages.into_iter().enumerate().map(|(index, message)| {
                if index == last { message } else { message.without_acknowledgement() }
            }),
        );
        batch.push(end(libc::NFNL_MSG_BATCH_END));
        Conversation::open(Family::Netfilter)?.exchange(batch).map(drop)
    }
}

fn table_message(kind: i32, name: &str) -> Message {
    const NFTA_TABLE_NAME: u16 = 1;
    message(kind, generic_header(libc::NFPROTO_IPV4 as u8, 0).text(NFTA_TABLE_NAME, name))
}

fn message(kind: i32, body: Attributes) -> Message {
    // Rules must say CREATE and APPEND; tables and chains take CREATE and do not mind APPEND.
    let flags = libc::NLM_F_CREATE | libc::NLM_F_APPEND;
    Message::new(((libc::NFNL_SUBSYS_NFTABLES << 8) | kind) as u16, flags, body)
}

/// struct nfgenmsg: family, version, resource id (big-endian u16).
fn generic_header(family: u8, resource: u16) -> Attributes {
    let [high, low] = resource.to_be_bytes();
    Attributes::after(&[family, 0, high, low])
}
