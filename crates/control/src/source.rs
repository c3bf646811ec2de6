//! Where configuration comes from: files on disk, read whole and watched.
//!
//! It must not know what the files say.

pub mod folder;
pub mod watch;
