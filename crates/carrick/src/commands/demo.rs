//! `carrick demo`: the whole of it in seconds, on this machine, leaving nothing behind.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::Result;

use carrick_api::Kind;

use super::{daemons, note_client, paths, print, print_document, progress, up};
use crate::args::DemoArgs;
use crate::demo::report;
use crate::demo::{attacks, example};
use crate::fleet::layout::StateDir;
use crate::fleet::outer::{self, Running};
use crate::style::Style;
use crate::trace::measure;

const PATIENCE: Duration = Duration::from_secs(30);

/// The demo's own folder, removed whatever happens.
struct Workshop(PathBuf);

impl Workshop {
    fn new(parent: &Path) -> Result<Self> {
        carrick_files::own_dir(parent)?;
        let path = parent.join(format!("demo-{}.files", std::process::id()));
        carrick_files::own_dir(&path)?;
        Ok(Self(path))
    }
}

impl Drop for Workshop {
    fn drop(&mut self) {
        match std::fs::remove_dir_all(&self.0) {
            // A federation that was started has taken it along.
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => tracing::warn!("{} stays behind: {error}", self.0.display()),
            Ok(()) => {}
        }
    }
}

pub async fn run(args: DemoArgs, style: Style, log: &str) -> Result<ExitCode> {
    let began = Instant::now();
    let stop = daemons::stop_on_signals()?;
    let paths = paths::of_user()?;
    let workshop = Workshop::new(&paths.run)?;
    let folder = workshop.0.join("two-clusters");
    match &args.example {
        Some(example) => example::copy(example, &folder)?,
        None => example::write(&folder)?,
    }
    let state = StateDir::new(workshop.0.join("state"));
    progress("starting a root CA, two clusters, and their workloads");
    let run = paths.run_of(&format!("demo-{}", std::process::id()));
    let running = outer::start(&outer::Plan {
        folder,
        run,
        state: state.path().to_owned(),
        scratch: Some(workshop.0.clone()),
        log,
        workload_ttl: None,
        envoy: paths::envoy(&args.envoy)?,
    })?;
    let outcome = tokio::select! {
        outcome = tell(&running, &state, began, &args, style) => outcome,
        () = stop.cancelled() => Err(anyhow::anyhow!("interrupted")),
    };
    let held = match outcome {
        Ok(held) => held,
        Err(error) => {
            running.stop().await?;
            return Err(error);
        }
    };
    if args.keep {
        up::stay(running, &stop).await?;
    } else {
        running.stop().await?;
    }
    Ok(if held { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn tell(
    running: &Running,
    state: &StateDir,
    began: Instant,
    args: &DemoArgs,
    style: Style,
) -> Result<bool> {
    running.ready(PATIENCE).await?;
    progress(&format!("ready after {} ms; the client calls {}", began.elapsed().as_millis(), example::URL));
    let client = running.federation.find(example::CLIENT).await?;
    let request = measure::request(&running.federation, &client, example::URL).await?;
    note_client(&request);
    let first = u64::try_from(began.elapsed().as_millis())?;
    progress("trying what must be refused");
    let checks = attacks::run(&running.federation, state).await?;
    let report = report::report(request, checks, first);
    match args.json {
        true => print_document(Kind::DemoReport, &report)?,
        false => print(&report::render(&report, style))?,
    }
    Ok(report.held)
}
