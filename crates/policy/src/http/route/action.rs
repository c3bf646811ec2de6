//! What a route says to do with a request: forward, redirect, or answer.
//!
//! Decisions as data; it must not know how they are carried out.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, StatusCode};
use regex::bytes::Regex;

use super::hash::HashPolicies;
use super::mirror::Mirror;
use super::mutation::HeaderRules;
use super::retry::RetryPolicy;

#[derive(Debug)]
pub enum Action {
    Forward(Box<Forward>),
    Redirect(Redirect),
    Respond(DirectResponse),
}

/// Envoy's `RouteAction`.
#[derive(Debug)]
pub struct Forward {
    pub cluster: ClusterChoice,
    pub cluster_not_found: StatusCode,
    pub path_rewrite: Option<PathRewrite>,
    pub host_rewrite: Option<HostRewrite>,
    pub append_forwarded_host: bool,
    /// From the end of the request to the end of the response; `None` is unlimited.
    pub timeout: Option<Duration>,
    /// For gRPC calls that name a timeout: theirs, but at most this (zero: no limit).
    pub grpc_timeout_max: Option<Duration>,
    /// Without a byte in either direction; overrides the connection manager's.
    pub idle_timeout: Option<Duration>,
    pub max_stream_duration: Option<Duration>,
    pub retry: Option<Arc<RetryPolicy>>,
    pub hash: HashPolicies,
    pub mirrors: Arc<[Mirror]>,
    /// Upgrade types that this route allows or forbids, in lower case.
    pub upgrades: Vec<(String, bool)>,
}

#[derive(Debug)]
pub enum ClusterChoice {
    One(Arc<str>),
    Weighted {
        clusters: Vec<WeightedCluster>,
        /// The sum of the weights; not zero.
        total: u64,
    },
}

#[derive(Debug)]
pub struct WeightedCluster {
    pub name: Arc<str>,
    pub weight: u32,
    pub host_rewrite: Option<HeaderValue>,
    pub headers: Option<Arc<HeaderRules>>,
}

impl ClusterChoice {
    /// `random` decides by weight.
    pub fn choose(&self, random: u64) -> (&Arc<str>, Option<&WeightedCluster>) {
        match self {
            Self::One(name) => (name, None),
            Self::Weighted { clusters, total } => {
                let mut ticket = random % total;
                for cluster in clusters {
                    match ticket.checked_sub(cluster.weight.into()) {
                        None => return (&cluster.name, Some(cluster)),
                        Some(left) => ticket = left,
                    }
                }
                // Not reached: the ticket is below the sum of the weights.
                let last = &clusters[clusters.len() - 1];
                (&last.name, Some(last))
            }
        }
    }
}

#[derive(Debug)]
pub enum HostRewrite {
    Literal(HeaderValue),
    /// The name under which the chosen endpoint is known.
    Endpoint,
}

#[derive(Debug)]
pub enum PathRewrite {
    /// Replaces the first `matched` bytes of the path.
    Prefix {
        matched: usize,
        with: String,
    },
    Regex {
        pattern: Regex,
        with: String,
    },
}

impl PathRewrite {
    /// `path` may have a query, which stays as it is.
    pub fn apply(&self, path: &str) -> String {
        match self {
            // `get` guards against a match that ignored case and so may not end on a character
            // boundary.
            Self::Prefix { matched, with } => format!("{with}{}", path.get(*matched..).unwrap_or_default()),
            Self::Regex { pattern, with } => {
                let (path, query) = path.split_at(path.find('?').unwrap_or(path.len()));
                let rewritten = pattern.replace_all(path.as_bytes(), with.as_bytes());
                format!("{}{query}", String::from_utf8_lossy(&rewritten))
            }
        }
    }
}

/// Envoy's `RedirectAction`.
#[derive(Debug)]
pub struct Redirect {
    pub status: StatusCode,
    pub scheme: Option<String>,
    pub host: Option<String>,
    pub port: Option<u16>,
    pub path: RedirectPath,
    pub strip_query: bool,
}

#[derive(Debug)]
pub enum RedirectPath {
    Keep,
    /// May bring a query of its own.
    Replace(String),
    Rewrite(PathRewrite),
}

impl Redirect {
    /// The `location` for a request. `ssl` says what the scheme was.
    pub fn location(&self, scheme: &str, authority: &str, path: &str) -> String {
        let new_scheme = self.scheme.as_deref().unwrap_or(scheme);
        let old_host = super::domains::without_port(authority);
        let old_port = authority.get(old_host.len()..).unwrap_or_default();
        let host = self.host.as_deref().unwrap_or(old_host);
        let port = match self.port {
            Some(port) => format!(":{port}"),
            // A default port of the old scheme is not carried over to the new one.
            None if (scheme, new_scheme, old_port) == ("http", "https", ":80") => String::new(),
            None if (scheme, new_scheme, old_port) == ("https", "http", ":443") => String::new(),
            None if self.host.is_some() => String::new(),
            None => old_port.to_owned(),
        };
        let (old_path, query) = path.split_at(path.find('?').unwrap_or(path.len()));
        let query = if self.strip_query { "" } else { query };
        let path = match &self.path {
            RedirectPath::Keep => format!("{old_path}{query}"),
            RedirectPath::Replace(new) if new.contains('?') => new.clone(),
            RedirectPath::Replace(new) => format!("{new}{query}"),
            RedirectPath::Rewrite(rewrite) => format!("{}{query}", rewrite.apply(old_path)),
        };
        format!("{new_scheme}://{host}{port}{path}")
    }
}

/// Envoy's `DirectResponseAction`.
#[derive(Debug)]
pub struct DirectResponse {
    pub status: StatusCode,
    pub body: Bytes,
}
