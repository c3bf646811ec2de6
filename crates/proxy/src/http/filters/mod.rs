//! HTTP filters before the router: they may let a request go on, mark it, hold it up, or answer it. They run in the order of the
//! configuration.
//!
//! They must not know where a request goes after them.
//!
//! Reading order: [`per_route`] (what a route says to a filter), then one file for each filter.

pub(crate) mod alpn;
mod cors;
mod fault;
mod per_route;
mod rbac;

use super::record::Record;
use super::reply::LocalReply;
use super::request::Prepared;
use super::route::Route;
use crate::config::tls::Alpn;
pub(crate) use cors::CorsPolicy;
pub(crate) use fault::Fault;
pub(crate) use per_route::{FilterConfigs, PerRoute};
pub(crate) use rbac::Rbac;

/// One filter, as the connection manager has it.
#[derive(Debug)]
pub(crate) struct Filter {
    /// Routes address their configuration to this name.
    pub(crate) name: String,
    pub(crate) kind: FilterKind,
}

#[derive(Debug)]
pub(crate) enum FilterKind {
    Rbac(Rbac),
    /// What holds for routes that say nothing.
    Fault(Fault),
    /// All that it does, routes say.
    Cors,
    /// What is offered to the upstream's TLS where routes say nothing; `None`: what the cluster says.
    Alpn(Option<Alpn>),
}

/// An answer that a filter gave in the router's place.
#[derive(Debug)]
pub(crate) struct Stopped {
    pub(crate) reply: LocalReply,
    /// Envoy sends some answers as they are: without the route's header rules, and not in gRPC's form.
    pub(crate) as_it_is: bool,
}

impl From<LocalReply> for Stopped {
    fn from(reply: LocalReply) -> Self {
        Self { reply, as_it_is: false }
    }
}

/// Lets the request through all filters, unless one answers it.
pub(crate) async fn run(
    filters: &[Filter],
    route: Option<&Route>,
    prepared: &mut Prepared,
    record: &mut Record,
) -> Option<Stopped> {
    for filter in filters {
        let of_route = route.map(|route| &route.filters);
        let stopped = match &filter.kind {
            FilterKind::Rbac(rbac) => rbac.judge(prepared, record).map(Stopped::from),
            FilterKind::Fault(fault) => {
                let fault = of_route.and_then(|routes| routes.fault(&filter.name)).unwrap_or(fault);
                fault.inject(&prepared.head(), record).await.map(Stopped::from)
            }
            FilterKind::Alpn(alpn) => {
                let of_route = of_route.and_then(|routes| routes.alpn(&filter.name));
                prepared.alpn = of_route.or(alpn.as_ref()).cloned();
                None
            }
            FilterKind::Cors => {
                // A route that does not forward has no resource to share.
                let policy = of_route.filter(|_| route.is_some_and(Route::forwards));
                let policy = policy.and_then(|routes| routes.cors(&filter.name));
                policy.and_then(|policy| policy.apply(prepared, record))
            }
        };
        if stopped.is_some() {
            return stopped;
        }
    }
    None
}

#[cfg(test)]
mod tests;
