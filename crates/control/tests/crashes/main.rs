//! Certificate authorities that are killed, or run out of disk, at any step: no key is lost, no
//! token burnt, no certificate forgotten, and the next attempt goes on.
//!
//! strace makes the Nth system call of a kind fail or kill the process; N rises until the process
//! ends without meeting it. The program starts itself again for each: `init DIR`, `serve DIR
//! SOCKET`, `enrol DIR SOCKET TOKEN`.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test program: a failing step is a failing test, and the report goes to standard output"
)]

use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::{Duration, SystemTime};

use carrick_control::ca::{Enrolment, RootClient, load_or_enrol};
use carrick_control::root_ca::{self, RootStore};
use carrick_identity::{Certificate, TrustDomain};

const DAY: Duration = Duration::from_secs(86_400);

/// What strace does to a call.
const FAULTS: [&str; 3] = ["signal=KILL", "error=ENOSPC", "error=EIO"];
/// The kinds of calls by which files change, as strace's regular expressions.
const CALLS: [&str; 8] = [
    "/^write$",
    "/^fsync$",
    "/^rename",
    "/^mkdir",
    "/^openat$",
    "/^ftruncate$",
    "/^(unlink|rmdir)",
    "/^flock$",
];
/// More calls of one kind than this nobody makes.
const MOST: usize = 200;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["init", dir] => init(Path::new(dir)),
        ["serve", dir, socket] => serve(Path::new(dir), Path::new(socket)),
        ["enrol", dir, socket, token] => enrol(dir, socket, token),
        _ => {
            assert!(
                Command::new("strace").arg("-V").stdout(Stdio::null()).status().is_ok(),
                "these tests need strace; `scripts/test` installs it"
            );
            let tests: [(&str, fn()); 3] = [
                ("a_root_that_is_being_made_is_there_or_not", making_a_root),
                ("an_enrolment_whose_cluster_dies_goes_on", the_cluster_dies),
                ("an_enrolment_whose_root_dies_goes_on", the_root_dies),
            ];
            let filter = words.iter().find(|word| !word.starts_with('-')).copied().unwrap_or_default();
            for (name, test) in tests.into_iter().filter(|(name, _)| name.contains(filter)) {
                test();
                println!("test {name} ... ok");
            }
            ExitCode::SUCCESS
        }
    }
}

fn init(dir: &Path) -> ExitCode {
    verdict(RootStore::init(dir, "test", DAY, DAY, SystemTime::now()).map(drop))
}

/// Serves until its standard input ends.
fn serve(dir: &Path, socket: &Path) -> ExitCode {
    let stopped = async {
        let _ = tokio::task::spawn_blocking(|| std::io::stdin().read_line(&mut String::new())).await;
    };
    let served = async { root_ca::serve(RootStore::open(dir)?, socket, stopped).await };
    verdict(runtime().block_on(served))
}

fn enrol(dir: &str, socket: &str, token: &str) -> ExitCode {
    let enrolment = Enrolment {
        dir: Path::new(dir).join("cacerts"),
        root: RootClient { socket: socket.into() },
        token: Some(token.into()),
    };
    let domain = TrustDomain::new("a.example").unwrap();
    verdict(runtime().block_on(load_or_enrol(&enrolment, &domain)).map(drop))
}

/// One thread, so that the calls come in one order.
fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

fn verdict(outcome: Result<(), impl Into<anyhow::Error>>) -> ExitCode {
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            println!("{:#}", error.into());
            ExitCode::FAILURE
        }
    }
}

/// This program with these words.
fn again(words: &[&str]) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(words).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command
}

/// The same, with the Nth call of a kind at fault, of those about `paths` if there are any; strace
/// writes to `log` what it did.
fn faulty(words: &[&str], call: &str, fault: &str, number: usize, paths: &[PathBuf], log: &Path) -> Command {
    let mut command = Command::new("strace");
    command.args(["-f", "-qq", "-o"]).arg(log);
    command.args(paths.iter().flat_map(|path| [Path::new("-P"), path]));
    command.args(["-e", &format!("trace={call}"), "-e", &format!("inject={call}:{fault}:when={number}")]);
    command.arg(std::env::current_exe().unwrap()).args(words);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command
}

fn well(words: &[&str], what: &str) {
    let told = again(words).stdout(Stdio::piped()).output().unwrap();
    assert!(told.status.success(), "{what}: {words:?}: {}", String::from_utf8_lossy(&told.stdout));
}

/// Whether the fault was met: the process that is killed writes no more, the others' calls are
/// marked.
fn was_met(fault: &str, log: &Path) -> bool {
    let text = std::fs::read_to_string(log).unwrap_or_default();
    match fault {
        "signal=KILL" => text.contains("killed by SIGKILL"),
        _ => text.contains("(INJECTED)"),
    }
}

/// Walks all points of all kinds. `step` runs the faulty command and checks what it left; it says
/// whether the fault was met.
fn walk(what: &str, mut step: impl FnMut(&str, &str, usize) -> bool) {
    let mut points = 0;
    for call in CALLS {
        for fault in FAULTS {
            let met = (1..MOST).take_while(|number| step(call, fault, *number)).count();
            assert!(met + 1 < MOST, "{what}: {call} {fault} has no end");
            points += met;
        }
    }
    assert!(points > 12, "{what}: only {points} points");
    println!("{what}: {points} points");
}

fn names(dir: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(dir).unwrap();
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn making_a_root() {
    walk("making a root", |call, fault, number| {
        let (dir, log) = (tempfile::tempdir().unwrap(), tempfile::NamedTempFile::new().unwrap());
        let home = dir.path().join("state");
        let root = home.join("root");
        faulty(&["init", text(&root)], call, fault, number, &[], log.path()).status().unwrap();
        let what = format!("{call} {fault} {number}");
        if RootStore::is_in(&root) {
            assert!(!again(&["init", text(&root)]).status().unwrap().success(), "{what}: made twice");
        } else {
            well(&["init", text(&root)], &what);
            assert_eq!(names(&home), ["root"], "{what}: something is left");
        }
        let store = RootStore::open(&root).unwrap_or_else(|error| panic!("{what}: {error:#}"));
        store.issue_token(&TrustDomain::new("a.example").unwrap(), DAY).unwrap();
        assert_eq!(names(&root), ["journal.jsonl", "root-cert.pem", "root-key.pem"], "{what}");
        was_met(fault, log.path())
    });
}

/// A root with a token, and a place for a cluster.
struct Scene {
    dir: tempfile::TempDir,
}

impl Scene {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let root = RootStore::init(&dir.path().join("root"), "test", DAY, DAY, SystemTime::now()).unwrap();
        let token = root.issue_token(&TrustDomain::new("a.example").unwrap(), DAY).unwrap();
        std::fs::write(dir.path().join("token"), token.expose()).unwrap();
        Self { dir }
    }

    fn at(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// The words that start the root.
    fn root(&self) -> [String; 3] {
        ["serve".into(), text(&self.at("root")).into(), text(&self.at("run/sock")).into()]
    }

    /// The words that enrol the cluster.
    fn cluster(&self) -> [String; 4] {
        let path = |name: &str| text(&self.at(name)).to_owned();
        ["enrol".into(), path("state"), path("run/sock"), path("token")]
    }

    /// What must hold once the cluster has said that it is enrolled.
    fn check(&self, what: &str) {
        let words = self.cluster();
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        // Once more, as after a restart; what was left is gone then.
        well(&words, what);
        assert_eq!(names(&self.at("state")), ["cacerts"], "{what}: something is left");
        let pem = std::fs::read(self.at("state/cacerts/ca-cert.pem")).unwrap();
        let serial = Certificate::all_from_pem(&pem).unwrap()[0].serial().to_owned();
        let ledger = RootStore::open(&self.at("root")).unwrap().ledger().unwrap();
        let issued: Vec<&str> = ledger.issued().iter().map(|issued| issued.serial.as_str()).collect();
        assert_eq!(issued, [serial], "{what}: what the root has on record is what the cluster has");
    }
}

/// A root that serves; stopped when dropped.
struct Root(Child);

impl Root {
    /// `None`: it ended before it served.
    fn start(mut command: Command, socket: &Path) -> Option<Self> {
        let mut child = command.stdin(Stdio::piped()).spawn().unwrap();
        loop {
            if std::os::unix::net::UnixStream::connect(socket).is_ok() {
                return Some(Self(child));
            }
            if child.try_wait().unwrap().is_some() {
                return None;
            }
            std::thread::sleep(Duration::from_millis(2));
        }
    }
}

impl Drop for Root {
    fn drop(&mut self) {
        // Its standard input ends, which is its end.
        drop(self.0.stdin.take());
        let deadline = std::time::Instant::now() + Duration::from_secs(20);
        while matches!(self.0.try_wait(), Ok(None)) {
            if std::time::Instant::now() > deadline {
                let _ = self.0.kill();
                println!("a root did not end with its standard input");
                std::process::exit(1);
            }
            std::thread::sleep(Duration::from_millis(2));
        }
    }
}

fn the_cluster_dies() {
    walk("a cluster that is enrolled", |call, fault, number| {
        let (scene, log) = (Scene::new(), tempfile::NamedTempFile::new().unwrap());
        let (root, cluster) = (scene.root(), scene.cluster());
        let root = again(&root.each_ref().map(String::as_str));
        let _root = Root::start(root, &scene.at("run/sock")).expect("the root serves");
        let cluster = cluster.each_ref().map(String::as_str);
        faulty(&cluster, call, fault, number, &[], log.path()).status().unwrap();
        let what = format!("the cluster: {call} {fault} {number}");
        well(&cluster, &what);
        scene.check(&what);
        was_met(fault, log.path())
    });
}

fn the_root_dies() {
    walk("a root that enrols", |call, fault, number| {
        let (scene, log) = (Scene::new(), tempfile::NamedTempFile::new().unwrap());
        let (root, cluster) = (scene.root(), scene.cluster());
        let (root, cluster) = (root.each_ref().map(String::as_str), cluster.each_ref().map(String::as_str));
        let what = format!("the root: {call} {fault} {number}");
        // Its files, and not what a runtime writes to wake its threads: that no disk can fail.
        let files = ["root/journal.jsonl", "root/root-key.pem", "root/root-cert.pem", "root"];
        let files = files.map(|name| scene.at(name));
        let command = faulty(&root, call, fault, number, &files, log.path());
        let served = Root::start(command, &scene.at("run/sock"));
        if let Some(mut served) = served {
            // It may be refused, or its answer get lost.
            let first = again(&cluster).status().unwrap();
            // A root that lives on after a full disk needs no restart.
            if !first.success() && served.0.try_wait().unwrap().is_none() && fault != "signal=KILL" {
                well(&cluster, &what);
            }
        }
        let _root = Root::start(again(&root), &scene.at("run/sock")).expect("the root serves again");
        well(&cluster, &what);
        scene.check(&what);
        was_met(fault, log.path())
    });
}
