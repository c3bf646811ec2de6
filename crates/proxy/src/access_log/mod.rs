//! Access logs with their files open.
//!
//! It must not know what a line says, nor when one is due.

mod sink;

use std::sync::Arc;

use carrick_policy::access_log::{AccessLog, LogEntry};
use carrick_xds::FieldError;

use sink::Sink;
pub(crate) use sink::flush;

/// The access logs of one filter, or of one listener.
#[derive(Debug, Default)]
pub(crate) struct AccessLogs(Vec<(Arc<AccessLog>, Arc<Sink>)>);

impl AccessLogs {
    /// Opens the files of a field `access_log`.
    ///
    /// # Errors
    /// The place of the first one that cannot be opened, and why.
    pub(crate) fn open(logs: &[Arc<AccessLog>]) -> Result<Self, FieldError> {
        let open = |(n, log): (usize, &Arc<AccessLog>)| match Sink::open(log.path()) {
            Ok(sink) => Ok((Arc::clone(log), sink)),
            Err(error) => {
                let reason = format!("cannot open {}: {error}", log.path());
                Err(FieldError::new(format!("access_log[{n}].typed_config.path"), reason))
            }
        };
        logs.iter().enumerate().map(open).collect::<Result<_, _>>().map(Self)
    }

    /// Hands the entry to the writer; never waits for a file.
    pub(crate) fn write(&self, entry: &LogEntry) {
        for (log, sink) in self.0.iter().filter(|(log, _)| log.wants(entry)) {
            sink.append(|line| log.write(entry, line));
        }
    }
}
