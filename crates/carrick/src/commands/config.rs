//! `carrick config dump POD`: what a proxy runs.

use std::process::ExitCode;

use anyhow::Result;

use super::{paths, print};
use crate::args::Which;

pub async fn dump(which: Which, pod: String) -> Result<ExitCode> {
    let federation = paths::find(&which)?;
    let pod = federation.find(&pod).await?;
    let text = federation.fetch(&pod.name(), "/config_dump").await?;
    print(&text)?;
    Ok(ExitCode::SUCCESS)
}
