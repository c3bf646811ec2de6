//! What programs in a pod find in the file system.

use std::net::Ipv4Addr;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use carrick_local::{Network, Pod, PodDir, PodPlan, Resolver};
use nix::mount::{MsFlags, mount};

use crate::Story;
use crate::fixtures::*;

pub(crate) const STORIES: &[Story] = &[
    ("names_are_resolved_by_the_pods_own_name_server", names_are_resolved_by_the_pods_own_name_server),
    ("resolution_works_where_the_machines_file_dangles", resolution_works_where_the_machines_file_dangles),
    ("a_pod_has_its_own_host_name_and_hosts_file", a_pod_has_its_own_host_name_and_hosts_file),
    ("the_rest_of_etc_is_the_machines", the_rest_of_etc_is_the_machines),
    ("directories_show_where_the_machine_has_none", directories_show_where_the_machine_has_none),
    (
        "hidden_directories_are_empty_except_for_what_is_shown",
        hidden_directories_are_empty_except_for_what_is_shown,
    ),
    ("a_place_below_the_root_is_refused_with_a_reason", a_place_below_the_root_is_refused_with_a_reason),
];

fn resolving(network: &Network) -> PodPlan {
    PodPlan {
        resolver: Some(Resolver {
            nameserver: Ipv4Addr::new(10, 10, 0, 10).into(),
            search: vec!["ns1.svc.cluster.local".to_owned(), "svc.cluster.local".to_owned()],
            ndots: 5,
        }),
        ..plan(network, 5)
    }
}

/// A name server at 10.10.0.10 that knows `server.ns2.svc.cluster.global` and one name of a search
/// domain.
fn name_server(network: &Network) -> Pod {
    let pod = simple_pod(network, 10);
    let socket = pod.datagrams(any(53)).unwrap();
    std::thread::spawn(move || {
        let mut question = [0; 512];
        loop {
            let (length, from) = socket.recv_from(&mut question).expect("questions arrive");
            socket.send_to(&answer(&question[..length]), from).expect("answers leave");
        }
    });
    pod
}

/// A DNS answer by hand (RFC 1035 section 4): 10.10.0.77 for an A question about a known name, else
/// NXDOMAIN.
fn answer(question: &[u8]) -> Vec<u8> {
    const KNOWN: [&[u8]; 2] = [
        b"\x06server\x03ns2\x03svc\x07cluster\x06global\0",
        b"\x06client\x03ns1\x03svc\x07cluster\x05local\0",
    ];
    let name_end = 12 + question[12..].iter().position(|byte| *byte == 0).expect("names end") + 1;
    let (name, is_a) = (&question[12..name_end], question[name_end..name_end + 4] == [0, 1, 0, 1]);
    let known = KNOWN.contains(&name);
    let answers = u8::from(known && is_a);
    let mut message = question[..2].to_vec();
    message.extend([0x81, if known { 0x80 } else { 0x83 }, 0, 1, 0, answers, 0, 0, 0, 0]);
    message.extend(&question[12..name_end + 4]);
    if answers == 1 {
        message.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 10, 10, 0, 77]);
    }
    message
}

fn has(program: &str) -> bool {
    Command::new("sh")
        .args(["-c", &format!("command -v {program}")])
        .output()
        .is_ok_and(|out| out.status.success())
}

fn names_are_resolved_by_the_pods_own_name_server() {
    let network = cluster("cluster1");
    let _server = name_server(&network);
    let pod = pod(&resolving(&network), &[&network]);
    let resolved = shell(&pod, "getent ahostsv4 server.ns2.svc.cluster.global | head -n 1 | cut -d' ' -f1");
    assert_eq!(resolved, "10.10.0.77");
    assert_eq!(
        shell(&pod, "getent ahostsv4 client | head -n 1 | cut -d' ' -f1"),
        "10.10.0.77",
        "by a search domain"
    );
    assert_eq!(shell(&pod, "getent ahostsv4 nobody.example; echo $?"), "2");
    if has("curl") {
        let web = simple_pod(&network, 77);
        let listener = web.listen(any(80)).unwrap();
        std::thread::spawn(move || {
            use std::io::{Read, Write};
            let (mut stream, _) = listener.accept().expect("curl calls");
            let length = stream.read(&mut [0; 4096]).expect("curl asks");
            assert!(length > 0);
            stream.write_all(b"HTTP/1.0 200 OK\r\n\r\nhello curl").expect("curl listens");
        });
        let told = shell(&pod, "curl -s http://server.ns2.svc.cluster.global/helloworld");
        assert_eq!(told, "hello curl");
    }
}

/// As on a machine where systemd-resolved is installed but does not run.
fn resolution_works_where_the_machines_file_dangles() {
    let nothing = None::<&str>;
    let passwd = std::fs::read_to_string("/etc/passwd").unwrap();
    mount(Some("tmpfs"), "/etc", Some("tmpfs"), MsFlags::empty(), nothing).unwrap();
    std::fs::write("/etc/passwd", passwd).unwrap();
    symlink("../run/systemd/resolve/no-such-file.conf", "/etc/resolv.conf").unwrap();
    std::fs::write("/etc/nsswitch.conf", "passwd: files\nhosts: resolve [!UNAVAIL=return] myhostname\n")
        .unwrap();

    let network = cluster("cluster1");
    let _server = name_server(&network);
    let pod = pod(&resolving(&network), &[&network]);
    assert_eq!(shell(&pod, "getent ahostsv4 client | head -n 1 | cut -d' ' -f1"), "10.10.0.77");
    assert_eq!(shell(&pod, "cat /etc/nsswitch.conf"), "passwd: files\nhosts: files dns");
    assert!(!exists("/run/systemd/resolve/no-such-file.conf"), "nothing was written through the link");
}

fn a_pod_has_its_own_host_name_and_hosts_file() {
    let network = cluster("cluster1");
    let mut plan = plan(&network, 5);
    plan.hosts =
        vec![(Ipv4Addr::new(10, 10, 0, 99).into(), vec!["old.example".to_owned(), "old".to_owned()])];
    let pod = pod(&plan, &[&network]);
    assert_eq!(shell(&pod, "uname -n; cat /etc/hostname"), "pod5\npod5");
    assert_eq!(
        shell(&pod, "getent hosts old pod5 localhost | tr -s ' '"),
        "10.10.0.99 old.example old\n10.10.0.5 pod5\n127.0.0.1 localhost"
    );
    assert_ne!(
        std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap().trim(),
        "pod5",
        "the story's own"
    );
}

fn the_rest_of_etc_is_the_machines() {
    let network = cluster("cluster1");
    let pod = pod(&resolving(&network), &[&network]);
    let names = |listing: &str| -> Vec<String> {
        let ours = ["resolv.conf", "hosts", "hostname", "nsswitch.conf"];
        listing.lines().filter(|name| !ours.contains(name)).map(str::to_owned).collect()
    };
    let machine = Command::new("ls").args(["-A", "/etc"]).output().unwrap().stdout;
    assert_eq!(names(&shell(&pod, "ls -A /etc")), names(&String::from_utf8(machine).unwrap()));
    assert_eq!(shell(&pod, "cat /etc/passwd"), std::fs::read_to_string("/etc/passwd").unwrap().trim());
}

fn shown(at: &str, shows: Option<&Path>) -> PodDir {
    PodDir { at: PathBuf::from(at), shows: shows.map(Path::to_path_buf), read_only: false }
}

fn directories_show_where_the_machine_has_none() {
    let network = cluster("cluster1");
    let source = scratch("certs");
    std::fs::write(source.join("root-cert.pem"), "a root").unwrap();
    let file = source.join("root-cert.pem");
    let mut plan = plan(&network, 5);
    plan.dirs = vec![
        shown("/etc/certs", Some(&source)),
        shown("/etc/istio/proxy", None),
        shown("/var/lib/carrick-test/a/b", Some(&source)),
        shown("/var/lib/carrick-test/one-file", Some(&file)),
    ];
    let pod = pod(&plan, &[&network]);
    assert_eq!(
        shell(&pod, "cat /etc/certs/root-cert.pem /var/lib/carrick-test/a/b/root-cert.pem"),
        "a roota root"
    );
    assert_eq!(shell(&pod, "cat /var/lib/carrick-test/one-file"), "a root");
    assert_eq!(shell(&pod, "cd /etc/istio/proxy && echo mine > x && cat x"), "mine");
    assert!(!exists("/etc/certs") && !exists("/etc/istio") && !exists("/var/lib/carrick-test"));
    // The rest of a directory that had to be rebuilt still shows.
    let machine = std::fs::read_dir("/var/lib").unwrap().count();
    assert_eq!(shell(&pod, "ls -A /var/lib | wc -l"), (machine + 1).to_string());
}

fn hidden_directories_are_empty_except_for_what_is_shown() {
    let network = cluster("cluster1");
    let secrets = scratch("run");
    for pod in ["pod5", "pod6"] {
        std::fs::create_dir_all(secrets.join(pod)).unwrap();
        std::fs::write(secrets.join(pod).join("key"), pod).unwrap();
    }
    let mut plan = plan(&network, 5);
    plan.hidden = vec![secrets.clone(), PathBuf::from("/no/such/directory")];
    let own = secrets.join("pod5");
    plan.dirs = vec![shown(own.to_str().unwrap(), Some(&own))];
    let pod = pod(&plan, &[&network]);
    let place = secrets.display();
    assert_eq!(shell(&pod, &format!("cd {place} && ls -A && cat pod5/key")), "pod5\npod5");
    assert!(
        shell(&pod, &format!("umount {place} 2>&1; ls -A {place}")).ends_with("pod5"),
        "it cannot be uncovered"
    );
}

fn a_place_below_the_root_is_refused_with_a_reason() {
    let network = cluster("cluster1");
    let mut plan = plan(&network, 5);
    plan.dirs = vec![shown("/carrick-no-such-place", None)];
    let error = Pod::create(&plan, &[network]).unwrap_err().to_string();
    assert!(error.contains("/carrick-no-such-place") && error.contains("choose another place"), "{error}");
}

/// A new directory of the story's own.
fn scratch(name: &str) -> PathBuf {
    let path = own_dir().join(name);
    std::fs::create_dir(&path).unwrap();
    path
}
