//! Servers of gateways that are not served, routes that no server takes, and doors that stand wider open than they look.

mod exposure;
mod routes;
mod servers;

pub(super) use exposure::{BY_WILDCARD, ENCRYPTED_TWICE, SNI_WIDER_THAN_GATEWAY};
pub(super) use routes::{PORT_NEVER_SEEN, ROUTES_OF_WRONG_KIND, SERVER_WITHOUT_ROUTES, SNI_TAKEN};
pub(super) use servers::{PORT_CONTRADICTED, TLS_HOST_TAKEN};

use super::cluster::Cluster;
use super::rule::Findings;

pub(super) fn check(cluster: &Cluster<'_>, findings: &mut Findings) {
    for proxy in &cluster.gateways {
        for listener in &proxy.listeners {
            servers::check(listener, findings);
            routes::check_listener(cluster, proxy, listener, findings);
            exposure::check(cluster, proxy, listener, findings);
        }
    }
    routes::check_bindings(cluster, findings);
}
