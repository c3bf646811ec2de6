//! The first process of a sandbox: makes the namespaces, then waits outside of the pid namespace
//! for its pid 1.

use std::ffi::OsString;
use std::fs;

use nix::sched::{CloneFlags, unshare};
use nix::unistd::{getegid, geteuid, setsid};

use crate::error::{Error, failed};
use crate::reaper;
use crate::subcommand::Subcommand;

/// Standard input is the lifeline and is passed on untouched; the arguments are pid 1's.
pub(crate) fn run(arguments: &[OsString]) -> Result<i32, Error> {
    // Out of the terminal's reach: Ctrl-C is for the outer process, which cuts the lifeline when it
    // means it.
    setsid().map_err(failed("begin a session"))?;
    become_root_inside()?;
    unshare_the_rest()?;
    let init =
        Subcommand::Init.command().args(arguments).spawn().map_err(failed("start pid 1 of the sandbox"))?;
    reaper::watch_over(init.id(), None, false).map_err(failed("wait for the sandbox"))
}

/// Makes a user namespace in which the caller is user 0 and nobody else exists. No privilege is
/// needed for that (man 7 user_namespaces, "Defining user and group ID mappings").
pub(crate) fn become_root_inside() -> Result<(), Error> {
    let (user, group) = (geteuid(), getegid());
    unshare(CloneFlags::CLONE_NEWUSER).map_err(failed("make a user namespace"))?;
    fs::write("/proc/self/uid_map", format!("0 {user} 1\n")).map_err(failed("map the user id"))?;
    // Without this an unprivileged process may not map its group.
    fs::write("/proc/self/setgroups", "deny").map_err(failed("give up setgroups"))?;
    fs::write("/proc/self/gid_map", format!("0 {group} 1\n")).map_err(failed("map the group id"))
}

/// The other namespaces, which belong to the user namespace because they are made inside it.
pub(crate) fn unshare_the_rest() -> Result<(), Error> {
    let rest = CloneFlags::CLONE_NEWNS
        | CloneFlags::CLONE_NEWNET
        | CloneFlags::CLONE_NEWPID
        | CloneFlags::CLONE_NEWUTS
        | CloneFlags::CLONE_NEWIPC;
    unshare(rest).map_err(failed("make mount, network, pid, host-name and IPC namespaces"))
}
