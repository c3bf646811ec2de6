//! Keeps the memory of programs that hold keys to themselves.
//!
//! It must not know which programs these are.

use anyhow::{Context, Result};
use rustix::process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit};

/// No core dump of this process is written (a core holds its keys), and no process without
/// privileges looks into it by `/proc` or as a debugger, also not one of the same user (man 2
/// PR_SET_DUMPABLE). Programs that it starts write no core files either.
pub fn keep_private() -> Result<()> {
    setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) })
        .context("cannot switch off core dumps")?;
    set_dumpable_behavior(DumpableBehavior::NotDumpable).context("cannot keep debuggers out")
}
