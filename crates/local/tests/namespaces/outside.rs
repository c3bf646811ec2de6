//! Stories about a sandbox as seen from outside: its outer process, its end, and visitors.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

use carrick_local::{PodEntry, Privileges, Process, Signal, check_machine};
use nix::sys::signal::kill;
use nix::unistd::Pid;
use tokio::signal::unix::{SignalKind, signal};

use crate::Story;
use crate::fixtures::*;

pub(crate) const STORIES: &[Story] = &[
    ("the_supervisors_exit_code_is_passed_on", the_supervisors_exit_code_is_passed_on),
    ("cutting_the_lifeline_ends_everything_in_order", cutting_the_lifeline_ends_everything_in_order),
    ("a_killed_outer_process_leaves_nothing", a_killed_outer_process_leaves_nothing),
    ("a_supervisor_that_ignores_its_end_is_killed", a_supervisor_that_ignores_its_end_is_killed),
    ("a_killed_pid_one_leaves_nothing", a_killed_pid_one_leaves_nothing),
    ("a_run_directory_in_use_is_refused_and_an_abandoned_one_is_taken", run_directories),
    ("a_visitor_runs_a_program_in_a_pod", a_visitor_runs_a_program_in_a_pod),
    ("a_machine_without_user_namespaces_is_told_so", a_machine_without_user_namespaces_is_told_so),
];

/// What runs inside for them.
pub(crate) const SUPERVISORS: &[Story] =
    &[("exit-42", || std::process::exit(42)), ("busy", busy), ("deaf", deaf), ("confined", confined)];

/// A supervisor with a pod and two programs (one of them a daemon). It tells its first caller where
/// the pod can be entered, and ends when it is asked to.
fn busy() {
    let network = cluster("cluster1");
    let pod = simple_pod(&network, 5);
    let door = UnixListener::bind(own_dir().join("door")).unwrap();
    block_on(async {
        let mut ended = signal(SignalKind::terminate()).unwrap();
        let _sleeper = Process::start(&pod, program(&["sleep", "1000"])).unwrap();
        let daemon = Process::start(&pod, program(&["sh", "-c", "setsid sleep 1000 & exit 0"])).unwrap();
        daemon.ended().await;
        println!("ready");
        std::thread::spawn(move || {
            let (caller, _) = door.accept().unwrap();
            serde_json::to_writer(&caller, &pod.entry()).unwrap();
            drop(caller);
            // The pod stays.
            std::thread::park();
        });
        ended.recv().await;
        println!("asked to end");
    });
}

/// A supervisor that does not listen.
fn deaf() {
    block_on(async {
        let _ignored = signal(SignalKind::terminate()).unwrap();
        println!("ready");
        std::future::pending::<()>().await;
    });
}

/// Inside its own user namespace, even root may be denied further ones.
fn confined() {
    std::fs::write("/proc/sys/user/max_user_namespaces", "0").unwrap();
    let missing = check_machine();
    assert_eq!(missing.len(), 1, "{missing:?}");
    assert_eq!(missing[0].what, "user namespaces for this user");
    assert!(missing[0].why.contains("make a user namespace"), "{missing:?}");
    assert!(missing[0].help.contains("sysctl -w user.max_user_namespaces"), "{missing:?}");
}

/// The outer process of a supervisor, and what the sandbox prints. Every process in the sandbox
/// holds that pipe, so it ends exactly when all of them are gone.
struct Outer {
    process: Child,
    printed: BufReader<ChildStdout>,
}

impl Outer {
    fn start(supervisor: &str) -> Self {
        let mut command = Command::new("/proc/self/exe");
        let mut process =
            command.args(["run", supervisor]).stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
        let printed = BufReader::new(process.stdout.take().unwrap());
        Self { process, printed }
    }

    fn ready(supervisor: &str) -> Self {
        let mut outer = Self::start(supervisor);
        let mut line = String::new();
        outer.printed.read_line(&mut line).unwrap();
        assert_eq!(line, "ready\n");
        outer
    }

    fn run_dir(&self) -> PathBuf {
        run_dir_of(self.process.id())
    }

    /// Waits for the end of every process in the sandbox; returns what they printed since.
    fn silence(&mut self) -> String {
        let mut rest = String::new();
        self.printed.read_to_string(&mut rest).unwrap();
        rest
    }

    fn code(&mut self) -> Option<i32> {
        self.process.wait().unwrap().code()
    }

    fn send(&self, signal: Signal) {
        kill(Pid::from_raw(self.process.id().cast_signed()), signal).unwrap();
    }

    /// The pids of the descendants, nearest first: the sandbox's first process, pid 1, the
    /// supervisor.
    fn line_of_descent(&self) -> Vec<u32> {
        let children = |pid: u32| {
            let list =
                std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
            list.split_whitespace().next().map(|child| child.parse().unwrap())
        };
        std::iter::successors(children(self.process.id()), |pid| children(*pid)).collect()
    }
}

/// A story that fails must not leave a sandbox behind: it would hold the pipe that the story's own
/// end is told by.
impl Drop for Outer {
    fn drop(&mut self) {
        // Both fail only where it has ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn the_supervisors_exit_code_is_passed_on() {
    let mut outer = Outer::start("exit-42");
    assert_eq!(outer.code(), Some(42));
    assert!(!exists(outer.run_dir()));
}

fn cutting_the_lifeline_ends_everything_in_order() {
    let (sandbox, lifeline) = launch(&["story", "busy"]).unwrap();
    let door = run_dir().join("door");
    while !exists(&door) {
        std::thread::yield_now();
    }
    drop(lifeline);
    // Asked before it listens for requests to end, the supervisor dies of the signal.
    let code = sandbox.wait().unwrap();
    assert!([0, 128 + 15].contains(&code), "{code}");
    assert!(!exists(run_dir()));
}

fn a_killed_outer_process_leaves_nothing() {
    let mut outer = Outer::ready("busy");
    assert!(exists(outer.run_dir().join("door")));
    outer.send(Signal::SIGKILL);
    assert_eq!(outer.silence(), "asked to end\n", "the supervisor could put things in order");
    // Pid 1 does not print, so the silence may precede its last act by a moment.
    let (run_dir, scratch) = (outer.run_dir(), scratch_of(outer.process.id()));
    while exists(&run_dir) || exists(&scratch) {
        std::thread::yield_now();
    }
}

fn a_supervisor_that_ignores_its_end_is_killed() {
    let (sandbox, lifeline) = launch_with(&["story", "deaf"], Duration::from_millis(200)).unwrap();
    drop(lifeline);
    let code = sandbox.wait().unwrap();
    // 143 if the request came before it could ignore it.
    assert!([128 + 9, 128 + 15].contains(&code), "{code}");
    assert!(!exists(run_dir()));
}

fn a_killed_pid_one_leaves_nothing() {
    let mut outer = Outer::ready("busy");
    let [_, init, _, ..] = outer.line_of_descent()[..] else { panic!("three generations are expected") };
    kill(Pid::from_raw(init.cast_signed()), Signal::SIGKILL).unwrap();
    assert_eq!(outer.silence(), "");
    assert_eq!(outer.code(), Some(128 + 9));
    assert!(!exists(outer.run_dir()) && !exists(scratch_of(outer.process.id())));
}

fn run_directories() {
    let refusal = || launch(&["story", "exit-42"]).unwrap_err().to_string();
    let finish = |(sandbox, lifeline): (carrick_local::Sandbox, carrick_local::Lifeline)| {
        drop(lifeline);
        sandbox.wait().unwrap();
    };
    let running = launch_with(&["story", "deaf"], Duration::from_millis(100)).unwrap();
    assert!(refusal().contains("a federation is running there"), "{}", refusal());
    finish(running);

    std::fs::create_dir(run_dir()).unwrap();
    std::fs::write(run_dir().join("precious"), "somebody's work").unwrap();
    assert!(refusal().contains("it exists and is not ours"), "{}", refusal());
    // With a lock that nobody holds it is what a power failure leaves.
    std::fs::write(run_dir().join(".lock"), "").unwrap();
    finish(launch(&["story", "exit-42"]).unwrap());
    assert!(!exists(run_dir()));
}

fn a_visitor_runs_a_program_in_a_pod() {
    let mut outer = Outer::ready("busy");
    let door = UnixStream::connect(outer.run_dir().join("door")).unwrap();
    let supervisor = rustix::net::sockopt::socket_peercred(&door).unwrap().pid.as_raw_nonzero().get();
    let entry: PodEntry = serde_json::from_reader(&door).unwrap();
    let visit = |privileges, script: &str| {
        let argv = ["sh", "-c", script].map(str::to_owned);
        let mut command = entry.command(supervisor.cast_unsigned(), privileges, Path::new("/"), &argv);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        command.spawn().unwrap()
    };
    let mut visitor = visit(Privileges::App, "cat; uname -n; exit 5");
    visitor.stdin.take().unwrap().write_all(b"typed\n").unwrap();
    let output = visitor.wait_with_output().unwrap();
    assert_eq!(String::from_utf8(output.stdout).unwrap(), "typed\npod5\n");
    assert_eq!(output.status.code(), Some(5));

    let visitor =
        visit(Privileges::App, "grep CapEff /proc/self/status; stat -Lc %i /proc/1/ns/net 2>/dev/null");
    let told = String::from_utf8(visitor.wait_with_output().unwrap().stdout).unwrap();
    assert_eq!(told, "CapEff:\t0000000000000000\n", "it has no privileges, and sees the sandbox's processes");

    // A signal to the visitor reaches its program; the program dies with a visitor that is killed.
    let mut visitor = visit(Privileges::App, "trap 'exit 9' TERM; echo up; while :; do sleep 0.01; done");
    let mut printed = BufReader::new(visitor.stdout.take().unwrap());
    printed.read_line(&mut String::new()).unwrap();
    kill(Pid::from_raw(visitor.id().cast_signed()), Signal::SIGTERM).unwrap();
    assert_eq!(visitor.wait().unwrap().code(), Some(9));
    let mut visitor = visit(Privileges::App, "echo up; exec sleep 1000");
    let mut printed = BufReader::new(visitor.stdout.take().unwrap());
    printed.read_line(&mut String::new()).unwrap();
    visitor.kill().unwrap();
    visitor.wait().unwrap();
    assert_eq!(printed.read_to_string(&mut String::new()).unwrap(), 0, "the program is gone");

    outer.send(Signal::SIGKILL);
    outer.silence();
}

fn a_machine_without_user_namespaces_is_told_so() {
    let mut outer = Outer::start("confined");
    assert_eq!(outer.code(), Some(0), "{}", outer.silence());
}
