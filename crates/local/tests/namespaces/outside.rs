//! Stories about a sandbox as seen from outside: its outer process, its end, and visitors.

use std::io::{BufRead, BufReader, Read, Write};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use carrick_local::{PodEntry, Privileges, Process, Signal};
use nix::sys::signal::kill;
use nix::unistd::Pid;
use serde::{Deserialize, Serialize};

use crate::Story;
use crate::world::*;

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
pub(crate) const SUPERVISORS: &[Story] = &[
    ("exit-42", || std::process::exit(42)),
    ("pod-with-programs", pod_with_programs),
    ("deaf", deaf),
    ("outer-of-pod-with-programs", || panic!("runs outside")),
    ("without-user-namespaces", without_user_namespaces),
];

#[derive(Serialize, Deserialize)]
struct Announcement {
    entry: PodEntry,
}

/// A supervisor with a pod and two programs (one of them daemonised), that says so and then waits to be ended.
fn pod_with_programs() {
    let network = cluster("cluster1");
    let pod = simple_pod(&network, 5);
    block_on(async {
        let mut ended = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()).unwrap();
        let _sleeper = Process::start(&pod, program(&["sleep", "1000"])).unwrap();
        let _daemon = Process::start(&pod, program(&["sh", "-c", "setsid sleep 1000 & exit 0"])).unwrap();
        println!("{}", serde_json::to_string(&Announcement { entry: pod.entry() }).unwrap());
        ended.recv().await;
        println!("asked to end");
    });
}
