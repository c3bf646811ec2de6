//! Downstream listeners: sockets, what is read before a filter chain is chosen, and the chain's
//! TLS.
//!
//! It must not know where configuration comes from, nor what filters do with a connection.
//!
//! Reading order: [`Listener`] and its chains; `accept` (sockets); `serve` (a connection's way to
//! its filter); `inspect` (listener filters).

mod accept;
mod inspect;
mod refuse;
mod serve;
mod set;

use std::collections::{HashMap, HashSet};
use std::net::SocketAddr;
use std::sync::Arc;

use carrick_policy::http::RouteSource;
use carrick_policy::listener::config::{ChainConfig, ListenerConfig, NetworkFilter};
use carrick_xds::FieldError;
use tokio_util::sync::CancellationToken;

pub(crate) use accept::{install, stop_all, uninstall};
pub use set::{ListenerSet, ListenerSummary};

use crate::access_log::AccessLogs;
use crate::drain::Drain;
use crate::http::{HttpService, RouteSlot, RouteTables};
use crate::secrets::Secrets;
use crate::stats::{ListenerStats, Stats};
use crate::tcp::TcpService;
use crate::tls::ServerTls;

/// One listener resource, ready to serve once its secrets and routes are there.
pub struct Listener {
    pub config: ListenerConfig,
    /// Parallel to the configuration's chains; the default chain is last, if there is one.
    chains: Vec<Arc<Chain>>,
    /// Of connections that no chain took.
    logs: AccessLogs,
    stats: Arc<ListenerStats>,
}

/// One filter chain at run time. It lives on through updates of its listener that do not touch it,
/// and so do its connections.
pub struct Chain {
    config: Arc<ChainConfig>,
    tls: Option<ServerTls>,
    service: Service,
    drain: Drain,
    /// The time to drain is over: close.
    close: CancellationToken,
}

/// What a chain does with its connections, with all that it takes.
enum Service {
    Tcp(Arc<TcpService>),
    Http(Arc<HttpService>),
    Close,
}

impl Service {
    fn new(chain: &ChainConfig, routes: &RouteTables, stats: &Stats) -> Result<Self, FieldError> {
        let logs = open_logs(chain)?;
        Ok(match &chain.filter {
            NetworkFilter::TcpProxy(config) => {
                let stats = stats.tcp(&config.stat_prefix);
                Self::Tcp(Arc::new(TcpService { config: Arc::clone(config), logs, stats }))
            }
            NetworkFilter::Http(manager) => {
                let routes = match manager.route_source() {
                    RouteSource::Rds(name) => routes.slot(&name),
                    RouteSource::Inline(table) => Arc::new(RouteSlot::fixed(table)),
                };
                let stats = stats.http(&manager.stat_prefix);
                Self::Http(Arc::new(HttpService { manager: Arc::clone(manager), routes, logs, stats }))
            }
            NetworkFilter::Close => Self::Close,
        })
    }
}

fn open_logs(chain: &ChainConfig) -> Result<AccessLogs, FieldError> {
    let logs = match &chain.filter {
        NetworkFilter::TcpProxy(config) => config.access_log.as_slice(),
        NetworkFilter::Http(manager) => manager.access_logs.as_slice(),
        NetworkFilter::Close => &[],
    };
    let place =
        |error: FieldError| error.within("typed_config").within(format!("filters[{}]", chain.rbac.len()));
    AccessLogs::open(logs).map_err(place)
}

/// Where the configuration has its `n`th chain.
fn place(config: &ListenerConfig, n: usize) -> String {
    match n < config.chains.len() {
        true => format!("filter_chains[{n}]"),
        false => "default_filter_chain".to_owned(),
    }
}

impl Listener {
    /// Chains that `previous` has too, to the letter, are taken over from it.
    pub(crate) fn new(
        config: ListenerConfig,
        previous: Option<&Listener>,
        secrets: &Secrets,
        routes: &RouteTables,
        stats: &Stats,
        drain: &Drain,
    ) -> Result<Self, FieldError> {
        let mut chains = Vec::new();
        let known = previous.into_iter().flat_map(|previous| &previous.chains);
        let known: HashMap<_, _> = known.map(|known| (known.config.digest, known)).collect();
        for (n, chain) in config.all_chains().enumerate() {
            chains.push(match known.get(&chain.digest).copied() {
                Some(same) => Arc::clone(same),
                None => {
                    let tls = chain.tls.clone().map(|tls| ServerTls::new(tls, secrets)).transpose();
                    let tls =
                        tls.map_err(|e| e.within("transport_socket.typed_config").within(place(&config, n)))?;
                    let service =
                        Service::new(chain, routes, stats).map_err(|e| e.within(place(&config, n)))?;
                    let (drain, close) = (drain.child(), CancellationToken::new());
                    Arc::new(Chain { config: Arc::clone(chain), tls, service, drain, close })
                }
            });
        }
        let stats = stats.listener(&config.address.to_string().replace(':', "_"));
        let logs = AccessLogs::open(&config.access_log)?;
        Ok(Self { config, chains, logs, stats })
    }

    pub fn name(&self) -> &str {
        &self.config.name
    }

    /// Names of the route tables that RDS has to deliver.
    pub(crate) fn route_names(&self) -> Vec<String> {
        let names = self.chains.iter().filter_map(|chain| match &chain.config.filter {
            NetworkFilter::Http(manager) => match manager.route_source() {
                RouteSource::Rds(name) => Some(name),
                RouteSource::Inline(_) => None,
            },
            _ => None,
        });
        names.collect()
    }

    pub(crate) fn has_secrets(&self) -> bool {
        self.chains.iter().filter_map(|chain| chain.tls.as_ref()).all(ServerTls::is_ready)
    }

    /// Lets the connections of chains that `successor` does not have finish what they do, and
    /// nothing more.
    pub(crate) fn drain(&self, successor: Option<&Listener>) -> Vec<CancellationToken> {
        let taken_over: HashSet<*const Chain> =
            successor.into_iter().flat_map(|next| &next.chains).map(Arc::as_ptr).collect();
        let lives_on = |chain: &Arc<Chain>| taken_over.contains(&Arc::as_ptr(chain));
        let gone = self.chains.iter().filter(|chain| !lives_on(chain));
        gone.map(|chain| {
            chain.drain.begin();
            chain.close.clone()
        })
        .collect()
    }

    fn address(&self) -> SocketAddr {
        self.config.address
    }
}
