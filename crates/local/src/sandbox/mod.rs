//! A sandbox: fresh user, mount, network, pid, host-name and IPC namespaces with a supervisor in
//! them, that needs no root and outlives nobody. Knows nothing of networks and pods, which the
//! supervisor builds.
//!
//! ```text
//! outer process ── holds the lifeline's writing end, and the run directory's lock
//!   └─ local-sandbox ── unshares, maps the caller to user 0, waits           (stage)
//!        └─ local-init ── pid 1: mounts /proc, watches the lifeline, reaps   (init)
//!             └─ supervisor ── the binary with the caller's own arguments
//! ```
//!
//! When the outer process ends, however it ends, the kernel closes the lifeline; pid 1 then asks
//! the supervisor to end, kills what is left, removes the run directory and exits, which ends the
//! pid namespace.

pub(crate) mod init;
mod run_dir;
pub(crate) mod stage;

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Stdio};
use std::time::Duration;

use crate::error::{Error, failed};
use crate::subcommand::Subcommand;
use run_dir::RunDir;

/// What to run in a sandbox.
#[derive(Debug, Clone)]
pub struct SandboxPlan {
    /// Made by [`Sandbox::launch`] with mode 0700 and removed when the sandbox ends. Must not
    /// exist, unless it was left behind by a sandbox that nobody could clean up (power failure):
    /// then it is removed first.
    pub run_dir: PathBuf,
    /// A directory of the caller's own that goes when the sandbox ends, however it ends.
    pub scratch: Option<PathBuf>,
    /// Arguments (without the program's name) for the supervisor, which is the running binary
    /// itself. Its standard input is empty; standard output and error are the caller's.
    pub supervisor: Vec<OsString>,
    /// How long the supervisor may take to end after it was asked to.
    pub grace: Duration,
}

/// A sandbox that runs.
#[derive(Debug)]
pub struct Sandbox {
    child: Child,
    run_dir: RunDir,
    scratch: Option<PathBuf>,
}

/// As long as this is held (and the process that holds it lives), the sandbox runs. Dropping it
/// asks the supervisor to end (SIGTERM), and ends everything after the plan's grace.
#[derive(Debug)]
pub struct Lifeline {
    /// Never written to: its closing is the message.
    _pipe: ChildStdin,
}

impl Sandbox {
    /// Starts the sandbox. Returns as soon as its first process runs; what fails later is told on
    /// standard error and by the exit code of [`Sandbox::wait`].
    ///
    /// # Errors
    /// When the run directory belongs to a sandbox that lives, or cannot be made.
    pub fn launch(plan: &SandboxPlan) -> Result<(Self, Lifeline), Error> {
        let run_dir = RunDir::create(&plan.run_dir)?;
        let mut command = Subcommand::Sandbox.command();
        // An empty path stands for none.
        let scratch = plan.scratch.clone().unwrap_or_default();
        command.arg(run_dir.path()).arg(scratch).arg(plan.grace.as_millis().to_string());
        command.args(&plan.supervisor);
        let mut child =
            command.stdin(Stdio::piped()).spawn().map_err(failed("start the sandbox's first process"))?;
        let Some(lifeline) = child.stdin.take() else {
            return Err(Error::refused("start the sandbox's first process", "it has no lifeline"));
        };
        Ok((Self { child, run_dir, scratch: plan.scratch.clone() }, Lifeline { _pipe: lifeline }))
    }

    /// Waits until everything in the sandbox has ended and its run directory is gone. Returns the
    /// supervisor's exit code; 128 + N if signal N killed it.
    pub fn wait(mut self) -> Result<i32, Error> {
        use std::os::unix::process::ExitStatusExt;
        // `Child::wait` would close standard input first, but the lifeline was taken out.
        let status = self.child.wait().map_err(failed("wait for the sandbox"))?;
        self.run_dir.remove();
        // Pid 1 removed it, unless it was killed.
        self.scratch.as_deref().map_or(Ok(()), init::remove_if_there)?;
        Ok(status.code().or_else(|| status.signal().map(|signal| 128 + signal)).unwrap_or(125))
    }
}
