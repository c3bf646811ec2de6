//! The pod's view of the file system: the machine's own, except for name resolution, some extra
//! places, and what is hidden. Works on the calling thread's mount namespace, which must be fresh.
//!
//! Nothing is ever written to the machine's file system, and the user may not be allowed to. To
//! have a file in `/etc` that is not the machine's, a directory in memory is mounted over `/etc` in
//! which every entry of the old one shows again, except those that the pod replaces. That does not
//! care whether `/etc/resolv.conf` is a file, a link into `/run`, a dangling link, or absent.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::{MetadataExt, symlink};
use std::path::{Path, PathBuf};

use nix::mount::{MsFlags, mount};
use rustix::fs::{Mode, OFlags, StatVfsMountFlags, statvfs};

use super::plan::{PodDir, PodPlan, Resolver};
use crate::error::{Error, failed};

/// Sockets through which the C library would ask a daemon of the machine for names: nscd,
/// systemd-resolved.
const HOST_RESOLVERS: [&str; 3] = ["/run/nscd", "/var/run/nscd", "/run/systemd/resolve"];

/// Makes the view.
pub(super) fn arrange(plan: &PodPlan) -> Result<(), Error> {
    let mut view = View::default();
    // Opened before anything is hidden: a shown directory may lie in a hidden one.
    let shown: Vec<_> = plan.dirs.iter().map(open_shown).collect::<Result<_, _>>()?;

    let own = own_files(plan);
    let etc = Path::new("/etc");
    view.rebuild(etc, &own.each_ref().map(|(name, _)| *name))?;
    for (name, content) in &own {
        fs::write(etc.join(name), content).map_err(failed(format!("write the pod's /etc/{name}")))?;
    }
    let daemons = HOST_RESOLVERS.iter().map(Path::new);
    for hidden in plan.hidden.iter().map(PathBuf::as_path).chain(daemons) {
        view.hide(hidden)?;
    }
    for (dir, source) in plan.dirs.iter().zip(shown) {
        view.show(&dir.at, source)?;
        if dir.read_only {
            forbid_writing(&dir.at).map_err(failed(format!("make {} read-only", dir.at.display())))?;
        }
    }
    Ok(())
}

fn own_files(plan: &PodPlan) -> [(&'static str, String); 4] {
    let machines = fs::read_to_string("/etc/nsswitch.conf").unwrap_or_default();
    [
        ("resolv.conf", resolv_conf(plan.resolver.as_ref())),
        ("hosts", hosts(plan)),
        ("hostname", format!("{}\n", plan.hostname)),
        ("nsswitch.conf", nsswitch_conf(&machines)),
    ]
}

fn resolv_conf(resolver: Option<&Resolver>) -> String {
    let Some(resolver) = resolver else {
        // An empty file would mean "a name server on this host" (man 5 resolv.conf), which is as
        // good: nobody listens.
        return String::new();
    };
    let mut text = format!("nameserver {}\n", resolver.nameserver);
    if !resolver.search.is_empty() {
        text += &format!("search {}\n", resolver.search.join(" "));
    }
    text + &format!("options ndots:{}\n", resolver.ndots)
}

fn hosts(plan: &PodPlan) -> String {
    let mut text = String::from("127.0.0.1\tlocalhost\n");
    if let Some(first) = plan.attachments.first() {
        text += &format!("{}\t{}\n", first.address, plan.hostname);
    }
    for (address, names) in &plan.hosts {
        text += &format!("{address}\t{}\n", names.join(" "));
    }
    text
}

/// The machine's file with one line of our own: host names come from `/etc/hosts` and DNS, from
/// nothing else.
fn nsswitch_conf(machines: &str) -> String {
    let others = machines.lines().filter(|line| !line.trim_start().starts_with("hosts:"));
    let kept: String = others.map(|line| format!("{line}\n")).collect();
    format!("{kept}hosts: files dns\n")
}

/// What shows at a place of the pod.
enum Source {
    Empty,
    Shown { handle: OwnedFd, is_file: bool },
}

fn open_shown(dir: &PodDir) -> Result<Source, Error> {
    let Some(path) = &dir.shows else { return Ok(Source::Empty) };
    let doing = || format!("show {} at {}", path.display(), dir.at.display());
    let handle =
        rustix::fs::open(path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty()).map_err(failed(doing()))?;
    let is_dir = fs::metadata(path).map_err(failed(doing()))?.is_dir();
    Ok(Source::Shown { handle, is_file: !is_dir })
}

/// The mount namespace under work.
#[derive(Default)]
struct View {
    /// Device numbers of the directories in memory that we mounted, in which we may therefore
    /// create things.
    ours: BTreeSet<u64>,
}

impl View {
    /// Puts a directory in memory over `dir` that shows what `dir` had, without the entries in
    /// `left_out`.
    fn rebuild(&mut self, dir: &Path, left_out: &[&str]) -> Result<(), Error> {
        let doing = || format!("rebuild {}", dir.display());
        // The old directory stays reachable through this descriptor.
        let old = rustix::fs::open(dir, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())
            .map_err(failed(doing()))?;
        let old_path = format!("/proc/thread-self/fd/{}", old.as_raw_fd());
        self.mount_memory(dir)?;
        for entry in fs::read_dir(old_path).map_err(failed(doing()))? {
            let entry = entry.map_err(failed(doing()))?;
            let name = entry.file_name();
            if !left_out.iter().any(|left_out| name == *left_out) {
                show_again(&entry, &dir.join(&name))
                    .map_err(failed(format!("{}: entry {name:?}", doing())))?;
            }
        }
        Ok(())
    }

    /// Makes a directory look empty.
    fn hide(&mut self, dir: &Path) -> Result<(), Error> {
        match fs::canonicalize(dir) {
            Ok(found) => self.mount_memory(&found),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(failed(format!("hide {}", dir.display()))(error)),
        }
    }

    fn show(&mut self, at: &Path, source: Source) -> Result<(), Error> {
        let at = self.make_room(at, matches!(source, Source::Shown { is_file: true, .. }))?;
        match source {
            Source::Empty => self.mount_memory(&at),
            Source::Shown { handle, .. } => {
                bind(Path::new(&format!("/proc/thread-self/fd/{}", handle.as_raw_fd())), &at)
                    .map_err(failed(format!("show a directory at {}", at.display())))
            }
        }
    }

    /// Makes sure that there is something at `at` to mount over, and returns its place with all
    /// links resolved. What the machine lacks is never made on the machine: its nearest directory
    /// is rebuilt in memory.
    fn make_room(&mut self, at: &Path, file: bool) -> Result<PathBuf, Error> {
        let doing = || format!("make room for {}", at.display());
        if let Ok(found) = fs::canonicalize(at) {
            return Ok(found);
        }
        let missing_in = at.ancestors().skip(1).find_map(|dir| Some((dir, fs::canonicalize(dir).ok()?)));
        let Some((above, nearest)) = missing_in.filter(|(_, nearest)| nearest != Path::new("/")) else {
            let reason = "no directory of this machine but / contains it; choose another place";
            return Err(Error::refused(doing(), reason));
        };
        let device = fs::metadata(&nearest).map_err(failed(doing()))?.dev();
        if !self.ours.contains(&device) {
            self.rebuild(&nearest, &[])?;
        }
        let below = at.strip_prefix(above).unwrap_or(at);
        let place = nearest.join(below);
        let made = if file {
            place
                .parent()
                .map_or(Ok(()), fs::create_dir_all)
                .and_then(|()| File::create_new(&place).map(drop))
        } else {
            fs::create_dir_all(&place)
        };
        made.map_err(failed(doing()))?;
        Ok(place)
    }

    fn mount_memory(&mut self, dir: &Path) -> Result<(), Error> {
        let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV;
        mount(Some("tmpfs"), dir, Some("tmpfs"), flags, Some("mode=755"))
            .map_err(failed(format!("mount a directory in memory over {}", dir.display())))?;
        let device = fs::metadata(dir).map_err(failed(format!("look at {}", dir.display())))?.dev();
        self.ours.insert(device);
        Ok(())
    }
}

/// Makes an entry of an overmounted directory appear at `at`.
fn show_again(entry: &fs::DirEntry, at: &Path) -> io::Result<()> {
    let kind = entry.file_type()?;
    if kind.is_symlink() {
        return symlink(fs::read_link(entry.path())?, at);
    }
    if kind.is_dir() {
        fs::create_dir(at)?;
    } else {
        File::create_new(at)?;
    }
    match bind(&entry.path(), at) {
        // Removed while we looked.
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        done => done,
    }
}

/// What is mounted there stays as it is, but for writing. The flags that it has must be said again:
/// they came from a mount namespace with more privileges, and the kernel refuses to clear them (man
/// 7 mount_namespaces).
fn forbid_writing(at: &Path) -> io::Result<()> {
    let at = fs::canonicalize(at)?;
    let has = statvfs(&at)?.f_flag;
    let kept = [
        (StatVfsMountFlags::NOSUID, MsFlags::MS_NOSUID),
        (StatVfsMountFlags::NODEV, MsFlags::MS_NODEV),
        (StatVfsMountFlags::NOEXEC, MsFlags::MS_NOEXEC),
        (StatVfsMountFlags::NOATIME, MsFlags::MS_NOATIME),
        (StatVfsMountFlags::NODIRATIME, MsFlags::MS_NODIRATIME),
        (StatVfsMountFlags::RELATIME, MsFlags::MS_RELATIME),
    ];
    let kept = kept.into_iter().filter(|(flag, _)| has.contains(*flag)).map(|(_, flag)| flag);
    let flags = MsFlags::MS_BIND | MsFlags::MS_REMOUNT | MsFlags::MS_RDONLY;
    const NOTHING: Option<&str> = None;
    Ok(mount(NOTHING, &at, NOTHING, kept.fold(flags, |all, flag| all | flag), NOTHING)?)
}

/// Recursively, because the kernel refuses to uncover what a mount that we did not make covers.
fn bind(source: &Path, at: &Path) -> io::Result<()> {
    const NOTHING: Option<&str> = None;
    Ok(mount(Some(source), at, NOTHING, MsFlags::MS_BIND | MsFlags::MS_REC, NOTHING)?)
}
