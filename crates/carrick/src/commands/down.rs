//! `carrick down`: stops a running federation.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Result, bail};

use super::{homes, progress};
use crate::args::DownArgs;

const PATIENCE: Duration = Duration::from_secs(20);

pub async fn run(args: DownArgs) -> Result<ExitCode> {
    let federation = homes::find(&args.which)?;
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
