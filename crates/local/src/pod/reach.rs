//! Sockets in a pod, for a supervisor that itself lives elsewhere: a socket belongs for ever to the
//! network namespace in which it was made, whoever uses it. The proxy's admin port, or the server
//! that answers for a test, is reached so.

use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::time::Duration;

use super::Pod;
use crate::namespace::inside_network;

impl Pod {
    /// Opens a TCP connection from inside the pod. Blocking; the pod's capture rules apply to it as
    /// to any program there.
    pub fn connect(&self, address: SocketAddr, timeout: Duration) -> io::Result<TcpStream> {
        self.inside(|| TcpStream::connect_timeout(&address, timeout))
    }

    /// Listens for TCP connections inside the pod.
    pub fn listen(&self, address: SocketAddr) -> io::Result<TcpListener> {
        self.inside(|| TcpListener::bind(address))
    }

    /// A UDP socket inside the pod, bound to `address`.
    pub fn datagrams(&self, address: SocketAddr) -> io::Result<UdpSocket> {
        self.inside(|| UdpSocket::bind(address))
    }

    /// Runs `work` on a thread that lives in the pod's network (not in its file system), and waits
    /// for it.
    pub fn inside<T: Send>(&self, work: impl FnOnce() -> io::Result<T> + Send) -> io::Result<T> {
        inside_network(self.network_namespace(), work)
    }
}
