//! What stays up while a control plane does not: names, requests, and the operator's commands.

use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::fixtures::{PATIENCE, Running, Told, URL, until};

/// All processes of this machine: their numbers and arguments.
fn processes() -> Vec<(i32, String)> {
    let numbers = std::fs::read_dir("/proc").unwrap().flatten();
    let numbers = numbers.filter_map(|entry| entry.file_name().to_string_lossy().parse().ok());
    let words = |number: i32| {
        // It can have ended since.
        let line = std::fs::read(format!("/proc/{number}/cmdline")).ok()?;
        Some((number, String::from_utf8_lossy(&line).replace('\0', " ")))
    };
    numbers.filter_map(words).collect()
}

/// This federation's processes whose arguments have these words, which name its files.
fn of_federation(running: &Running, words: &[&str]) -> Vec<i32> {
    let home = running.home.path().to_string_lossy().into_owned();
    let is_meant = |line: &String| line.contains(&home) && words.iter().all(|word| line.contains(word));
    processes().into_iter().filter(|(_, line)| is_meant(line)).map(|(number, _)| number).collect()
}

/// The servers of names in the same pod as these.
fn names_beside(others: &[i32]) -> Vec<i32> {
    let network = |number: i32| std::fs::read_link(format!("/proc/{number}/ns/net")).ok();
    let networks: Vec<_> = others.iter().filter_map(|number| network(*number)).collect();
    let servers = processes().into_iter().filter(|(_, line)| line.contains(" name-server "));
    servers
        .map(|(number, _)| number)
        .filter(|number| network(*number).is_some_and(|own| networks.contains(&own)))
        .collect()
}

fn signal(numbers: &[i32], signal: Signal) {
    assert!(!numbers.is_empty(), "no such process");
    numbers.iter().for_each(|number| kill_process(Pid::from_raw(*number).unwrap(), signal).unwrap());
}

fn name(running: &Running) -> Told {
    running.exec("cluster1/client", &["getent", "hosts", "server.ns2.svc.cluster.global"])
}

#[test]
fn names_and_commands_outlive_a_control_plane_that_is_stopped_and_one_that_is_killed() {
    let running = Running::start(&[], |_| {});
    let address = name(&running).out;
    assert!(address.contains("server.ns2.svc.cluster.global"), "{address}");

    let control = || of_federation(&running, &[" control ", "--cluster cluster1"]);
    signal(&control(), Signal::STOP);
    assert_eq!(name(&running).out, address, "while it is stopped");
    signal(&names_beside(&control()), Signal::KILL);
    let again = until(PATIENCE, || name(&running).out == address);
    assert!(again, "a server of names that starts while it is stopped: {:?}", name(&running));
    assert!(running.curl(URL).out.ends_with("\n200"), "{:?}", running.curl(URL));

    let began = Instant::now();
    let ps = running.home.good(&["ps"]);
    assert!(began.elapsed() < Duration::from_secs(2), "`carrick ps` took {:?}", began.elapsed());
    assert!(ps.contains("cluster1: the control plane does not answer"), "{ps}");
    assert!(ps.contains("cluster2") && ps.contains("newest"), "the rest is shown: {ps}");
    assert!(running.home.good(&["trace", "cluster1/client", URL]).contains("200"), "a trace goes on too");

    signal(&control(), Signal::KILL);
    assert_eq!(name(&running).out, address, "while it is gone");
}

#[test]
fn commands_say_of_a_supervisor_that_is_stopped_that_it_does_not_answer() {
    let running = Running::start(&[], |_| {});
    signal(&of_federation(&running, &[" supervise "]), Signal::STOP);
    for words in [&["ps"][..], &["config", "dump", "cluster1/client"], &["down"]] {
        let began = Instant::now();
        let told = running.home.run(words);
        assert!(began.elapsed() < Duration::from_secs(2), "{words:?} took {:?}", began.elapsed());
        assert!(told.err.contains("does not answer"), "{words:?}: {told:?}");
    }
    // The wish to stop has been heard meanwhile.
    signal(&of_federation(&running, &[" supervise "]), Signal::CONT);
}

#[test]
fn twenty_thousand_hosts_are_served_and_are_gone_with_their_file() {
    let running = Running::start(&[], |_| {});
    let hosts: String = (0..20_000).map(|n| format!("  - h{n}.many.example\n")).collect();
    running.write(
        "cluster1/many.yaml",
        &format!(
            "apiVersion: networking.istio.io/v1\nkind: ServiceEntry\nmetadata:\n  name: many\nspec:\n  hosts:\n{hosts}  ports:\n  \
             - {{name: http, number: 80, protocol: HTTP}}\n  resolution: STATIC\n  endpoints:\n  - address: 192.0.2.1\n"
        ),
    );
    let resolves =
        || running.exec("cluster1/client", &["getent", "hosts", "h19999.many.example"]).code == Some(0);
    let newest = || !running.home.good(&["ps"]).contains("behind");
    // Generous: the machine is shared, and the program is not optimised.
    let patience = 2 * PATIENCE;
    let served = until(patience, || {
        assert!(running.curl(URL).out.ends_with("\n200"), "requests go on: {:?}", running.curl(URL));
        resolves() && newest()
    });
    assert!(served, "{}", running.said());
    std::fs::remove_file(running.folder.join("cluster1/many.yaml")).unwrap();
    assert!(until(patience, || !resolves() && newest()), "{}", running.said());
    assert!(running.curl(URL).out.ends_with("\n200"), "{:?}", running.curl(URL));
}

/// Nobody but an account that does not exist.
const NOBODY: &str = "apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata:
  name: nobody
  namespace: ns2
spec:
  rules:
  - from:
    - source:
        principals: [cluster1.example/ns/default/sa/nobody]
";

#[test]
fn what_a_policy_refuses_stays_refused_when_it_breaks_and_the_control_plane_restarts() {
    let mut running = Running::start(&[], |_| {});
    running.write("cluster2/nobody.yaml", NOBODY);
    assert!(until(PATIENCE, || running.curl(URL).out.ends_with("\n403")), "{}", running.said());
    running.write("cluster2/nobody.yaml", &NOBODY.replace("rules:", "rulez:"));
    running.hears("its last good version stays in force");
    let control = || of_federation(&running, &[" control ", "--cluster cluster2"]);
    let before = control();
    signal(&before, Signal::KILL);
    let restarted = until(PATIENCE, || !control().is_empty() && control() != before);
    assert!(restarted, "the control plane is started again");
    let newest = || running.home.good(&["ps"]);
    let connected = until(PATIENCE, || {
        assert!(running.curl(URL).out.ends_with("\n403"), "{:?}", running.curl(URL));
        !newest().contains("unknown") && !newest().contains("not connected") && !newest().contains("behind")
    });
    assert!(connected, "{}", newest());
    assert!(running.curl(URL).out.ends_with("\n403"), "{:?}", running.curl(URL));
}
