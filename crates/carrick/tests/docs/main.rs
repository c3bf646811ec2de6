//! `docs/` says what the program does.

// A failing unwrap here is a failing test.
#![allow(clippy::unwrap_used)]

mod analyze;
mod cli;
mod json;
mod links;

use std::path::{Path, PathBuf};

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}
