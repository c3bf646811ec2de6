//! Kernel namespaces held by file descriptors, and threads that live in them. A namespace exists as
//! long as somebody holds it: a process, or here a descriptor, so no process has to idle in a pod
//! to keep it alive.

use std::fs::{self, File};
use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;

use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, setns};

/// Runs `work` on a thread of its own and waits for it. What the thread does to its namespaces ends
/// with it; the caller's are untouched.
pub(crate) fn on_own_thread<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    std::thread::scope(|scope| match scope.spawn(work).join() {
        Ok(value) => value,
        Err(panic) => std::panic::resume_unwind(panic),
    })
}

/// Runs `work` on a thread inside a network namespace. Sockets made there stay there.
pub(crate) fn inside_network<T: Send>(
    network: &OwnedFd,
    work: impl FnOnce() -> io::Result<T> + Send,
) -> io::Result<T> {
    on_own_thread(|| {
        setns(network, CloneFlags::CLONE_NEWNET)?;
        work()
    })
}

/// Runs `work` on a thread whose children are born into a pid namespace. The thread itself stays
/// where it is.
pub(crate) fn bearing_into<T: Send>(
    processes: &OwnedFd,
    work: impl FnOnce() -> io::Result<T> + Send,
) -> io::Result<T> {
    on_own_thread(|| {
        setns(processes, CloneFlags::CLONE_NEWPID)?;
        work()
    })
}

/// Mounts a `/proc` that shows the caller's pid namespace, in the caller's mount namespace.
pub(crate) fn mount_proc() -> io::Result<()> {
    let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV | MsFlags::MS_NOEXEC;
    Ok(mount(Some("proc"), "/proc", Some("proc"), flags, None::<&str>)?)
}

/// A handle on one of the calling thread's namespaces; `kind` is a name below
/// `/proc/thread-self/ns`.
pub(crate) fn own(kind: &str) -> io::Result<OwnedFd> {
    File::open(format!("/proc/thread-self/ns/{kind}")).map(OwnedFd::from)
}

/// Sets a `net.*` sysctl of the calling thread's network namespace. A knob that this kernel does
/// not have (IPv6 built out, for instance) has nothing to be switched off, so its absence is no
/// error.
pub(crate) fn set_network_knob(name: &str, value: &str) -> io::Result<()> {
    match fs::write(Path::new("/proc/sys/net").join(name), value) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        done => done,
    }
}

/// What every network namespace of ours has switched off: IPv6 (so that programs fall back to IPv4
/// at once instead of leaking past the IPv4 rules), and the host's reverse-path filter, which a
/// fresh namespace inherits.
pub(crate) fn set_common_knobs() -> io::Result<()> {
    for scope in ["all", "default"] {
        set_network_knob(&format!("ipv6/conf/{scope}/disable_ipv6"), "1")?;
        set_network_knob(&format!("ipv4/conf/{scope}/rp_filter"), "0")?;
        set_network_knob(&format!("ipv4/conf/{scope}/accept_redirects"), "0")?;
    }
    Ok(())
}
