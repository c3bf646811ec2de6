//! Servers of gateways that are not served, routes that no server takes, and doors that stand wider
//! open than they look.

mod bindings;
mod certificates;
mod exposure;
mod ports;
mod routes;
mod servers;
mod transit;

pub(super) use bindings::{
    HOST_NOT_ADMITTED, NOT_EXPORTED_TO_GATEWAY, PORT_NEVER_SEEN, ROUTES_OF_WRONG_KIND,
};
pub(super) use certificates::NOT_STRICT;
pub(super) use exposure::{BY_WILDCARD, ENCRYPTED_TWICE, SNI_WIDER_THAN_GATEWAY};
pub(super) use ports::PORT_OF_NO_SERVICE;
pub(super) use routes::{SERVER_WITHOUT_ROUTES, SNI_TAKEN, TCP_TAKEN};
pub(super) use servers::{PORT_CONTRADICTED, TLS_HOST_TAKEN};
pub(super) use transit::OPEN_TO_ALL;

use super::cluster::Cluster;
use super::rule::Findings;

pub(super) fn check(cluster: &Cluster<'_>, findings: &mut Findings) {
    for proxy in &cluster.gateways {
        servers::check(proxy, findings);
        ports::check(cluster, proxy, findings);
        for listener in &proxy.listeners {
            routes::check(cluster, proxy, listener, findings);
            exposure::check(cluster, proxy, listener, findings);
            certificates::check(cluster, proxy, listener, findings);
            transit::check(cluster, proxy, listener, findings);
        }
    }
    bindings::check(cluster, findings);
}
