//! Streams to xDS servers: ADS for everything, and SDS for secrets that have a server of their own.
//!
//! A thin shell: what to ask for and what to do with an answer is for `carrick_xds::client` and
//! `store`. When a server is gone, the configuration stays as it is, and the stream is opened
//! again.

mod ads;
mod channel;
mod sds;

pub(crate) use ads::follow as follow_ads;
pub(crate) use sds::follow_all as follow_secrets;

use std::time::Duration;

use carrick_backoff::Backoff;

/// The ceilings of the pauses before a stream is opened again: short enough that after a restart of
/// the server all its proxies are back within a few seconds.
const FIRST_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(3);

/// The pauses between one stream and the next.
fn reconnects() -> Backoff {
    Backoff::new(FIRST_PAUSE, LONGEST_PAUSE)
}

/// Why a stream ended.
#[derive(Debug, thiserror::Error)]
enum StreamError {
    #[error("cluster {0:?} of the server does not exist")]
    NoCluster(String),
    #[error("no host in cluster {cluster:?}: {reason}")]
    NoHost { cluster: String, reason: String },
    #[error("cannot connect: {0}")]
    Connect(String),
    #[error("{0}")]
    Status(String),
    #[error("the server closed the stream")]
    Closed,
}

impl From<tonic::Status> for StreamError {
    fn from(status: tonic::Status) -> Self {
        Self::Status(format!("{}: {}", status.code().description(), status.message()))
    }
}
