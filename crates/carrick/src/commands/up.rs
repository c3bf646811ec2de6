//! `carrick up FOLDER`: starts a federation and keeps it running, telling what the operator's edits
//! do.

use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command, ExitCode, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use carrick_api::control::{Refusal, Status};
use carrick_api::finding::Finding;
use tokio_util::sync::CancellationToken;

use super::{daemons, describe_refusal, paths, progress};
use crate::args::UpArgs;
use crate::fleet::client::Federation;
use crate::fleet::http::Silent;
use crate::fleet::layout::RunDir;
use crate::fleet::outer::{self, Running};
use crate::fleet::plan;

const PATIENCE: Duration = Duration::from_secs(60);

/// Told once everything runs; the background's parent waits for it.
const STOPS_IT: &str = "Ctrl-C or `carrick down` stops it";

pub async fn run(args: UpArgs, log: &str) -> Result<ExitCode> {
    let paths = paths::of_user()?;
    let name = match &args.which.federation {
        Some(name) => name.clone(),
        None => plan::read(&args.folder)?.name,
    };
    let run = paths.run_of(&name);
    if args.detach {
        return detach(&args, &name, &RunDir::new(&run), log).await;
    }
    let stop = daemons::stop_on_signals()?;
    let running = outer::start(&outer::Plan {
        folder: args.folder.clone(),
        run,
        state: paths.state_of(&name, &args.folder),
        scratch: None,
        log,
        workload_ttl: args.workload_ttl,
        envoy: paths::envoy(&args.envoy)?,
    })?;
    progress(&format!("starting {name}"));
    if !running.plan.diagnostics.is_empty() {
        progress(&carrick_model::render(&running.plan.diagnostics, &running.plan.files));
    }
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
    let mut reports = Vec::new();
    for cluster in &running.plan.clusters {
        let cluster = cluster.spec.name.clone();
        // Asked before anybody is told that it runs, so that the first edit is reported too.
        let known = running.federation.status(&cluster, None).await.ok();
        reports.push(tokio::spawn(report(running.federation.clone(), cluster, known)));
    }
    progress(&format!("{name} runs; {STOPS_IT}"));
    tokio::select! {
        () = stop.cancelled() => {}
        () = gone(&running.federation) => {}
    }
    reports.iter().for_each(tokio::task::JoinHandle::abort);
    progress(&format!("stopping {name}"));
    running.stop().await?;
    Ok(ExitCode::SUCCESS)
}

/// Completes when the supervisor's socket is gone. One that is there and says nothing is still
/// there.
async fn gone(federation: &Federation) {
    while federation.ps().await.map_or_else(|error| error.is::<Silent>(), |_| true) {
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

/// Prints what a control plane says of each change, and what proxies refuse.
async fn report(federation: Federation, cluster: String, mut known: Option<Status>) {
    loop {
        let position = known.as_ref().map(|status| (status.version, status.refusals));
        let Ok(status) = federation.status(&cluster, position).await else {
            tokio::time::sleep(Duration::from_millis(500)).await;
            continue;
        };
        if position.is_none_or(|(version, _)| version != status.version) {
            let rendered = &status.rendered;
            match status.diagnostics.iter().any(Finding::is_error) {
                true => progress(&format!(
                    "{cluster}: a file has errors; its last good version stays in force\n{rendered}"
                )),
                false => progress(&format!("{cluster}: the change is in force\n{rendered}")),
            }
        }
        refusals(&cluster, known.as_ref(), &status).iter().for_each(|line| progress(line));
        known = Some(status);
    }
}

/// What proxies refuse now and did not refuse before.
fn refusals(cluster: &str, before: Option<&Status>, now: &Status) -> Vec<String> {
    let known = |node: &str, what: &String, refusal: &Refusal| {
        let before = before.into_iter().flat_map(|status| &status.proxies).find(|proxy| proxy.node == node);
        before.and_then(|proxy| proxy.refused.get(what)) == Some(refusal)
    };
    let mut lines = Vec::new();
    for proxy in &now.proxies {
        let who = format!("{cluster}: {}", proxy.node.split('~').nth(2).unwrap_or(&proxy.node));
        let new = proxy.refused.iter().filter(|(what, refusal)| !known(&proxy.node, what, refusal));
        lines.extend(new.map(|(what, refusal)| describe_refusal(refusal, &who, what)));
    }
    lines
}

/// Starts the same command in the background and returns once everything runs.
async fn detach(args: &UpArgs, name: &str, run: &RunDir, log: &str) -> Result<ExitCode> {
    let said = Draft::beside(run)?;
    let file =
        std::fs::File::create(&said.0).with_context(|| format!("cannot write {}", said.0.display()))?;
    let mut command = Command::new("/proc/self/exe");
    command.args(["--log", log, "up", "--federation", name]).arg(&args.folder);
    if let Some(ttl) = args.workload_ttl {
        command.args(["--workload-ttl", &ttl.to_string()]);
    }
    if !args.envoy.is_empty() {
        let hops: Vec<String> = args.envoy.iter().map(ToString::to_string).collect();
        command.args(["--envoy", &hops.join(",")]);
    }
    // Out of the terminal's reach: Ctrl-C is for whoever runs in the foreground.
    command.process_group(0).stdin(Stdio::null()).stdout(file.try_clone()?).stderr(file);
    let mut child = command.spawn()?;
    let federation = Federation::new(run.clone());
    loop {
        let text = std::fs::read_to_string(&said.0).unwrap_or_default();
        if let Some(status) = child.try_wait()? {
            bail!("{}(exit status {status})", text.trim_start_matches("error: "));
        }
        if text.contains(STOPS_IT) && federation.ps().await.is_ok() {
            // From here on it belongs to the run directory, and goes with it.
            std::fs::rename(&said.0, run.outer_log())?;
            progress(&format!("{name} runs; `carrick down` stops it"));
            return Ok(ExitCode::SUCCESS);
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// What the background process prints, beside the run directory that does not exist yet; removed
/// unless it was moved away.
struct Draft(PathBuf);

impl Draft {
    fn beside(run: &RunDir) -> Result<Self> {
        let parent = run.path().parent().context("the run directory has no parent")?;
        carrick_files::own_dir(parent)?;
        Ok(Self(parent.join(format!(".up-{}.log", std::process::id()))))
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        // It is gone if all went well.
        let _ = std::fs::remove_file(&self.0);
    }
}
