//! Programs that the stories run in pods: each tries one thing and prints how it went.

use std::fs::File;
use std::io;
use std::net::TcpListener;
use std::os::fd::AsRawFd;
use std::process::ExitCode;

use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, setns};
use nix::sys::socket::{
    AddressFamily, MsgFlags, NetlinkAddr, SockFlag, SockProtocol, SockType, recv, sendto, socket,
};
use socket2::{Domain, Socket, Type};

pub(crate) fn run(what: &[&str]) -> ExitCode {
    let [what] = what else { panic!("one word is expected, not {what:?}") };
    match attempt(what) {
        Ok(()) => println!("{what}: done"),
        Err(error) => println!("{what}: {:?}", error.kind()),
    }
    ExitCode::SUCCESS
}

fn attempt(what: &str) -> io::Result<()> {
    match what {
        "set-mark" => Socket::new(Domain::IPV4, Type::STREAM, None)?.set_mark(1337),
        "change-rules" => netlink(SockProtocol::NetlinkNetFilter, &delete_capture_table()),
        "switch-off-interface" => netlink(SockProtocol::NetlinkRoute, &switch_off_loopback()),
        "enter-supervisor" => {
            let supervisor = std::os::unix::process::parent_id();
            Ok(setns(File::open(format!("/proc/{supervisor}/ns/net"))?, CloneFlags::CLONE_NEWNET)?)
        }
        "mount" => Ok(mount(Some("tmpfs"), "/mnt", Some("tmpfs"), MsFlags::empty(), None::<&str>)?),
        "listen-on-80" => TcpListener::bind("0.0.0.0:80").map(drop),
        "call-door" => {
            use std::io::Read;
            let mut told = String::new();
            std::os::unix::net::UnixStream::connect("/run/carrick/door/sock")?.read_to_string(&mut told)?;
            println!("{told}");
            Ok(())
        }
        other => panic!("nobody knows how to {other}"),
    }
}

/// Sends a request and returns the kernel's first verdict. Written without the crate's own encoder.
fn netlink(protocol: SockProtocol, datagram: &[u8]) -> io::Result<()> {
    let socket = socket(AddressFamily::Netlink, SockType::Raw, SockFlag::empty(), protocol)?;
    sendto(socket.as_raw_fd(), datagram, &NetlinkAddr::new(0, 0), MsgFlags::empty())?;
    let mut answer = [0; 4096];
    let length = recv(socket.as_raw_fd(), &mut answer, MsgFlags::MSG_DONTWAIT)?;
    let code = answer[..length].get(16..20).expect("an answer has a code");
    match i32::from_ne_bytes(code.try_into().expect("four bytes")) {
        0 => Ok(()),
        code => Err(io::Error::from_raw_os_error(-code)),
    }
}

/// A message of the given type with request and (if `acknowledged`) acknowledgement flags.
fn message(kind: u16, acknowledged: bool, body: &[u8]) -> Vec<u8> {
    let flags: u16 = if acknowledged { 5 } else { 1 };
    let mut message = ((16 + body.len()) as u32).to_ne_bytes().to_vec();
    message.extend(kind.to_ne_bytes());
    message.extend(flags.to_ne_bytes());
    message.extend([0; 8]);
    message.extend(body);
    message
}

/// `nft delete table ip carrick_capture`, as a batch of one.
fn delete_capture_table() -> Vec<u8> {
    let name = b"carrick_capture\0";
    let mut body = vec![2, 0, 0, 0, 20, 0, 1, 0];
    body.extend(name);
    let begin = message(0x10, false, &[0, 0, 0, 10]);
    let end = message(0x11, false, &[0, 0, 0, 10]);
    [begin, message(0x0a02, true, &body), end].concat()
}

/// `ip link set lo down`.
fn switch_off_loopback() -> Vec<u8> {
    let mut body = vec![0; 4];
    body.extend(1u32.to_ne_bytes());
    body.extend(0u32.to_ne_bytes());
    body.extend(1u32.to_ne_bytes());
    message(16, true, &body)
}
