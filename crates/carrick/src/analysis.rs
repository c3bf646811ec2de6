//! A federation checked without being run: the stages of the running control plane, then the rules
//! for the whole.
//!
//! It must not know how arguments are written, nor where output goes.

mod explain;
mod read;
mod sarif;
mod text;

pub use explain::explain;
pub use read::read;
pub use sarif::sarif;
pub use text::{json, summary, text};

use carrick_model::{Diagnostic, SourceFile};

/// What was found, in the order of the files, and the files to show it in.
#[derive(Debug, Clone)]
pub struct Analysis {
    pub findings: Vec<Diagnostic>,
    pub files: Vec<SourceFile>,
}

impl Analysis {
    pub fn errors(&self) -> usize {
        self.findings.iter().filter(|finding| finding.is_error()).count()
    }

    pub fn warnings(&self) -> usize {
        self.findings.len() - self.errors()
    }
}
