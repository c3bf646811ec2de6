//! A server on loopback with a small table, and packets written by hand.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use carrick_dns::{NameTable, Settings, serve};
use tokio::net::{TcpListener, UdpSocket};
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// Long enough that only a real hang reaches it.
pub const PATIENCE: Duration = Duration::from_secs(20);

pub const LOOPBACK: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

pub struct Running {
    pub address: SocketAddr,
    pub publish: watch::Sender<Option<Arc<NameTable>>>,
    pub upstreams: watch::Sender<Vec<SocketAddr>>,
    pub stop: oneshot::Sender<()>,
    pub ended: JoinHandle<()>,
}

pub fn mesh() -> NameTable {
    let mut table = NameTable::new();
    table.add_zone("global", None).unwrap();
    table.add_zone("cluster.local", None).unwrap();
    table.add_host("server.ns2.svc.cluster.global", &[IpAddr::from([240, 240, 0, 1])]).unwrap();
    table.add_host("kubernetes.default.svc.cluster.local", &[IpAddr::from([10, 96, 0, 1])]).unwrap();
    let pods: Vec<IpAddr> = (1..=90).map(|last| IpAddr::from([10, 0, 0, last])).collect();
    table.add_host("headless.default.svc.cluster.local", &pods).unwrap();
    table
}

/// Starts a server without upstreams, with UDP and TCP on one port.
pub async fn start(table: Option<NameTable>, settings: Settings) -> Running {
    start_with(table, &[], settings).await
}

/// The same, with upstreams.
pub async fn start_with(table: Option<NameTable>, upstreams: &[SocketAddr], settings: Settings) -> Running {
    let (udp, tcp) = same_port().await;
    let address = udp.local_addr().unwrap();
    let (publish, tables) = watch::channel(table.map(Arc::new));
    let (upstreams, newest) = watch::channel(upstreams.to_vec());
    let (stop, stopped) = oneshot::channel::<()>();
    let ended = tokio::spawn(serve(udp, tcp, tables, newest, settings, async {
        // A dropped sender (a test that ended) stops the server as well as a message does.
        let _ = stopped.await;
    }));
    Running { address, publish, upstreams, stop, ended }
}

/// The UDP port that the kernel gives may be taken for TCP; then another is tried.
pub async fn same_port() -> (UdpSocket, TcpListener) {
    loop {
        let udp = UdpSocket::bind(LOOPBACK).await.unwrap();
        if let Ok(tcp) = TcpListener::bind(udp.local_addr().unwrap()).await {
            return (udp, tcp);
        }
    }
}

/// A question with RD set, type A, class IN.
pub fn question(id: u16, name: &str) -> Vec<u8> {
    let mut packet = [&id.to_be_bytes()[..], &[1, 0, 0, 1, 0, 0, 0, 0, 0, 0]].concat();
    for label in name.split('.') {
        packet.push(u8::try_from(label.len()).unwrap());
        packet.extend(label.as_bytes());
    }
    packet.extend([0, 0, 1, 0, 1]);
    packet
}

/// Sends a packet from a fresh socket and waits for the reply.
pub async fn exchange(server: SocketAddr, packet: &[u8]) -> Vec<u8> {
    let socket = UdpSocket::bind(LOOPBACK).await.unwrap();
    socket.connect(server).await.unwrap();
    socket.send(packet).await.unwrap();
    receive(&socket).await.0
}

pub async fn receive(socket: &UdpSocket) -> (Vec<u8>, SocketAddr) {
    let mut buffer = vec![0; 65535];
    let (length, from) = timeout(PATIENCE, socket.recv_from(&mut buffer)).await.expect("a packet").unwrap();
    buffer.truncate(length);
    (buffer, from)
}

/// The response code in a reply's header.
pub fn code(reply: &[u8]) -> u8 {
    assert!(reply[2] & 0x80 != 0, "not a response: {reply:?}");
    reply[3] & 0x0f
}
