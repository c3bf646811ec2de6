//! What the stories need: networks and pods by a word, conversations over sockets.

use std::ffi::OsString;
use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV4, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use carrick_local::{
    Attachment, Error, Guard, Lifeline, Network, NetworkKind, NetworkPlan, Output, Pod, PodPlan, Privileges,
    ProcessPlan, Restart, Sandbox, SandboxPlan,
};

pub(crate) const PATIENCE: Duration = Duration::from_secs(5);
/// How long a silent drop is given to prove itself.
pub(crate) const SHORT: Duration = Duration::from_millis(300);

pub(crate) fn launch(supervisor: &[&str]) -> Result<(Sandbox, Lifeline), Error> {
    launch_with(supervisor, PATIENCE)
}

/// The supervisor is told the run directory in one argument more.
pub(crate) fn launch_with(supervisor: &[&str], grace: Duration) -> Result<(Sandbox, Lifeline), Error> {
    let mut supervisor: Vec<OsString> = supervisor.iter().map(Into::into).collect();
    supervisor.push(run_dir().into());
    let scratch = scratch_of(std::process::id());
    std::fs::create_dir_all(&scratch).expect("the scratch directory is made");
    Sandbox::launch(&SandboxPlan { run_dir: run_dir(), scratch: Some(scratch), supervisor, grace })
}

/// This process's own run directory.
pub(crate) fn run_dir() -> PathBuf {
    run_dir_of(std::process::id())
}

pub(crate) fn run_dir_of(outer: u32) -> PathBuf {
    std::env::temp_dir().join(format!("carrick-local-test-{outer}"))
}

pub(crate) fn scratch_of(outer: u32) -> PathBuf {
    std::env::temp_dir().join(format!("carrick-local-scratch-{outer}"))
}

/// The run directory, as a supervisor was told it.
pub(crate) fn own_dir() -> PathBuf {
    std::env::args_os().nth(3).expect("the run directory is named").into()
}

/// A cluster's pod network. All clusters have the same addresses.
pub(crate) fn cluster(name: &str) -> Network {
    let gateway = Ipv4Addr::new(10, 10, 0, 1);
    let plan = NetworkPlan { name: name.to_owned(), gateway, prefix: 16, kind: NetworkKind::Routed };
    Network::create(&plan).expect("the network is made")
}

pub(crate) fn internet() -> Network {
    let gateway = Ipv4Addr::new(203, 0, 113, 1);
    let plan = NetworkPlan { name: "internet".to_owned(), gateway, prefix: 24, kind: NetworkKind::Switched };
    Network::create(&plan).expect("the network is made")
}

/// A pod with one address in a cluster.
pub(crate) fn plan(network: &Network, last: u8) -> PodPlan {
    PodPlan {
        name: format!("{}/pod{last}", network.name()),
        hostname: format!("pod{last}"),
        attachments: vec![at(network.name(), Ipv4Addr::new(10, 10, 0, last), Guard::Open)],
        ..PodPlan::default()
    }
}

pub(crate) fn at(network: &str, address: Ipv4Addr, guard: Guard) -> Attachment {
    Attachment { network: network.to_owned(), address, guard }
}

pub(crate) fn pod(plan: &PodPlan, networks: &[&Network]) -> Pod {
    let networks: Vec<Network> = networks.iter().copied().cloned().collect();
    Pod::create(plan, &networks).expect("the pod is made")
}

pub(crate) fn simple_pod(network: &Network, last: u8) -> Pod {
    pod(&plan(network, last), &[network])
}

/// 10.10.0.`last`:`port`
pub(crate) fn addr(last: u8, port: u16) -> SocketAddr {
    SocketAddr::from(([10, 10, 0, last], port))
}

pub(crate) fn any(port: u16) -> SocketAddr {
    SocketAddr::from(([0, 0, 0, 0], port))
}

pub(crate) fn v4(address: SocketAddr) -> SocketAddrV4 {
    match address {
        SocketAddr::V4(address) => address,
        SocketAddr::V6(_) => panic!("{address} is no IPv4 address"),
    }
}

/// A server in the pod that greets every caller with `name` and the address from which it sees the
/// call come.
pub(crate) fn greeter(pod: &Pod, port: u16, name: &'static str) {
    let listener = pod.listen(any(port)).expect("the pod can listen");
    std::thread::spawn(move || serve(&listener, name));
}

fn serve(listener: &TcpListener, name: &str) {
    for caller in listener.incoming() {
        let mut caller = caller.expect("connections arrive");
        let peer = caller.peer_addr().expect("a caller has an address").ip();
        // A caller that hung up already heard enough.
        let _ = caller.write_all(format!("{name} to {peer}").as_bytes());
    }
}

/// What the greeter at `address` says to the pod.
pub(crate) fn call(pod: &Pod, address: SocketAddr) -> std::io::Result<String> {
    hear(pod.connect(address, PATIENCE)?)
}

pub(crate) fn hear(mut stream: TcpStream) -> std::io::Result<String> {
    stream.set_read_timeout(Some(PATIENCE))?;
    let mut heard = String::new();
    stream.read_to_string(&mut heard)?;
    Ok(heard)
}

/// A program without privileges, whose output goes to the story's.
pub(crate) fn program(argv: &[&str]) -> ProcessPlan {
    ProcessPlan {
        name: argv.first().copied().unwrap_or_default().to_owned(),
        argv: argv.iter().map(|word| (*word).to_owned()).collect(),
        env: vec![("PATH".to_owned(), "/usr/sbin:/usr/bin:/sbin:/bin".to_owned())],
        working_dir: PathBuf::from("/"),
        privileges: Privileges::App,
        output: Output::Inherit,
        restart: Restart::Never,
    }
}

/// What a program in the pod prints, and its exit code.
pub(crate) fn output(pod: &Pod, plan: &ProcessPlan) -> (String, Option<i32>) {
    let streams = |command: &mut Command| {
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
    };
    let child = pod.spawn(plan, streams).expect("the program starts");
    let output = child.wait_with_output().expect("the program ends");
    let told = [output.stdout, output.stderr].concat();
    (String::from_utf8_lossy(&told).trim().to_owned(), output.status.code())
}

/// The same for a shell command.
pub(crate) fn shell(pod: &Pod, script: &str) -> String {
    output(pod, &program(&["sh", "-c", script])).0
}

pub(crate) fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Runtime::new().expect("a runtime").block_on(future)
}

pub(crate) fn exists(path: impl AsRef<Path>) -> bool {
    path.as_ref().symlink_metadata().is_ok()
}

pub(crate) fn localhost() -> IpAddr {
    IpAddr::V4(Ipv4Addr::LOCALHOST)
}
