//! What an application can do to those who hold keys, and to other pods: nothing, by whatever way
//! it tries.

use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};

use rustix::process::{Pid, Signal, kill_process};

use crate::cleanup::family;
use crate::fixtures::{Home, PATIENCE, Running, two_clusters, until};

/// Every private key on disk of a federation's state.
fn keys(home: &Home) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![home.path().join("state")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            match path.is_dir() {
                true => folders.push(path),
                false if path.to_string_lossy().ends_with("-key.pem") => found.push(path),
                false => {}
            }
        }
    }
    found
}

#[test]
fn an_application_reads_no_key_by_a_path_nor_through_any_process() {
    let running = two_clusters();
    let keys = keys(&running.home);
    assert_eq!(keys.len(), 3, "the root's and two clusters': {keys:?}");
    let outer = running.pid();
    for key in keys {
        let name = key.display();
        assert!(fs::read_to_string(&key).unwrap().contains("PRIVATE KEY"));
        // Process numbers of the pod, and those that the machine has for the federation's
        // processes.
        let script = format!(
            "cat {name}
            for p in $(seq 1 300) $(seq {outer} {}) self thread-self; do
                for at in /proc/$p/root /proc/$p/cwd /proc/$p/fd/*; do cat $at{name} $at/.{name}; done
                cat /proc/$p/mem /proc/$p/environ
            done; true",
            outer + 300
        );
        let told = running.exec("cluster1/client", &["sh", "-c", &format!("({script}) 2>/dev/null")]);
        assert_eq!(told.code, Some(0), "{told:#?}");
        assert!(!told.out.contains("PRIVATE KEY"), "{name}");
    }
}

#[test]
fn an_application_sees_its_own_pods_processes_and_no_other() {
    let running = two_clusters();
    let script = "for p in /proc/[0-9]*; do tr '\\0' ' ' < $p/cmdline; echo; done 2>/dev/null";
    let seen = running.exec("cluster2/server", &["sh", "-c", script]).out;
    assert!(seen.contains(" app --port"), "its own application: {seen}");
    assert!(seen.contains(" agent --control") && seen.contains(" proxy -c"), "its own sidecar: {seen}");
    for other in ["root-ca", " control ", "supervise", "local-init"] {
        assert!(!seen.contains(other), "{other}: {seen}");
    }
    // Among them there is no debugging either: the sidecar has privileges that the application
    // lacks.
    let script = "for p in /proc/[0-9]*; do
            case $(tr '\\0' ' ' < $p/cmdline) in
                '/proc/self/exe agent'*|'/proc/self/exe proxy'*)
                    for at in mem maps fd/1 root/etc/hostname; do head -c 1 $p/$at; done;;
            esac
        done 2>&1";
    let told = running.exec("cluster2/server", &["sh", "-c", script]).out;
    assert_eq!(told.matches("Permission denied").count(), told.lines().count(), "{told}");
    assert_eq!(told.lines().count(), 8, "{told}");
}

#[test]
fn an_application_ends_no_process_of_another_pod() {
    let running = Running::start(&[], |_| {});
    let script =
        "for p in $(seq 1 1000); do [ $p = $$ ] || kill -KILL $p; done 2>/dev/null; kill -KILL -1; true";
    running.exec("cluster1/client", &["sh", "-c", script]);
    let restarts = || {
        let shown = running.home.run(&["ps", "--json"]).json();
        let rows = shown["pods"].as_array().unwrap().clone();
        let system = shown["system"].as_object().unwrap().clone();
        let count = |processes: &serde_json::Value| -> u64 {
            processes.as_object().unwrap().values().map(|process| process["restarts"].as_u64().unwrap()).sum()
        };
        let of = |pod: &str| -> u64 {
            rows.iter().filter(|row| row["pod"] == pod).map(|row| count(&row["processes"])).sum()
        };
        let all: u64 = rows.iter().map(|row| count(&row["processes"])).sum();
        (
            of("client-0"),
            all,
            system.values().map(|process| process["restarts"].as_u64().unwrap()).sum::<u64>(),
        )
    };
    assert!(until(PATIENCE, || restarts().0 > 0), "its own sidecar it can end: {:?}", restarts());
    let (own, all, system) = restarts();
    assert_eq!((all - own, system), (0, 0));
    // And what it has ended comes back in the same pod.
    assert!(until(PATIENCE, || running.curl(crate::fixtures::URL).out.ends_with("\n200")));
}

#[test]
fn an_application_cannot_put_itself_in_the_place_of_the_control_plane() {
    let running = two_clusters();
    let script = "cd /run/carrick/proxies && ls; rm -f xds.sock; mv xds.sock x; touch new; ls -a .. ../..";
    let told = running.exec("cluster1/client", &["sh", "-c", &format!("({script}) 2>&1")]).out;
    assert_eq!(told.matches("Read-only file system").count(), 3, "{told}");
    // No other pod's socket is anywhere.
    let script =
        "find / -xdev -name xds.sock 2>/dev/null; find /run /tmp -name '*.sock' 2>/dev/null | sort -u";
    let told = running.exec("cluster1/client", &["sh", "-c", script]).out;
    // Federations of other stories, in other places, are not meant.
    let home = running.home.path().to_str().unwrap();
    let is_ours = |line: &&str| line.starts_with(home) || line.starts_with("/run/carrick/");
    let ours: Vec<&str> = told.lines().filter(is_ours).collect();
    assert!(ours.contains(&"/run/carrick/proxies/xds.sock"), "{told}");
    let allowed = ["/run/carrick/proxies/xds.sock", "/run/carrick/pod/agent/sds.sock"];
    assert!(ours.iter().all(|socket| allowed.contains(socket)), "{told}");
}

/// Starts a command where nothing forbids core dumps, waits until `ready`, and ends it as one that
/// has found itself at fault.
fn crash(home: &Home, words: &[&str], ready: impl Fn() -> bool) -> (ExitStatus, String) {
    let mut command = Command::new("sh");
    let program = home.carrick(words);
    command.args(["-c", "ulimit -c unlimited; exec \"$@\"", "sh"]).arg(program.get_program()).args(words);
    command.current_dir(home.path()).stdin(Stdio::null()).stderr(Stdio::null());
    let mut process = command.spawn().unwrap();
    let pid = process.id();
    assert!(until(PATIENCE, &ready));
    let limits = fs::read_to_string(format!("/proc/{pid}/limits")).unwrap();
    let core = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap().to_owned();
    kill_process(Pid::from_raw(pid.cast_signed()).unwrap(), Signal::ABORT).unwrap();
    (process.wait().unwrap(), core)
}

fn cores(folder: &Path) -> usize {
    fs::read_dir(folder).unwrap().filter(|entry| entry.as_ref().unwrap().file_name() == "core").count()
}

#[test]
fn programs_that_hold_keys_leave_no_core() {
    let home = Home::new();
    let at = |name: &str| home.path().join(name).to_string_lossy().into_owned();
    home.good(&["root-ca", "init", "--state", &at("root")]);
    let (state, socket) = (at("root"), at("root.sock"));
    let root = ["root-ca", "serve", "--state", &state, "--listen", &socket];
    let (ended, core) = crash(&home, &root, || Path::new(&socket).exists());
    assert_eq!((ended.signal(), ended.core_dumped()), (Some(6), false));
    assert_eq!(core.split_whitespace().nth(4), Some("0"), "{core}");
    let (dir, node, control) = (at("agent"), at("node.json"), at("no.sock"));
    let facts = r#"{"gateway":true,"ip":"10.0.0.1","name":"a","namespace":"b","cluster":"c",
        "service_account":"d","workload":"e","labels":{},"own_traffic_mark":null}"#;
    fs::write(&node, facts).unwrap();
    let agent = ["agent", "--control", &control, "--dir", &dir, "--node", &node, "--", "true"];
    let (ended, core) = crash(&home, &agent, || Path::new(&dir).join("sds.sock").exists());
    assert_eq!((ended.signal(), ended.core_dumped()), (Some(6), false));
    assert_eq!(core.split_whitespace().nth(4), Some("0"), "{core}");
    assert_eq!(cores(home.path()), 0);
}

#[test]
fn every_process_of_a_federation_that_holds_a_key_may_write_no_core() {
    let running = two_clusters();
    let parts = ["serve", "control", "agent", "proxy", "supervise"];
    let mut seen = Vec::new();
    for pid in family(running.pid()) {
        let read = |name: &str| fs::read_to_string(format!("/proc/{pid}/{name}"));
        let (Ok(line), Ok(limits)) = (read("cmdline"), read("limits")) else { continue };
        let words: Vec<&str> = line.split('\0').collect();
        // Those who only make namespaces name what they will start.
        if words.get(1).is_none_or(|word| word.starts_with("local-")) {
            continue;
        }
        let Some(part) = words.iter().find(|word| parts.contains(word)) else { continue };
        let core = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
        assert!(core.split_whitespace().skip(4).take(2).all(|limit| limit == "0"), "{line:?}: {core}");
        seen.push((*part).to_owned());
    }
    for part in parts {
        assert!(seen.iter().any(|seen| seen == part), "{part} is not among {seen:?}");
    }
}
