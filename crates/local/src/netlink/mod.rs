//! A synchronous conversation with the kernel over a netlink socket (man 7 netlink). Knows messages
//! and their acknowledgements, not what they mean: [`links`] and `crate::nft` do.
//!
//! The kernel handles a netlink request inside `send` itself, so when `send` returns every answer
//! is already queued and nothing here has to wait. That is also why this is not asynchronous: a
//! whole pod is wired in under a millisecond, inside a thread that lives in the right network
//! namespace.

pub(crate) mod links;
mod message;

pub(crate) use message::{Attributes, Message};

use std::io;
use std::os::fd::{AsRawFd, OwnedFd};

use nix::errno::Errno;
use nix::sys::socket::{
    AddressFamily, MsgFlags, NetlinkAddr, SockFlag, SockProtocol, SockType, bind, recv, sendto, setsockopt,
    socket, sockopt,
};

/// Which part of the kernel is spoken to.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Family {
    /// Links, addresses and routes (man 7 rtnetlink).
    Route,
    /// nf_tables and connection tracking.
    Netfilter,
}

/// A netlink socket. It belongs for ever to the network namespace in which [`Conversation::open`]
/// was called.
#[derive(Debug)]
pub(crate) struct Conversation {
    socket: OwnedFd,
    sequence: u32,
}

/// Large enough for several hundred rules in one transaction; the kernel caps it at
/// `net.core.wmem_max`.
const SEND_BUFFER: usize = 4 << 20;

impl Conversation {
    pub(crate) fn open(family: Family) -> io::Result<Self> {
        let protocol = match family {
            Family::Route => SockProtocol::NetlinkRoute,
            Family::Netfilter => SockProtocol::NetlinkNetFilter,
        };
        let socket = socket(AddressFamily::Netlink, SockType::Raw, SockFlag::SOCK_CLOEXEC, protocol)?;
        bind(socket.as_raw_fd(), &NetlinkAddr::new(0, 0))?;
        setsockopt(&socket, sockopt::SndBuf, &SEND_BUFFER)?;
        Ok(Self { socket, sequence: 0 })
    }

    /// Sends the messages in one datagram and returns what came back, or the first refusal.
    ///
    /// Answers other than acknowledgements (what a "get" asked for) are returned as raw payloads,
    /// in order.
    pub(crate) fn exchange(&mut self, messages: Vec<Message>) -> io::Result<Vec<Vec<u8>>> {
        let mut datagram = Vec::new();
        let mut last_acknowledged = self.sequence;
        for message in messages {
            self.sequence = self.sequence.wrapping_add(1);
            if message.wants_acknowledgement() {
                last_acknowledged = self.sequence;
            }
            message.finish(self.sequence, &mut datagram);
        }
        sendto(self.socket.as_raw_fd(), &datagram, &NetlinkAddr::new(0, 0), MsgFlags::empty())?;
        self.collect_answers(last_acknowledged)
    }

    fn collect_answers(&self, expected: u32) -> io::Result<Vec<Vec<u8>>> {
        let mut buffer = vec![0u8; 32 * 1024];
        let mut answers = Vec::new();
        let mut refusal = None;
        let mut acknowledged = false;
        loop {
            let length = match recv(self.socket.as_raw_fd(), &mut buffer, MsgFlags::MSG_DONTWAIT) {
                Ok(length) => length,
                Err(Errno::EAGAIN) => break,
                Err(Errno::EINTR) => continue,
                Err(error) => return Err(error.into()),
            };
            for reply in message::replies(&buffer[..length]) {
                match reply.error() {
                    Some(0) => acknowledged |= reply.sequence == expected,
                    Some(errno) => refusal = refusal.or(Some(errno)),
                    None => answers.push(reply.payload.to_vec()),
                }
            }
        }
        match refusal {
            Some(errno) => Err(io::Error::from_raw_os_error(errno)),
            None if acknowledged => Ok(answers),
            None => Err(io::Error::other("the kernel did not acknowledge the request")),
        }
    }
}

#[cfg(test)]
mod tests;
