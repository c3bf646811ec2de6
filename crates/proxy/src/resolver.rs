//! Host names to addresses, for DNS clusters: `/etc/hosts` and the name servers of
//! `/etc/resolv.conf`, both as they were at the start, so that a pod's own files count.
//!
//! One question, one answer: it keeps no cache, and must not know how often it is asked.

mod files;
mod query;

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use carrick_policy::config::cluster::DnsFamily;
use hickory_proto::rr::RecordType;
use tokio::sync::Semaphore;

pub use files::SystemFiles;

/// The addresses of one name, at least one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    pub addresses: Vec<IpAddr>,
    /// The smallest time to live of the records; `None` if they did not come from DNS.
    pub ttl: Option<Duration>,
}

/// Why there are no addresses.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ResolveError {
    #[error("{name} does not exist")]
    NoSuchName { name: String },
    #[error("{name} has no address of the wanted family")]
    NoAddress { name: String },
    #[error("{name}: no name server answered: {reason}")]
    NoServer { name: String, reason: String },
    #[error("{name:?} cannot be a host name: {reason}")]
    BadName { name: String, reason: String },
}

/// Each server is asked this often before giving up.
const ROUNDS: usize = 2;

/// So many questions may be under way: each has a socket of its own, and descriptors are what
/// connections are made of. The others wait for their turn.
const QUESTIONS: usize = 256;

/// Asks for names. Cheap to clone; all clones together keep the limit.
#[derive(Debug, Clone)]
pub struct Resolver {
    files: Arc<SystemFiles>,
    turns: Arc<Semaphore>,
}

impl Default for Resolver {
    fn default() -> Self {
        Self::new(SystemFiles::default())
    }
}

impl Resolver {
    pub fn new(files: SystemFiles) -> Self {
        Self { files: Arc::new(files), turns: Arc::new(Semaphore::new(QUESTIONS)) }
    }

    /// All addresses of `name` in the wanted family. `servers` replaces the machine's own, if there
    /// are any.
    pub async fn resolve(
        &self,
        name: &str,
        family: DnsFamily,
        servers: &[SocketAddr],
    ) -> Result<Answer, ResolveError> {
        let bare = name.strip_suffix('.').unwrap_or(name);
        if let Some(addresses) = self.files.host(bare, family) {
            return Ok(Answer { addresses, ttl: None });
        }
        // The semaphore is never closed; if it were, asking without a turn does no harm.
        let _turn = self.turns.acquire().await.ok();
        let servers = if servers.is_empty() { self.files.servers() } else { servers };
        let mut outcome = Err(ResolveError::NoSuchName { name: name.to_owned() });
        for candidate in self.files.candidates(name) {
            outcome = resolve_by_family(&candidate, family, servers).await;
            if !matches!(outcome, Err(ResolveError::NoSuchName { .. } | ResolveError::NoAddress { .. })) {
                return outcome;
            }
        }
        outcome
    }
}

async fn resolve_by_family(
    name: &str,
    family: DnsFamily,
    servers: &[SocketAddr],
) -> Result<Answer, ResolveError> {
    let v4 = || ask(name, RecordType::A, servers);
    let v6 = || ask(name, RecordType::AAAA, servers);
    match family {
        DnsFamily::V4Only => v4().await,
        DnsFamily::V6Only => v6().await,
        DnsFamily::PreferV4 => match v4().await {
            Ok(answer) => Ok(answer),
            Err(_) => v6().await,
        },
        DnsFamily::PreferV6 => match v6().await {
            Ok(answer) => Ok(answer),
            Err(_) => v4().await,
        },
        DnsFamily::All => match tokio::join!(v4(), v6()) {
            (Ok(a), Ok(b)) => Ok(Answer {
                ttl: a.ttl.min(b.ttl),
                addresses: a.addresses.into_iter().chain(b.addresses).collect(),
            }),
            (Ok(one), Err(_)) | (Err(_), Ok(one)) => Ok(one),
            (Err(error), Err(_)) => Err(error),
        },
    }
}

async fn ask(name: &str, kind: RecordType, servers: &[SocketAddr]) -> Result<Answer, ResolveError> {
    let mut reason = "there is none in /etc/resolv.conf".to_owned();
    for _ in 0..ROUNDS {
        for server in servers {
            match query::ask(*server, name, kind).await {
                Ok(reply) => return reply,
                Err(error) => reason = format!("{server}: {error}"),
            }
        }
    }
    Err(ResolveError::NoServer { name: name.to_owned(), reason })
}

#[cfg(test)]
mod tests;
