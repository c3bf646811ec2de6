//! The process outside of the namespaces: it checks the folder and the machine, starts the
//! supervisor, and holds the lifeline.
//!
//! When it ends, however it ends, everything inside ends. It must not know what runs inside.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use carrick_local::{Lifeline, Sandbox, SandboxPlan, check_machine};
use carrick_model::Diagnostic;
use sha2::{Digest, Sha256};

use super::client::Federation;
use super::envoy::Envoy;
use super::layout::RunDir;
use super::plan::{self, FederationPlan};

/// How long everything may take to end after it was asked to.
const GRACE: Duration = Duration::from_secs(10);

/// Where this user's federations live.
#[derive(Debug, Clone)]
pub struct UserPaths {
    /// One folder for each running federation.
    pub run: PathBuf,
    /// One folder for each federation's certificates and addresses.
    pub state: PathBuf,
}

/// A federation that was started from here.
pub struct Running {
    pub plan: FederationPlan,
    pub federation: Federation,
    sandbox: Sandbox,
    lifeline: Lifeline,
}

/// What to start, and where.
#[derive(Debug)]
pub struct Plan<'a> {
    pub folder: PathBuf,
    pub run: PathBuf,
    pub state: PathBuf,
    /// A folder that goes when the federation ends, however it ends.
    pub scratch: Option<PathBuf>,
    /// What to log.
    pub log: &'a str,
    /// Lifetime of workload certificates in seconds, if not the usual.
    pub workload_ttl: Option<u64>,
    pub envoy: Option<Envoy>,
}

/// Checks the folder and the machine, then starts. Returns at once; readiness is the caller's to
/// await.
///
/// # Errors
/// Findings in the folder, or what the machine lacks; nothing was started then.
pub fn start(start: &Plan<'_>) -> Result<Running> {
    let Plan { folder, run, state, scratch, log, workload_ttl, envoy } = start;
    let folder = folder.canonicalize().with_context(|| format!("cannot read {}", folder.display()))?;
    let plan = plan::read(&folder)?;
    let rendered = carrick_model::render(&plan.diagnostics, &plan.files);
    if plan.diagnostics.iter().any(Diagnostic::is_error) {
        bail!("{rendered}\nnothing was started; help the errors above");
    }
    let missing = check_machine();
    if !missing.is_empty() {
        let lines: Vec<String> =
            missing.iter().map(|m| format!("  {}: {}\n    help: {}", m.what, m.why, m.help)).collect();
        bail!("this machine does not allow what a federation needs:\n{}", lines.join("\n"));
    }
    for folder in [run.parent(), state.parent(), Some(state)].into_iter().flatten() {
        carrick_files::own_dir(folder)?;
    }
    let word = |text: &str| OsString::from(text);
    let mut supervisor = vec![
        word("--log"),
        word(log),
        word("supervise"),
        word("--folder"),
        folder.into_os_string(),
        word("--run"),
        run.clone().into_os_string(),
        word("--state"),
        state.clone().into_os_string(),
    ];
    if let Some(ttl) = workload_ttl {
        supervisor.extend([word("--workload-ttl"), word(&ttl.to_string())]);
    }
    if let Some(envoy) = envoy {
        let hops: Vec<String> = envoy.hops.iter().map(ToString::to_string).collect();
        supervisor.extend([word("--envoy-program"), envoy.program.clone().into_os_string()]);
        supervisor.extend([word("--envoy"), word(&hops.join(","))]);
    }
    let (sandbox, lifeline) = Sandbox::launch(&SandboxPlan {
        run_dir: run.clone(),
        scratch: scratch.clone(),
        supervisor,
        grace: GRACE,
    })?;
    Ok(Running { plan, federation: Federation::new(RunDir::new(run.clone())), sandbox, lifeline })
}

impl Running {
    /// Waits until every proxy has its configuration.
    pub async fn ready(&self, patience: Duration) -> Result<()> {
        let waiting = async {
            let mut reason = String::from("the supervisor has not answered");
            let deadline = tokio::time::Instant::now() + patience;
            loop {
                match self.not_ready().await {
                    Ok(None) => return Ok(()),
                    Ok(Some(pods)) => reason = format!("waiting for {pods}"),
                    Err(error) => tracing::debug!("not ready: {error:#}"),
                }
                if tokio::time::Instant::now() >= deadline {
                    bail!("not everything is ready after {} s: {reason}", patience.as_secs());
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        waiting.await
    }

    async fn not_ready(&self) -> Result<Option<String>> {
        let fleet = self.federation.ps().await?;
        let mut waiting = Vec::new();
        for row in fleet.pods.iter().filter(|row| row.has_proxy) {
            if !self.federation.is_ready(&row.name()).await {
                waiting.push(format!("{}/{}", row.cluster, row.pod));
            }
        }
        Ok((!waiting.is_empty()).then(|| waiting.join(", ")))
    }

    /// Stops everything and waits until it is gone.
    pub async fn stop(self) -> Result<i32> {
        drop(self.lifeline);
        Ok(tokio::task::spawn_blocking(move || self.sandbox.wait()).await??)
    }
}

impl UserPaths {
    pub fn run_of(&self, name: &str) -> PathBuf {
        self.run.join(name)
    }

    /// Two folders may hold federations of one name; their certificates are kept apart.
    pub fn state_of(&self, name: &str, folder: &Path) -> PathBuf {
        let folder = folder.canonicalize().unwrap_or_else(|_| folder.to_owned());
        let digest = hex::encode(&Sha256::digest(folder.as_os_str().as_encoded_bytes())[..6]);
        self.state.join(format!("{name}-{digest}"))
    }
}
