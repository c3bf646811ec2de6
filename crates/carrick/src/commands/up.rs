//! `carrick up FOLDER`: starts a federation and keeps it running, telling what the operator's edits do.

use std::process::{Command, ExitCode, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};

use tokio_util::sync::CancellationToken;

use super::{homes, parts, progress};
use crate::args::UpArgs;
use crate::fleet::client::Federation;
use crate::fleet::layout::RunDir;
use crate::fleet::outer::{self, Running};
use crate::fleet::plan;

const PATIENCE: Duration = Duration::from_secs(60);

pub async fn run(args: UpArgs, log: &str) -> Result<ExitCode> {
    let homes = homes::of_user()?;
    let name = match &args.which.federation {
        Some(name) => name.clone(),
        None => plan::read(&args.folder)?.name,
    };
    let run = homes.run_of(&name);
    if args.detach {
        return detach(&args, &name, &RunDir::new(&run), log).await;
    }
    let stop = parts::stop_on_signals()?;
    let running = outer::start(&args.folder, run, homes.state_of(&name, &args.folder), log)?;
    progress(&format!("starting {name}"));
    let ready = tokio::select! {
        ready = running.ready(PATIENCE) => ready,
        () = stop.cancelled() => Ok(()),
    };
    if let Err(error) = ready {
        running.stop().await?;
        return Err(error);
    }
    if stop.is_cancelled() {
        running.stop().await?;
        return Ok(ExitCode::SUCCESS);
    }
    stay(running, &stop).await
}

/// Keeps a federation running until it is stopped, and tells what the operator's edits do.
pub async fn stay(running: Running, stop: &CancellationToken) -> Result<ExitCode> {
    let name = &running.plan.name;
    progress(&format!("{name} runs; Ctrl-C or `carrick down` stops it"));
    let clusters = running.plan.clusters.iter().map(|cluster| cluster.spec.name.clone());
    let reports: Vec<_> =
        clusters.map(|cluster| tokio::spawn(report(running.federation.clone(), cluster))).collect();
    tokio::select! {
        () = stop.cancelled() => {}
        () = gone(&running.federation) => {}
    }
    reports.iter().for_each(tokio::task::JoinHandle::abort);
    progress(&format!("stopping {name}"));
    running.stop().await?;
    Ok(ExitCode::SUCCESS)
}

/// Completes when the supervisor's socket no longer answers.
async fn gone(federation: &Federation) {
    while federation.ps().await.is_ok() {
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

/// Prints what a control plane says of each change.
async fn report(federation: Federation, cluster: String) {
    let mut known =
        federation.status(&cluster, None).await.ok().and_then(|status| status["version"].as_u64());
    loop {
        let Ok(status) = federation.status(&cluster, known).await else {
            tokio::time::sleep(Duration::from_millis(500)).await;
            continue;
        };
        let version = status["version"].as_u64();
        if version == known {
            continue;
        }
        known = version;
        let errors = status["diagnostics"]
            .as_array()
            .is_some_and(|findings| findings.iter().any(|finding| finding["severity"] == "error"));
        let rendered = status["rendered"].as_str().unwrap_or_default();
        match errors {
            true => progress(&format!(
                "{cluster}: a file has errors; its last good version stays in force\n{rendered}"
            )),
            false => progress(&format!("{cluster}: the change is in force\n{rendered}")),
        }
    }
}

/// Starts the same command in the background, in a session of its own, and returns once everything runs.
async fn detach(args: &UpArgs, name: &str, run: &RunDir, log: &str) -> Result<ExitCode> {
    let output = tempfile_for(run)?;
    let file =
        std::fs::File::create(&output).with_context(|| format!("cannot write {}", output.display()))?;
    let mut child = Command::new("/proc/self/exe")
        .args(["--log", log, "up", "--federation", name])
        .arg(&args.folder)
        .stdin(Stdio::null())
        .stdout(file.try_clone()?)
        .stderr(file)
        .spawn()?;
    let federation = Federation::new(run.clone());
    loop {
        if let Some(status) = child.try_wait()? {
            let text = std::fs::read_to_string(&output).unwrap_or_default();
            bail!("{}(exit status {status})", text.trim_start_matches("error: "));
        }
        let text = std::fs::read_to_string(&output).unwrap_or_default();
        if text.contains(" runs; ") && federation.ps().await.is_ok() {
            progress(&format!("{name} runs; `carrick down` stops it"));
            return Ok(ExitCode::SUCCESS);
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// What the background process prints; beside the run directory, which does not exist yet.
fn tempfile_for(run: &RunDir) -> Result<std::path::PathBuf> {
    let parent = run.path().parent().context("the run directory has no parent")?;
    std::fs::create_dir_all(parent)?;
    Ok(run.path().with_extension("log"))
}
