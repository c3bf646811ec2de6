//! Who is calling over a Unix socket, by the kernel's word: the network namespace of the calling process, which is one pod's.
//!
//! It must not know what the caller wants, nor which pods exist.

use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;
use std::pin::Pin;
use std::task::{Context, Poll};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::UnixStream;
use tonic::transport::server::Connected;

/// What the kernel said of a connection's other end when it was accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PeerInfo {
    /// Inode number of the peer's network namespace, as `/proc/PID/ns/net` shows it; `None` if it could not be known.
    pub netns: Option<u64>,
}

/// A connection together with the kernel's word on its peer.
#[derive(Debug)]
pub struct PeerStream {
    inner: UnixStream,
    info: PeerInfo,
}

impl PeerStream {
    pub fn accept(inner: UnixStream) -> Self {
        let netns = netns_of(&inner).ok();
        Self { inner, info: PeerInfo { netns } }
    }
}

/// The inode number of this process's own network namespace.
pub fn own_netns() -> io::Result<u64> {
    Ok(std::fs::metadata("/proc/self/ns/net")?.ino())
}

/// SO_PEERCRED names the process that connected. Process numbers are reused, so after its namespace was read the connection must still be
/// open: had that process died meanwhile, its end would be closed.
fn netns_of(stream: &UnixStream) -> io::Result<u64> {
    let pid = stream.peer_cred()?.pid().ok_or(io::ErrorKind::NotFound)?;
    let inode = std::fs::metadata(format!("/proc/{pid}/ns/net"))?.ino();
    let mut fds = [PollFd::from_borrowed_fd(stream.as_fd(), PollFlags::HUP | PollFlags::RDHUP)];
    poll(&mut fds, Some(&Timespec { tv_sec: 0, tv_nsec: 0 }))?;
    if fds[0].revents().intersects(PollFlags::HUP | PollFlags::RDHUP) {
        return Err(io::ErrorKind::ConnectionAborted.into());
    }
    Ok(inode)
}

impl Connected for PeerStream {
    type ConnectInfo = PeerInfo;

    fn connect_info(&self) -> PeerInfo {
        self.info
    }
}

impl AsyncRead for PeerStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_read(cx, buf)
    }
}

impl AsyncWrite for PeerStream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}
