//! Access logs: one line per finished request or connection, in Envoy's format language.
//!
//! It must not know what a listener, a route or a cluster is; it writes down [`LogEntry`]s.
//!
//! Reading order: [`entry`] (the facts), [`flags`], [`format`] (the language), [`json`],
//! [`filter`], [`convert`] (from protobuf).

mod convert;
mod entry;
mod filter;
mod flags;
pub mod format;
mod json;

use filter::Filter;
use json::JsonFormat;

pub use entry::{HttpLog, LogEntry};
pub use flags::{ResponseFlag, ResponseFlags};
pub use format::{Format, FormatContext, Headers, WantedHeaders};

/// One configured access log: which entries it wants, how they are written, and where to.
#[derive(Debug)]
pub struct AccessLog {
    filter: Option<Filter>,
    layout: Layout,
    /// A file, `/dev/stdout`, or `/dev/stderr`.
    path: String,
}

/// How a line is laid out.
#[derive(Debug)]
enum Layout {
    /// The format ends its own lines.
    Text {
        format: Format,
        missing: &'static str,
    },
    Json(JsonFormat),
}

impl AccessLog {
    /// The file that lines go to.
    pub fn path(&self) -> &str {
        &self.path
    }

    pub fn wants(&self, entry: &LogEntry) -> bool {
        self.filter.as_ref().is_none_or(|filter| filter.wants(entry))
    }

    /// Appends the entry's line.
    pub fn write(&self, entry: &LogEntry, line: &mut Vec<u8>) {
        let context = FormatContext::finished(entry);
        match &self.layout {
            Layout::Text { format, missing } => format.render(context, missing, line),
            Layout::Json(format) => {
                format.render(context, line);
                line.push(b'\n');
            }
        }
    }

    /// Adds the headers that this log will ask for.
    pub fn want(&self, wanted: &mut WantedHeaders) {
        match &self.layout {
            Layout::Text { format, .. } => format.want(wanted),
            Layout::Json(format) => format.want(wanted),
        }
    }
}
