//! What whoever runs the server may choose once: bounds.

use std::time::Duration;

/// How much the server takes on.
#[derive(Clone, Debug)]
pub struct Settings {
    /// How long one upstream may take to reply.
    pub relay_attempt: Duration,
    /// How long all attempts for one question may take; then it is SERVFAIL. Below the 5 s after
    /// which resolvers ask again.
    pub relay_total: Duration,
    /// Questions under way to upstreams at one time; one more is SERVFAIL at once.
    pub relays_in_flight: usize,
    /// TCP connections open at one time; one more is closed at once.
    pub tcp_connections: usize,
    /// How long a TCP client may take to send a whole message or to take a reply.
    pub tcp_idle: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            relay_attempt: Duration::from_millis(1500),
            relay_total: Duration::from_millis(4500),
            relays_in_flight: 1024,
            tcp_connections: 256,
            tcp_idle: Duration::from_secs(10),
        }
    }
}
