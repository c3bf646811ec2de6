//! Route tables: which virtual host and route a request belongs to, and what the route says to do.
//!
//! Built from a `RouteConfiguration`, never changed. It must not know how requests are forwarded.
//!
//! Reading order: [`domains`] (authority to virtual host), [`matching`] (request to route),
//! [`action`] (what to do), [`mutation`] (headers), [`retry`], [`hash`], [`mirror`], [`convert`]
//! (from protobuf).

mod action;
mod convert;
mod convert_action;
mod domains;
mod hash;
mod matching;
mod mirror;
mod mutation;
mod retry;
mod surroundings;

use std::sync::Arc;

use super::filters::PerRoute;
use crate::head::RequestHead;
use domains::Domains;
use matching::RouteMatch;

pub use action::{Action, DirectResponse, Forward, HostRewrite, Redirect, WeightedCluster};
pub use domains::without_port;
pub use hash::Hashed;
pub use mirror::Mirror;
pub use mutation::{HeaderRules, render};
pub use retry::{Failure, RetryPolicy};

/// One route configuration, converted.
#[derive(Debug)]
pub struct RouteTable {
    domains: Domains,
    virtual_hosts: Vec<VirtualHost>,
    ignore_path_parameters: bool,
}

#[derive(Debug)]
pub struct VirtualHost {
    pub require_tls: bool,
    routes: Vec<Arc<Route>>,
}

/// One route of a virtual host.
#[derive(Debug)]
pub struct Route {
    pub name: Arc<str>,
    /// Which resource made it: `metadata.filter_metadata["istio"]["config"]`.
    pub rule: Option<Arc<str>>,
    matching: RouteMatch,
    pub action: Action,
    /// Of the route, its virtual host and its table, in the order in which they are applied.
    pub headers: Vec<Arc<HeaderRules>>,
    /// What it says to filters.
    pub filters: PerRoute,
    pub attempt_count_in_request: bool,
    pub attempt_count_in_response: bool,
}

impl Route {
    /// Whether requests go on from here, rather than be answered.
    pub fn forwards(&self) -> bool {
        matches!(self.action, Action::Forward(_))
    }
}

impl RouteTable {
    /// The virtual host that an authority belongs to.
    pub fn virtual_host(&self, authority: &str) -> Option<&VirtualHost> {
        self.domains.find(authority).map(|index| &self.virtual_hosts[index])
    }

    /// The first route of the virtual host that matches.
    pub fn route<'a>(&self, host: &'a VirtualHost, head: &RequestHead<'_>) -> Option<&'a Arc<Route>> {
        host.routes.iter().find(|route| route.matching.matches(head, self.ignore_path_parameters))
    }
}

#[cfg(test)]
mod tests;
