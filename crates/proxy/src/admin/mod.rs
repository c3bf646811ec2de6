//! The admin interface: what this proxy is, runs, and did; read-only.
//!
//! It must not be able to change anything.

use std::io;
use std::sync::Arc;

use carrick_xds::pb::envoy::config::bootstrap::v3::Bootstrap;
use carrick_xds::pb::envoy::config::core::v3::Address;

use crate::env::ProxyEnv;

/// The bound socket of the admin interface, TCP or Unix.
#[derive(Debug)]
pub struct AdminListener {}

impl AdminListener {
    /// Binds `admin.address` of the bootstrap: a socket address, or a pipe.
    pub async fn bind(_address: &Address) -> io::Result<Self> {
        Ok(Self {})
    }

    /// Where it listens, with the port that the kernel chose if 0 was asked for; `None` for a pipe.
    pub fn local_addr(&self) -> Option<std::net::SocketAddr> {
        None
    }

    /// Serves until the process ends. `bootstrap` is shown by `/config_dump`.
    pub async fn serve(self, _env: Arc<ProxyEnv>, _bootstrap: Arc<Bootstrap>) {}
}
