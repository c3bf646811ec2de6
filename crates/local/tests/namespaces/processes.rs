//! Programs in pods: started, watched, restarted, ended.

use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use carrick_local::{Exit, Output, Process, Restart, Signal, Status};
use tokio::time::timeout;

use crate::Story;
use crate::fixtures::*;

pub(crate) const STORIES: &[Story] = &[
    ("exit_codes_and_signals_pass_through", exit_codes_and_signals_pass_through),
    ("output_goes_to_a_log_that_only_its_owner_reads", output_goes_to_a_log),
    ("a_crashing_program_is_started_again_with_pauses", a_crashing_program_is_started_again_with_pauses),
    ("stopping_asks_then_kills_and_takes_children_along", stopping_asks_then_kills_and_takes_children_along),
    ("a_dropped_handle_ends_its_program", a_dropped_handle_ends_its_program),
    ("a_program_with_given_streams_runs_in_the_pod", a_program_with_given_streams_runs_in_the_pod),
    ("pid_one_collects_orphans", pid_one_collects_orphans),
];

fn exit_codes_and_signals_pass_through() {
    let network = cluster("cluster1");
    let pod = simple_pod(&network, 5);
    let run = |argv: &[&str]| {
        let plan = program(argv);
        block_on(async { Process::start(&pod, plan).unwrap().ended().await })
    };
    assert_eq!(run(&["sh", "-c", "exit 42"]), Some(Exit::Code(42)));
    assert_eq!(run(&["sh", "-c", "kill -SEGV $$"]), Some(Exit::Signal(11)));
    assert_eq!(run(&["no-such-program"]), Some(Exit::Code(127)));
    assert_eq!(run(&["/etc/passwd"]), Some(Exit::Code(126)));
    let mut nameless = program(&["true"]);
    nameless.argv.clear();
    let refusal = block_on(async { Process::start(&pod, nameless).unwrap_err().to_string() });
    assert!(refusal.contains("no program is named"), "{refusal}");
}

fn output_goes_to_a_log() {
    let network = cluster("cluster1");
    let pod = simple_pod(&network, 5);
    let log = own_dir().join("pods").join("app.log");
    let mut plan = program(&["sh", "-c", "echo out; echo err >&2; echo $GREETING; cat; pwd"]);
    plan.env.push(("GREETING".to_owned(), "hello".to_owned()));
    plan.working_dir = PathBuf::from("/usr");
    plan.output = Output::File(log.clone());
    for _ in 0..2 {
        let plan = plan.clone();
        assert_eq!(
            block_on(async { Process::start(&pod, plan).unwrap().ended().await }),
            Some(Exit::Code(0))
        );
    }
    assert_eq!(std::fs::read_to_string(&log).unwrap(), "out\nerr\nhello\n/usr\n".repeat(2));
    assert_eq!(std::fs::metadata(&log).unwrap().permissions().mode() & 0o777, 0o600);
}

fn a_crashing_program_is_started_again_with_pauses() {
    let network = cluster("cluster1");
    let pod = simple_pod(&network, 5);
    let mut plan = program(&["sh", "-c", "exit 3"]);
    plan.restart = Restart::Always;
    block_on(async {
        let process = Process::start(&pod, plan).unwrap();
        let mut status = process.watch();
        let mut pauses = Vec::new();
        loop {
            let now = *status.borrow_and_update();
            if let Status::Waiting { last, restarts, pause } = now {
                assert_eq!((last, restarts), (Exit::Code(3), pauses.len() as u32));
                pauses.push(pause.as_millis());
                if pauses.len() == 3 {
                    break;
                }
            }
            timeout(PATIENCE, status.changed()).await.expect("the program is restarted").unwrap();
        }
        assert_eq!(pauses, [100, 200, 400]);
        assert_eq!(process.stop(PATIENCE).await, Some(Exit::Code(3)), "stopping ends the series");
    });
}

/// Starts the plan's program and waits until it has made the file `ready`.
async fn started(pod: &carrick_local::Pod, script: &str) -> Process {
    let ready = own_dir().join("ready");
    // What an earlier program of the story left there.
    let _ = std::fs::remove_file(&ready);
    let mut plan = program(&["sh", "-c", script]);
    plan.output = Output::File(ready.clone());
    let process = Process::start(pod, plan).unwrap();
    while !std::fs::read_to_string(&ready).is_ok_and(|text| text.contains("ready")) {
        tokio::task::yield_now().await;
    }
    process
}

fn stopping_asks_then_kills_and_takes_children_along() {
    let network = cluster("cluster1");
    let pod = simple_pod(&network, 5);
    block_on(async {
        let polite = started(&pod, "trap 'exit 7' TERM; echo ready; while :; do sleep 0.01; done").await;
        assert_eq!(polite.stop(PATIENCE).await, Some(Exit::Code(7)));
    });
    block_on(async {
        let deaf = started(&pod, "trap '' TERM; sleep 1000 & echo ready; while :; do sleep 1000; done").await;
        let Status::Running { pid, .. } = deaf.status() else { panic!("it runs") };
        assert_eq!(members_of(pid), 3, "the shell and two sleepers");
        assert_eq!(deaf.stop(Duration::from_millis(50)).await, Some(Exit::Signal(9)));
        wait_until_empty(pid);
    });
    block_on(async {
        let signalled = started(&pod, "trap 'exit 9' USR1; echo ready; while :; do sleep 0.01; done").await;
        signalled.signal(Signal::SIGUSR1);
        assert_eq!(signalled.ended().await, Some(Exit::Code(9)));
    });
}

fn a_dropped_handle_ends_its_program() {
    let network = cluster("cluster1");
    let pod = simple_pod(&network, 5);
    block_on(async {
        let process = started(&pod, "sleep 1000 & echo ready; wait").await;
        let Status::Running { pid, .. } = process.status() else { panic!("it runs") };
        let mut status = process.watch();
        drop(process);
        let ended = timeout(PATIENCE, status.wait_for(|status| matches!(status, Status::Ended(_)))).await;
        assert_eq!(*ended.expect("it ends").unwrap(), Status::Ended(Exit::Signal(9)));
        wait_until_empty(pid);
    });
}

/// How many live processes belong to a process group.
fn members_of(group: u32) -> usize {
    let stats = std::fs::read_dir("/proc")
        .unwrap()
        .filter_map(|entry| std::fs::read_to_string(entry.unwrap().path().join("stat")).ok());
    // After the name in parentheses: state, parent, process group (man 5 proc_pid_stat).
    stats
        .filter(|stat| {
            let (_, rest) = stat.rsplit_once(')').expect("a stat line has a name");
            let fields: Vec<&str> = rest.split_whitespace().collect();
            fields[0] != "Z" && fields[2] == group.to_string()
        })
        .count()
}

fn wait_until_empty(group: u32) {
    while members_of(group) > 0 {
        std::thread::yield_now();
    }
}

fn a_program_with_given_streams_runs_in_the_pod() {
    let network = cluster("cluster1");
    let pod = simple_pod(&network, 5);
    let plan = program(&["sh", "-c", "cat; uname -n; exit 5"]);
    let piped = |command: &mut Command| {
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
    };
    let mut child = pod.spawn(&plan, piped).unwrap();
    child.stdin.take().unwrap().write_all(b"given\n").unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(
        (String::from_utf8(output.stdout).unwrap().as_str(), output.status.code()),
        ("given\npod5\n", Some(5))
    );
}

fn pid_one_collects_orphans() {
    let network = cluster("cluster1");
    let pod = simple_pod(&network, 5);
    // The shell's grandchild is left to the pod's pid 1, then ends.
    let orphan: u32 = shell(&pod, "(setsid sleep 0.05 >/dev/null 2>&1 & echo $!)").parse().unwrap();
    assert_eq!(shell(&pod, &format!("while [ -e /proc/{orphan} ]; do :; done; echo gone")), "gone");
}
