//! Pid 1 of a sandbox: prepares /proc, starts the supervisor, and is the one who cleans up.

use std::ffi::OsString;
use std::io::ErrorKind;
use std::os::fd::AsFd;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use nix::mount::{MsFlags, mount};

use super::run_dir;
use crate::error::{Error, failed};
use crate::namespace;
use crate::netlink::links::LOOPBACK;
use crate::netlink::{Conversation, Family};
use crate::reaper::{self, Lifeline};

/// Arguments: the run directory, the scratch directory or nothing, the grace in milliseconds, the
/// supervisor's arguments. Standard input: the lifeline.
pub(crate) fn run(arguments: &[OsString]) -> Result<i32, Error> {
    let [run_dir, scratch, grace, supervisor @ ..] = arguments else {
        return Err(Error::refused("start pid 1", "expected RUN_DIR SCRATCH GRACE_MS ARGUMENTS..."));
    };
    let run_dir = Path::new(run_dir);
    let grace = grace.to_str().and_then(|text| text.parse().ok()).map(Duration::from_millis);
    let grace =
        grace.ok_or_else(|| Error::refused("start pid 1", "the grace is not a number of milliseconds"))?;

    let _lock = run_dir::hold(run_dir)?;
    let outcome = serve(supervisor, grace);
    // Whatever happened, nothing may stay. Processes first: they could write into the run
    // directory.
    reaper::end_everything().map_err(failed("end the processes of the sandbox"))?;
    std::fs::remove_dir_all(run_dir).map_err(failed(format!("remove {}", run_dir.display())))?;
    if !scratch.is_empty() {
        remove_if_there(Path::new(scratch))?;
    }
    outcome
}

/// For the outer process too, where pid 1 was killed.
pub(super) fn remove_if_there(scratch: &Path) -> Result<(), Error> {
    match std::fs::remove_dir_all(scratch) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        removed => removed.map_err(failed(format!("remove {}", scratch.display()))),
    }
}

fn serve(supervisor: &[OsString], grace: Duration) -> Result<i32, Error> {
    mount_own_proc()?;
    Conversation::open(Family::Route)
        .and_then(|mut links| links.set_up(LOOPBACK))
        .map_err(failed("switch on the loopback interface"))?;
    let child = Command::new("/proc/self/exe")
        .args(supervisor)
        .stdin(Stdio::null())
        .spawn()
        .map_err(failed("start the supervisor"))?;
    let stdin = std::io::stdin();
    let lifeline = Lifeline { pipe: stdin.as_fd(), grace };
    reaper::watch_over(child.id(), Some(lifeline), false).map_err(failed("watch over the supervisor"))
}

/// Cuts the mounts loose from the machine's, and mounts a /proc that shows this pid namespace.
pub(crate) fn mount_own_proc() -> Result<(), Error> {
    const NOTHING: Option<&str> = None;
    mount(NOTHING, "/", NOTHING, MsFlags::MS_REC | MsFlags::MS_PRIVATE, NOTHING)
        .map_err(failed("keep mounts to ourselves"))?;
    namespace::mount_proc().map_err(failed("mount /proc"))
}
