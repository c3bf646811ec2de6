//! `carrick down`: stops a running federation; with `--purge` forgets it, running or not.

use std::collections::BTreeSet;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Error, Result, bail};

use super::{paths, progress};
use crate::args::{DownArgs, Which};

const PATIENCE: Duration = Duration::from_secs(20);

pub async fn run(args: DownArgs) -> Result<ExitCode> {
    let federation = match paths::find(&args.which) {
        // A name that is not given must not come to mean one that is kept while others run.
        Err(none) if args.purge && (args.which.federation.is_some() || !paths::any_runs()?) => {
            return forget(&args.which, none);
        }
        found => found?,
    };
    let state =
        args.purge.then(|| std::fs::read_to_string(federation.run.path().join("state"))).transpose()?;
    federation.down().await?;
    let deadline = tokio::time::Instant::now() + PATIENCE;
    while federation.run.path().exists() {
        if tokio::time::Instant::now() > deadline {
            bail!("{} is still there after {} s", federation.run.path().display(), PATIENCE.as_secs());
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    if let Some(state) = state {
        std::fs::remove_dir_all(state.trim_end())?;
    }
    progress("stopped");
    Ok(ExitCode::SUCCESS)
}

/// Forgets a federation that does not run; `none` says so.
fn forget(which: &Which, none: Error) -> Result<ExitCode> {
    let kept = paths::kept(which.federation.as_deref())?;
    let names: BTreeSet<&str> = kept.iter().map(|(name, _)| name.as_str()).collect();
    match names.len() {
        0 => return Err(none.context("nothing is kept that could be forgotten")),
        1 => {}
        _ => {
            let names = Vec::from_iter(names).join(", ");
            bail!("{none}; something is kept of several: name one with --federation: {names}");
        }
    }
    for (name, folder) in &kept {
        std::fs::remove_dir_all(folder).with_context(|| format!("cannot remove {}", folder.display()))?;
        progress(&format!("forgot {name}"));
    }
    Ok(ExitCode::SUCCESS)
}
