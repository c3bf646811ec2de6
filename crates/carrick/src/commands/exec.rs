//! `carrick exec POD -- CMD`: a command in a pod, with this terminal and its exit code.

use std::path::Path;
use std::process::ExitCode;

use anyhow::Result;
use carrick_local::Privileges;

use super::paths;
use crate::args::ExecArgs;

pub async fn run(args: ExecArgs) -> Result<ExitCode> {
    let federation = paths::find(&args.which)?;
    let pod = federation.find(&args.pod).await?;
    let entry = federation.entry(&pod.name()).await?;
    let pid = federation.supervisor_pid()?;
    let mut command = entry.command(pid, Privileges::App, Path::new("/"), &args.command);
    let status = tokio::task::spawn_blocking(move || command.status()).await??;
    let code = status.code().or_else(|| {
        use std::os::unix::process::ExitStatusExt;
        status.signal().map(|signal| 128 + signal)
    });
    Ok(ExitCode::from(code.and_then(|code| u8::try_from(code).ok()).unwrap_or(1)))
}
