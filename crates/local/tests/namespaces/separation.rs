//! What a program in one pod can do to another pod: nothing, by whatever way the kernel offers.

use std::os::unix::net::UnixListener;
use std::path::Path;

use carrick_local::{Exit, Output, Pod, PodDir, Privileges, Process, Status};
use tokio::time::timeout;

use crate::Story;
use crate::fixtures::*;

pub(crate) const STORIES: &[Story] = &[
    ("a_program_sees_the_processes_of_its_own_pod_only", a_program_sees_its_own_pod_only),
    ("signals_do_not_cross_from_pod_to_pod", signals_do_not_cross),
    ("the_pods_own_pid_one_survives_every_signal_from_inside", pid_one_survives),
    ("a_program_looks_through_no_process_at_what_its_pod_hides", no_process_leads_out),
    ("a_program_cannot_look_into_its_proxy", a_program_cannot_look_into_its_proxy),
    ("a_process_number_never_means_another_pods_process", numbers_are_the_pods_own),
    ("message_queues_and_shared_memory_are_the_pods_own", queues_are_the_pods_own),
    ("a_pod_that_goes_takes_every_process_along", a_pod_that_goes_takes_every_process_along),
    ("a_socket_that_is_shown_read_only_can_be_used_and_not_replaced", a_socket_that_is_shown_read_only),
];

/// A program that sleeps in the pod, once it does.
async fn sleeper(pod: &Pod, privileges: Privileges) -> (Process, u32) {
    let mut plan = program(&["sleep", "1000"]);
    plan.privileges = privileges;
    plan.output = Output::Discard;
    let process = Process::start(pod, plan).unwrap();
    let Status::Running { pid, .. } = process.status() else { panic!("it runs") };
    while std::fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap() != "sleep\x001000\0" {
        tokio::task::yield_now().await;
    }
    (process, pid)
}

fn a_program_sees_its_own_pod_only() {
    let network = cluster("cluster1");
    let (pod, other) = (simple_pod(&network, 5), simple_pod(&network, 6));
    block_on(async {
        let _mine = sleeper(&pod, Privileges::App).await;
        let _theirs = sleeper(&other, Privileges::App).await;
        // The pod's pid 1, the sleeper, the shell and what it runs.
        let seen = shell(&pod, "for p in /proc/[0-9]*; do tr '\\0' ' ' < $p/cmdline 2>/dev/null; echo; done");
        assert_eq!(seen.matches("sleep 1000").count(), 1, "{seen}");
        assert!(!seen.contains("story"), "the supervisor is not there: {seen}");
        assert_eq!(shell(&pod, "echo $PPID"), "0", "whoever started it is in no pod");
    });
}

fn signals_do_not_cross() {
    let network = cluster("cluster1");
    let (pod, other) = (simple_pod(&network, 5), simple_pod(&network, 6));
    block_on(async {
        let (theirs, pid) = sleeper(&other, Privileges::App).await;
        let script = format!(
            "for p in $(seq 2 {}); do [ $p = $$ ] || kill -KILL $p 2>/dev/null; done; kill -KILL -1; :",
            pid + 100
        );
        shell(&pod, &script);
        assert!(matches!(theirs.status(), Status::Running { restarts: 0, .. }), "{:?}", theirs.status());
        assert!(exists(format!("/proc/{pid}")));
        assert_eq!(theirs.stop(PATIENCE).await, Some(Exit::Signal(15)), "until now it lived");
    });
}

fn pid_one_survives() {
    let network = cluster("cluster1");
    let pod = simple_pod(&network, 5);
    shell(&pod, "for s in $(seq 1 64); do kill -$s 1 2>/dev/null; done; :");
    assert_eq!(shell(&pod, "cat /proc/1/cmdline | tr '\\0' ' '"), "/proc/self/exe local-pod-init");
}

fn no_process_leads_out() {
    let network = cluster("cluster1");
    let secrets = own_dir().join("secrets");
    std::fs::create_dir(&secrets).unwrap();
    std::fs::write(secrets.join("key"), "PRIVATE").unwrap();
    let open_pod = simple_pod(&network, 6);
    let mut plan = plan(&network, 5);
    plan.hidden = vec![secrets.clone()];
    let pod = pod(&plan, &[&network]);
    let key = secrets.join("key");
    let key = key.display();
    block_on(async {
        let (_sees_it, pid) = sleeper(&open_pod, Privileges::App).await;
        assert_eq!(shell(&open_pod, &format!("cat {key}")), "PRIVATE", "in the other pod it is to be seen");
        // The sandbox's number, and every number and way that the pod itself has.
        let ways = format!(
            "for p in {pid} /proc/[0-9]* self thread-self; do p=${{p#/proc/}};
                for way in root cwd; do cat /proc/$p/$way/{key} /proc/$p/$way/.{key} 2>/dev/null; done;
                for fd in /proc/$p/fd/*; do cat $fd/{key} 2>/dev/null; done
            done; echo done"
        );
        assert_eq!(shell(&pod, &ways), "done");
        // With every capability of a user namespace of its own it uncovers nothing either.
        for try_it in ["umount /proc", "umount -l /proc", &format!("umount -l {}", secrets.display())] {
            let told = shell(&pod, &format!("unshare -Um --keep-caps sh -c '{try_it} 2>&1; {ways}'"));
            assert!(told.contains("nvalid argument") || told.contains("not mounted"), "{try_it}: {told}");
            assert!(told.ends_with("done") && !told.contains("PRIVATE"), "{try_it}: {told}");
        }
        let bind = "mkdir /tmp/c-$$ && mount --bind / /tmp/c-$$ 2>&1; cat /tmp/c-$$";
        let told = shell(&pod, &format!("unshare -Um --keep-caps sh -c '{bind}{key}'; rmdir /tmp/c-*"));
        assert!(!told.contains("PRIVATE"), "{told}");
    });
}

fn a_program_cannot_look_into_its_proxy() {
    let network = cluster("cluster1");
    let pod = simple_pod(&network, 5);
    block_on(async {
        let _proxy = sleeper(&pod, Privileges::Proxy).await;
        let find = "p=$(grep -la '^sleep' /proc/[0-9]*/cmdline | head -n 1); p=${p%/cmdline}";
        for secret in ["mem", "maps", "environ", "auxv", "root/etc/hostname", "fd/0", "ns/net"] {
            let told = shell(&pod, &format!("{find}; head -c 1 $p/{secret}; ls -L $p/{secret}"));
            assert!(told.contains("Permission denied"), "{secret}: {told}");
        }
        if shell(&pod, "command -v strace >/dev/null && echo has") == "has" {
            let told = shell(&pod, &format!("{find}; timeout 5 strace -p ${{p#/proc/}} 2>&1"));
            assert!(told.contains("Operation not permitted"), "{told}");
        }
    });
}

/// A number that is free again in one pod is given out there again, whatever other pods do: no
/// pod's process ever gets a number by which somebody means another pod's.
fn numbers_are_the_pods_own() {
    let network = cluster("cluster1");
    let (pod, other) = (simple_pod(&network, 5), simple_pod(&network, 6));
    block_on(async {
        let (theirs, _) = sleeper(&other, Privileges::App).await;
        let last = "cat /proc/sys/kernel/ns_last_pid";
        let before: u32 = shell(&other, last).parse().unwrap();
        shell(&pod, "for i in $(seq 1 200); do /bin/true; done");
        let after: u32 = shell(&other, last).parse().unwrap();
        assert!(after - before < 10, "{before} {after}: the other pod's births do not count here");
        drop(theirs);
    });
}

fn queues_are_the_pods_own() {
    let network = cluster("cluster1");
    let (pod, other) = (simple_pod(&network, 5), simple_pod(&network, 6));
    let made = shell(&pod, "ipcmk -M 4096 -Q >/dev/null; ipcs -m -q | grep -c ^0x");
    assert_eq!(made, "2");
    assert_eq!(shell(&other, "ipcs -m -q | grep -c ^0x"), "0");
}

fn a_pod_that_goes_takes_every_process_along() {
    let network = cluster("cluster1");
    let pod = simple_pod(&network, 5);
    let ready = own_dir().join("ready");
    let script = format!(
        "setsid sh -c 'touch {0}; exec sleep 4321' & while [ ! -e {0} ]; do sleep 0.01; done",
        ready.display()
    );
    block_on(async {
        let mut plan = program(&["sh", "-c", &script]);
        plan.output = Output::Discard;
        let process = Process::start(&pod, plan).unwrap();
        assert_eq!(timeout(PATIENCE, process.ended()).await.unwrap(), Some(Exit::Code(0)));
        // It has left the program's session, and lives on.
        while daemons() == 0 {
            tokio::task::yield_now().await;
        }
        drop(process);
        drop(pod);
        // The keeper of the program holds the pod until its own end.
        while daemons() > 0 {
            tokio::task::yield_now().await;
        }
    });
}

fn daemons() -> usize {
    let entries = std::fs::read_dir("/proc").unwrap();
    let lines = entries.filter_map(|entry| std::fs::read(entry.unwrap().path().join("cmdline")).ok());
    lines.filter(|line| line == b"sleep\x004321\0").count()
}

fn a_socket_that_is_shown_read_only() {
    let network = cluster("cluster1");
    let door = own_dir().join("door");
    std::fs::create_dir(&door).unwrap();
    let listener = UnixListener::bind(door.join("sock")).unwrap();
    let mut plan = plan(&network, 5);
    plan.dirs = vec![PodDir { at: "/run/carrick/door".into(), shows: Some(door.clone()), read_only: true }];
    let pod = pod(&plan, &[&network]);
    let told = shell(&pod, "cd /run/carrick/door; rm -f sock 2>&1; mv sock old 2>&1; touch new 2>&1; ls");
    assert_eq!(told.matches("Read-only file system").count(), 3, "{told}");
    assert!(told.ends_with("sock") && exists(Path::new(&door).join("sock")), "{told}");
    std::thread::spawn(move || {
        use std::io::Write;
        let (mut caller, _) = listener.accept().expect("the program calls");
        caller.write_all(b"come in").expect("the program listens");
    });
    assert_eq!(output(&pod, &program(&["/proc/self/exe", "app", "call-door"])).0, "come in\ncall-door: done");
}
