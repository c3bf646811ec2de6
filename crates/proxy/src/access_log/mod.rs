//! Access logs: one line per finished request or connection, in Envoy's format language.
//!
//! It must not know what a listener, a route or a cluster is; it writes down [`LogEntry`]s.
//!
//! Reading order: [`entry`] (the facts), [`flags`], [`format`] (the language), [`json`], [`filter`], [`sink`] (where lines
//! go), [`convert`] (from protobuf).

mod convert;
mod entry;
mod filter;
mod flags;
pub mod format;
mod json;
mod sink;

use std::sync::Arc;

use filter::Filter;
use json::JsonFormat;
use sink::Sink;

pub use entry::{HttpLog, LogEntry};
pub use flags::{ResponseFlag, ResponseFlags};
pub use format::{Format, FormatContext, Headers, WantedHeaders};
pub use sink::flush;

/// One configured access log: which entries it wants, how it writes them, and where to.
#[derive(Debug)]
pub struct AccessLog {
    filter: Option<Filter>,
    layout: Layout,
    sink: Arc<Sink>,
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
    /// Hands the entry to the writer; never waits for a file.
    pub fn write(&self, entry: &LogEntry) {
        if self.filter.as_ref().is_some_and(|filter| !filter.wants(entry)) {
            return;
        }
        let context = FormatContext::finished(entry);
        self.sink.append(|line| match &self.layout {
            Layout::Text { format, missing } => format.render(context, missing, line),
            Layout::Json(format) => {
                format.render(context, line);
                line.push(b'\n');
            }
        });
    }

    /// Adds the headers that this log will ask for.
    pub fn want(&self, wanted: &mut WantedHeaders) {
        match &self.layout {
            Layout::Text { format, .. } => format.want(wanted),
            Layout::Json(format) => format.want(wanted),
        }
    }
}
