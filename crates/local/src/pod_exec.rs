//! Becoming a program in a pod: enter its namespaces, give up what the program must not have, then
//! replace ourselves with it. The pid stays, so signals and exit codes need no interpreter. Whoever
//! starts us has entered the pod's pid namespace already, so that we were born into it.
//! Single-threaded.

use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use nix::sched::{CloneFlags, setns};
use nix::sys::prctl::set_pdeathsig;
use nix::sys::signal::Signal;
use nix::unistd::setsid;
use serde::{Deserialize, Serialize};

use crate::error::{Error, failed};
use crate::pod::{EntryPaths, Pod, PodEntry};
use crate::privileges::Privileges;
use crate::reaper;
use crate::subcommand::Subcommand;

/// What a `local-pod-exec` process is told in its first argument; the program's own arguments
/// follow. The environment is simply inherited.
#[derive(Debug, Serialize, Deserialize)]
struct Order {
    entry: EntryPaths,
    privileges: Privileges,
    working_dir: PathBuf,
    attachment: Attachment,
}

/// What ties the program to whoever started it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Attachment {
    /// A session of its own: signals come only from the supervisor.
    OwnSession,
    /// The starter's terminal, and the starter's death kills it.
    Foreground,
}

/// A command that runs `argv` in the pod, for a thread whose children are born into the pod's pid
/// namespace. Environment and the three standard streams are the caller's to set.
pub(crate) fn command_in(pod: &Pod, privileges: Privileges, working_dir: &Path, argv: &[String]) -> Command {
    let order = order_for(&pod.entry(), std::process::id(), privileges, working_dir, Attachment::OwnSession);
    let mut command = Subcommand::PodExec.command();
    command.arg(order).args(argv);
    command
}

impl PodEntry {
    /// A command that runs `argv` in the pod, for a process outside of the sandbox (the same user
    /// as the one who started it). It uses the caller's terminal; its exit code is the program's.
    /// `supervisor` is the pid of the process that told the entry, as the caller sees it
    /// (`SO_PEERCRED` on its control socket).
    pub fn command(
        &self,
        supervisor: u32,
        privileges: Privileges,
        working_dir: &Path,
        argv: &[String],
    ) -> Command {
        let order = order_for(self, supervisor, privileges, working_dir, Attachment::Foreground);
        let mut command = Subcommand::Enter.command();
        command.arg(supervisor.to_string()).arg(self.paths(supervisor).processes).arg(order).args(argv);
        command
    }
}

fn order_for(
    entry: &PodEntry,
    supervisor: u32,
    privileges: Privileges,
    working_dir: &Path,
    attachment: Attachment,
) -> String {
    let (entry, working_dir) = (entry.paths(supervisor), working_dir.to_path_buf());
    let order = Order { entry, privileges, working_dir, attachment };
    // Only a path that is no UTF-8 cannot be written so; the reader then says that the order is
    // broken.
    serde_json::to_string(&order).unwrap_or_default()
}

/// `local-pod-exec ORDER ARGV...`
pub(crate) fn run(arguments: &[OsString]) -> Result<i32, Error> {
    let [order, program, program_arguments @ ..] = arguments else {
        return Err(Error::refused("enter the pod", "no program was named"));
    };
    let order: Order = serde_json::from_slice(order.as_encoded_bytes())
        .map_err(|error| Error::refused("enter the pod", format!("the order is broken: {error}")))?;
    match order.attachment {
        Attachment::OwnSession => {
            setsid().map_err(failed("begin a session"))?;
        }
        Attachment::Foreground => set_pdeathsig(Signal::SIGKILL).map_err(failed("tie the program to us"))?,
    }
    // All are opened before any is entered: in the pod's mount namespace the paths may mean
    // something else.
    let open =
        |path: &Path| File::open(path).map_err(failed(format!("enter the pod: open {}", path.display())));
    let entry = &order.entry;
    let (network, names) = (open(&entry.network)?, open(&entry.names)?);
    let (queues, mounts) = (open(&entry.queues)?, open(&entry.mounts)?);
    setns(network, CloneFlags::CLONE_NEWNET).map_err(failed("enter the pod's network"))?;
    setns(names, CloneFlags::CLONE_NEWUTS).map_err(failed("enter the pod's host name"))?;
    setns(queues, CloneFlags::CLONE_NEWIPC).map_err(failed("enter the pod's message queues"))?;
    setns(mounts, CloneFlags::CLONE_NEWNS).map_err(failed("enter the pod's file system"))?;
    let working_dir = &order.working_dir;
    std::env::set_current_dir(working_dir).map_err(failed(format!("enter {}", working_dir.display())))?;
    order.privileges.assume()?;

    reaper::release().map_err(failed("let signals through"))?;
    let error = Command::new(program).args(program_arguments).exec();
    Ok(report_failed_exec(program, &error))
}

/// The shell's exit codes: 127 for "not found", 126 for "found, but not executable".
fn report_failed_exec(program: &OsString, error: &io::Error) -> i32 {
    use std::io::Write;
    // With standard error closed there is nobody left to tell.
    let _ = writeln!(io::stderr(), "carrick: run {}: {error}", program.display());
    if error.kind() == io::ErrorKind::NotFound { 127 } else { 126 }
}

/// `local-enter SUPERVISOR PROCESSES ORDER ARGV...`: enters the user namespace of the sandbox and
/// the pid namespace of the pod. The latter takes effect for children only, hence the second
/// process.
pub(crate) fn enter(arguments: &[OsString]) -> Result<i32, Error> {
    let [supervisor, processes, rest @ ..] = arguments else {
        return Err(Error::refused("enter the sandbox", "no supervisor and no pod were named"));
    };
    let open =
        |path: &Path| File::open(path).map_err(failed(format!("enter the sandbox: open {}", path.display())));
    let user = open(&Path::new("/proc").join(supervisor).join("ns/user"))?;
    let processes = open(Path::new(processes))?;
    setns(user, CloneFlags::CLONE_NEWUSER).map_err(failed("enter the sandbox's user namespace"))?;
    setns(processes, CloneFlags::CLONE_NEWPID).map_err(failed("enter the pod's pid namespace"))?;
    // Whoever started us is the one whom the program serves: killed, it takes the program along.
    // Said last, because the kernel forgets it when a process gains capabilities.
    set_pdeathsig(Signal::SIGKILL).map_err(failed("tie ourselves to whoever started us"))?;
    reaper::hold().map_err(failed("hold signals back"))?;
    let child =
        Subcommand::PodExec.command().args(rest).spawn().map_err(failed("start a process in the sandbox"))?;
    reaper::watch_over(child.id(), None, true).map_err(failed("wait for the program"))
}
