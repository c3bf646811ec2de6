//! The hidden subcommands: this crate starts the running binary again (`/proc/self/exe`) to get single-threaded
//! processes, in which changing namespaces and privileges is safe. The binary's `main` asks here first.

use std::ffi::{OsStr, OsString};
use std::process::{Command, ExitCode};

use crate::{pod, pod_exec, preflight, sandbox};

/// One hidden subcommand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Entry {
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

const ENTRIES: [(&str, Entry); 7] = [
    ("local-sandbox", Entry::Sandbox),
    ("local-init", Entry::Init),
    ("local-pod-init", Entry::PodInit),
    ("local-pod-exec", Entry::PodExec),
    ("local-enter", Entry::Enter),
    ("local-probe", Entry::Probe),
    ("local-probe-inside", Entry::ProbeInside),
];

/// Must be the first statement of `main`, before any thread or async runtime: if the arguments (program name
/// included) are one of this crate's hidden subcommands, serves it and returns the exit code to leave with.
///
/// Exit codes are those of the program that was run; 125 means that it could not be started here, 126 that it could not
/// be executed, 127 that it was not found (as `env` and `docker run` have it).
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> Option<ExitCode> {
    let mut arguments = arguments.into_iter().skip(1);
    let name = arguments.next()?;
    let (_, entry) = ENTRIES.iter().find(|(known, _)| OsStr::new(known) == name)?;
    let arguments: Vec<OsString> = arguments.collect();
    let outcome = match entry {
        Entry::Sandbox => sandbox::stage::run(&arguments),
        Entry::Init => sandbox::init::run(&arguments),
        Entry::PodInit => pod::init::run(),
        Entry::PodExec => pod_exec::run(&arguments),
        Entry::Enter => pod_exec::enter(&arguments),
        Entry::Probe => preflight::probe::run(),
        Entry::ProbeInside => preflight::probe::run_inside(),
    };
    Some(match outcome {
        Ok(code) => ExitCode::from(u8::try_from(code).unwrap_or(u8::MAX)),
        Err(error) => {
            use std::io::Write;
            // With standard error closed there is nobody left to tell.
            let _ = writeln!(std::io::stderr(), "carrick: {error}");
            ExitCode::from(125)
        }
    })
}

impl Entry {
    /// A command that starts the running binary again, with this subcommand. It works even if the file was replaced or
    /// deleted since.
    pub(crate) fn command(self) -> Command {
        let name = ENTRIES.iter().find(|(_, entry)| *entry == self).map_or("", |(name, _)| name);
        let mut command = Command::new("/proc/self/exe");
        command.arg(name);
        command
    }
}
