//! Programs that run in pods: started, watched, restarted, ended. Knows pods only as a place to
//! start a program in.

mod keeper;

use std::fs::{DirBuilder, OpenOptions};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use nix::sys::signal::Signal;
use serde::{Deserialize, Serialize};
use tokio::sync::{mpsc, watch};

use crate::error::{Error, failed};
use crate::namespace::bearing_into;
use crate::pod::Pod;
use crate::pod_exec;
use crate::privileges::Privileges;

/// A program to run in a pod.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProcessPlan {
    /// Used in errors and logs.
    pub name: String,
    /// The program and its arguments. A name without a slash is looked up in the plan's `PATH`,
    /// inside the pod; `/proc/self/exe` is the running binary itself.
    pub argv: Vec<String>,
    /// The whole environment.
    pub env: Vec<(String, String)>,
    /// As the pod sees it.
    pub working_dir: PathBuf,
    pub privileges: Privileges,
    pub output: Output,
    pub restart: Restart,
}

/// Where standard output and standard error go. Standard input is empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// To the supervisor's own.
    Inherit,
    Discard,
    /// Both appended to this file, which is made with mode 0600 if need be.
    File(PathBuf),
}

/// What happens when the program ends by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Restart {
    Never,
    /// It is started again, after 0.1 s at first, then twice as long each time, up to 10 s; a run
    /// that lasted 10 s starts the series anew.
    Always,
}

/// How a program ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Exit {
    Code(i32),
    Signal(i32),
}

/// What a program is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Status {
    /// `pid` is that of the supervisor's pid namespace.
    Running { pid: u32, restarts: u32 },
    /// It ended and will be started again after this pause.
    Waiting { last: Exit, restarts: u32, pause: Duration },
    /// It ended for good: by itself, or because it was told to.
    Ended(Exit),
    /// It could not be started again (the reason is logged).
    Failed,
}

/// A program under supervision. Dropping it kills the program at once, with all processes of its
/// session's group.
#[derive(Debug)]
pub struct Process {
    name: String,
    status: watch::Receiver<Status>,
    orders: mpsc::UnboundedSender<keeper::Order>,
}

impl Process {
    /// Starts the program. Must be called within a tokio runtime, whose task keeps the program from
    /// then on.
    ///
    /// # Errors
    /// When no process could be started. That the program was not found shows as its exit code 127.
    pub fn start(pod: &Pod, plan: ProcessPlan) -> Result<Self, Error> {
        let name = plan.name.clone();
        let place = format!("process {name} of pod {}", pod.name());
        let (orders, inbox) = mpsc::unbounded_channel();
        let status = keeper::keep(pod.clone(), plan, inbox).map_err(|error| error.within(place))?;
        Ok(Self { name, status, orders })
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    pub fn status(&self) -> Status {
        *self.status.borrow()
    }

    /// For awaiting changes of the status.
    pub fn watch(&self) -> watch::Receiver<Status> {
        self.status.clone()
    }

    /// Sends a signal to the program, if it runs.
    pub fn signal(&self, signal: Signal) {
        // A keeper that is gone has ended its program: nobody is left to hear the signal.
        let _ = self.orders.send(keeper::Order::Signal(signal));
    }

    /// Asks the program to end (SIGTERM), kills it after `grace`, and returns when it is gone. It
    /// is not started again.
    pub async fn stop(&self, grace: Duration) -> Option<Exit> {
        let _ = self.orders.send(keeper::Order::Stop { grace });
        self.ended().await
    }

    /// Waits until the program has ended for good. `None`: it could not be started again.
    pub async fn ended(&self) -> Option<Exit> {
        let mut status = self.watch();
        let last = status.wait_for(|status| matches!(status, Status::Ended(_) | Status::Failed)).await;
        match last.map(|last| *last) {
            Ok(Status::Ended(exit)) => Some(exit),
            _ => None,
        }
    }
}

impl Pod {
    /// Starts the plan's program in this pod for a caller that waits for it itself, and that may
    /// set the three standard streams otherwise than the plan says. Restart policy does not apply.
    ///
    /// # Errors
    /// When no process could be started. That the program was not found shows as its exit code 127.
    pub fn spawn(&self, plan: &ProcessPlan, streams: impl FnOnce(&mut Command)) -> Result<Child, Error> {
        let mut command = self.command(plan)?;
        streams(&mut command);
        bearing_into(self.pid_namespace(), || command.spawn()).map_err(failed("start a process"))
    }

    /// A command that runs the plan's program in this pod, for a thread whose children are born
    /// into its pid namespace.
    fn command(&self, plan: &ProcessPlan) -> Result<Command, Error> {
        if plan.argv.is_empty() {
            return Err(Error::refused("check the plan", "no program is named"));
        }
        let mut command = pod_exec::command_in(self, plan.privileges, &plan.working_dir, &plan.argv);
        command.env_clear().envs(plan.env.iter().cloned()).stdin(Stdio::null());
        match &plan.output {
            Output::Inherit => {}
            Output::Discard => {
                command.stdout(Stdio::null()).stderr(Stdio::null());
            }
            Output::File(path) => {
                let doing = || format!("open the log {}", path.display());
                if let Some(dir) = path.parent() {
                    DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(failed(doing()))?;
                }
                let log = OpenOptions::new()
                    .append(true)
                    .create(true)
                    .mode(0o600)
                    .open(path)
                    .map_err(failed(doing()))?;
                command.stdout(log.try_clone().map_err(failed(doing()))?).stderr(log);
            }
        }
        Ok(command)
    }
}
