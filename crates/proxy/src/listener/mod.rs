//! Downstream listeners.

/// The listeners in use, by name.
#[derive(Debug, Default)]
pub struct ListenerSet {}
