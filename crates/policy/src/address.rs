//! Where something listens: an IP address with a port, or a Unix socket.
//!
//! It must not know what is there.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;

/// Where an endpoint listens.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Address {
    Socket(SocketAddr),
    /// A Unix domain socket.
    Pipe(PathBuf),
}

impl Address {
    pub fn socket(&self) -> Option<SocketAddr> {
        match self {
            Self::Socket(address) => Some(*address),
            Self::Pipe(_) => None,
        }
    }
}

/// As Envoy's access logs and `/clusters` show it: `10.0.0.1:80`, `[::1]:80`, `/run/socket`.
impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Socket(address) => write!(f, "{address}"),
            Self::Pipe(path) => write!(f, "{}", path.display()),
        }
    }
}

impl From<SocketAddr> for Address {
    fn from(address: SocketAddr) -> Self {
        Self::Socket(address)
    }
}
