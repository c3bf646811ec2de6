//! The decision about one request: where to send it, or what to answer at once.
//!
//! Pure: a head and a route table go in, a [`Plan`] comes out. The executor (`exchange`) carries it
//! out.

use std::sync::Arc;

use http::{HeaderValue, StatusCode, header};

use super::reply::LocalReply;
use super::route::{
    Action, DirectResponse, Forward, HeaderRules, HostRewrite, Redirect, Route, RouteTable, WeightedCluster,
};
use crate::head::RequestHead;

/// What to do with a request.
#[derive(Debug)]
pub enum Plan {
    Forward(ForwardPlan),
    /// Answered by the proxy itself; the route, if one matched, shapes the answer's headers.
    Answer(LocalReply, Option<Arc<Route>>),
}

impl Plan {
    /// The route that made the plan, if one matched.
    pub fn route(&self) -> Option<&Route> {
        match self {
            Self::Forward(plan) => Some(&plan.route),
            Self::Answer(_, route) => route.as_deref(),
        }
    }
}

/// How to forward a request.
#[derive(Debug)]
pub struct ForwardPlan {
    pub route: Arc<Route>,
    pub cluster: Arc<str>,
    /// Header rules of the chosen one of several weighted clusters; they come before those of the
    /// route.
    pub cluster_headers: Option<Arc<HeaderRules>>,
    /// A new path and query.
    pub path: Option<String>,
    pub host: Option<NewHost>,
}

#[derive(Debug, Clone)]
pub enum NewHost {
    Fixed(HeaderValue),
    /// The name of the endpoint, once it is chosen.
    OfEndpoint,
}

impl ForwardPlan {
    /// The route's action; a `ForwardPlan` is only made of routes that forward.
    pub fn action(&self) -> Option<&Forward> {
        match &self.route.action {
            Action::Forward(forward) => Some(forward),
            Action::Redirect(_) | Action::Respond(_) => None,
        }
    }
}

/// Decides. The head's path is already normalised.
pub fn plan(head: &RequestHead<'_>, table: &RouteTable) -> Plan {
    let Some(host) = table.virtual_host(head.authority) else {
        return Plan::Answer(LocalReply::route_not_found(), None);
    };
    if host.require_tls && head.scheme != "https" {
        let location = format!("https://{}{}", head.authority, head.path);
        return Plan::Answer(redirect_to(StatusCode::MOVED_PERMANENTLY, &location), None);
    }
    let Some(route) = table.route(host, head) else {
        return Plan::Answer(LocalReply::route_not_found(), None);
    };
    match &route.action {
        Action::Forward(action) => Plan::Forward(forward(head, route, action)),
        Action::Redirect(action) => Plan::Answer(redirect(head, action), Some(route.clone())),
        Action::Respond(action) => Plan::Answer(direct(action), Some(route.clone())),
    }
}

fn forward(head: &RequestHead<'_>, route: &Arc<Route>, action: &Forward) -> ForwardPlan {
    let (cluster, weighted) = action.cluster.choose(head.random);
    let host_of_cluster = weighted.and_then(|weighted: &WeightedCluster| weighted.host_rewrite.clone());
    let host = host_of_cluster.map(NewHost::Fixed).or(match &action.host_rewrite {
        Some(HostRewrite::Literal(host)) => Some(NewHost::Fixed(host.clone())),
        Some(HostRewrite::Endpoint) => Some(NewHost::OfEndpoint),
        None => None,
    });
    ForwardPlan {
        route: route.clone(),
        cluster: cluster.clone(),
        cluster_headers: weighted.and_then(|weighted| weighted.headers.clone()),
        path: action.path_rewrite.as_ref().map(|rewrite| rewrite.apply(head.path)),
        host,
    }
}

fn redirect(head: &RequestHead<'_>, action: &Redirect) -> LocalReply {
    redirect_to(action.status, &action.location(head.scheme, head.authority, head.path))
}

fn redirect_to(status: StatusCode, location: &str) -> LocalReply {
    // The parts come from header values, or were checked when the route was converted.
    match HeaderValue::from_str(location) {
        Ok(location) => LocalReply::of_route(status).with_header(header::LOCATION, location),
        Err(_) => LocalReply::of_route(StatusCode::INTERNAL_SERVER_ERROR),
    }
}

fn direct(action: &DirectResponse) -> LocalReply {
    LocalReply::of_route(action.status).with_body(action.body.clone())
}

#[cfg(test)]
mod tests;
