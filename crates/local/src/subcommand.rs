//! The hidden subcommands: this crate starts the running binary again (`/proc/self/exe`) to get
//! single-threaded processes, in which changing namespaces and privileges is safe.
//!
//! It must not know what a subcommand does.

use std::ffi::OsStr;
use std::process::Command;

/// One hidden subcommand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Subcommand {
    /// Makes the namespaces of a sandbox and waits for its pid 1.
    Sandbox,
    /// Is pid 1 of a sandbox.
    Init,
    /// Is pid 1 of a pod.
    PodInit,
    /// Enters a pod and becomes a program.
    PodExec,
    /// Enters a running sandbox from outside and waits for a `PodExec` there.
    Enter,
    /// Tries what the machine allows.
    Probe,
    /// The same, as pid 1 of fresh namespaces.
    ProbeInside,
}

const NAMES: [(&str, Subcommand); 7] = [
    ("local-sandbox", Subcommand::Sandbox),
    ("local-init", Subcommand::Init),
    ("local-pod-init", Subcommand::PodInit),
    ("local-pod-exec", Subcommand::PodExec),
    ("local-enter", Subcommand::Enter),
    ("local-probe", Subcommand::Probe),
    ("local-probe-inside", Subcommand::ProbeInside),
];

impl Subcommand {
    /// The one that is called so.
    pub(crate) fn of_name(name: &OsStr) -> Option<Self> {
        NAMES.iter().find(|(known, _)| OsStr::new(known) == name).map(|(_, subcommand)| *subcommand)
    }

    /// A command that starts the running binary again, with this subcommand. It works even if the
    /// file was replaced or deleted since.
    pub(crate) fn command(self) -> Command {
        let name = NAMES.iter().find(|(_, subcommand)| *subcommand == self).map_or("", |(name, _)| name);
        let mut command = Command::new("/proc/self/exe");
        command.arg(name);
        command
    }
}
