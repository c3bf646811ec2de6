//! What stands beside each proxy: it makes the workload's key, has it certified, hands both to the
//! proxy over SDS, writes the proxy's bootstrap, and runs the proxy (which may be Carrick's or
//! Envoy).
//!
//! The key never leaves this process and the proxy. It must not know which program the proxy is.

mod certify;
mod error;
mod sds;
mod secrets;
mod svid;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use carrick_translate::{BootstrapPlan, ProxyNode, bootstrap};
use carrick_xds::json;
use tokio::process::{Child, Command};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use crate::files;

pub use error::AgentError;
pub use svid::Svid;

/// What an agent needs to know.
#[derive(Debug, Clone)]
pub struct AgentOptions {
    /// The control plane's Unix socket.
    pub control: PathBuf,
    /// A folder of its own, for the bootstrap and the secrets' socket.
    pub dir: PathBuf,
    pub node: ProxyNode,
    /// Lifetime of certificates to ask for, in seconds; 0 takes the CA's default.
    pub ttl_seconds: i64,
    /// The proxy's program and arguments; `{bootstrap}` stands for the bootstrap's path.
    pub proxy: Vec<String>,
    /// The mark on the proxy's own connections, where traffic is captured.
    pub own_traffic_mark: Option<u32>,
}

/// Runs the agent and its proxy until the proxy ends or `stop` is cancelled; gives the proxy's exit
/// code.
pub async fn run(options: AgentOptions, stop: CancellationToken) -> Result<u8, AgentError> {
    files::private_dir(&options.dir)?;
    let socket = options.dir.join("sds.sock");
    let (publish, mut svids) = watch::channel::<Option<Arc<Svid>>>(None);
    let sds = AbortOnDropHandle::new(tokio::spawn(sds::serve(socket.clone(), svids.clone())));
    let _renewal = AbortOnDropHandle::new(tokio::spawn(certify::keep_fresh(
        options.control.clone(),
        options.ttl_seconds,
        publish,
    )));
    // Without a certificate the proxy could serve nobody, and would only ask for secrets that are
    // not there.
    tokio::select! {
        first = svids.wait_for(Option::is_some) => { first.map_err(|_| AgentError::Task("nobody asks for certificates".into()))?; }
        () = stop.cancelled() => return Ok(0),
    }

    let path = options.dir.join("bootstrap.json");
    write_bootstrap(&options, &socket, &path)?;
    let child = start_proxy(&options.proxy, &path)?;
    tokio::select! {
        code = supervise(child, &stop) => code,
        ended = sds => Err(match ended {
            Ok(Ok(())) => AgentError::Task("secrets are not served any more".into()),
            Ok(Err(error)) => error,
            Err(error) => AgentError::Task(error.to_string()),
        }),
    }
}

fn write_bootstrap(options: &AgentOptions, sds_socket: &Path, path: &Path) -> Result<(), AgentError> {
    let text = |path: &Path| path.to_string_lossy().into_owned();
    let mut plan = BootstrapPlan::new(options.node.clone(), text(&options.control), text(sds_socket));
    plan.own_traffic_mark = options.own_traffic_mark;
    files::replace(path, bootstrap_text(&plan)?.as_bytes(), 0o600)?;
    Ok(())
}

/// The bootstrap as the JSON that Envoy and Carrick's proxy read.
pub fn bootstrap_text(plan: &BootstrapPlan) -> Result<String, AgentError> {
    let tree = json::to_json(&bootstrap(plan)).map_err(|error| AgentError::Bootstrap(error.to_string()))?;
    serde_json::to_string_pretty(&tree).map_err(|error| AgentError::Bootstrap(error.to_string()))
}

fn start_proxy(words: &[String], bootstrap: &Path) -> Result<Child, AgentError> {
    let path = bootstrap.to_string_lossy();
    let mut words = words.iter().map(|word| word.replace("{bootstrap}", &path));
    let program = words.next().ok_or(AgentError::NoProxy)?;
    Command::new(&program)
        .args(words)
        .kill_on_drop(true)
        .spawn()
        .map_err(|reason| AgentError::Start { program, reason })
}

/// Waits for the proxy; passes the wish to stop on to it, so that it can drain.
async fn supervise(mut child: Child, stop: &CancellationToken) -> Result<u8, AgentError> {
    let status = tokio::select! {
        status = child.wait() => status?,
        () = stop.cancelled() => {
            if let Some(pid) = child.id().and_then(|pid| rustix::process::Pid::from_raw(pid.cast_signed())) {
                // It can have ended just now; waiting tells.
                let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
            }
            child.wait().await?
        }
    };
    Ok(status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(1))
}
