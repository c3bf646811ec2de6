//! Access logs: one line per finished request or connection, in Envoy's format language.
//!
//! It must not know what a listener, a route or a cluster is; it writes down [`LogEntry`]s.
//!
//! Reading order: [`entry`] (the facts), [`flags`].

pub mod entry;
pub mod flags;

use carrick_xds::FieldError;
use carrick_xds::pb::envoy::config::accesslog::v3 as pb;

pub use entry::{HttpLog, LogEntry};
pub use flags::{ResponseFlag, ResponseFlags};

/// One configured access log: which entries it wants, how it writes them, and where to.
#[derive(Debug)]
pub struct AccessLog {}

impl AccessLog {
    /// Refuses loggers, filters and format operators that are not implemented.
    pub fn from_proto(pb: &pb::AccessLog) -> Result<Self, FieldError> {
        Err(FieldError::new("name", format!("access logger {} is not supported", pb.name)))
    }

    /// Hands the entry to the writer; never waits for a file.
    pub fn write(&self, _entry: &LogEntry) {}
}
