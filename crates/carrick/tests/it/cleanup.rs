//! However a federation ends, nothing of it stays: no process, no namespace, no file.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::process::Stdio;

use rustix::process::{Pid, Signal, kill_process};

use crate::fixtures::{Home, PATIENCE, Running, URL, until};

/// The pid and network namespaces that exist only for this federation.
struct Traces {
    namespaces: BTreeSet<u64>,
}

impl Traces {
    /// Of a federation whose outer process is this one: all its descendants' namespaces that are
    /// not ours.
    fn of(outer: u32) -> Self {
        let family = family(outer);
        let ours = namespaces(std::process::id());
        let namespaces: BTreeSet<u64> =
            family.iter().flat_map(|pid| namespaces(*pid)).filter(|inode| !ours.contains(inode)).collect();
        // One pid namespace; networks: the supervisor's own, each pod's.
        assert!(namespaces.len() > 5, "{family:?} {namespaces:?}");
        Self { namespaces }
    }

    /// No process lives in one of the namespaces, so none of them exists any more.
    fn are_gone(&self) -> bool {
        !processes().into_iter().any(|pid| !namespaces(pid).is_disjoint(&self.namespaces))
    }
}

/// A process and all its descendants.
pub fn family(outer: u32) -> BTreeSet<u32> {
    let mut family = BTreeSet::from([outer]);
    loop {
        let more: Vec<u32> = processes()
            .into_iter()
            .filter(|pid| !family.contains(pid) && family.contains(&parent(*pid)))
            .collect();
        if more.is_empty() {
            return family;
        }
        family.extend(more);
    }
}

fn processes() -> Vec<u32> {
    let entries = fs::read_dir("/proc").unwrap();
    entries.filter_map(|entry| entry.unwrap().file_name().to_str()?.parse().ok()).collect()
}

/// Zero for a process that has just ended, which is nobody's number.
fn parent(pid: u32) -> u32 {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    // The name of the program may contain anything, but it is the last thing in parentheses (man 5
    // proc_pid_stat).
    stat.rsplit_once(") ").and_then(|(_, rest)| rest.split(' ').nth(1)?.parse().ok()).unwrap_or(0)
}

fn namespaces(pid: u32) -> BTreeSet<u64> {
    let inode = |kind: &&str| Some(fs::metadata(format!("/proc/{pid}/ns/{kind}")).ok()?.ino());
    ["pid", "net"].iter().filter_map(inode).collect()
}

fn signal(pid: u32, signal: Signal) {
    kill_process(Pid::from_raw(pid.cast_signed()).unwrap(), signal).unwrap();
}

fn is_clean(home: &Home, traces: &Traces) {
    assert!(until(PATIENCE, || traces.are_gone()), "processes of the federation are left");
    assert!(
        until(PATIENCE, || fs::read_dir(home.runs()).map_or(true, |mut left| left.next().is_none())),
        "files are left"
    );
}

#[test]
fn after_down_nothing_stays() {
    let mut running = Running::start(&[], |_| {});
    let traces = Traces::of(running.pid());
    running.home.good(&["down"]);
    running.home.assert_no_files_left();
    assert_eq!(running.ended().code(), Some(0), "{}", running.said());
    is_clean(&running.home, &traces);
}

#[test]
fn after_ctrl_c_nothing_stays() {
    let mut running = Running::start(&[], |_| {});
    let traces = Traces::of(running.pid());
    signal(running.pid(), Signal::INT);
    assert_eq!(running.ended().code(), Some(0), "{}", running.said());
    running.home.assert_no_files_left();
    is_clean(&running.home, &traces);
}

#[test]
fn after_the_parent_was_killed_nothing_stays() {
    let mut running = Running::start(&[], |_| {});
    assert!(running.curl(URL).out.ends_with("\n200"));
    let traces = Traces::of(running.pid());
    signal(running.pid(), Signal::KILL);
    running.ended();
    is_clean(&running.home, &traces);
}

#[test]
fn a_demo_that_is_interrupted_leaves_nothing() {
    let home = Home::new();
    let mut demo = home.carrick(&["demo"]).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    // Half-way up: the supervisor's socket is there, the proxies are not ready.
    let begun = || {
        fs::read_dir(home.runs())
            .is_ok_and(|mut all| all.any(|entry| entry.unwrap().path().join("supervisor.sock").exists()))
    };
    assert!(until(PATIENCE, begun));
    let traces = Traces::of(demo.id());
    signal(demo.id(), Signal::INT);
    let said = crate::fixtures::rest_of(demo.stderr.take().unwrap());
    assert_eq!(demo.wait().unwrap().code(), Some(1), "{said}");
    assert!(said.contains("interrupted"), "{said}");
    home.assert_no_files_left();
    is_clean(&home, &traces);
}

#[test]
fn a_demo_that_is_killed_leaves_nothing() {
    let home = Home::new();
    let mut demo = home.carrick(&["demo"]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let begun = || {
        fs::read_dir(home.runs())
            .is_ok_and(|mut all| all.any(|entry| entry.unwrap().path().join("supervisor.sock").exists()))
    };
    assert!(until(PATIENCE, begun));
    let traces = Traces::of(demo.id());
    signal(demo.id(), Signal::KILL);
    demo.wait().unwrap();
    is_clean(&home, &traces);
}

#[test]
fn a_check_that_fails_is_told_gives_exit_code_1_and_leaves_nothing() {
    let home = Home::new();
    let folder = home.example();
    let file = folder.join("cluster2/expose-server.yaml");
    let text = fs::read_to_string(&file).unwrap();
    // Cluster2 exposes a second name, which the demo takes for a wrong one.
    let doubled = |line: &str| match line.trim() == "- server.ns2.svc.cluster.global" {
        true => format!("{line}\n{}\n", line.replace("server", "wrong")),
        false => format!("{line}\n"),
    };
    fs::write(&file, text.lines().map(doubled).collect::<String>()).unwrap();
    let told = home.run(&["demo", "--example", folder.to_str().unwrap(), "--json"]);
    assert_eq!(told.code, Some(1), "{told:#?}");
    let report = told.json();
    assert_eq!(report["held"], false);
    let checks = report["checks"].as_array().unwrap();
    let failed: Vec<&str> = checks
        .iter()
        .filter(|check| check["held"] == false)
        .map(|check| check["name"].as_str().unwrap())
        .collect();
    assert_eq!(failed, ["a wrong SNI"], "{report:#}");
    home.assert_no_files_left();
}

#[test]
fn a_visitor_who_is_killed_takes_its_program_along() {
    let running = crate::fixtures::two_clusters();
    let mut visit =
        running.home.carrick(&["exec", "cluster1/client", "--", "sh", "-c", "echo here; exec sleep 1000"]);
    let mut visitor = visit.stdout(Stdio::piped()).spawn().unwrap();
    let mut out = visitor.stdout.take().unwrap();
    let mut here = [0; 5];
    std::io::Read::read_exact(&mut out, &mut here).unwrap();
    visitor.kill().unwrap();
    visitor.wait().unwrap();
    // Its pipe ends when the last process that holds it is gone.
    assert_eq!(crate::fixtures::rest_of(out), "");
}
