//! Stands before a child process: passes signals on to it, collects every process that dies (as pid
//! 1 must), and ends when the child has ended. Single-threaded, because it works with the signal
//! mask.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sys::signal::{SigSet, Signal, kill};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;
use rustix::event::{PollFd, PollFlags, Timespec, poll};

/// Signals that ask a process to do something, and that only its user can understand.
const PASSED_ON: [Signal; 6] =
    [Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP, Signal::SIGQUIT, Signal::SIGUSR1, Signal::SIGUSR2];

/// When this end of a pipe reports that nobody holds the other end, the child is asked to end, and
/// killed after `grace`.
pub(crate) struct Lifeline<'a> {
    pub(crate) pipe: BorrowedFd<'a>,
    pub(crate) grace: Duration,
}

fn heard() -> SigSet {
    PASSED_ON.into_iter().chain([Signal::SIGCHLD]).collect()
}

/// Keeps signals until [`watch_over`] passes them on. Called before a child is started that may be
/// heard of, and so signalled, before we watch it; that child has to [`release`] them.
pub(crate) fn hold() -> io::Result<()> {
    Ok(heard().thread_block()?)
}

/// In a child, before its program starts: programs expect to hear signals.
pub(crate) fn release() -> io::Result<()> {
    Ok(heard().thread_unblock()?)
}

/// Waits for `child` and returns its exit code, which for a process killed by signal N is 128 + N
/// (as in a shell).
///
/// `from_terminal`: whether Ctrl-C reaches the child directly, so that SIGINT and SIGQUIT must not
/// be sent twice.
pub(crate) fn watch_over(child: u32, lifeline: Option<Lifeline<'_>>, from_terminal: bool) -> io::Result<i32> {
    let child = Pid::from_raw(child.cast_signed());
    let signals = heard();
    // The child must not inherit this mask; see `hold` and `release`.
    signals.thread_block()?;
    let signal_queue = SignalFd::with_flags(&signals, SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC)?;

    let mut lifeline = lifeline;
    let mut deadline: Option<Instant> = None;
    loop {
        if let Some(code) = collect_the_dead(child)? {
            return Ok(code);
        }
        let ready = wait_for_event(signal_queue.as_fd(), lifeline.as_ref().map(|line| line.pipe), deadline)?;
        if ready.lifeline_cut
            && let Some(line) = lifeline.take()
        {
            ask(child, Signal::SIGTERM)?;
            deadline = Some(Instant::now() + line.grace);
        }
        if deadline.is_some_and(|deadline| Instant::now() >= deadline) {
            ask(child, Signal::SIGKILL)?;
            deadline = None;
        }
        while let Some(info) = signal_queue.read_signal()? {
            let Ok(signal) = Signal::try_from(info.ssi_signo.cast_signed()) else { continue };
            let heard_already = from_terminal && matches!(signal, Signal::SIGINT | Signal::SIGQUIT);
            if signal != Signal::SIGCHLD && !heard_already {
                ask(child, signal)?;
            }
        }
    }
}

/// Collects every process that dies, for ever. Only for pid 1 of a pod.
pub(crate) fn collect_for_ever() -> io::Result<i32> {
    let mut deaths = SigSet::empty();
    deaths.add(Signal::SIGCHLD);
    // Blocked first, so that no death between the collecting and the waiting is missed.
    deaths.thread_block()?;
    loop {
        match waitpid(None, Some(WaitPidFlag::WNOHANG)) {
            Ok(WaitStatus::StillAlive) | Err(Errno::ECHILD) => drop(deaths.wait()?),
            Ok(_) | Err(Errno::EINTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

/// Kills every other process of this pid namespace and collects it. Only for pid 1.
pub(crate) fn end_everything() -> io::Result<()> {
    match kill(Pid::from_raw(-1), Signal::SIGKILL) {
        Ok(()) | Err(Errno::ESRCH) => {}
        Err(error) => return Err(error.into()),
    }
    loop {
        match waitpid(None, None) {
            Ok(_) | Err(Errno::EINTR) => {}
            Err(Errno::ECHILD) => return Ok(()),
            Err(error) => return Err(error.into()),
        }
    }
}

fn collect_the_dead(child: Pid) -> io::Result<Option<i32>> {
    loop {
        match waitpid(None, Some(WaitPidFlag::WNOHANG)) {
            Ok(WaitStatus::Exited(pid, code)) if pid == child => return Ok(Some(code)),
            Ok(WaitStatus::Signaled(pid, signal, _)) if pid == child => return Ok(Some(128 + signal as i32)),
            Ok(WaitStatus::StillAlive) => return Ok(None),
            Ok(_) | Err(Errno::EINTR) => {}
            Err(Errno::ECHILD) => return Err(io::Error::other("the child was collected by somebody else")),
            Err(error) => return Err(error.into()),
        }
    }
}

struct Ready {
    lifeline_cut: bool,
}

fn wait_for_event(
    signals: BorrowedFd<'_>,
    lifeline: Option<BorrowedFd<'_>>,
    deadline: Option<Instant>,
) -> io::Result<Ready> {
    let timeout = deadline.map(|deadline| {
        let left = deadline.saturating_duration_since(Instant::now());
        Timespec { tv_sec: left.as_secs().cast_signed(), tv_nsec: left.subsec_nanos().into() }
    });
    let mut watched = vec![PollFd::from_borrowed_fd(signals, PollFlags::IN)];
    // Nobody ever writes to a lifeline, so only its hang-up is of interest.
    watched.extend(lifeline.map(|pipe| PollFd::from_borrowed_fd(pipe, PollFlags::empty())));
    match poll(&mut watched, timeout.as_ref()) {
        Ok(_) | Err(rustix::io::Errno::INTR) => {}
        Err(error) => return Err(error.into()),
    }
    let hung_up = PollFlags::HUP | PollFlags::ERR;
    Ok(Ready { lifeline_cut: watched.get(1).is_some_and(|pipe| pipe.revents().intersects(hung_up)) })
}

/// Sends a signal; that the process is gone already is fine.
fn ask(process: Pid, signal: Signal) -> io::Result<()> {
    match kill(process, signal) {
        Ok(()) | Err(Errno::ESRCH) => Ok(()),
        Err(error) => Err(error.into()),
    }
}
