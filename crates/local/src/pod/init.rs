//! A pod's pid 1. It keeps the pod's pid namespace, shows it in `/proc`, and collects orphans; when
//! it goes, the kernel ends every process of the pod. It must not know which programs run there.

use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::process::{Child, Stdio};

use nix::sched::{CloneFlags, unshare};
use nix::sys::prctl::set_dumpable;
use rustix::fs::{Mode, OFlags, open, openat};

use crate::error::{Error, failed};
use crate::namespace;
use crate::privileges::Privileges;
use crate::reaper;
use crate::subcommand::Subcommand;

/// The running pid 1. Dropping it ends every process of the pod.
#[derive(Debug)]
pub(super) struct Init(Option<Child>);

impl Init {
    /// Starts it from the thread that builds the pod, whose other namespaces are the pod's already.
    /// When this returns, the pod's `/proc` is its own; the thread does not find itself there.
    pub(super) fn start() -> Result<(Self, OwnedFd), Error> {
        const STEP: &str = "start pid 1 of the pod";
        let dir = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let own = open("/proc/thread-self/ns", dir, Mode::empty()).map_err(failed(STEP))?;
        unshare(CloneFlags::CLONE_NEWPID).map_err(failed("make a pid namespace"))?;
        let mut command = Subcommand::PodInit.command();
        let process = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().map_err(failed(STEP))?;
        let mut init = Self(Some(process));
        let processes = openat(&own, "pid_for_children", OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())
            .map_err(failed("hold the pid namespace"))?;
        let said = init.0.as_mut().and_then(|process| process.stdout.take());
        let told = said.map_or(0, |mut said| said.read(&mut [0]).unwrap_or(0));
        // What went wrong it has said on standard error.
        if told == 0 { Err(Error::refused(STEP, "it ended at once")) } else { Ok((init, processes)) }
    }
}

impl Drop for Init {
    fn drop(&mut self) {
        let Some(mut process) = self.0.take() else { return };
        // This fails only if it is gone, and then everybody else is.
        let _ = process.kill();
        // Not here: it is not over before every process of the pod was collected, by keepers on
        // this very thread perhaps. Should there be no thread to be had, the number of the dead
        // stays taken for as long as we live.
        let _ = std::thread::Builder::new().spawn(move || process.wait());
    }
}

/// `local-pod-init`: says one byte on standard output when the pod's `/proc` is there.
pub(crate) fn run() -> Result<i32, Error> {
    namespace::mount_proc().map_err(failed("mount the pod's /proc"))?;
    // Applications find this process as number 1, with the place where it stands and all that it
    // may do.
    std::env::set_current_dir("/").map_err(failed("leave the supervisor's directory"))?;
    set_dumpable(false).map_err(failed("keep debuggers out"))?;
    Privileges::App.assume()?;
    std::io::stdout().write_all(b".").and_then(|()| std::io::stdout().flush()).map_err(failed("say so"))?;
    reaper::collect_for_ever().map_err(failed("collect the pod's processes"))
}
