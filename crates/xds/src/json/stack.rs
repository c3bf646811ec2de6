//! A stack that is known to be deep enough for nested input.
//!
//! The YAML scanner takes over 30 KiB a level in a debug build, and whoever calls may have 2 MiB
//! and have used part of it. The bounds on depth are only worth something together with a stack of
//! known size.

use super::JsonError;

/// Some four times what the deepest input that is let through needs. Pages that are not touched
/// cost nothing.
const BYTES: usize = 16 * 1024 * 1024;

pub(super) fn with_room<T: Send>(work: impl FnOnce() -> Result<T, JsonError> + Send) -> Result<T, JsonError> {
    std::thread::scope(|scope| {
        let builder = std::thread::Builder::new().name("xds-json".into()).stack_size(BYTES);
        let thread = builder
            .spawn_scoped(scope, work)
            .map_err(|error| JsonError::NoThread { reason: error.to_string() })?;
        thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}
