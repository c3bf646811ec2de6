//! Where the running binary, started again with one of the hidden subcommands, goes. The binary's
//! `main` asks here first.

use std::ffi::OsString;
use std::process::ExitCode;

use crate::subcommand::Subcommand;
use crate::{pod, pod_exec, preflight, sandbox};

/// Must be the first statement of `main`, before any thread or async runtime: if the arguments
/// (program name included) are one of this crate's hidden subcommands, serves it and returns the
/// exit code to leave with.
///
/// Exit codes are those of the program that was run; 125 means that it could not be started here,
/// 126 that it could not be executed, 127 that it was not found (as `env` and `docker run` have
/// it).
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> Option<ExitCode> {
    let mut arguments = arguments.into_iter().skip(1);
    let name = arguments.next()?;
    let subcommand = Subcommand::of_name(&name)?;
    let arguments: Vec<OsString> = arguments.collect();
    let outcome = match subcommand {
        Subcommand::Sandbox => sandbox::stage::run(&arguments),
        Subcommand::Init => sandbox::init::run(&arguments),
        Subcommand::PodInit => pod::init::run(),
        Subcommand::PodExec => pod_exec::run(&arguments),
        Subcommand::Enter => pod_exec::enter(&arguments),
        Subcommand::Probe => preflight::probe::run(),
        Subcommand::ProbeInside => preflight::probe::run_inside(),
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
