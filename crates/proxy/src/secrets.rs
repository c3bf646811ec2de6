//! Secrets in use, by name.

/// All secrets of the process.
#[derive(Debug, Default)]
pub struct Secrets {}
